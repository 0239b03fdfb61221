//! The files of an instance's Linux package. Every one is named after the instance, so
//! that packages of several instances have none in common, and all lie in `/usr`: an
//! administrator overrides them in `/etc`.
//!
//! Must not know: the formats that carry them, scripts.

use linuxpkg::{Content, Entry};

use super::{systemd, units};
use crate::lima_start;
use crate::settings::Instance;

/// The files, sorted by path.
///
/// The template's text is there under the instance's own name: systemd takes an exact
/// name before a template, and `%i` is the same. The link has every user's manager want
/// the unit, whose conditions say for whom it is; `systemctl enable` is for nobody to
/// run, and works offline.
pub fn of(instance: &Instance) -> Vec<Entry> {
    let units_dir = systemd::PACKAGED_USER_UNITS_DIR;
    let unit = systemd::unit(&instance.name);
    let program_path = program_path(instance);
    let program = format!("/{program_path}");
    let timeout = systemd::own_user_manager_timeout(instance);
    let file = |path, mode, text: String| Entry { path, mode, content: Content::File(text.into_bytes()) };
    let text = |path, text| file(path, 0o644, text);
    let mut files = vec![
        text(format!("{units_dir}/{unit}"), units::template_unit(&program)),
        text(drop_in_path(instance), units::packaged_drop_in(instance, &program)),
        Entry {
            path: format!("{units_dir}/{}.wants/{unit}", systemd::DEFAULT_TARGET),
            mode: 0o777,
            content: Content::Link(format!("../{unit}")),
        },
        text(
            format!(
                "{}/{}",
                systemd::PACKAGED_SYSTEM_UNITS_DIR,
                systemd::packaged_user_manager_drop_in(&instance.name, timeout)
            ),
            units::user_manager_of(timeout),
        ),
        file(program_path, 0o755, lima_start::program()),
    ];
    if let Some(user) = units::lingering_user(instance) {
        let path = format!("{}/{}", systemd::PACKAGED_TMPFILES_DIR, systemd::tmpfiles_name(&instance.name));
        files.push(text(path, units::linger(user)));
    }
    files.extend(folders(instance));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The folders that are gone with the last package that has them: RPM leaves the others.
fn folders(instance: &Instance) -> [Entry; 4] {
    let [units_dir, system_dir] = [systemd::PACKAGED_USER_UNITS_DIR, systemd::PACKAGED_SYSTEM_UNITS_DIR];
    [
        format!("usr/lib/{}", instance.name.linux_package()),
        format!("{units_dir}/{}", systemd::drop_in_dir(&instance.name)),
        format!("{units_dir}/{}.wants", systemd::DEFAULT_TARGET),
        format!("{system_dir}/user@.service.d"),
    ]
    .map(|path| Entry { path, mode: 0o755, content: Content::Folder })
}

/// The instance's own drop-in.
pub(super) fn drop_in_path(instance: &Instance) -> String {
    let folder = systemd::drop_in_dir(&instance.name);
    format!("{}/{folder}/{}", systemd::PACKAGED_USER_UNITS_DIR, systemd::DROP_IN_FILE)
}

/// lima-start, in a folder of the package's own.
fn program_path(instance: &Instance) -> String {
    format!("usr/lib/{}/{}", instance.name.linux_package(), lima_start::FILE)
}
