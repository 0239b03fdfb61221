//! The files of a run that are for Linux.
//!
//! Must not know: how they are written.

use super::{SYSTEMD, commands, systemd, units};
use crate::artifact::{Artifact, Built, Description, Kind, MakeOfInstance, Maker, Planned, Section};
use crate::lima_start;
use crate::settings::{Instance, Spec};

static KINDS: [Description; 1] = [Description {
    is_program: |path| path.rsplit('/').next() == Some(lima_start::FILE),
    ..Description::new(SYSTEMD, "The systemd unit, its drop-ins and the tmpfiles.d line")
}];

/// Makes them.
pub struct Linux;

impl Maker for Linux {
    fn kinds(&self) -> &'static [Description] {
        &KINDS
    }

    fn of_instance(&self, _: &Spec, instance: &Instance) -> Vec<Planned<MakeOfInstance>> {
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
        units::linux_files(instance).into_iter().map(planned).collect()
    }

    fn section<'a>(&self, instance: &str, files: &'a [Built]) -> Option<Section<'a>> {
        let section = Section {
            heading: "On Linux",
            rank: 2,
            files: files.iter().filter(|one| one.artifact.kind == SYSTEMD).collect(),
            commands: commands::of_instance(instance, files),
            fold: Some("Install and remove, as root, from this page’s folder"),
        };
        (!section.files.is_empty()).then_some(section)
    }
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
