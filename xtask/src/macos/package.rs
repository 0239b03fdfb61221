//! What the packages of an instance hold: payload, scripts and pages, put
//! together for `flatpkg`.
//!
//! Must not know: archive formats, keys, `out/`. Time is given.

use flatpkg::component::{Choice, HOOKS};
use flatpkg::tree::{Content, Owner, Tree, TreeError};
use flatpkg::{Background, Component, Product, Resource};

use super::{bundle, combined_pages, launchd, pages, scripts};
use crate::artifact::{ComponentRecord, PackageContents, PackageRecord};
use crate::lima_start;
use crate::settings::architectures::common_architectures;
use crate::settings::{self, Architecture, Instance, MacosVersion, Spec};

/// Who made a package, for `PackageInfo`.
pub(super) const GENERATOR: &str = concat!("lima-autostart-", env!("CARGO_PKG_VERSION"));

/// The product that installs: the property list, the uninstaller, and scripts
/// that load the one into launchd.
///
/// # Errors
/// A name that a package cannot carry, which [`crate::settings`] should have refused.
pub fn installer(spec: &Spec, instance: &Instance, time: u32) -> Result<PackageContents, TreeError> {
    let component = installer_component(spec, instance, time)?;
    let identifier = component.identifier.clone();
    let mut components = bundle::components(spec, &[instance], time)?;
    components.push(component);
    let product = Product {
        title: pages::title(instance),
        welcome: Some(page("welcome.html", pages::welcome_html(spec, instance))),
        conclusion: Some(page("conclusion.html", pages::conclusion_html(spec, instance))),
        license: spec.license.as_ref().map(resource),
        ..product(spec, identifier, components, &instance.min_macos, &instance.architectures)
    };
    Ok(contents(spec, [instance], product))
}

/// The product that removes what [`installer`]'s put there: scripts alone.
///
/// # Errors
/// As [`installer`].
pub fn uninstaller(spec: &Spec, instance: &Instance, time: u32) -> Result<PackageContents, TreeError> {
    let component = uninstaller_component(spec, instance, time)?;
    let identifier = component.identifier.clone();
    let product = Product {
        title: pages::uninstall_title(instance),
        welcome: Some(page("welcome.html", pages::uninstall_welcome_html(spec, instance))),
        conclusion: Some(page("conclusion.html", pages::uninstall_conclusion_html(spec, instance))),
        ..product(spec, identifier, vec![component], &instance.min_macos, &instance.architectures)
    };
    Ok(contents(spec, [instance], product))
}

/// The product that installs any of all instances: a component and a choice for
/// each. The components are those of the instances' own packages, so that it
/// leaves the same receipts.
///
/// # Errors
/// As [`installer`].
pub fn combined_installer(spec: &Spec, time: u32) -> Result<PackageContents, TreeError> {
    let mut components = bundle::components(spec, &spec.instances.iter().collect::<Vec<_>>(), time)?;
    components.extend(choices(spec, |instance| {
        Ok((installer_component(spec, instance, time)?, combined_pages::choice_description(instance)))
    })?);
    let product = Product {
        title: combined_pages::combined_title(),
        welcome: Some(page("welcome.html", combined_pages::combined_welcome_html(spec))),
        conclusion: Some(page("conclusion.html", combined_pages::combined_conclusion_html(spec))),
        license: spec.license.as_ref().map(resource),
        ..combined(spec, launchd::combined_installer_identifier(spec), components)
    };
    Ok(contents(spec, &spec.instances, product))
}

/// The product that removes any of all instances.
///
/// # Errors
/// As [`installer`].
pub fn combined_uninstaller(spec: &Spec, time: u32) -> Result<PackageContents, TreeError> {
    let components = choices(spec, |instance| {
        Ok((
            uninstaller_component(spec, instance, time)?,
            combined_pages::uninstall_choice_description(instance),
        ))
    })?;
    let product = Product {
        title: combined_pages::combined_uninstall_title(),
        welcome: Some(page("welcome.html", combined_pages::combined_uninstall_welcome_html(spec))),
        conclusion: Some(page("conclusion.html", combined_pages::combined_uninstall_conclusion_html(spec))),
        ..combined(spec, launchd::combined_uninstaller_identifier(spec), components)
    };
    Ok(contents(spec, &spec.instances, product))
}

fn installer_component(spec: &Spec, instance: &Instance, time: u32) -> Result<Component, TreeError> {
    Ok(Component {
        file_name: format!("lima-{}.pkg", instance.name),
        identifier: launchd::installer_identifier(spec, instance),
        version: spec.version.to_string(),
        install_location: "/".to_owned(),
        payload: Some(payload(spec, instance, time)?),
        scripts: Some(scripts_tree(scripts::installer_scripts(spec, instance), time)?),
        script_timeout: launchd::script_time_limit(instance),
        generator: GENERATOR.to_owned(),
        choice: None,
    })
}

fn uninstaller_component(spec: &Spec, instance: &Instance, time: u32) -> Result<Component, TreeError> {
    Ok(Component {
        file_name: format!("lima-{}-uninstall.pkg", instance.name),
        identifier: launchd::uninstaller_identifier(spec, instance),
        version: spec.version.to_string(),
        install_location: "/".to_owned(),
        payload: None,
        scripts: Some(scripts_tree(scripts::uninstaller_scripts(spec, instance), time)?),
        script_timeout: launchd::script_time_limit(instance),
        generator: GENERATOR.to_owned(),
        choice: None,
    })
}

/// A component for each instance, listed under its name with a description.
/// All are selected at first: a device manager asks nobody.
fn choices(
    spec: &Spec,
    component: impl Fn(&Instance) -> Result<(Component, String), TreeError>,
) -> Result<Vec<Component>, TreeError> {
    let choice = |instance: &Instance| {
        let (component, description) = component(instance)?;
        let title = instance.name.to_string();
        Ok(Component {
            choice: Some(Choice { title, description, visible: true, selected: true }),
            ..component
        })
    };
    spec.instances.iter().map(choice).collect()
}

/// What both combined products share. It takes the Mac that every instance
/// takes: one that only some of them could be installed on is refused as a whole.
fn combined(spec: &Spec, identifier: String, components: Vec<Component>) -> Product {
    let min_macos = newest_min_macos(&spec.instances);
    let architectures = common_architectures(spec).expect("the plan was checked");
    product(spec, identifier, components, min_macos, &architectures)
}

/// The oldest macOS that takes all of these instances.
pub fn newest_min_macos(instances: &[Instance]) -> &MacosVersion {
    let min_macos = instances.iter().map(|instance| &instance.min_macos).max_by(|a, b| a.macos_cmp(b));
    min_macos.expect("a spec has an instance")
}

/// What all products share.
fn product(
    spec: &Spec,
    identifier: String,
    components: Vec<Component>,
    min_macos: &MacosVersion,
    architectures: &[Architecture],
) -> Product {
    Product {
        identifier,
        version: spec.version.to_string(),
        minimum_macos: Some(min_macos.to_string()),
        host_architectures: architectures.iter().map(|one| one.as_str().to_owned()).collect(),
        background: spec.background.as_ref().map(|picture| Background {
            resource: resource(picture),
            dark: None,
            alignment: "bottomleft".to_owned(),
            scaling: "proportional".to_owned(),
        }),
        components,
        ..Product::default()
    }
}

/// A product with its record; `instances` are those of its components.
fn contents<'a>(
    spec: &Spec,
    instances: impl IntoIterator<Item = &'a Instance>,
    product: Product,
) -> PackageContents {
    let component = |(component, instance): (&Component, &Instance)| ComponentRecord {
        identifier: component.identifier.clone(),
        instance: instance.name.to_string(),
        condition: instance.condition.as_str().to_owned(),
        user: instance.user.to_string(),
        label: launchd::label(instance),
        limactl: instance.macos_limactl().unwrap_or(lima_start::AUTO).to_owned(),
        lima_home: instance.lima_home.as_ref().map(ToString::to_string),
        env: instance.env.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        uninstaller: launchd::uninstaller_path(spec, instance),
        installs: component.payload.iter().flat_map(files).map(|path| format!("/{path}")).collect(),
        // Known once it is written.
        installed_kbytes: 0,
        runs: HOOKS
            .iter()
            .filter(|hook| component.scripts.iter().flat_map(files).any(|path| path == **hook))
            .map(|hook| (*hook).to_owned())
            .collect(),
    };
    let instances: Vec<&Instance> = instances.into_iter().collect();
    // What is beside the instances comes before them.
    let (bundled, own) = product.components.split_at(product.components.len() - instances.len());
    let record = PackageRecord {
        minimum_macos: product.minimum_macos.clone().unwrap_or_default(),
        architectures: product.host_architectures.clone(),
        bundled: bundled.iter().map(bundle::record).collect(),
        components: own.iter().zip(instances).map(component).collect(),
    };
    PackageContents { product, record }
}

/// The paths of a tree's files.
fn files(tree: &Tree) -> impl Iterator<Item = String> {
    let entries = tree.entries().filter(|(_, entry)| matches!(entry.content, Content::File(_)));
    entries.map(|(path, _)| path.to_string()).collect::<Vec<_>>().into_iter()
}

fn payload(spec: &Spec, instance: &Instance, time: u32) -> Result<Tree, TreeError> {
    let mut tree = Tree::new(time);
    // The owners and modes that a Mac has: the Installer applies what a package
    // records to folders that are there already.
    tree.directory("Library", 0o755, Owner::ROOT_WHEEL)?;
    tree.directory("Library/Application Support", 0o755, Owner::ROOT_ADMIN)?;
    for path in [launchd::uninstaller_path(spec, instance), launchd::payload_path(spec, instance)] {
        let path = path.trim_start_matches('/');
        if let Some((folder, _)) = path.rsplit_once('/') {
            tree.directories(folder, 0o755, Owner::ROOT_WHEEL)?;
        }
    }
    tree.file(
        launchd::payload_path(spec, instance).trim_start_matches('/'),
        0o644,
        Owner::ROOT_WHEEL,
        property_list(spec, instance),
    )?;
    // The job runs it, with its user's rights.
    tree.file(
        launchd::start_path(spec, instance).trim_start_matches('/'),
        0o755,
        Owner::ROOT_WHEEL,
        lima_start::program().into_bytes(),
    )?;
    let list = bundle::list(instance);
    if !list.is_empty() {
        let path = format!("{}/{}", launchd::support_dir(spec, instance), bundle::LIST_FILE);
        tree.file(path.trim_start_matches('/'), 0o644, Owner::ROOT_WHEEL, list.into_bytes())?;
    }
    tree.file(
        launchd::status_path(spec, instance).trim_start_matches('/'),
        0o755,
        Owner::ROOT_WHEEL,
        scripts::status_sh(spec, instance).into_bytes(),
    )?;
    if let Some(template) = &instance.template {
        // limactl reads it, likewise.
        tree.file(
            launchd::template_path(spec, instance).trim_start_matches('/'),
            0o644,
            Owner::ROOT_WHEEL,
            template.as_str().as_bytes().to_vec(),
        )?;
    }
    tree.file(
        launchd::uninstaller_path(spec, instance).trim_start_matches('/'),
        0o755,
        Owner::ROOT_WHEEL,
        scripts::uninstall_sh(spec, instance).into_bytes(),
    )?;
    Ok(tree)
}

/// The launchd property list, which also lies beside the package.
pub fn property_list(spec: &Spec, instance: &Instance) -> Vec<u8> {
    let job = launchd::Job::new(instance, &launchd::Launcher::packaged(spec, instance));
    job.to_xml().expect("a job of strings, numbers and booleans can be serialized")
}

/// The hooks with what they read.
pub(super) fn scripts_tree(files: Vec<scripts::ScriptFile>, time: u32) -> Result<Tree, TreeError> {
    let mut tree = Tree::new(time);
    for file in files {
        let mode = if file.executable { 0o755 } else { 0o644 };
        tree.file(file.name, mode, Owner::ROOT_WHEEL, file.text.into_bytes())?;
    }
    Ok(tree)
}

fn page(file_name: &str, html: String) -> Resource {
    Resource { file_name: file_name.to_owned(), mime_type: "text/html".to_owned(), bytes: html.into_bytes() }
}

fn resource(resource: &settings::Resource) -> Resource {
    let extension = resource.file_name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let mime_type = match extension.to_ascii_lowercase().as_str() {
        "html" => "text/html",
        "rtf" => "text/rtf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "tif" | "tiff" => "image/tiff",
        "pdf" => "application/pdf",
        _ => "text/plain",
    };
    Resource {
        file_name: resource.file_name.clone(),
        mime_type: mime_type.to_owned(),
        bytes: resource.bytes.clone(),
    }
}
