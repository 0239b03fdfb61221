//! The files of a run that are for a Mac.
//!
//! Must not know: how they are written.

use flatpkg::tree::TreeError;

use super::{
    COMBINED_PKG, COMBINED_UNINSTALL_PKG, PKG, PLIST, UNINSTALL_PKG, UNINSTALL_SCRIPT, commands, launchd,
    package, scripts,
};
use crate::artifact::{
    Artifact, Built, Command, Content, Description, Kind, MakeError, MakeOfAll, MakeOfInstance, Maker, Needs,
    PackageContents, Planned, Section, Whose,
};
use crate::settings::{Instance, Spec};

static KINDS: [Description; 6] = [
    Description {
        words: |_| Some("what launchd reads"),
        ..Description::new(PLIST, "The launchd property list")
    },
    Description::package(PKG, "The installer package"),
    Description {
        is_program: |_| true,
        words: |_| Some("removes everything, run with sudo"),
        ..Description::new(UNINSTALL_SCRIPT, "The uninstall script")
    },
    Description::package(UNINSTALL_PKG, "The uninstall package"),
    Description {
        needs: Some(Needs::Combined),
        ..Description::package(COMBINED_PKG, "The installer package with all instances (`--combined`)")
    },
    Description {
        needs: Some(Needs::Combined),
        ..Description::package(
            COMBINED_UNINSTALL_PKG,
            "The uninstall package with all instances (`--combined`)",
        )
    },
];

/// Makes them.
pub struct Macos;

impl Maker for Macos {
    fn kinds(&self) -> &'static [Description] {
        &KINDS
    }

    fn groups(&self) -> &'static [&'static str] {
        &["macos"]
    }

    fn of_instance(&self, spec: &Spec, instance: &Instance) -> Vec<Planned<MakeOfInstance>> {
        let name = instance.name.as_str();
        let [installer, uninstaller] = package_paths(spec, instance);
        let planned = |path, kind, identifier, make: MakeOfInstance| Planned {
            artifact: Artifact { path, kind: Kind::new(kind), instance: Some(name.to_owned()), identifier },
            make,
        };
        vec![
            planned(
                format!("{name}/macos/{}", launchd::file_name(instance)),
                PLIST,
                Some(launchd::label(instance)),
                |spec, instance, _| Ok(package::property_list(spec, instance).into()),
            ),
            planned(
                installer,
                PKG,
                Some(launchd::installer_identifier(spec, instance)),
                |spec, instance, time| packed(package::installer(spec, instance, time)),
            ),
            planned(format!("{name}/macos/uninstall.sh"), UNINSTALL_SCRIPT, None, |spec, instance, _| {
                Ok(scripts::uninstall_sh(spec, instance).into())
            }),
            planned(
                uninstaller,
                UNINSTALL_PKG,
                Some(launchd::uninstaller_identifier(spec, instance)),
                |spec, instance, time| packed(package::uninstaller(spec, instance, time)),
            ),
        ]
    }

    fn of_all_instances(&self, spec: &Spec) -> Vec<Planned<MakeOfAll>> {
        let [installer, uninstaller] = packages_of(spec, Whose::All);
        let planned = |path, kind, identifier, make: MakeOfAll| Planned {
            artifact: Artifact { path, kind: Kind::new(kind), instance: None, identifier: Some(identifier) },
            make,
        };
        vec![
            planned(installer, COMBINED_PKG, launchd::combined_installer_identifier(spec), |spec, time| {
                packed(package::combined_installer(spec, time))
            }),
            planned(
                uninstaller,
                COMBINED_UNINSTALL_PKG,
                launchd::combined_uninstaller_identifier(spec),
                |spec, time| packed(package::combined_uninstaller(spec, time)),
            ),
        ]
    }

    fn section<'a>(&self, instance: &str, files: &'a [Built]) -> Option<Section<'a>> {
        let commands = commands::of_instance(instance, files);
        let section = Section { heading: "On the Mac", rank: 0, files: Vec::new(), commands, fold: None };
        (!section.commands.is_empty()).then_some(section)
    }

    fn combined_commands(&self, packages: &[Built]) -> Vec<Command> {
        commands::combined(packages)
    }
}

/// Where packages are: the one that installs, and the one that uninstalls.
pub fn packages_of(spec: &Spec, whose: Whose<'_>) -> [String; 2] {
    match whose {
        Whose::One(instance) => package_paths(spec, instance),
        Whose::All => ["", "-uninstall"].map(|end| format!("lima-autostart-{}{end}.pkg", spec.version)),
    }
}

/// The same of an instance.
pub fn package_paths(spec: &Spec, instance: &Instance) -> [String; 2] {
    let (name, version) = (&instance.name, &spec.version);
    ["", "-uninstall"].map(|end| format!("{name}/macos/lima-{name}-{version}{end}.pkg"))
}

fn packed(contents: Result<PackageContents, TreeError>) -> Result<Content, MakeError> {
    Ok(Content::Package(Box::new(contents?)))
}
