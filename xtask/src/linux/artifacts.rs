//! The files of a run that are for Linux.
//!
//! Must not know: how they are written.

use super::package::{self, Format};
use super::{
    ARCH, DEB, LINUX_REPOSITORY, LINUX_REPOSITORY_LIST, RPM, SYSTEMD, commands, repository, systemd, units,
};
use crate::artifact::{
    Artifact, Built, BuiltPackage, Content, Description, Kind, MakeError, MakeOfInstance, Maker, Needs,
    Planned, Section, Whose,
};
use crate::lima_start;
use crate::settings::{Instance, Spec};

static KINDS: [Description; 6] = [
    Description {
        is_program: |path| path.rsplit('/').next() == Some(lima_start::FILE),
        ..Description::new(SYSTEMD, "The systemd unit, its drop-ins and the tmpfiles.d line")
    },
    Description {
        is_verified: true,
        is_compressed: true,
        words: |_| Some("package for Debian and Ubuntu"),
        ..Description::new(DEB, "The Debian package of the unit")
    },
    Description {
        is_verified: true,
        is_compressed: true,
        words: |_| Some("package for Fedora, RHEL and SUSE"),
        ..Description::new(RPM, "The RPM package of the unit")
    },
    Description {
        is_verified: true,
        is_compressed: true,
        words: |_| Some("package for Arch"),
        ..Description::new(ARCH, "The Arch package of the unit")
    },
    // Not for taking along: its packages are those of the instances once more.
    Description {
        needs: Some(Needs::LinuxRepository),
        brings: &[DEB, RPM, ARCH, LINUX_REPOSITORY_LIST],
        is_in_zip: |_| false,
        is_compressed: true,
        // Who serves the folder needs none of them by itself.
        is_listed: |_| false,
        words: |path| Some(repository::words(path)),
        ..Description::new(
            LINUX_REPOSITORY,
            "Repositories of the Linux packages (`--linux-repository`), with the packages",
        )
    },
    Description {
        needs: Some(Needs::LinuxRepository),
        brings: &[DEB, RPM, ARCH, LINUX_REPOSITORY],
        is_in_zip: |_| false,
        words: |path| Some(repository::words(path)),
        of_run: Some(repository::write_list),
        ..Description::new(
            LINUX_REPOSITORY_LIST,
            "What apt, dnf and pacman read of those repositories (`--linux-repository`)",
        )
    },
];

/// The kinds of packages, with what writes each.
const PACKAGES: [(&str, Format, MakeOfInstance); 3] = [
    (DEB, Format::Deb, |spec, instance, time| packed(linuxpkg::deb::write, spec, instance, time)),
    (RPM, Format::Rpm, |spec, instance, time| packed(linuxpkg::rpm::write, spec, instance, time)),
    (ARCH, Format::Arch, |spec, instance, time| packed(linuxpkg::arch::write, spec, instance, time)),
];

fn packed(
    write: fn(&linuxpkg::Package) -> Result<Vec<u8>, linuxpkg::Error>,
    spec: &Spec,
    instance: &Instance,
    time: u32,
) -> Result<Content, MakeError> {
    Ok(write(&package::package(spec, instance, time))?.into())
}

/// Makes them.
pub struct Linux;

impl Maker for Linux {
    fn kinds(&self) -> &'static [Description] {
        &KINDS
    }

    fn groups(&self) -> &'static [&'static str] {
        &["linux"]
    }

    fn of_instance(&self, spec: &Spec, instance: &Instance) -> Vec<Planned<MakeOfInstance>> {
        let name = instance.name.as_str();
        let planned = |file: units::LinuxFile| Planned {
            artifact: Artifact {
                path: format!("{name}/linux/{}", file.path),
                kind: Kind::new(SYSTEMD),
                instance: Some(name.to_owned()),
                identifier: unit(instance, &file.path),
            },
            make: file.make,
        };
        let mut all: Vec<_> = units::linux_files(instance).into_iter().map(planned).collect();
        all.extend(PACKAGES.map(|(kind, format, make)| Planned {
            artifact: Artifact {
                path: package_path(format, spec, instance),
                kind: Kind::new(kind),
                instance: Some(name.to_owned()),
                identifier: Some(instance.name.linux_package()),
            },
            make,
        }));
        all
    }

    fn of_packages(&self, spec: &Spec, whose: Whose<'_>) -> Vec<Artifact> {
        let copies = whose.instance().into_iter().flat_map(|instance| repository::copies(spec, instance));
        copies.map(|(artifact, _)| artifact).collect()
    }

    fn about_packages(
        &self,
        spec: &Spec,
        whose: Whose<'_>,
        packages: &[BuiltPackage<'_>],
    ) -> Vec<(String, Content)> {
        let is_built = |path: &String| packages.iter().any(|one| one.path == path);
        let copies = whose.instance().into_iter().flat_map(|instance| repository::copies(spec, instance));
        copies
            .filter(|(_, original)| is_built(original))
            .map(|(artifact, original)| (artifact.path, Content::CopyOf(original)))
            .collect()
    }

    fn of_run(&self, _: &Spec) -> Vec<Artifact> {
        repository::lists()
    }

    fn section<'a>(&self, instance: &str, files: &'a [Built]) -> Option<Section<'a>> {
        let section = Section {
            heading: "On Linux",
            rank: 2,
            files: files
                .iter()
                .filter(|one| KINDS.iter().any(|kind| one.artifact.kind == kind.name))
                .collect(),
            commands: commands::of_instance(instance, files),
            fold: Some("Install and remove, as root, from this page’s folder"),
        };
        (!section.files.is_empty()).then_some(section)
    }
}

/// Where the package of an instance is.
pub fn package_path(format: Format, spec: &Spec, instance: &Instance) -> String {
    format!("{}/linux/{}", instance.name, package::file_name(format, instance, &spec.version))
}

/// The unit that a file of `linux/` defines or adds to.
fn unit(instance: &Instance, path: &str) -> Option<String> {
    if path == systemd::TEMPLATE_UNIT {
        Some(path.to_owned())
    } else if path.starts_with(&systemd::drop_in_dir(&instance.name)) {
        Some(systemd::unit(&instance.name))
    } else {
        None
    }
}
