//! Packages for Linux are read by the programs that others wrote, and compared with what
//! those write.

mod arch;
mod commands;
mod deb;
mod hostile;
mod mutation;
mod read;
mod repository;
mod rpm;
mod units;

use std::path::{Path, PathBuf};
use std::process::Command;

use linuxpkg::{
    Change, Content, Copyright, DebScripts, Depends, Entry, Package, Relation, Relations, RpmScripts, Scripts,
};

use crate::support::succeed;

/// 2025-06-15 15:06:40 UTC.
const TIME: u32 = 1_750_000_000;

/// A package with every kind of entry, every kind of relation and every script.
fn package() -> Package {
    let entry = |path: &str, mode, content: &[u8]| Entry {
        path: path.to_owned(),
        mode,
        content: Content::File(content.to_vec()),
    };
    let instance = "long-name-of-an-instance-".repeat(3);
    Package {
        name: "lima-++example-autostart".to_owned(),
        version: "1.2.10".to_owned(),
        release: "1".to_owned(),
        maintainer: "Ada Lovelace <ada@example.org>".to_owned(),
        summary: "Starts \"example\" & <others> at boot".to_owned(),
        description: vec![
            "A paragraph that is long enough to be broken into more than one line of text, with an é and \
             <markup> & more."
                .to_owned(),
            "A second one.".to_owned(),
        ],
        homepage: Some("https://example.org/?a=1&b=2".to_owned()),
        license: "MIT".to_owned(),
        copyright: Copyright {
            holders: vec!["2025 Ada Lovelace".to_owned(), "2026 Charles Babbage".to_owned()],
            text: "Permission is hereby granted.\n\nThe software is provided as is.\n".to_owned(),
        },
        files: vec![
            entry("usr/lib/systemd/user/example@x.service", 0o644, b"[Unit]\nDescription=x\n"),
            entry("usr/lib/example/run", 0o755, b"#!/bin/sh\necho run\n"),
            entry("usr/lib/example/data", 0o640, &[0xa5; 100_000]),
            entry("usr/lib/example/empty", 0o644, b""),
            entry(
                &format!("usr/lib/systemd/user/lima-vm@{instance}x.service.d/10-lima-autostart.conf"),
                0o644,
                b"[Service]\n",
            ),
            Entry {
                path: "usr/lib/systemd/user/default.target.wants/example@x.service".to_owned(),
                mode: 0o777,
                content: Content::Link("../example@x.service".to_owned()),
            },
        ],
        scripts: Scripts {
            deb: DebScripts {
                preinst: Some("#!/bin/sh\nset -e\ntouch /run/example\n".to_owned()),
                postinst: Some("#!/bin/sh\nset -e\necho \"$*\" >/run/example\n".to_owned()),
                prerm: Some("#!/bin/sh\nset -e\ntouch /run/example\n".to_owned()),
                postrm: None,
            },
            rpm: RpmScripts {
                post: Some("echo \"post $1\"\n".to_owned()),
                preun: Some("echo \"preun $1\"\n".to_owned()),
                ..RpmScripts::default()
            },
            arch: Some("post_install() {\n\techo \"post_install $1\"\n}\n".to_owned()),
        },
        depends: Depends {
            deb: relations("libpam-systemd"),
            rpm: relations("util-linux"),
            arch: relations("util-linux"),
        },
        changes: vec![
            change("1.2.10-1", TIME, "Built for the tests."),
            change("1.2.9-1", TIME - 86_400, "Before & <then>."),
        ],
        time: TIME,
    }
}

fn change(version: &str, time: u32, line: &str) -> Change {
    Change { version: version.to_owned(), time, lines: vec![line.to_owned()] }
}

fn relations(second: &str) -> Relations {
    Relations {
        requires: vec![Relation::at_least("systemd", "252"), Relation::any(second)],
        recommends: vec![Relation::any("qemu-utils")],
        suggests: vec![Relation::at_least("lima", "1.0").because("it runs the VM")],
    }
}

/// A package in a folder of its own.
fn written(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, bytes).unwrap();
    (folder, file)
}

/// What somebody else's program prints of a file, in a fixed locale and time zone.
fn said(program: &Path, arguments: &[&str], file: &Path) -> String {
    succeed(Command::new(program).args(arguments).arg(file).env("LC_ALL", "C.UTF-8").env("TZ", "UTC"))
}

/// Whether we are root, without whom some programs install nothing.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
