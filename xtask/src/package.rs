//! What the packages of an instance hold: payload, scripts and pages, put
//! together for `flatpkg`.
//!
//! Must not know: archive formats, keys, `out/`. Time is given.

use flatpkg::tree::{Owner, Tree, TreeError};
use flatpkg::{Background, Component, InstallationCheck, Product, Resource};

use crate::spec::{self, Instance, Spec};
use crate::{launchd, render};

/// The function of `templates/installation-check.js`, called.
const INSTALLATION_CHECK: &str = "installationCheck()";
/// Who made a package, for `PackageInfo`.
const GENERATOR: &str = concat!("lima-autostart-", env!("CARGO_PKG_VERSION"));

/// The product that installs: the property list, the uninstaller, and scripts
/// that load the one into launchd.
///
/// # Errors
/// A name that a package cannot carry, which [`crate::spec`] should have refused.
pub fn installer(spec: &Spec, instance: &Instance, time: u32) -> Result<Product, TreeError> {
    let component = Component {
        file_name: format!("lima-{}.pkg", instance.name),
        identifier: launchd::installer_identifier(spec, instance),
        version: spec.version.to_string(),
        install_location: "/".to_owned(),
        payload: Some(payload(spec, instance, time)?),
        scripts: Some(scripts(render::installer_scripts(spec, instance), time)?),
        script_timeout: launchd::script_time_limit(instance),
        generator: GENERATOR.to_owned(),
        choice: None,
    };
    Ok(Product {
        title: render::title(instance),
        welcome: Some(page("welcome.html", render::welcome_html(spec, instance))),
        conclusion: Some(page("conclusion.html", render::conclusion_html(spec, instance))),
        license: spec.license.as_ref().map(resource),
        installation_check: Some(InstallationCheck {
            script_body: render::installation_check_js(instance),
            entry: INSTALLATION_CHECK.to_owned(),
        }),
        ..product(spec, instance, component)
    })
}

/// The product that removes what [`installer`]'s put there: scripts alone.
///
/// # Errors
/// As [`installer`].
pub fn uninstaller(spec: &Spec, instance: &Instance, time: u32) -> Result<Product, TreeError> {
    let component = Component {
        file_name: format!("lima-{}-uninstall.pkg", instance.name),
        identifier: launchd::uninstaller_identifier(spec, instance),
        version: spec.version.to_string(),
        install_location: "/".to_owned(),
        payload: None,
        scripts: Some(scripts(render::uninstaller_scripts(spec, instance), time)?),
        script_timeout: launchd::script_time_limit(instance),
        generator: GENERATOR.to_owned(),
        choice: None,
    };
    Ok(Product {
        title: render::uninstall_title(instance),
        welcome: Some(page("welcome.html", render::uninstall_welcome_html(spec, instance))),
        conclusion: Some(page("conclusion.html", render::uninstall_conclusion_html(spec, instance))),
        ..product(spec, instance, component)
    })
}

/// What both products share.
fn product(spec: &Spec, instance: &Instance, component: Component) -> Product {
    Product {
        identifier: component.identifier.clone(),
        version: component.version.clone(),
        minimum_macos: Some(instance.min_macos.to_string()),
        host_architectures: instance.architectures.iter().map(|a| a.as_str().to_owned()).collect(),
        background: spec.background.as_ref().map(|picture| Background {
            resource: resource(picture),
            dark: None,
            alignment: "bottomleft".to_owned(),
            scaling: "proportional".to_owned(),
        }),
        components: vec![component],
        ..Product::default()
    }
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
        property_list(instance),
    )?;
    if let Some(template) = &instance.template {
        // limactl reads it, with its user's rights.
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
        render::uninstall_sh(spec, instance).into_bytes(),
    )?;
    Ok(tree)
}

/// The launchd property list, which also lies beside the package.
pub fn property_list(instance: &Instance) -> Vec<u8> {
    launchd::Job::new(instance).to_xml().expect("a job of strings, numbers and booleans can be serialized")
}

/// The hooks with what they read.
fn scripts(files: Vec<render::ScriptFile>, time: u32) -> Result<Tree, TreeError> {
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

fn resource(resource: &spec::Resource) -> Resource {
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
