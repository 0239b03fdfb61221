//! An instance's Linux package: one for Debian, RPM and Arch, each of which writes it in
//! its own way.
//!
//! Must not know: the formats' bytes, the disk, the clock.

use linuxpkg::{Change, Copyright, Depends, Package, Relation, Relations};

use super::{files, scripts};
use crate::settings::{Condition, Instance, Limactl, PackageVersion, Spec};

/// Revision of every package: one version is packed once.
const RELEASE: &str = "1";
/// The oldest systemd that the unit is for.
const SYSTEMD_VERSION: &str = "252";
/// limactl where a distribution's own package of Lima has it.
const DISTRIBUTION_LIMACTL: &str = "/usr/bin/limactl";
/// Who maintains a package where nobody says so. No mail reaches `.invalid` (RFC 2606).
const NOBODY: &str = "nobody@lima-autostart.invalid";
const LICENSE: &str = include_str!("../../../LICENSE");

/// Longest summary, in characters.
const SUMMARY_MAX: usize = linuxpkg::package::SUMMARY_MAX;

/// A format that packages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Debian's.
    Deb,
    /// RPM's.
    Rpm,
    /// Arch's.
    Arch,
}

/// The file's name, as the package managers' own tools have it.
pub fn file_name(format: Format, instance: &Instance, version: &PackageVersion) -> String {
    let name = instance.name.linux_package();
    match format {
        Format::Deb => format!("{name}_{version}-{RELEASE}_all.deb"),
        Format::Rpm => format!("{name}-{version}-{RELEASE}.noarch.rpm"),
        Format::Arch => format!("{name}-{version}-{RELEASE}-any.pkg.tar.zst"),
    }
}

/// The package. Versions of dotted numbers are versions of all three formats, and in the
/// order that they have on a Mac, but that `1.0` is older than `1.0.0`.
pub fn package(spec: &Spec, instance: &Instance, time: u32) -> Package {
    Package {
        name: instance.name.linux_package(),
        version: spec.version.to_string(),
        release: RELEASE.to_owned(),
        maintainer: maintainer(spec),
        summary: summary(instance),
        description: description(instance),
        homepage: Some("https://lima-vm.io/".to_owned()),
        license: "MIT".to_owned(),
        copyright: Copyright { holders: vec![holder()], text: LICENSE.to_owned() },
        files: files::of(instance),
        scripts: scripts::of(instance),
        depends: depends(instance),
        changes: vec![Change {
            version: format!("{}-{RELEASE}", spec.version),
            time,
            lines: vec![format!("Built by lima-autostart for the Lima instance {}.", instance.name)],
        }],
        time,
    }
}

fn maintainer(spec: &Spec) -> String {
    match &spec.maintainer {
        Some(maintainer) => maintainer.to_string(),
        None => format!("lima-autostart <{NOBODY}>"),
    }
}

/// The years and the name of the licence's own line.
fn holder() -> String {
    let line = LICENSE.lines().find_map(|line| line.strip_prefix("Copyright (c) "));
    line.expect("the licence names its holder").to_owned()
}

fn event(instance: &Instance) -> &'static str {
    match instance.condition {
        Condition::Boot => "boot",
        Condition::Login => "login",
    }
}

fn summary(instance: &Instance) -> String {
    let event = event(instance);
    let summary = format!("Start of the Lima instance {} at {event}", instance.name);
    if summary.chars().count() <= SUMMARY_MAX {
        summary
    } else {
        format!("Start of a Lima instance at {event}")
    }
}

fn description(instance: &Instance) -> Vec<String> {
    let name = &instance.name;
    let whose = match instance.user.name() {
        Some(user) => {
            format!("It is for the user {user}, who owns the instance, and does nothing for others.")
        }
        None => "It is for the user who owns the instance, and does nothing for others.".to_owned(),
    };
    let when = match instance.condition {
        Condition::Boot => "at boot, before anybody logs in",
        Condition::Login => "when its user logs in",
    };
    vec![
        format!(
            "Lima runs Linux virtual machines. This package has systemd start the instance {name} {when}, \
             shut it down in peace, and start it again after a crash. {whose}"
        ),
        "The instance itself is made by limactl create, and neither installation nor removal touches it."
            .to_owned(),
    ]
}

/// Lima is not a requirement: its release is a tarball, Homebrew's, MacPorts' or Nix's more
/// often than a package. Where the settings name the limactl of one, it is wanted.
fn depends(instance: &Instance) -> Depends {
    let limactl = instance.limactl.as_ref();
    let is_packaged =
        limactl.is_some_and(|it| matches!(it, Limactl::At(path) if path.as_str() == DISTRIBUTION_LIMACTL));
    let relations = |requires: Vec<Relation>| {
        let lima = vec![Relation::any("lima").because("the limactl that runs the instance")];
        let (recommends, suggests) = if is_packaged { (lima, Vec::new()) } else { (Vec::new(), lima) };
        Relations { requires, recommends, suggests }
    };
    let systemd = || Relation::at_least("systemd", SYSTEMD_VERSION);
    Depends {
        // user@.service takes PAM's part of systemd, which Debian has by itself.
        deb: relations(vec![Relation::any("libpam-systemd"), systemd()]),
        // What the scripts use; elsewhere it is always there.
        rpm: relations(vec![Relation::any("coreutils"), systemd(), Relation::any("util-linux")]),
        arch: relations(vec![systemd()]),
    }
}
