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

#[derive(Template)]
#[template(path = "uninstall-all.sh")]
struct UninstallAll<'a> {
    uninstaller: &'a str,
    daemon_plist: &'a str,
}

const IS_THERE: &str = "\
#!/bin/sh
# Whether there is anything to uninstall: 0 if the Mac still has what starts one of these
# instances, 1 if it has not. Munki runs this as root. The uninstaller is looked for because
# it goes last.
";

const UNINSTALL_ALL: &str = "\
#!/bin/sh
# Removes what starts these Lima instances, each by its own uninstaller, run as root. The
# instances stay. Exits with 1 if one could not be removed; the others are.
FAILED=0
";

/// The property list of a job that starts at boot, whatever the settings say now: one that
/// limactl registered counts too, since an uninstaller removes it.
fn daemon_plist(instance: &Instance) -> String {
    format!("{}/{}.plist", launchd::DAEMONS_DIR, launchd::label_for(Condition::Boot, &instance.name))
}

/// Whether there is anything to uninstall of these instances.
pub fn munki_installcheck_sh(spec: &Spec, instances: &[Instance]) -> String {
    let parts = instances.iter().map(|instance| {
        let (daemon_plist, uninstaller) = (daemon_plist(instance), launchd::uninstaller_path(spec, instance));
        let values = Installcheck { daemon_plist: &daemon_plist, uninstaller: &uninstaller };
        fill("munki-installcheck.sh", &values)
    });
    [IS_THERE.to_owned()].into_iter().chain(parts).collect::<String>() + "exit 1\n"
}

/// Runs the uninstallers of all instances, as their packages installed them.
pub fn uninstall_all_sh(spec: &Spec) -> String {
    let parts = spec.instances.iter().map(|instance| {
        let (daemon_plist, uninstaller) = (daemon_plist(instance), launchd::uninstaller_path(spec, instance));
        let values = UninstallAll { uninstaller: &uninstaller, daemon_plist: &daemon_plist };
        fill("uninstall-all.sh", &values)
    });
    [UNINSTALL_ALL.to_owned()].into_iter().chain(parts).collect::<String>() + "exit \"$FAILED\"\n"
}

/// Installs the package that Fleet has downloaded; the same for every instance.
pub fn fleet_install_sh() -> &'static str {
    include_str!("../../../templates/fleet-install.sh")
}
