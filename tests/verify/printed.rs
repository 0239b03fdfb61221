//! Names that mean harm, through every command, on a terminal: nothing that a terminal
//! would act upon comes out.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::handmade::{Heap, end, entry, folder, gzip};
use crate::support::Xtask;

/// Clears the screen, sets the window's title, colours, goes up and over the line, ends
/// the line, begins a C1 sequence, turns the text around.
const HOSTILE: &str = "h\u{1b}[2J\u{1b}]0;t\u{7}\u{1b}[35m\u{1b}[1A\r\nerror: x\u{9b}2J\u{85}\u{2028}\u{202e}\u{2066}\u{200f}\u{7f}\u{8}";

/// For a name in a document: `&` and `<` are not in it.
fn in_xml(prefix: &str) -> String {
    // A document cannot hold most C0 characters, not even as references.
    let kept: String =
        HOSTILE.chars().filter(|one| !one.is_control() || matches!(one, '\r' | '\n' | '\u{7f}'..)).collect();
    format!("{prefix}{kept}")
}

/// A product in which everything that has a name has a hostile one.
fn hostile_package() -> Vec<u8> {
    let name = |prefix: &str| format!("{prefix}{HOSTILE}");
    let text = in_xml;
    let mut heap = Heap::default();
    let distribution = format!(
        "<installer-gui-script minSpecVersion=\"2\"><title>{0}</title><product id=\"{0}\" version=\"{0}\"/>\
         <options hostArchitectures=\"{0}\"/><welcome file=\"{0}\"/><installation-check script=\"{0}\"/>\
         <volume-check><allowed-os-versions><os-version min=\"{0}\"/></allowed-os-versions></volume-check>\
         <script>system.run('{0}');</script>\
         <choices-outline><line choice=\"{0}\"/></choices-outline>\
         <choice id=\"{0}c\" title=\"{0}\" visible=\"{0}\" selected=\"{0}\"><pkg-ref id=\"{0}\"/></choice>\
         <pkg-ref id=\"{0}\" version=\"{0}\" installKBytes=\"{0}\" onConclusion=\"{0}\">#a.pkg</pkg-ref>\
         <pkg-ref id=\"{0}e\">http://{0}</pkg-ref><pkg-ref id=\"{0}f\">#{0}</pkg-ref></installer-gui-script>",
        text("d")
    );
    let info = format!(
        "<pkg-info identifier=\"{0}\" version=\"{0}\" install-location=\"{0}\" auth=\"{0}\" \
         postinstall-action=\"{0}\"><payload numberOfFiles=\"9\" installKBytes=\"9\"/>\
         <relocate><bundle id=\"{0}\"/></relocate>\
         <scripts><postinstall file=\"./{0}\"/><preinstall file=\"./{1}\"/></scripts></pkg-info>",
        text("i"),
        text("gone")
    );
    let job = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict><key>Label</key>\
         <string>{0}</string><key>UserName</key><string>{0}</string><key>ProgramArguments</key><array>\
         <string>{0}</string></array></dict></plist>",
        text("l")
    );
    let payload = [
        entry(&name("./p"), 0o104_755, b"x"),
        entry(&name("./s"), 0o120_755, HOSTILE.as_bytes()),
        entry(&format!("./s{HOSTILE}/below"), 0o100_644, b"x"),
        entry(&name("./fifo"), 0o010_644, b""),
        entry(&format!("./Library/LaunchDaemons/{HOSTILE}.plist"), 0o100_644, job.as_bytes()),
        entry(&format!("./Library/LaunchDaemons/2{HOSTILE}.plist"), 0o100_644, b"<plist>"),
        end(),
    ]
    .concat();
    let script = format!("#!/bin/sh\n{HOSTILE}\n");
    let scripts = [entry(&format!("./{}", text("i")), 0o100_755, script.as_bytes()), end()].concat();
    let distribution = heap.member("Distribution", distribution.as_bytes());
    let component = folder(
        "a.pkg",
        &(heap.member("PackageInfo", info.as_bytes())
            + &heap.member("Payload", &gzip(&payload))
            + &heap.member("Scripts", &gzip(&scripts))),
    );
    let other =
        folder(&text("o"), &(heap.member("PackageInfo", b"<pkg-info/>") + &heap.member("Payload", b"x")));
    let resources = folder("Resources", &heap.member(&text("r"), b"x"));
    let plug_ins = folder("Plugins", &folder(&format!("{}.bundle", text("b")), ""));
    heap.xar(&(distribution + &component + &other + &resources + &plug_ins))
}

/// A component whose document cannot be read, in a folder with a hostile name.
fn unreadable_package() -> Vec<u8> {
    let mut heap = Heap::default();
    let info = heap.member("PackageInfo", format!("<pkg-info {}", in_xml("x")).as_bytes());
    heap.xar(&folder(&in_xml("u"), &info))
}

/// Runs a command on a pseudo-terminal and returns what it wrote.
fn on_a_terminal(xtask: &Xtask, arguments: &[&str]) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let other_end = || {
        let open = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        Stdio::from(OwnedFd::from(open))
    };
    let mut command = xtask.bare_command(arguments);
    command.env("TERM", "xterm-256color").stdin(Stdio::null()).stdout(other_end()).stderr(other_end());
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut written = Vec::new();
    // The terminal ends with an error once nobody has its other end.
    let _ = File::from(terminal).read_to_end(&mut written);
    child.wait().unwrap();
    String::from_utf8(written).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
}

/// What a terminal would act upon, beside the program's own colours and line ends.
fn acted_upon(written: &str) -> Option<char> {
    let mut rest = written.replace("\r\n", "\n");
    // Its own styles: never magenta, which the hostile names ask for.
    for style in ["0", "1", "2", "31", "32", "33", "36"] {
        rest = rest.replace(&format!("\u{1b}[{style}m"), "");
    }
    rest.chars().find(|one| {
        (one.is_control() && *one != '\n')
            || matches!(one, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

#[test]
fn nothing_from_a_package_reaches_a_terminal_raw() {
    let xtask = Xtask::new();
    let named = format!("{HOSTILE}.pkg");
    fs::create_dir(xtask.path("folder")).unwrap();
    for (file, bytes) in [
        ("hostile.pkg", hostile_package()),
        ("unreadable.pkg", unreadable_package()),
        (named.as_str(), hostile_package()),
        ("no\u{1b}[2J.pkg", b"no package".to_vec()),
    ] {
        fs::write(xtask.path(file), &bytes).unwrap();
        fs::write(xtask.path("folder").join(file), bytes).unwrap();
    }
    let mut seen = String::new();
    for (number, file) in
        ["hostile.pkg", "unreadable.pkg", &named, "no\u{1b}[2J.pkg", "missing\u{1b}[2J.pkg", "folder"]
            .into_iter()
            .enumerate()
    {
        let new_folder = format!("x{number}\u{1b}[2J");
        for arguments in [
            &["inspect", file][..],
            &["inspect", file, "--scripts"],
            &["inspect", file, "--paths"],
            &["inspect", file, "--format", "json", "--scripts"],
            &["inspect", file, "--extract", &new_folder],
            &["inspect", file, "--extract", &new_folder],
            &["verify", file],
            &["verify", file, "--format", "json"],
            &["verify", file, "--format", "junit"],
            &["verify", file, "--trust", file],
        ] {
            let written = on_a_terminal(&xtask, arguments);
            assert!(!written.is_empty(), "{arguments:?}");
            let found = acted_upon(&written);
            assert_eq!(found, None, "{arguments:?} wrote {found:?}:\n{written:?}");
            // Nothing has a line of its own that a name wrote.
            assert!(!written.contains("\nerror: x"), "{arguments:?}:\n{written:?}");
            seen.push_str(&written);
        }
    }
    // They were printed, and so could have come out.
    for part in ["\\u{1b}[2J", "\\u001b[2J", "\\u{202e}", "\\u202e", "\\u{9b}", "set-user-ID", "below"] {
        assert!(seen.to_lowercase().contains(&part.to_lowercase()), "{part} is in none of the reports");
    }
}
