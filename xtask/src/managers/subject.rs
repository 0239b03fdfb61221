//! What packages are about, as managers' files say it: one instance, or all instances
//! of a run together.
//!
//! Must not know: the files in which a manager reads it.

use std::slice;

use super::scripts;
use crate::artifact::Whose;
use crate::macos::{combined_pages, launchd, package, pages};
use crate::settings::architectures::common_architectures;
use crate::settings::resolve::MDM_FOLDER;
use crate::settings::{Architecture, Instance, MacosVersion, Spec};

/// Two packages, the one that installs and the one that uninstalls: of two values, the
/// first is the installer's.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The settings.
    pub spec: &'a Spec,
    /// Whose packages.
    pub whose: Whose<'a>,
}

impl<'a> Subject<'a> {
    /// The instances that the packages have components of.
    pub fn instances(&self) -> &'a [Instance] {
        match self.whose {
            Whose::One(instance) => slice::from_ref(instance),
            Whose::All => &self.spec.instances,
        }
    }

    /// The folder of the files, relative to the output folder.
    pub fn folder(&self) -> String {
        match self.whose {
            Whose::One(instance) => format!("{}/mdm", instance.name),
            Whose::All => MDM_FOLDER.to_owned(),
        }
    }

    /// What names of files start with. No instance has the name of all, since its own
    /// has a hyphen and more.
    pub fn stem(&self) -> String {
        match self.whose {
            Whose::One(instance) => format!("lima-{}", instance.name),
            Whose::All => "lima".to_owned(),
        }
    }

    /// What it is, for people: `Lima instance k3s`.
    pub fn words(&self) -> String {
        match self.whose {
            Whose::One(instance) => format!("Lima instance {}", instance.name),
            Whose::All => format!("{} Lima instances", self.spec.instances.len()),
        }
    }

    /// Titles of the packages.
    pub fn titles(&self) -> [String; 2] {
        match self.whose {
            Whose::One(instance) => [pages::title(instance), pages::uninstall_title(instance)],
            Whose::All => [combined_pages::combined_title(), combined_pages::combined_uninstall_title()],
        }
    }

    /// Identifiers of the packages.
    pub fn identifiers(&self) -> [String; 2] {
        let spec = self.spec;
        match self.whose {
            Whose::One(one) => {
                [launchd::installer_identifier(spec, one), launchd::uninstaller_identifier(spec, one)]
            }
            Whose::All => {
                [launchd::combined_installer_identifier(spec), launchd::combined_uninstaller_identifier(spec)]
            }
        }
    }

    /// An identifier of something of ours: `io.lima-vm.WHAT.k3s`, or without the name.
    pub fn identifier_of(&self, what: &str) -> String {
        match self.whose {
            Whose::One(instance) => format!("{}.{what}.{}", self.spec.identifier_prefix, instance.name),
            Whose::All => format!("{}.{what}", self.spec.identifier_prefix),
        }
    }

    /// The oldest macOS that the packages install on.
    pub fn min_macos(&self) -> &'a MacosVersion {
        package::newest_min_macos(self.instances())
    }

    /// The processors that they are for.
    pub fn architectures(&self) -> Vec<Architecture> {
        match self.whose {
            Whose::One(instance) => instance.architectures.clone(),
            Whose::All => common_architectures(self.spec).expect("the plan was checked"),
        }
    }

    /// The script that uninstalls.
    pub fn uninstall_sh(&self) -> String {
        match self.whose {
            Whose::One(instance) => crate::macos::scripts::uninstall_sh(self.spec, instance),
            Whose::All => scripts::uninstall_all_sh(self.spec),
        }
    }
}
