//! Scripts that device managers run around the packages.
//!
//! Must not know: the files in which a manager reads them.

use askama::Template;

use crate::macos::launchd;
use crate::render::fill;
use crate::settings::{Condition, Instance, Spec};

#[derive(Template)]
#[template(path = "munki-installcheck.sh")]
struct Installcheck<'a> {
    daemon_plist: &'a str,
    uninstaller: &'a str,
}

/// Whether the package that uninstalls has anything to do. Both conditions'
/// packages leave the uninstaller; a job that limactl registered at boot counts
/// too, since the package removes it.
pub fn munki_installcheck_sh(spec: &Spec, instance: &Instance) -> String {
    let daemon = launchd::label_for(Condition::Boot, &instance.name);
    fill(
        "munki-installcheck.sh",
        &Installcheck {
            daemon_plist: &format!("{}/{daemon}.plist", launchd::DAEMONS_DIR),
            uninstaller: &launchd::uninstaller_path(spec, instance),
        },
    )
}

/// Installs the package that Fleet has downloaded; the same for every instance.
pub fn fleet_install_sh() -> &'static str {
    include_str!("../../../templates/fleet-install.sh")
}
