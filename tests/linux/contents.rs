//! What is in an instance's package, as goldens, and what systemd and the shells make of
//! it.

use std::fmt::Write as _;
use std::process::Command;

use linuxpkg::{Content, Package};
use proptest::prelude::*;
use xtask::linux::systemd;
use xtask::settings::{Account, Instance};

use super::{hostile, package_cases, package_of, plain, text, unpack};
use crate::golden::{abridged, golden};
use crate::render::goldens::{SHELLS, folder_of, quiet};
use crate::render::properties::{dump_in, instance, shell_words};
use crate::support::{root, tool};
use xtask::settings::Condition;

/// A package as people can read it; what is the same everywhere is a golden elsewhere.
fn listing(package: &Package) -> String {
    let mut out = format!("{} {}-{}\n", package.name, package.version, package.release);
    writeln!(out, "{}\n{}\n", package.maintainer, package.summary).unwrap();
    for paragraph in &package.description {
        writeln!(out, "{paragraph}\n").unwrap();
    }
    for (format, relations) in
        [("deb", &package.depends.deb), ("rpm", &package.depends.rpm), ("arch", &package.depends.arch)]
    {
        let kinds = [
            ("requires", &relations.requires),
            ("recommends", &relations.recommends),
            ("suggests", &relations.suggests),
        ];
        for (kind, list) in kinds {
            for one in list {
                let least = one.at_least.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
                writeln!(out, "{format} {kind} {}{least}", one.name).unwrap();
            }
        }
    }
    for entry in &package.files {
        match &entry.content {
            Content::Folder => writeln!(out, "\n== {}/ {:o}", entry.path, entry.mode).unwrap(),
            Content::Link(target) => writeln!(out, "\n== {} -> {target}", entry.path).unwrap(),
            Content::File(bytes) => {
                writeln!(out, "\n== {} {:o}", entry.path, entry.mode).unwrap();
                let text = std::str::from_utf8(bytes).unwrap();
                if text.starts_with("#!") {
                    out += &abridged(text, &[]);
                } else {
                    out += text;
                }
            }
        }
    }
    out
}

fn config(instance: &Instance) -> String {
    xtask::linux::scripts::config(instance)
}

/// The scripts of a package by name.
fn scripts(instance: &Instance) -> Vec<(&'static str, String)> {
    let scripts = package_of(instance).scripts;
    let [deb, rpm] = [scripts.deb, {
        let rpm = scripts.rpm;
        linuxpkg::DebScripts { preinst: rpm.pre, postinst: rpm.post, prerm: rpm.preun, postrm: rpm.postun }
    }];
    assert_eq!((&deb.postrm, &rpm.postrm), (&None, &None));
    vec![
        ("deb-preinst", deb.preinst.unwrap()),
        ("deb-postinst", deb.postinst.unwrap()),
        ("deb-prerm", deb.prerm.unwrap()),
        ("rpm-pre", rpm.preinst.unwrap()),
        ("rpm-post", rpm.postinst.unwrap()),
        ("rpm-preun", rpm.prerm.unwrap()),
        ("arch-install", scripts.arch.unwrap()),
    ]
}

#[test]
fn packages_are_their_goldens() {
    for (case, _, instance) in package_cases() {
        let mut all = listing(&package_of(&instance));
        write!(all, "\n== config.sh of the scripts\n{}", config(&instance)).unwrap();
        golden(&format!("linux/{case}.txt"), all.as_bytes());
    }
    let plain = plain(Condition::Boot);
    for (name, script) in scripts(&plain) {
        let text = abridged(&script, &[("config.sh", &config(&plain))]);
        golden(&format!("linux/scripts/{name}"), text.as_bytes());
    }
}

#[test]
fn every_shell_and_shellcheck_can_read_the_scripts() {
    for instance in [plain(Condition::Boot), hostile(Condition::Login)] {
        let scripts = scripts(&instance);
        let folder = folder_of(scripts.iter().map(|(name, text)| (*name, text.as_str())));
        for (name, _) in &scripts {
            let file = folder.path().join(name);
            for (shell, args) in SHELLS {
                let Some(shell) = tool(shell) else { continue };
                quiet(Command::new(shell).args(args).arg("-n").arg(&file));
            }
            let Some(shellcheck) = tool("shellcheck") else { continue };
            let output = Command::new(shellcheck).args(["-s", "sh"]).arg(&file).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
    }
}

#[test]
fn every_file_is_named_after_the_instance() {
    for (_, _, instance) in package_cases() {
        let files = package_of(&instance).files.into_iter();
        for entry in files.filter(|entry| entry.content != Content::Folder) {
            let named = [format!("lima-vm@{}.service", instance.name), format!("-{}.conf", instance.name)];
            let own = instance.name.linux_package();
            let is_named = named.iter().any(|name| entry.path.contains(name)) || entry.path.contains(&own);
            assert!(is_named, "{} could be in another instance's package too", entry.path);
        }
    }
}

/// The drop-in of user@.service that decides.
fn deciding(timeouts: &[u32]) -> u32 {
    let name = "k3s".parse().unwrap();
    let mut names: Vec<(String, u32)> = timeouts
        .iter()
        .map(|timeout| (systemd::packaged_user_manager_drop_in(&name, *timeout), *timeout))
        .collect();
    names.push((systemd::USER_MANAGER_DROP_IN.to_owned(), 0));
    names.sort();
    names.last().unwrap().1
}

#[test]
fn of_all_packages_the_slowest_decides() {
    assert_eq!(deciding(&[400, 150, 3650, 1000]), 3650);
    assert_eq!(deciding(&[120]), 120, "behind what was installed by hand");
}

/// What a shell has in the variables of the scripts.
fn read_by_shell(shell: &std::path::Path, args: &[&str], instance: &Instance) -> Vec<String> {
    let names = ["PACKAGE", "UNIT", "DROP_IN", "USER", "CONDITION", "PATIENCE"];
    let print: String = names.iter().map(|name| format!("printf '%s\\0' \"$LINUX_{name}\"\n")).collect();
    let script = config(instance) + &print;
    let output = String::from_utf8(quiet(Command::new(shell).args(args).arg("-c").arg(script))).unwrap();
    output.strip_suffix('\0').unwrap().split('\0').map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_survive_the_scripts_and_the_unit(instance in instance()) {
        let package = package_of(&instance);
        let user = instance.user.name().map_or("auto", |user| user.as_str());
        let unit = systemd::unit(&instance.name);
        let drop_in = format!("/usr/lib/systemd/user/{unit}.d/10-lima-autostart.conf");
        let patience = (systemd::stop_timeout(instance.exit_timeout) + 10).to_string();
        for (shell, args) in SHELLS {
            let Some(shell) = tool(shell) else { continue };
            let expected =
                [package.name.as_str(), &unit, &drop_in, user, instance.condition.as_str(), &patience];
            prop_assert_eq!(read_by_shell(&shell, args, &instance), expected);
        }
        // What before_upgrade reads.
        let said = text(&package, drop_in.trim_start_matches('/'));
        let last = said.lines().filter_map(|line| line.strip_prefix("ConditionUser=")).next_back().unwrap();
        let condition = if instance.user == Account::Auto { "!@system" } else { user };
        prop_assert_eq!(last, condition);

        let Some(analyze) = tool("systemd-analyze") else { return Ok(()) };
        let folder = tempfile::tempdir().unwrap();
        unpack(&package, folder.path());
        let units = folder.path().join(systemd::PACKAGED_USER_UNITS_DIR);
        let dump = dump_in(&analyze, &units, &unit);
        let user_condition = format!("ConditionUser: {condition} ");
        prop_assert!(dump.contains(&user_condition), "{} in\n{}", user_condition, dump);
        prop_assert!(dump.contains("ConditionUser: !root "), "{}", dump);
        let words: Vec<Vec<String>> = dump
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("Command Line: "))
            .map(shell_words)
            .collect();
        let program = format!("/usr/lib/{}/lima-start", package.name);
        prop_assert!(words.iter().any(|words| words[..2] == ["/bin/sh", &program]), "{:?}", words);
        let owned = words.iter().find(|words| words[0] == "/usr/bin/test");
        match (&instance.user, &instance.lima_home) {
            (Account::Auto, Some(home)) => {
                let file = format!("{home}/{}/lima.yaml", instance.name);
                prop_assert_eq!(owned.unwrap(), &["/usr/bin/test", "-O", &file]);
            }
            _ => prop_assert_eq!(owned, None),
        }
    }
}

#[test]
fn the_licence_in_the_package_is_the_repository_s() {
    let copyright = package_of(&plain(Condition::Boot)).copyright;
    let license = std::fs::read_to_string(root().join("LICENSE")).unwrap();
    assert_eq!(copyright.text, license);
    assert!(license.contains(&format!("Copyright (c) {}", copyright.holders[0])));
}
