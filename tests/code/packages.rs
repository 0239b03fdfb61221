//! `verify` and `inspect` look into the programs of a package, whoever made it.

use std::io::Cursor;

use macho::write::{AdHoc, Processor, Program};
use serde_json::Value;
use xtask::sign::code::sign;
use xtask::verify::{Check, Level, Options, Status, all_hold};

use super::{ad_hoc, development, limactl, package, program};
use crate::support::{Xtask, succeed};
use crate::verify::verify;

fn of<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    checks.iter().find(|check| check.name == name).expect("it is always there")
}

fn signed() -> Vec<u8> {
    sign(development(), "limactl", limactl()).unwrap()
}

/// `inspect` of a.pkg.
fn run(xtask: &Xtask, arguments: &[&str]) -> String {
    succeed(xtask.bare_command(&["inspect", "a.pkg"]).args(arguments))
}

/// A program of which one byte is another.
fn damaged(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[0x900] ^= 1;
    bytes
}

#[test]
fn a_package_without_programs_has_nothing_to_check() {
    let class = b"\xca\xfe\xba\xbe\0\0\0\x41 a class of Java".to_vec();
    let checks =
        verify(&package(&[("a.class", class), ("short", vec![0xcf])], &[], None), &Options::default());
    assert!(all_hold(&checks));
    assert_eq!(of(&checks, "code").status, Status::NotApplicable);
}

#[test]
fn programs_are_counted_by_who_signed_them() {
    let unsigned = program(Processor::Arm64, 5).unsigned();
    let files = [("a", limactl()), ("b", signed()), ("c", signed()), ("d", unsigned)];
    let checks = verify(&package(&files, &[("helper", limactl())], None), &Options::default());
    assert!(all_hold(&checks), "{checks:?}");
    let code = of(&checks, "code");
    assert_eq!(code.status, Status::Note);
    assert_eq!(
        code.details,
        [
            "2 programs and libraries signed by Developer ID Application: lima-autostart, trusted by no Mac \
             (DEVELOPMENT)",
            "3 programs and libraries signed by nobody",
        ]
    );
    let not_signed = "\"./opt/d\": it is not signed, and Macs with Apple silicon do not run it";
    assert!(code.notes.iter().any(|note| note == not_signed), "{:?}", code.notes);
    assert!(code.notes.iter().any(|note| note.contains("whom Macs do not trust")), "{:?}", code.notes);
    // Who says whom to trust knows them.
    let trust = [super::read(&signed()).images[0].signed.by().unwrap().chain[0].clone()];
    let trusted = Options { trust: &trust, ..Options::default() };
    assert_eq!(of(&verify(&package(&files[..3], &[], None), &trusted), "code").status, Status::Pass);
}

#[test]
fn what_does_not_hold_fails_with_its_path() {
    let both =
        macho::universal(&[damaged(program(Processor::X86_64, 5).ad_hoc(&ad_hoc())), limactl()]).unwrap();
    let files =
        [("a", damaged(limactl())), ("both", both), ("signed", damaged(signed())), ("fine", limactl())];
    let checks = verify(&package(&files, &[("tool", damaged(limactl()))], None), &Options::default());
    let code = of(&checks, "code");
    assert_eq!(code.status, Status::Fail);
    assert_eq!(code.details.len(), 4, "{:?}", code.details);
    for (part, place) in [("\"./opt/a\"", 0), ("\"./opt/both\": x86_64: ", 1), ("\"./opt/signed\"", 2)] {
        assert!(code.details[place].starts_with(part), "{}", code.details[place]);
    }
    assert!(code.details.iter().any(|fault| fault.starts_with("Scripts: \"./tool\"")), "{:?}", code.details);
    assert!(code.details.iter().all(|fault| fault.contains("not as they were signed (SHA-256)")));
}

#[test]
fn two_forms_of_entitlements_that_differ() {
    let mut bytes = limactl();
    let at = bytes.windows(14).position(|part| part == b"virtualization").unwrap();
    bytes[at] = b'V';
    let faults = super::read(&bytes).findings.faults;
    assert!(faults.iter().any(|fault| fault.contains("not the same in XML and in DER")), "{faults:?}");
}

#[test]
fn what_the_notary_refuses_counts_where_that_is_required() {
    let options = Options { require: Some(Level::Notarized), ..Options::default() };
    let checks = verify(&package(&[("a", limactl()), ("b", signed())], &[], None), &options);
    let required = of(&checks, "required-level").details.join("\n");
    for part in [
        "the package is not signed",
        "\"./opt/a\": it has only an ad hoc signature",
        "\"./opt/a\": it does not ask for the hardened runtime",
        "\"./opt/b\": it is signed by \"Developer ID Application: lima-autostart, trusted by no Mac \
         (DEVELOPMENT)\", which does not lead to Apple's root",
        "\"./opt/b\": it has no valid timestamp",
    ] {
        assert!(required.contains(part), "{part}: {required}");
    }
    let less = Options { require: Some(Level::DeveloperId), ..Options::default() };
    let checks = verify(&package(&[("a", limactl())], &[], None), &less);
    assert!(!of(&checks, "required-level").details.join("\n").contains("opt/a"));
}

#[test]
fn what_else_the_notary_refuses() {
    use macho::{Platform, Value, Version, platform};
    let refusals =
        |bytes: &[u8]| xtask::verify::notarizable::refusals(&super::read(bytes), &|_| true).join("\n");
    let allowed = |names: &[&str]| {
        let pair = |name: &&str| (format!("com.apple.security.{name}"), Value::Boolean(true));
        let entitlements = Some(Value::Dictionary(names.iter().map(pair).collect()));
        let bytes = program(Processor::Arm64, 5).ad_hoc(&AdHoc { entitlements, runtime: true, ..ad_hoc() });
        refusals(&sign(development(), "a", bytes).unwrap())
    };
    assert_eq!(allowed(&["virtualization"]), "it has no valid timestamp");
    assert!(allowed(&["get-task-allow"]).contains("get-task-allow, which lets a debugger in"));
    // Node.js is notarized like this.
    assert!(!allowed(&["get-task-allow", "cs.disable-library-validation"]).contains("debugger"));
    let [minimum, sdk] = [Version::new(10, 8, 0); 2];
    let old = Some(Platform { number: platform::MACOS, minimum, sdk });
    let old = Program { platform: old, ..program(Processor::X86_64, 5) }.ad_hoc(&ad_hoc());
    assert!(refusals(&old).contains("the SDK of macOS 10.8, older than 10.9"), "{}", refusals(&old));
    // Nothing runs an object file or a library by itself.
    let mut object = program(Processor::Arm64, 5).unsigned();
    object[12] = 1;
    assert_eq!(refusals(&object), "");
    let library = Program { is_library: true, ..program(Processor::Arm64, 5) }.ad_hoc(&ad_hoc());
    assert!(!refusals(&library).contains("hardened"));
}

#[test]
fn inspect_shows_them() {
    let both = macho::universal(&[program(Processor::X86_64, 5).unsigned(), limactl()]).unwrap();
    let xtask = Xtask::new();
    let files = [("limactl", signed()), ("both", both)];
    std::fs::write(xtask.path("a.pkg"), package(&files, &[("tool", damaged(limactl()))], None)).unwrap();
    let said: Value = serde_json::from_str(&run(&xtask, &["--format", "json"])).unwrap();
    let code = said["components"][0]["code"].as_array().unwrap();
    let paths: Vec<_> = code.iter().map(|one| (&one["archive"], &one["path"])).collect();
    assert_eq!(
        serde_json::json!(paths),
        serde_json::json!([["Scripts", "./tool"], ["Payload", "./opt/both"], ["Payload", "./opt/limactl"],])
    );
    assert!(code[0]["faults"][0].as_str().unwrap().contains("not as they were signed"));
    let images = code[1]["images"].as_array().unwrap();
    assert_eq!((&images[0]["processor"], &images[0]["signature"]), (&"x86_64".into(), &"none".into()));
    assert_eq!((&images[1]["processor"], &images[1]["signature"]), (&"arm64".into(), &"ad-hoc".into()));
    let image = &code[2]["images"][0];
    for (name, value) in [
        ("kind", Value::from("program")),
        ("signature", "signed".into()),
        ("identifier", "limactl".into()),
        ("hardened_runtime", true.into()),
        ("minimum_system", "13.0".into()),
        ("digest", "SHA-256".into()),
    ] {
        assert_eq!(image[name], value, "{name}");
    }
    assert_eq!(image["code_hash"].as_str().unwrap().len(), 40);
    assert_eq!(image["entitlements"]["com.apple.security.virtualization"], true);
    assert!(image["certificates"][0]["subject"].as_str().unwrap().starts_with("Developer ID Application"));
    let human = run(&xtask, &[]);
    for part in [
        "Program: ./opt/limactl",
        "program, from macOS 13.0",
        "Developer ID Application: lima-autostart, trusted by no Mac (DEVELOPMENT)",
        "com.apple.security.virtualization",
        "nobody (ad hoc)",
        "Program among the scripts: ./tool",
        "INVALID",
    ] {
        assert!(human.contains(part), "{part}: {human}");
    }
}

/// A name that would act upon a terminal.
#[test]
fn hostile_names_are_printed_as_numbers() {
    let how = AdHoc { identifier: "a\u{1b}[2J\u{202e}b".to_owned(), ..ad_hoc() };
    let xtask = Xtask::new();
    std::fs::write(
        xtask.path("a.pkg"),
        package(&[("a", program(Processor::Arm64, 5).ad_hoc(&how))], &[], None),
    )
    .unwrap();
    let human = run(&xtask, &[]);
    assert!(human.contains(r"a\u{1b}[2J\u{202e}b") && !human.contains('\u{1b}'), "{human}");
}

/// A package in which a program is larger than what is held in memory.
#[test]
fn a_large_program_is_looked_into_on_disk() {
    let large = program(Processor::X86_64, 9 << 20);
    let holds = package(&[("large", large.ad_hoc(&ad_hoc()))], &[], None);
    assert_eq!(of(&verify(&holds, &Options::default()), "code").status, Status::Pass);
    let mut bytes = large.ad_hoc(&ad_hoc());
    bytes[8 << 20] ^= 1;
    let damaged = package(&[("large", bytes)], &[], None);
    let checks = xtask::verify::verify(&mut Cursor::new(damaged), &Options::default()).unwrap();
    assert!(of(&checks, "code").details[0].contains("1 of its 23"), "{:?}", of(&checks, "code"));
}
