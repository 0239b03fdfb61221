//! What a package set up: the program beside its uninstaller, and for a user who
//! was found on this Mac the property list that it brought.
//!
//! Must not know: packages' formats, launchd itself.

use std::fs;
use std::path::Path;

use crate::macos::launchd::{self, FOUND_USER, Job};
use crate::settings::InstanceName;

/// How the registered `file` came from a package, in words; `None` where no
/// package is known to have made it.
pub fn origin(name: &InstanceName, label: &str, file: &[u8]) -> Option<String> {
    let registered: Job = plist::from_bytes(file).ok()?;
    let folder = Path::new(registered.program_arguments.first()?).parent()?;
    let is_a_package_s = folder.starts_with(launchd::SUPPORT_ROOT)
        && folder.ends_with(name.as_str())
        && folder.join(launchd::UNINSTALLER_FILE).is_file();
    if !is_a_package_s {
        return None;
    }
    match fs::read(folder.join(format!("{label}.plist"))) {
        Ok(packaged) => filled(plist::from_bytes(&packaged).ok()?, &registered),
        Err(_) => Some("set up by a package".to_owned()),
    }
}

/// What was found, if the packaged job with that in it is the registered one.
fn filled(packaged: Job, registered: &Job) -> Option<String> {
    let mut job = packaged;
    let mut words = "set up by a package".to_owned();
    if job.user_name.as_deref() == Some(FOUND_USER) {
        let user = registered.user_name.as_ref()?;
        words.push_str(&format!(", which found the user {user} on this Mac"));
        job.user_name = Some(user.clone());
    }
    (job == *registered).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::macos::launchd::Launcher;
    use crate::settings::{Environment, Flags, resolve};

    fn job(flags: Flags) -> Job {
        let environment = Environment { user: Some("alice".to_owned()), is_root: false };
        let spec = resolve(&flags, None, &environment).unwrap();
        Job::new(&spec.instances[0], &Launcher::packaged(&spec, &spec.instances[0]))
    }

    fn auto() -> Flags {
        Flags { user: Some("auto".to_owned()), ..Flags::default() }
    }

    #[test]
    fn what_was_found_is_told_from_what_was_changed() {
        let registered = job(Flags::default());
        assert_eq!(
            filled(job(auto()), &registered).unwrap(),
            "set up by a package, which found the user alice on this Mac"
        );
        assert_eq!(filled(registered.clone(), &registered).unwrap(), "set up by a package");
        for change in [
            |job: &mut Job| job.exit_time_out += 1,
            |job: &mut Job| job.environment_variables.clear(),
            |job: &mut Job| job.user_name = None,
            |job: &mut Job| job.program_arguments.truncate(1),
        ] {
            let mut changed = registered.clone();
            change(&mut changed);
            assert_eq!(filled(job(auto()), &changed), None, "{changed:?}");
        }
    }
}
