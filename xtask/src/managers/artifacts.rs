//! The files of a run that device managers read.
//!
//! Must not know: how they are written.

use std::io::{self, Write};

use super::{apple, munki};
use crate::artifact::{
    Artifact, Built, BuiltPackage, Content, Description, Kind, MakeOfAll, Maker, Needs, Planned, RunFiles,
    Section,
};
use crate::macos::artifacts::package_paths;
use crate::macos::{PKG, UNINSTALL_PKG};
use crate::settings::resolve::MUNKI_FOLDER;
use crate::settings::{Instance, Spec};

/// What is about an instance's packages.
pub const MANAGER: &str = "manager";
/// The catalogs of the Munki repository.
pub(super) const MUNKI_CATALOG: &str = "munki-catalog";

/// The Managed Login Items profile of all instances of a run.
const WHOLE_PROFILE: &str = "login-items";
/// Its place.
pub const WHOLE_PROFILE_FILE: &str = "login-items.mobileconfig";

// The Munki repository is not for taking along: its packages are those of the
// instances once more.
static KINDS: [Description; 3] = [
    Description {
        needs: Some(Needs::BaseUrl),
        brings: &[PKG, UNINSTALL_PKG, MUNKI_CATALOG],
        is_program: |path| path.ends_with(".sh"),
        is_in_zip: |path| !is_in_munki_repository(path),
        words,
        ..Description::new(
            MANAGER,
            "What device managers read (`--base-url`): under mdm/ and munki/, with the packages",
        )
    },
    Description {
        needs: Some(Needs::BaseUrl),
        brings: &[PKG, UNINSTALL_PKG, MANAGER],
        is_in_zip: |_| false,
        words: |_| Some("Munki repository, catalog"),
        of_run: Some(write_catalog),
        ..Description::new(MUNKI_CATALOG, "The catalogs of the Munki repository (`--base-url`)")
    },
    Description {
        needs: Some(Needs::BaseUrl),
        words: |_| Some("Managed Login Items profile of all instances"),
        ..Description::new(WHOLE_PROFILE, "The Managed Login Items profile of all instances (`--base-url`)")
    },
];

/// Makes them.
pub struct Managers;

impl Maker for Managers {
    fn kinds(&self) -> &'static [Description] {
        &KINDS
    }

    fn groups(&self) -> &'static [&'static str] {
        &["macos"]
    }

    fn of_packages(&self, spec: &Spec, instance: &Instance) -> Vec<Artifact> {
        let [installer, uninstaller] = package_paths(spec, instance);
        super::planned(spec, instance, &installer, &uninstaller)
    }

    fn about_packages(
        &self,
        spec: &Spec,
        instance: &Instance,
        packages: &[BuiltPackage<'_>],
    ) -> Vec<(String, Content)> {
        let of = |path: &str| packages.iter().find(|one| one.path == path);
        let [installer, uninstaller] = package_paths(spec, instance);
        match (of(&installer), of(&uninstaller)) {
            (Some(installer), Some(uninstaller)) => super::files(spec, instance, installer, uninstaller),
            _ => Vec::new(),
        }
    }

    /// Of one instance it would be the instance's own.
    fn of_all_instances(&self, spec: &Spec) -> Vec<Planned<MakeOfAll>> {
        if spec.base_url.is_none() || spec.instances.len() < 2 {
            return Vec::new();
        }
        let artifact = Artifact {
            path: WHOLE_PROFILE_FILE.to_owned(),
            kind: Kind::new(WHOLE_PROFILE),
            instance: None,
            identifier: Some(apple::whole_profile_identifier(spec)),
        };
        vec![Planned { artifact, make: |spec, _| Ok(Content::Profile(apple::whole_profile(spec))) }]
    }

    fn of_run(&self, spec: &Spec) -> Vec<Artifact> {
        super::catalogs(spec)
    }

    fn section<'a>(&self, instance: &str, files: &'a [Built]) -> Option<Section<'a>> {
        let section = Section {
            heading: "For device managers",
            rank: 1,
            files: files.iter().filter(|one| is_for_managers(one, instance)).collect(),
            commands: Vec::new(),
            fold: None,
        };
        (!section.files.is_empty()).then_some(section)
    }
}

fn is_in_munki_repository(path: &str) -> bool {
    path.strip_prefix(MUNKI_FOLDER).is_some_and(|rest| rest.starts_with('/'))
}

fn is_for_managers(built: &Built, instance: &str) -> bool {
    let below = built.artifact.path.strip_prefix(instance).and_then(|path| path.strip_prefix('/'));
    built.artifact.kind == MANAGER || below.is_some_and(|path| path.starts_with("mdm/"))
}

/// What a file is for, by its name.
fn words(path: &str) -> Option<&'static str> {
    let words = [
        ("/manifest.plist", "for InstallEnterpriseApplication"),
        ("/uninstall-manifest.plist", "the same for the uninstaller"),
        ("/package.json", "declaration for declarative management"),
        ("/login-items.mobileconfig", "Managed Login Items profile"),
        (".package.yml", "software for Fleet"),
    ];
    let named = words.iter().find(|(end, _)| path.ends_with(end)).map(|(_, what)| *what);
    match named {
        Some(what) => Some(what),
        None if path.starts_with("munki/pkgs/") => Some("Munki repository, package"),
        None if path.starts_with("munki/pkgsinfo/") => Some("Munki repository, pkginfo"),
        None if path.starts_with("munki/manifests/") => Some("Munki repository, manifest to include"),
        None if path.contains("/mdm/munki/") => Some("Munki pkginfo"),
        None if path.contains("/mdm/fleet/") => Some("script for Fleet"),
        None => None,
    }
}

/// A catalog of the Munki repository, made of the run's pkginfos.
fn write_catalog(artifact: &Artifact, run: &mut dyn RunFiles, out: &mut dyn Write) -> io::Result<()> {
    let mut paths = Vec::new();
    for built in run.records()? {
        let path = built?.artifact.path;
        if path.starts_with(munki::PKGSINFO) {
            paths.push(path);
        }
    }
    // The order in which the repository lists them, and not that of instances.
    paths.sort_unstable();
    let name = artifact.path.rsplit('/').next().unwrap_or_default();
    let pkginfos = paths.iter().map(|path| {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut run.open(path)?, &mut bytes)?;
        munki::read_pkginfo(&bytes).map_err(io::Error::other)
    });
    munki::write_catalog(name, pkginfos, out).map(drop).map_err(io::Error::other)
}
