//! What device managers read about the packages, for an output folder that is
//! served at the settings' base URL.
//!
//! ```text
//! <instance>/mdm/manifest.plist               InstallEnterpriseApplication, ManifestURL
//!                uninstall-manifest.plist     the same for the package that uninstalls
//!                package.json                 declaration com.apple.configuration.package
//!                login-items.mobileconfig     Managed Login Items
//!                munki/*.plist                pkginfo of installer and uninstaller
//!                fleet/*                      software for Fleet's GitOps, with its scripts
//! login-items.mobileconfig                    Managed Login Items of several instances
//! munki/pkgs/lima-autostart/*.pkg             a Munki repository of all instances:
//!       pkgsinfo/lima-autostart/*.plist       copies of the above
//!       manifests/lima-<instance>             for included_manifests
//!       catalogs/all, catalogs/<catalog>      made of pkgsinfo alone
//! ```
//!
//! [`planned`] and [`catalogs`] are known before anything is built, [`files`] once
//! the packages are; [`munki::write_catalog`] comes last.
//!
//! Must not know: the disk, the clock, keys, how packages are built. A profile is
//! signed by who has an identity.

mod apple;
pub mod artifacts;
mod fleet;
pub mod munki;
pub mod renew;
pub mod reports;
pub mod scripts;

use crate::artifact::{Artifact, BuiltPackage, Content, Kind};
use crate::macos::launchd;
use crate::macos::scripts::uninstall_sh;
use crate::settings::resolve::MUNKI_FOLDER;
use crate::settings::{BaseUrl, Instance, Spec};

/// Folder of the Munki repository's `pkgs` and `pkgsinfo` that is ours, in a
/// repository that may hold other people's.
const MUNKI_SUBFOLDER: &str = "lima-autostart";

/// The files of an instance, for packages at these paths relative to the output
/// folder; none without a base URL.
pub fn planned(spec: &Spec, instance: &Instance, installer: &str, uninstaller: &str) -> Vec<Artifact> {
    if spec.base_url.is_none() {
        return Vec::new();
    }
    let names = Names::new(spec, instance, installer, uninstaller);
    let file = |path: &str, identifier: Option<&str>| Artifact {
        path: path.to_owned(),
        kind: Kind::new(artifacts::MANAGER),
        instance: Some(instance.name.to_string()),
        identifier: identifier.map(str::to_owned),
    };
    let install = munki::installer_name(instance);
    let uninstall = munki::uninstaller_name(instance);
    vec![
        file(&names.manifest, Some(&launchd::installer_identifier(spec, instance))),
        file(&names.uninstall_manifest, Some(&launchd::uninstaller_identifier(spec, instance))),
        file(&names.declaration, Some(&apple::declaration_identifier(spec, instance))),
        file(&names.profile, Some(&apple::profile_identifier(spec, instance))),
        file(&names.pkginfos[0], Some(&install)),
        file(&names.pkginfos[1], Some(&uninstall)),
        file(&names.fleet_install, None),
        file(&names.fleet_uninstall, None),
        file(&names.fleet_software, None),
        file(&names.munki_pkgs[0], None),
        file(&names.munki_pkgs[1], None),
        file(&names.munki_pkginfos[0], Some(&install)),
        file(&names.munki_pkginfos[1], Some(&uninstall)),
        file(&names.munki_manifest, None),
    ]
}

/// The catalogs of a run, which [`munki::write_catalog`] writes; none without a
/// base URL.
pub fn catalogs(spec: &Spec) -> Vec<Artifact> {
    if spec.base_url.is_none() {
        return Vec::new();
    }
    std::iter::once(munki::ALL)
        .chain(spec.munki_catalogs.iter().map(|name| name.as_str()))
        .map(|name| Artifact {
            path: format!("{MUNKI_FOLDER}/catalogs/{name}"),
            kind: Kind::new(artifacts::MUNKI_CATALOG),
            instance: None,
            identifier: None,
        })
        .collect()
}

/// What is in the files of [`planned`], in the same order.
pub fn files(
    spec: &Spec,
    instance: &Instance,
    installer: &BuiltPackage<'_>,
    uninstaller: &BuiltPackage<'_>,
) -> Vec<(String, Content)> {
    let Some(base_url) = &spec.base_url else { return Vec::new() };
    let names = Names::new(spec, instance, installer.path, uninstaller.path);
    let manifest = apple::manifest(spec, instance, base_url, installer);
    let declaration = apple::declaration(spec, instance, &base_url.join(&names.manifest), &manifest);
    let locations = names.munki_pkgs.each_ref().map(|path| {
        path.strip_prefix(&format!("{MUNKI_FOLDER}/pkgs/")).expect("it is made that way").to_owned()
    });
    let bytes = Content::Bytes;
    let copy = |path: &str| Content::CopyOf(path.to_owned());
    vec![
        (names.manifest, bytes(manifest)),
        (names.uninstall_manifest, bytes(apple::uninstall_manifest(spec, instance, base_url, uninstaller))),
        (names.declaration, bytes(declaration)),
        (names.profile, Content::Profile(apple::profile(spec, instance))),
        (names.pkginfos[0].clone(), bytes(munki::installer(spec, instance, installer, &locations[0]))),
        (names.pkginfos[1].clone(), bytes(munki::uninstaller(spec, instance, uninstaller, &locations[1]))),
        (names.fleet_install, bytes(scripts::fleet_install_sh().into())),
        (names.fleet_uninstall, bytes(uninstall_sh(spec, instance).into())),
        (names.fleet_software, bytes(fleet::software(base_url, instance, installer))),
        (names.munki_pkgs[0].clone(), copy(installer.path)),
        (names.munki_pkgs[1].clone(), copy(uninstaller.path)),
        (names.munki_pkginfos[0].clone(), copy(&names.pkginfos[0])),
        (names.munki_pkginfos[1].clone(), copy(&names.pkginfos[1])),
        (names.munki_manifest, bytes(munki::manifest(instance))),
    ]
}

/// Where the files of an instance are; of two, the first is the installer's.
struct Names {
    manifest: String,
    uninstall_manifest: String,
    declaration: String,
    profile: String,
    pkginfos: [String; 2],
    fleet_install: String,
    fleet_uninstall: String,
    fleet_software: String,
    munki_pkgs: [String; 2],
    munki_pkginfos: [String; 2],
    munki_manifest: String,
}

impl Names {
    fn new(spec: &Spec, instance: &Instance, installer: &str, uninstaller: &str) -> Self {
        let (name, version) = (&instance.name, &spec.version);
        let pkginfos =
            [format!("lima-{name}-{version}.plist"), format!("lima-{name}-{version}-uninstall.plist")];
        let in_repository = |folder: &str, path: &str| {
            let file = path.rsplit('/').next().unwrap_or(path);
            format!("{MUNKI_FOLDER}/{folder}/{MUNKI_SUBFOLDER}/{file}")
        };
        Self {
            manifest: format!("{name}/mdm/manifest.plist"),
            uninstall_manifest: format!("{name}/mdm/uninstall-manifest.plist"),
            declaration: format!("{name}/mdm/package.json"),
            profile: format!("{name}/mdm/login-items.mobileconfig"),
            fleet_install: format!("{name}/mdm/fleet/{}", fleet::install_file(instance)),
            fleet_uninstall: format!("{name}/mdm/fleet/{}", fleet::uninstall_file(instance)),
            fleet_software: format!("{name}/mdm/fleet/lima-{name}.package.yml"),
            munki_pkgs: [in_repository("pkgs", installer), in_repository("pkgs", uninstaller)],
            munki_pkginfos: pkginfos.each_ref().map(|file| in_repository("pkgsinfo", file)),
            pkginfos: pkginfos.map(|file| format!("{name}/mdm/munki/{file}")),
            munki_manifest: format!("{MUNKI_FOLDER}/manifests/lima-{name}"),
        }
    }
}

/// The address of a package.
fn address(base_url: &BaseUrl, package: &BuiltPackage<'_>) -> String {
    base_url.join(package.path)
}

/// A property list as XML, with a newline at its end.
fn property_list(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    plist::to_writer_xml(&mut bytes, value).expect("strings, numbers and lists of them can be serialized");
    bytes.push(b'\n');
    bytes
}
