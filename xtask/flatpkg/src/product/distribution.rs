//! `Distribution`, the script that the Installer follows.
//!
//! Must not know: where the figures come from. Elements and attributes are in
//! productbuild's order where it writes them, then as Apple's Distribution XML
//! reference lists them.

use std::io;

use quick_xml::events::BytesText;

use super::{Product, Resource};
use crate::component::Component;
use crate::summary::ComponentSummary;
use crate::xml::{self, XmlWriter, text_element};

/// The choice that holds all others in the outline.
pub const DEFAULT_CHOICE: &str = "default";

/// The whole document. `summaries` belong to the product's components.
pub fn to_xml(product: &Product, summaries: &[ComponentSummary]) -> io::Result<Vec<u8>> {
    let mut writer = xml::document("utf-8", 4)?;
    writer
        .create_element("installer-gui-script")
        .with_attribute(("minSpecVersion", "2"))
        .write_inner_content(|writer| {
            write_head(writer, product)?;
            write_checks(writer, product)?;
            write_pages(writer, product)?;
            write_choices(writer, product)?;
            for (component, summary) in product.components.iter().zip(summaries) {
                write_package_reference(writer, component, summary)?;
            }
            Ok(())
        })?;
    Ok(xml::finish(writer))
}

fn write_head(writer: &mut XmlWriter, product: &Product) -> io::Result<()> {
    writer
        .create_element("product")
        .with_attribute(("id", product.identifier.as_str()))
        .with_attribute(("version", product.version.as_str()))
        .write_empty()?;
    text_element(writer, "title", &product.title)?;
    if let Some(organization) = &product.organization {
        text_element(writer, "organization", organization)?;
    }
    let is_listed = |component: &Component| component.choice.as_ref().is_some_and(|choice| choice.visible);
    let customize = if product.components.iter().any(is_listed) { "allow" } else { "never" };
    writer
        .create_element("options")
        .with_attribute(("customize", customize))
        .with_attribute(("require-scripts", "false"))
        .with_attribute(("hostArchitectures", product.host_architectures.join(",").as_str()))
        .write_empty()?;
    writer
        .create_element("domains")
        .with_attribute(("enable_anywhere", "false"))
        .with_attribute(("enable_currentUserHome", "false"))
        .with_attribute(("enable_localSystem", "true"))
        .write_empty()?;
    Ok(())
}

fn write_checks(writer: &mut XmlWriter, product: &Product) -> io::Result<()> {
    if let Some(minimum) = &product.minimum_macos {
        writer.create_element("volume-check").write_inner_content(|writer| {
            writer.create_element("allowed-os-versions").write_inner_content(|writer| {
                writer
                    .create_element("os-version")
                    .with_attribute(("min", minimum.as_str()))
                    .write_empty()?;
                Ok(())
            })?;
            Ok(())
        })?;
    }
    if let Some(check) = &product.installation_check {
        writer
            .create_element("installation-check")
            .with_attribute(("script", check.entry.as_str()))
            .write_empty()?;
        text_element(writer, "script", &check.script_body)?;
    }
    Ok(())
}

fn write_pages(writer: &mut XmlWriter, product: &Product) -> io::Result<()> {
    if let Some(background) = &product.background {
        let dark = background.dark.as_ref().unwrap_or(&background.resource);
        for (element, resource) in [("background", &background.resource), ("background-darkAqua", dark)] {
            writer
                .create_element(element)
                .with_attribute(("file", resource.file_name.as_str()))
                .with_attribute(("mime-type", resource.mime_type.as_str()))
                .with_attribute(("alignment", background.alignment.as_str()))
                .with_attribute(("scaling", background.scaling.as_str()))
                .write_empty()?;
        }
    }
    let pages: [(&str, &Option<Resource>); 4] = [
        ("welcome", &product.welcome),
        ("readme", &product.readme),
        ("license", &product.license),
        ("conclusion", &product.conclusion),
    ];
    for (element, resource) in pages {
        if let Some(resource) = resource {
            writer
                .create_element(element)
                .with_attribute(("file", resource.file_name.as_str()))
                .with_attribute(("mime-type", resource.mime_type.as_str()))
                .write_empty()?;
        }
    }
    Ok(())
}

/// One choice for each component, named by its identifier.
fn write_choices(writer: &mut XmlWriter, product: &Product) -> io::Result<()> {
    writer.create_element("choices-outline").write_inner_content(|writer| {
        writer.create_element("line").with_attribute(("choice", DEFAULT_CHOICE)).write_inner_content(
            |writer| {
                for component in &product.components {
                    writer
                        .create_element("line")
                        .with_attribute(("choice", component.identifier.as_str()))
                        .write_empty()?;
                }
                Ok(())
            },
        )?;
        Ok(())
    })?;
    writer.create_element("choice").with_attribute(("id", DEFAULT_CHOICE)).write_empty()?;
    for component in &product.components {
        let identifier = component.identifier.as_str();
        let mut element = writer.create_element("choice").with_attribute(("id", identifier));
        element = match &component.choice {
            None => element.with_attribute(("visible", "false")),
            Some(choice) => element
                .with_attribute(("visible", if choice.visible { "true" } else { "false" }))
                .with_attribute(("start_selected", if choice.selected { "true" } else { "false" }))
                .with_attribute(("title", choice.title.as_str()))
                .with_attribute(("description", choice.description.as_str())),
        };
        element.write_inner_content(|writer| {
            writer.create_element("pkg-ref").with_attribute(("id", identifier)).write_empty()?;
            Ok(())
        })?;
    }
    Ok(())
}

fn write_package_reference(
    writer: &mut XmlWriter,
    component: &Component,
    summary: &ComponentSummary,
) -> io::Result<()> {
    writer
        .create_element("pkg-ref")
        .with_attribute(("id", component.identifier.as_str()))
        .with_attribute(("version", component.version.as_str()))
        .with_attribute(("onConclusion", "none"))
        .with_attribute(("installKBytes", summary.install_kbytes.to_string().as_str()))
        .write_text_content(BytesText::new(&format!("#{}", component.file_name)))?;
    Ok(())
}
