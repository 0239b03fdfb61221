//! The scripts of Linux packages: each is one file made of what is this package's own,
//! of what they have in common, and of what its package manager calls it with.
//!
//! Must not know: the formats that carry them.

use askama::Template;

use super::files::drop_in_path;
use super::systemd;
use crate::render::{fill, stand_alone};
use crate::settings::{Account, Instance};

/// What all of them share.
const COMMON: &str = include_str!("../../../pkg-scripts/linux-package.sh");

/// How long more than the unit itself may take the scripts wait for it, in seconds.
const MARGIN: u32 = 10;

#[derive(Template)]
#[template(path = "linux-package.sh")]
struct Config<'a> {
    package: &'a str,
    unit: &'a str,
    drop_in: &'a str,
    user: &'a str,
    condition: &'a str,
    patience: u32,
}

/// A script by the name that its package manager knows it by, and its text.
pub type Script = (&'static str, String);

/// What is this package's own.
pub fn config(instance: &Instance) -> String {
    let user = match &instance.user {
        Account::Named(user) => user.as_str(),
        Account::Auto => "auto",
    };
    fill(
        "linux-package.sh",
        &Config {
            package: &instance.name.linux_package(),
            unit: &systemd::unit(&instance.name),
            drop_in: &format!("/{}", drop_in_path(instance)),
            user,
            condition: instance.condition.as_str(),
            patience: systemd::stop_timeout(instance.exit_timeout).saturating_add(MARGIN),
        },
    )
}

/// The Debian package's.
pub fn deb(instance: &Instance) -> [Script; 3] {
    let parts = [
        ("preinst", include_str!("../../../pkg-scripts/linux-deb-preinst")),
        ("postinst", include_str!("../../../pkg-scripts/linux-deb-postinst")),
        ("prerm", include_str!("../../../pkg-scripts/linux-deb-prerm")),
    ];
    parts.map(|(name, part)| (name, script(instance, part)))
}

/// The RPM package's.
pub fn rpm(instance: &Instance) -> [Script; 3] {
    let parts = [
        ("pre", include_str!("../../../pkg-scripts/linux-rpm-pre")),
        ("post", include_str!("../../../pkg-scripts/linux-rpm-post")),
        ("preun", include_str!("../../../pkg-scripts/linux-rpm-preun")),
    ];
    parts.map(|(name, part)| (name, script(instance, part)))
}

/// Arch's: one file of functions.
pub fn arch(instance: &Instance) -> Script {
    (".INSTALL", script(instance, include_str!("../../../pkg-scripts/linux-arch-install")))
}

fn script(instance: &Instance, part: &str) -> String {
    let purpose = format!("A script of the package {}.", instance.name.linux_package());
    stand_alone(&purpose, &[&config(instance), COMMON, part])
}
