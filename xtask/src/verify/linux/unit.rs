//! Whether a package that starts a Lima instance is of one piece: unit, drop-ins, link,
//! tmpfiles.d line and scripts are about one instance and one user.
//!
//! Must not know: how they are rendered, archives.

use std::collections::BTreeSet;

use linuxpkg::{Contents, File, FileKind};

use super::Kept;
use crate::linux::systemd;
use crate::settings::InstanceName;
use crate::verify::{Check, Findings};

/// The check's name.
const NAME: &str = "lima-unit";
/// How a file is named that gives a user's manager time.
const TIMEOUT_PREFIX: &str = "20-lima-";
/// What scripts say of their package, one assignment on a line.
const IN_SCRIPTS: [&str; 5] =
    ["LINUX_PACKAGE", "LINUX_UNIT", "LINUX_DROP_IN", "LINUX_USER", "LINUX_CONDITION"];

/// The check.
pub fn check(contents: &Contents, kept: &[Kept]) -> Check {
    let names: Vec<&str> = contents.files.iter().filter_map(|file| instance_of(&file.path)).collect();
    let name = match names.as_slice() {
        [] => return Check::not_applicable(NAME, "it starts no Lima instance"),
        [name] => *name,
        several => {
            return Check::of(
                NAME,
                vec![format!("it has units of several instances: {}", several.join(", "))],
            );
        }
    };
    let name: InstanceName = match name.parse() {
        Ok(name) => name,
        Err(error) => return Check::of(NAME, vec![format!("its unit is of no Lima instance: {error}")]),
    };
    let package = Package { contents, kept, unit: systemd::unit(&name), name };
    let mut found = Findings::default();
    package.names(&mut found);
    package.program(&mut found);
    package.timeouts(&mut found);
    let who = package.user(&mut found);
    Check::of(NAME, found).remark(format!("starts {} {who}", package.name))
}

/// The instance whose unit lies at a path.
fn instance_of(path: &str) -> Option<&str> {
    let unit = path.strip_prefix(systemd::PACKAGED_USER_UNITS_DIR)?.strip_prefix("/lima-vm@")?;
    unit.strip_suffix(".service").filter(|name| !name.is_empty() && !name.contains('/'))
}

struct Package<'a> {
    contents: &'a Contents,
    kept: &'a [Kept],
    name: InstanceName,
    unit: String,
}

impl Package<'_> {
    fn file(&self, path: &str) -> Option<&File> {
        self.contents.files.iter().find(|file| file.path == path)
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.kept.iter().find(|one| one.path == path).map(|one| one.text.as_str())
    }

    fn unit_path(&self) -> String {
        format!("{}/{}", systemd::PACKAGED_USER_UNITS_DIR, self.unit)
    }

    fn drop_in_path(&self) -> String {
        let folder = systemd::drop_in_dir(&self.name);
        format!("{}/{folder}/{}", systemd::PACKAGED_USER_UNITS_DIR, systemd::DROP_IN_FILE)
    }

    /// Package, unit, drop-in and link have the instance's name.
    fn names(&self, found: &mut Findings) {
        let name = self.name.linux_package();
        if self.contents.name != name {
            found.fault(format!(
                "it is called {:.200?}, and a package that starts {} {name}",
                self.contents.name, self.name
            ));
        }
        for path in [self.unit_path(), self.drop_in_path()] {
            match self.file(&path) {
                None => found.fault(format!("{path:?} is missing")),
                Some(file) if file.user != "root" || file.mode & 0o022 != 0 => {
                    found.fault(format!("{path:?} may be changed by others than root"));
                }
                Some(_) => {}
            }
        }
        let link =
            format!("{}/{}.wants/{}", systemd::PACKAGED_USER_UNITS_DIR, systemd::DEFAULT_TARGET, self.unit);
        let target = format!("../{}", self.unit);
        match self.file(&link).map(|file| &file.kind) {
            Some(FileKind::Link(found)) if *found == target => {}
            Some(_) => found.fault(format!("{link:?} does not lead to {target}")),
            None => found.fault(format!("{link:?} is missing: nothing starts the unit")),
        }
        let said = |key| self.said(key);
        for (key, right) in [
            ("LINUX_PACKAGE", self.contents.name.clone()),
            ("LINUX_UNIT", self.unit.clone()),
            ("LINUX_DROP_IN", format!("/{}", self.drop_in_path())),
        ] {
            for (script, value) in said(key).into_iter().filter(|(_, value)| *value != right) {
                found.fault(format!("{script} has {key}={value:.200?}, and not {right:?}"));
            }
        }
        if !self.contents.scripts.is_empty() && IN_SCRIPTS.iter().any(|key| said(key).is_empty()) {
            found.note("its scripts do not say what they are for");
        }
    }

    /// What a script says, with the script's name.
    fn said(&self, key: &str) -> Vec<(&str, String)> {
        let lines = self
            .contents
            .scripts
            .iter()
            .flat_map(|script| script.text.lines().map(move |line| (script.name.as_str(), line)));
        let value = |line: &str| Some(unquoted(line.strip_prefix(key)?.strip_prefix('=')?));
        lines.filter_map(|(script, line)| Some((script, value(line)?))).collect()
    }

    /// The program that the unit runs is in the package.
    fn program(&self, found: &mut Findings) {
        let mut programs = BTreeSet::new();
        for path in [self.unit_path(), self.drop_in_path()] {
            let lines = values(self.text(&path).unwrap_or_default(), "ExecStart");
            // `:/bin/sh "PROGRAM" …`
            programs.extend(lines.into_iter().filter_map(|line| line.split('"').nth(1).map(str::to_owned)));
        }
        if programs.is_empty() {
            found.fault("its unit runs no program".to_owned());
        }
        for program in programs {
            match self.file(program.trim_start_matches('/')) {
                Some(File { kind: FileKind::File, mode, .. }) if mode & 0o111 == 0o111 => {}
                Some(_) => found.fault(format!("its unit runs {program:.200?}, which is not a program")),
                None => found.fault(format!("its unit runs {program:.200?}, which is not in the package")),
            }
        }
    }

    /// The user's manager has more time to stop in than the unit.
    fn timeouts(&self, found: &mut Findings) {
        let own = values(self.text(&self.drop_in_path()).unwrap_or_default(), "TimeoutStopSec");
        let own = own.last().and_then(|value| seconds(value));
        let folder = format!("{}/user@.service.d/{TIMEOUT_PREFIX}", systemd::PACKAGED_SYSTEM_UNITS_DIR);
        let drop_ins: Vec<&Kept> = self.kept.iter().filter(|one| one.path.starts_with(&folder)).collect();
        let [drop_in] = drop_ins.as_slice() else {
            return found
                .fault("it does not give the user's manager time to stop in, in one file".to_owned());
        };
        let stated = values(&drop_in.text, "TimeoutStopSec");
        let stated = stated.last().and_then(|value| seconds(value));
        let right = stated.map(|seconds| {
            let file = systemd::packaged_user_manager_drop_in(&self.name, seconds);
            format!("{}/{file}", systemd::PACKAGED_SYSTEM_UNITS_DIR)
        });
        if right.as_ref() != Some(&drop_in.path) {
            // Its place among others is the number's.
            found.fault(format!("{:.200?} is not named after the instance and its seconds", drop_in.path));
        }
        if own.zip(stated).is_none_or(|(own, stated)| stated < own) {
            found.fault("the user's manager has less time to stop in than the unit".to_owned());
        }
    }

    /// Condition, tmpfiles.d line and scripts are about one user. Who, in words.
    fn user(&self, found: &mut Findings) -> String {
        let conditions = values(self.text(&self.drop_in_path()).unwrap_or_default(), "ConditionUser");
        let only: Vec<&str> = conditions.into_iter().filter(|value| !value.starts_with('!')).collect();
        let tmpfiles = format!("{}/{}", systemd::PACKAGED_TMPFILES_DIR, systemd::tmpfiles_name(&self.name));
        let lines = self.text(&tmpfiles).unwrap_or_default().lines();
        let prefix = format!("f \"{}/", systemd::LINGER_DIR);
        let lingering: Vec<&str> =
            lines.filter_map(|line| line.strip_prefix(&prefix)?.split('"').next()).collect();
        let scripts: BTreeSet<String> = self.said("LINUX_USER").into_iter().map(|(_, user)| user).collect();
        let conditions: BTreeSet<String> =
            self.said("LINUX_CONDITION").into_iter().map(|(_, condition)| condition).collect();
        if scripts.len() > 1 || conditions.len() > 1 {
            found.fault("its scripts differ in the user or in when it starts".to_owned());
        }
        if only.len() > 1 {
            found.fault(format!("its unit is for several users: {}", only.join(", ")));
        }
        let user = only.last().copied();
        for said in &scripts {
            if Some(said.as_str()) != user.or(Some("auto")) {
                let unit = user.unwrap_or("whoever owns the instance");
                found.fault(format!(
                    "its scripts are for the user {said:.200?}, and its unit for {unit:.200}"
                ));
            }
        }
        for said in lingering.iter().filter(|said| Some(**said) != user) {
            found.fault(format!("{said:.200?} starts at boot, who is not the unit's user"));
        }
        let is_boot = conditions.iter().next().map(|condition| condition == "boot");
        match (is_boot, lingering.is_empty()) {
            (Some(true), true) if user.is_some() => {
                found.fault(format!("{tmpfiles:?} is missing: nothing starts the user's manager at boot"));
            }
            (Some(false), false) => found.fault("it is for a login, and starts at boot".to_owned()),
            _ => {}
        }
        let when = match is_boot {
            Some(true) => "at boot",
            Some(false) => "at login",
            None => "",
        };
        format!("{when} for {}", user.unwrap_or("who owns it")).trim().to_owned()
    }
}

/// The values of a key in a unit, in order; what is in comments is none.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let value = |line: &'a str| line.strip_prefix(key)?.strip_prefix('=');
    text.lines()
        .filter_map(|line| value(line.trim()))
        .map(str::trim)
        .filter(|value| !value.is_empty())
        .collect()
}

fn seconds(value: &str) -> Option<u32> {
    value.strip_suffix('s').unwrap_or(value).parse().ok()
}

/// A word of sh, without its quotes.
fn unquoted(word: &str) -> String {
    let mut text = String::new();
    let mut chars = word.chars();
    let mut is_quoted = false;
    while let Some(one) = chars.next() {
        match one {
            '\'' => is_quoted = !is_quoted,
            '\\' if !is_quoted => text.extend(chars.next()),
            _ => text.push(one),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lose_their_quotes() {
        assert_eq!(unquoted(r"'it'\''s $HOME'"), "it's $HOME");
        assert_eq!(unquoted("plain"), "plain");
    }

    #[test]
    fn an_instance_is_told_by_its_unit_alone() {
        assert_eq!(instance_of("usr/lib/systemd/user/lima-vm@k3s.service"), Some("k3s"));
        for path in
            ["usr/lib/systemd/user/lima-vm@.service", "usr/lib/systemd/user/lima-vm@k3s.service.d/x.service"]
        {
            assert_eq!(instance_of(path), None, "{path}");
        }
    }
}
