//! What a package set up: the property list that stays in its support folder,
//! and what the installation found for it on this Mac.
//!
//! Must not know: packages' formats, launchd itself.

use std::fs;

use crate::environment::search_path;
use crate::launchd::{self, FOUND_FOLDER, FOUND_USER, Job, STDERR_LOG, STDOUT_LOG};
use crate::spec::InstanceName;

/// How the registered `file` came from a package, in words; `None` where it is
/// not what one would have made of the list that it brought.
pub fn origin(name: &InstanceName, label: &str, file: &[u8]) -> Option<String> {
    let registered: Job = plist::from_bytes(file).ok()?;
    let folders = fs::read_dir(launchd::SUPPORT_ROOT).into_iter().flatten().flatten();
    let lists = folders.map(|entry| entry.path().join(name.as_str()).join(format!("{label}.plist")));
    let packaged = lists.filter_map(|list| plist::from_bytes::<Job>(&fs::read(list).ok()?).ok());
    packaged.filter_map(|packaged| filled(packaged, &registered)).map(|found| in_words(&found)).next()
}

/// What was found, if the packaged job with that in it is the registered one.
fn filled(packaged: Job, registered: &Job) -> Option<Vec<String>> {
    let mut job = packaged;
    let mut found = Vec::new();
    if job.user_name.as_deref() == Some(FOUND_USER) {
        let user = registered.user_name.as_ref()?;
        found.push(format!("the user {user}"));
        job.user_name = Some(user.clone());
    }
    if job.working_directory.starts_with(FOUND_FOLDER) {
        // What was below the unknown home folder is below the found one.
        let below = job.working_directory.strip_prefix(FOUND_FOLDER)?;
        let folder = registered.working_directory.clone();
        folder.strip_suffix(below)?;
        found.push(format!("the instance in {folder}"));
        job.standard_out_path = format!("{folder}/{STDOUT_LOG}");
        job.standard_error_path = format!("{folder}/{STDERR_LOG}");
        job.working_directory = folder;
    }
    let program = job.program_arguments.first_mut()?;
    if program.starts_with(FOUND_FOLDER) {
        let limactl = registered.program_arguments.first()?;
        found.push(limactl.clone());
        if let Some(path) = job.environment_variables.get_mut("PATH")
            && path.starts_with(FOUND_FOLDER)
        {
            *path = search_path(limactl, &launchd::SYSTEM_PATH);
        }
        program.clone_from(limactl);
    }
    (job == *registered).then_some(found)
}

fn in_words(found: &[String]) -> String {
    match found {
        [] => "set up by a package".to_owned(),
        found => format!("set up by a package, which found {} on this Mac", found.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Environment, Flags, Instance, resolve};

    fn instance(flags: Flags) -> Instance {
        let environment = Environment { user: Some("alice".to_owned()), is_root: false };
        resolve(&flags, None, &environment).unwrap().instances.remove(0)
    }

    fn auto() -> Flags {
        Flags { user: Some("auto".to_owned()), limactl: Some("auto".to_owned()), ..Flags::default() }
    }

    #[test]
    fn what_was_found_is_told_from_what_was_changed() {
        let limactl = Some("/usr/local/bin/limactl".to_owned());
        let job = Job::new(&instance(Flags { limactl, ..Flags::default() }));
        let found = filled(Job::new(&instance(auto())), &job).unwrap();
        assert_eq!(
            in_words(&found),
            "set up by a package, which found the user alice, the instance in /Users/alice/.lima/default, \
             /usr/local/bin/limactl on this Mac"
        );
        assert_eq!(filled(job.clone(), &job), Some(Vec::new()));
        for change in [
            |job: &mut Job| job.exit_time_out += 1,
            |job: &mut Job| job.working_directory = "/Users/alice/.lima/other".to_owned(),
            |job: &mut Job| job.standard_out_path = "/tmp/log".to_owned(),
            |job: &mut Job| job.environment_variables.clear(),
            |job: &mut Job| job.user_name = None,
            |job: &mut Job| job.program_arguments.truncate(1),
        ] {
            let mut changed = job.clone();
            change(&mut changed);
            assert_eq!(filled(Job::new(&instance(auto())), &changed), None, "{changed:?}");
        }
    }
}
