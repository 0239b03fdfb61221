//! Names and versions: what the package managers take, and how they order it.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::process::Command;

use proptest::prelude::*;
use xtask::linux::package::{Format, file_name};
use xtask::settings::{Condition, Instance, InstanceName, PackageVersion};

use super::{package_of, plain};
use crate::render::goldens::quiet;
use crate::render::spec;
use crate::support::tool;

fn name() -> impl Strategy<Value = String> {
    // Few characters, so that names are close to each other.
    prop_oneof!["[aAbB_]{1,4}", "[A-Za-z0-9]{1,6}([._-][A-Za-z0-9]{1,6}){0,3}", "[a+A]{1,3}"]
}

fn is_taken_by_all(name: &str) -> bool {
    let is_small = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    // Debian Policy 5.6.1; RPM and Arch take all of this.
    name.bytes().next().is_some_and(is_small) && name.bytes().all(|b| is_small(b) || b"+.-".contains(&b))
}

/// The instance of a package's name; the other way round.
fn instance_of(package: &str) -> String {
    let inner = package.strip_prefix("lima-").and_then(|it| it.strip_suffix("-autostart")).unwrap();
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match (c, c == '+') {
            (_, true) => match chars.next().unwrap() {
                '+' => out.push('_'),
                c => out.push(c.to_ascii_uppercase()),
            },
            (c, false) => out.push(c),
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_two_instances_have_packages_of_one_name(names in prop::collection::vec(name(), 1..24)) {
        let mut seen: HashMap<String, InstanceName> = HashMap::new();
        for name in names.iter().filter_map(|name| name.parse::<InstanceName>().ok()) {
            let package = name.linux_package();
            prop_assert!(is_taken_by_all(&package), "{}", package);
            prop_assert_eq!(instance_of(&package), name.as_str());
            if let Some(other) = seen.insert(package, name.clone()) {
                prop_assert_eq!(other, name);
            }
        }
    }
}

#[test]
fn files_are_named_as_the_formats_name_them() {
    for name in ["k3s", "My_VM", "docker.rootless-1"] {
        let instance = Instance { name: name.parse().unwrap(), ..plain(Condition::Boot) };
        let (package, version) = (package_of(&instance), spec(&instance).version);
        assert_eq!(file_name(Format::Deb, &instance, &version), linuxpkg::deb::file_name(&package));
        assert_eq!(file_name(Format::Rpm, &instance, &version), linuxpkg::rpm::file_name(&package));
        assert_eq!(file_name(Format::Arch, &instance, &version), linuxpkg::arch::file_name(&package));
    }
}

/// How the three package managers order two versions, as their own tools say.
fn orders(a: &str, b: &str) -> Option<[Ordering; 3]> {
    let (dpkg, rpm, vercmp) = (tool("dpkg")?, tool("rpm")?, tool("vercmp")?);
    let number = |text: Vec<u8>| String::from_utf8(text).unwrap().trim().parse::<i8>().unwrap().cmp(&0);
    let is = |relation: &str| {
        let (a, b) = (format!("{a}-1"), format!("{b}-1"));
        Command::new(&dpkg).args(["--compare-versions", &a, relation, &b]).status().unwrap().success()
    };
    let debian = match (is("lt"), is("eq")) {
        (true, _) => Ordering::Less,
        (_, true) => Ordering::Equal,
        _ => Ordering::Greater,
    };
    let expression = format!("%{{lua: print(rpm.vercmp('{a}-1', '{b}-1'))}}");
    Some([
        debian,
        number(quiet(Command::new(rpm).args(["--eval", &expression]))),
        number(quiet(Command::new(vercmp).args([format!("{a}-1"), format!("{b}-1")]))),
    ])
}

#[test]
fn versions_are_ordered_as_on_a_mac() {
    let versions =
        ["0", "1", "1.0", "1.0.0", "1.0.1", "1.9", "1.10", "1.10.0.2", "2026.04.01", "2026.4.1", "2026.4.2"];
    for (at, a) in versions.iter().enumerate() {
        for b in &versions[at..] {
            let [x, y] = [a, b].map(|text| text.parse::<PackageVersion>().unwrap());
            let Some(orders) = orders(a, b) else { return };
            let numbers = |text: &str| text.split('.').count();
            match x.installer_cmp(&y) {
                // A number more counts, even if it is 0.
                Ordering::Equal => assert_eq!(orders, [numbers(a).cmp(&numbers(b)); 3], "{a} {b}"),
                order => assert_eq!(orders, [order; 3], "{a} {b}"),
            }
        }
    }
}
