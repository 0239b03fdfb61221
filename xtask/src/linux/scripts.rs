//! The scripts of Linux packages: each is one file made of what is this package's own,
//! of what they have in common, and of what its package manager calls it with.
//!
//! Must not know: the formats that carry them.

use askama::Template;
use linuxpkg::{DebScripts, RpmScripts, Scripts};

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

/// All scripts of all formats.
pub fn of(instance: &Instance) -> Scripts {
    let script = |part: &str| {
        let purpose = format!("A script of the package {}.", instance.name.linux_package());
        stand_alone(&purpose, &[&config(instance), COMMON, part])
    };
    // RPM and pacman bring the shell themselves.
    let body = |part| script(part).trim_start_matches("#!/bin/sh\n").to_owned();
    Scripts {
        deb: DebScripts {
            preinst: Some(script(include_str!("../../../pkg-scripts/linux-deb-preinst"))),
            postinst: Some(script(include_str!("../../../pkg-scripts/linux-deb-postinst"))),
            prerm: Some(script(include_str!("../../../pkg-scripts/linux-deb-prerm"))),
            postrm: None,
        },
        rpm: RpmScripts {
            pre: Some(body(include_str!("../../../pkg-scripts/linux-rpm-pre"))),
            post: Some(body(include_str!("../../../pkg-scripts/linux-rpm-post"))),
            preun: Some(body(include_str!("../../../pkg-scripts/linux-rpm-preun"))),
            postun: None,
            posttrans: None,
        },
        arch: Some(body(include_str!("../../../pkg-scripts/linux-arch-install"))),
    }
}
