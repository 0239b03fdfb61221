//! The files of a run that device managers read.
//!
//! Must not know: how they are written.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::kinds::{self, MDM_PROFILE, MUNKI_CATALOG};
use super::subject::Subject;
use super::{apple, munki};
use crate::artifact::{
    Artifact, Built, BuiltPackage, Command, Content, Description, Kind, MakeOfAll, Maker, Planned, RunFiles,
    Section, Whose,
};
use crate::macos::artifacts::packages_of;
use crate::settings::resolve::MUNKI_FOLDER;
use crate::settings::{BaseUrl, Spec};

/// Place of the Managed Login Items profile of all instances of a run.
pub const WHOLE_PROFILE_FILE: &str = "login-items.mobileconfig";

static KINDS: [Description; 11] = kinds::kinds(write_catalog);

/// Makes them.
pub struct Managers;

impl Maker for Managers {
    fn kinds(&self) -> &'static [Description] {
        &KINDS
    }

    fn groups(&self) -> &'static [&'static str] {
        &["macos"]
    }

    fn of_packages(&self, spec: &Spec, whose: Whose<'_>) -> Vec<Artifact> {
        let [installer, uninstaller] = packages_of(spec, whose);
        super::planned(spec, whose, &installer, &uninstaller)
    }

    fn about_packages(
        &self,
        spec: &Spec,
        whose: Whose<'_>,
        packages: &[BuiltPackage<'_>],
    ) -> Vec<(String, Content)> {
        let of = |path: &str| packages.iter().find(|one| one.path == path);
        let [installer, uninstaller] = packages_of(spec, whose);
        match (of(&installer), of(&uninstaller)) {
            (Some(installer), Some(uninstaller)) => super::files(spec, whose, installer, uninstaller),
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
            kind: Kind::new(MDM_PROFILE),
            instance: None,
            identifier: Some(apple::profile_identifier(Subject { spec, whose: Whose::All })),
        };
        let make: MakeOfAll =
            |spec, _| Ok(Content::Profile(apple::profile(Subject { spec, whose: Whose::All })));
        vec![Planned { artifact, make }]
    }

    fn of_run(&self, spec: &Spec) -> Vec<Artifact> {
        super::catalogs(spec)
    }

    fn addresses(&self, base_url: &BaseUrl, kinds: &BTreeSet<Kind>) -> Vec<Command> {
        if !kinds.contains(&Kind::new(MUNKI_CATALOG)) {
            return Vec::new();
        }
        let note = "SoftwareRepoURL of the Macs:";
        vec![Command::new("Munki", Some(note), &[base_url.join(MUNKI_FOLDER)])]
    }

    fn section<'a>(&self, _: &str, files: &'a [Built]) -> Option<Section<'a>> {
        let is_ours = |one: &&Built| KINDS.iter().any(|kind| one.artifact.kind == kind.name);
        let section = Section {
            heading: "For device managers",
            rank: 1,
            files: files.iter().filter(is_ours).collect(),
            commands: Vec::new(),
            fold: None,
        };
        (!section.files.is_empty()).then_some(section)
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
