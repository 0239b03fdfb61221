//! What device managers read about the packages, for an output folder that is
//! served at the settings' base URL.
//!
//! ```text
//! <instance>/mdm/manifest.plist               InstallEnterpriseApplication, ManifestURL
//!                uninstall-manifest.plist     the same for the package that uninstalls
//!                declaration.json             declaration com.apple.configuration.package
//!                login-items.mobileconfig     Managed Login Items
//!                munki/*.plist                pkginfo of installer and uninstaller
//!                fleet/*                      for Fleet's GitOps: software, scripts, policies, profile
//! mdm/*                                       the same for the packages of all instances
//! login-items.mobileconfig                    Managed Login Items of several instances
//! munki/pkgs/lima-autostart/*.pkg             a Munki repository of all instances:
//!       pkgsinfo/lima-autostart/*.plist       copies of the above
//!       manifests/lima-<instance>, lima       for included_manifests
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
mod catalog;
mod fleet;
mod kinds;
pub mod munki;
pub mod renew;
pub mod reports;
pub mod scripts;
mod subject;

use crate::artifact::{Artifact, BuiltPackage, Content, Kind, Whose};
use crate::settings::resolve::MUNKI_FOLDER;
use crate::settings::{BaseUrl, Spec};
use subject::Subject;

pub use kinds::{
    FLEET_POLICY, FLEET_PROFILE, FLEET_SCRIPT, FLEET_SOFTWARE, MDM_DECLARATION, MDM_MANIFEST, MDM_PROFILE,
    MUNKI_CATALOG, MUNKI_MANIFEST, MUNKI_PACKAGE, MUNKI_PKGINFO,
};

/// Folder of the Munki repository's `pkgs` and `pkgsinfo` that is ours, in a
/// repository that may hold other people's.
const MUNKI_SUBFOLDER: &str = "lima-autostart";
/// The folder in it for the packages of all instances, whose names an instance's may have.
const MUNKI_OF_ALL: &str = "lima-autostart/all";

/// The files about an instance's packages or about those of all, for packages at these
/// paths relative to the output folder; none without a base URL.
pub fn planned(spec: &Spec, whose: Whose<'_>, installer: &str, uninstaller: &str) -> Vec<Artifact> {
    if spec.base_url.is_none() {
        return Vec::new();
    }
    let subject = Subject { spec, whose };
    let names = Names::new(subject, installer, uninstaller);
    let file = |path: &str, kind: &'static str, identifier: Option<&str>| Artifact {
        path: path.to_owned(),
        kind: Kind::new(kind),
        instance: whose.instance().map(|instance| instance.name.to_string()),
        identifier: identifier.map(str::to_owned),
    };
    let [installer, uninstaller] = subject.identifiers();
    let [install, uninstall] = munki::names(subject);
    let profile = apple::profile_identifier(subject);
    let mut planned = vec![
        file(&names.manifest, MDM_MANIFEST, Some(&installer)),
        file(&names.uninstall_manifest, MDM_MANIFEST, Some(&uninstaller)),
        file(&names.declaration, MDM_DECLARATION, Some(&apple::declaration_identifier(subject))),
    ];
    planned.extend(names.profile.as_ref().map(|path| file(path, MDM_PROFILE, Some(&profile))));
    planned.extend([
        file(&names.pkginfos[0], MUNKI_PKGINFO, Some(&install)),
        file(&names.pkginfos[1], MUNKI_PKGINFO, Some(&uninstall)),
        file(&names.fleet.install, FLEET_SCRIPT, None),
        file(&names.fleet.uninstall, FLEET_SCRIPT, None),
        file(&names.fleet.software, FLEET_SOFTWARE, None),
        file(&names.fleet.policies, FLEET_POLICY, None),
        file(&names.fleet.profile, FLEET_PROFILE, Some(&profile)),
        file(&names.munki_pkgs[0], MUNKI_PACKAGE, Some(&installer)),
        file(&names.munki_pkgs[1], MUNKI_PACKAGE, Some(&uninstaller)),
        file(&names.munki_pkginfos[0], MUNKI_PKGINFO, Some(&install)),
        file(&names.munki_pkginfos[1], MUNKI_PKGINFO, Some(&uninstall)),
        file(&names.munki_manifest, MUNKI_MANIFEST, None),
    ]);
    planned
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
            kind: Kind::new(MUNKI_CATALOG),
            instance: None,
            identifier: None,
        })
        .collect()
}

/// What is in the files of [`planned`], in the same order.
pub fn files(
    spec: &Spec,
    whose: Whose<'_>,
    installer: &BuiltPackage<'_>,
    uninstaller: &BuiltPackage<'_>,
) -> Vec<(String, Content)> {
    let Some(base_url) = &spec.base_url else { return Vec::new() };
    let subject = Subject { spec, whose };
    let names = Names::new(subject, installer.path, uninstaller.path);
    let [manifest, uninstall_manifest] = apple::manifests(subject, base_url, [installer, uninstaller]);
    let declaration = apple::declaration(subject, &base_url.join(&names.manifest), &manifest);
    let locations = names.munki_pkgs.each_ref().map(|path| {
        path.strip_prefix(&format!("{MUNKI_FOLDER}/pkgs/")).expect("it is made that way").to_owned()
    });
    let bytes = Content::Bytes;
    let copy = |path: &str| Content::CopyOf(path.to_owned());
    let profile = apple::profile(subject);
    let mut files = vec![
        (names.manifest, bytes(manifest)),
        (names.uninstall_manifest, bytes(uninstall_manifest)),
        (names.declaration, bytes(declaration)),
    ];
    files.extend(names.profile.map(|path| (path, Content::Profile(profile.clone()))));
    files.extend([
        (names.pkginfos[0].clone(), bytes(munki::installer(subject, installer, &locations[0]))),
        (names.pkginfos[1].clone(), bytes(munki::uninstaller(subject, uninstaller, &locations[1]))),
        (names.fleet.install.clone(), bytes(scripts::fleet_install_sh().into())),
        (names.fleet.uninstall.clone(), bytes(subject.uninstall_sh().into())),
        (names.fleet.software.clone(), bytes(fleet::software(base_url, &names.fleet, installer))),
        (names.fleet.policies.clone(), bytes(fleet::policies(subject, &names.fleet))),
        // Fleet takes no profile that is signed.
        (names.fleet.profile.clone(), bytes(profile)),
        (names.munki_pkgs[0].clone(), copy(installer.path)),
        (names.munki_pkgs[1].clone(), copy(uninstaller.path)),
        (names.munki_pkginfos[0].clone(), copy(&names.pkginfos[0])),
        (names.munki_pkginfos[1].clone(), copy(&names.pkginfos[1])),
        (names.munki_manifest, bytes(munki::manifest(subject))),
    ]);
    files
}

/// Where the files are; of two, the first is the installer's.
struct Names {
    manifest: String,
    uninstall_manifest: String,
    declaration: String,
    /// That of all instances is planned by itself: it needs no packages of all.
    profile: Option<String>,
    pkginfos: [String; 2],
    fleet: fleet::Names,
    munki_pkgs: [String; 2],
    munki_pkginfos: [String; 2],
    munki_manifest: String,
}

impl Names {
    fn new(subject: Subject<'_>, installer: &str, uninstaller: &str) -> Self {
        let (folder, stem) = (subject.folder(), subject.stem());
        let name_of = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        let packages = [installer, uninstaller].map(name_of);
        let pkginfos =
            packages.each_ref().map(|name| format!("{}.plist", name.strip_suffix(".pkg").unwrap_or(name)));
        let repository = match subject.whose {
            Whose::One(_) => MUNKI_SUBFOLDER,
            Whose::All => MUNKI_OF_ALL,
        };
        let in_repository =
            |folder: &str, file: &String| format!("{MUNKI_FOLDER}/{folder}/{repository}/{file}");
        Self {
            manifest: format!("{folder}/manifest.plist"),
            uninstall_manifest: format!("{folder}/uninstall-manifest.plist"),
            declaration: format!("{folder}/declaration.json"),
            profile: subject.whose.instance().map(|_| format!("{folder}/login-items.mobileconfig")),
            fleet: fleet::Names::new(&format!("{folder}/fleet"), &stem),
            munki_pkgs: packages.each_ref().map(|file| in_repository("pkgs", file)),
            munki_pkginfos: pkginfos.each_ref().map(|file| in_repository("pkgsinfo", file)),
            pkginfos: pkginfos.map(|file| format!("{folder}/munki/{file}")),
            munki_manifest: format!("{MUNKI_FOLDER}/manifests/{stem}"),
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
