//! Writes a product archive.
//!
//! Must not know: what components hold, how Distribution is written.

use std::io::{Read, Seek, Write};

use super::{Product, ProductError, Resource, distribution};
use crate::component::{self, Component, ComponentError, NAME_REASON, is_name};
use crate::error::Error;
use crate::signer::Signer;
use crate::summary::Summary;
use crate::xar::{self, Member};
use crate::xml;

/// What `hostArchitectures` may list.
const ARCHITECTURES: [&str; 2] = ["arm64", "x86_64"];

/// Writes a product archive. `created` is in seconds since 1970; `spool` is scratch
/// space that is written and read back, from where it stands: the compressed
/// payloads of all components must fit.
///
/// # Errors
/// [`Error`], if the product or a component is not right, does not fit into a format,
/// cannot be read, or if the signer, the scratch space or `out` fails. What `out` got
/// until then is not a package.
pub fn write_product<S: Read + Write + Seek, W: Write>(
    product: &Product,
    created: u32,
    signer: Option<&dyn Signer>,
    spool: &mut S,
    out: &mut W,
) -> Result<Summary, Error> {
    let in_product = |source| Error::Product { product: product.identifier.clone(), source };
    validate(product).map_err(in_product)?;
    let resources = unique_resources(product).map_err(in_product)?;
    // All of them first, lest the last one's fault shows after the first is compressed.
    for component in &product.components {
        component::check(component).map_err(in_component(component))?;
    }
    let mut members = Vec::new();
    let mut summaries = Vec::new();
    for component in &product.components {
        let (inner, summary) = component::members(component, spool).map_err(in_component(component))?;
        members.push(Member::directory(&component.file_name, inner));
        summaries.push(summary);
    }
    if !resources.is_empty() {
        let files = resources
            .iter()
            .map(|resource| Member::compressed(&resource.file_name, &resource.bytes))
            .collect();
        members.push(Member::directory("Resources", files));
    }
    let distribution = distribution::to_xml(product, &summaries)
        .map_err(|source| in_product(ProductError::Distribution(source)))?;
    members.push(Member::compressed("Distribution", &distribution));
    let written = xar::write(&members, created, signer, spool, out)
        .map_err(|source| Error::Archive { package: product.identifier.clone(), source })?;
    Ok(Summary { package_size: written.size, toc_digest: written.toc_digest, components: summaries })
}

fn in_component(component: &Component) -> impl FnOnce(ComponentError) -> Error {
    |source| Error::Component { component: component.identifier.clone(), source }
}

/// The resources by page, those with the same name once.
fn unique_resources(product: &Product) -> Result<Vec<&Resource>, ProductError> {
    let background = product.background.as_ref();
    let all = [&product.welcome, &product.readme, &product.license, &product.conclusion]
        .into_iter()
        .flatten()
        .chain(background.map(|background| &background.resource))
        .chain(background.and_then(|background| background.dark.as_ref()));
    let mut unique = Vec::<&Resource>::new();
    for resource in all {
        let file_name = &resource.file_name;
        if !is_name(file_name) {
            return Err(invalid("resource's file name", file_name, NAME_REASON));
        }
        if !xml::can_carry(&resource.mime_type) || resource.mime_type.is_empty() {
            return Err(invalid(
                "resource's MIME type",
                &resource.mime_type,
                "is empty or has control characters",
            ));
        }
        match unique.iter().find(|other| other.file_name == *file_name) {
            Some(other) if other.bytes == resource.bytes => {}
            Some(_) => return Err(ProductError::ConflictingResource { file_name: file_name.clone() }),
            None => unique.push(resource),
        }
    }
    Ok(unique)
}

fn validate(product: &Product) -> Result<(), ProductError> {
    let names = [("identifier", Some(&product.identifier)), ("version", Some(&product.version))];
    for (field, value) in names.into_iter().chain([("organization", product.organization.as_ref())]) {
        if let Some(value) = value
            && !is_name(value)
        {
            return Err(invalid(field, value, NAME_REASON));
        }
    }
    if product.title.trim().is_empty() {
        return Err(invalid("title", &product.title, "is empty"));
    }
    let check = product.installation_check.as_ref();
    let background = product.background.as_ref();
    let choices = product.components.iter().filter_map(|component| component.choice.as_ref());
    let texts = [("title", Some(&product.title))]
        .into_iter()
        .chain([("installation check", check.map(|check| &check.script_body))])
        .chain([("installation check's entry", check.map(|check| &check.entry))])
        .chain([("background's alignment", background.map(|background| &background.alignment))])
        .chain([("background's scaling", background.map(|background| &background.scaling))])
        .chain(choices.clone().map(|choice| ("choice's title", Some(&choice.title))))
        .chain(choices.map(|choice| ("choice's description", Some(&choice.description))));
    for (field, value) in texts {
        if let Some(value) = value
            && !xml::can_carry(value)
        {
            return Err(invalid(field, value, "has control characters"));
        }
    }
    if let Some(minimum) = &product.minimum_macos
        && !minimum.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return Err(invalid("minimum macOS", minimum, "must be numbers joined by dots, as in \"13.0\""));
    }
    if product.host_architectures.is_empty() {
        return Err(invalid("host architectures", "", "must list arm64, x86_64 or both"));
    }
    for architecture in &product.host_architectures {
        if !ARCHITECTURES.contains(&architecture.as_str()) {
            return Err(invalid("host architecture", architecture, "must be arm64 or x86_64"));
        }
    }
    validate_components(product)
}

fn validate_components(product: &Product) -> Result<(), ProductError> {
    if product.components.is_empty() {
        return Err(ProductError::NoComponent);
    }
    for (index, component) in product.components.iter().enumerate() {
        let file_name = &component.file_name;
        if !is_name(file_name) || !file_name.ends_with(".pkg") {
            return Err(invalid(
                "component's file name",
                file_name,
                "must be like \"name.pkg\", in plain ASCII",
            ));
        }
        for other in &product.components[..index] {
            for (field, value, others) in [
                ("file name", file_name, &other.file_name),
                ("identifier", &component.identifier, &other.identifier),
            ] {
                if value == others {
                    return Err(ProductError::DuplicateComponent { field, value: value.clone() });
                }
            }
        }
        // Choices are named by their component; this one is the list itself.
        if component.identifier == distribution::DEFAULT_CHOICE {
            return Err(invalid("component's identifier", &component.identifier, "is a reserved word"));
        }
    }
    Ok(())
}

fn invalid(field: &'static str, value: &str, reason: &'static str) -> ProductError {
    ProductError::InvalidField { field, value: value.to_owned(), reason }
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
