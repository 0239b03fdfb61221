//! What lands on the disk of a package that means harm, or is odd.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::writer::{component, entry, gzip, odc};
use super::*;

#[test]
fn what_is_there_twice_is_left_out_and_the_rest_is_unpacked() {
    let xtask = Xtask::new();
    let cpio = odc(&[
        entry("a", 0o100_644, b"first"),
        entry("a", 0o100_644, b"second"),
        entry("link", 0o120_755, b"/tmp"),
        entry("link", 0o120_755, b"/etc"),
        entry("link/below", 0o100_644, b"x"),
        entry("a/below", 0o100_644, b"x"),
        entry("pipe", 0o010_644, b""),
        entry("z", 0o100_644, b"last"),
    ]);
    fs::write(xtask.path("x.pkg"), component(&gzip(&cpio))).unwrap();
    let (status, errors) = run(&xtask, &["inspect", "x.pkg", "--extract", "out"]);
    assert_eq!(status, NOT_READ, "{errors}");
    for left_out in [
        "\"./a\" is there twice",
        "\"./link\" is there twice",
        "\"./link/below\" lies below something that is not a folder",
        "\"./a/below\" lies below something that is not a folder",
        "\"./pipe\" is of the kind 10000",
    ] {
        assert!(errors.contains(left_out), "{left_out}: {errors}");
    }
    assert!(errors.lines().all(|line| line.starts_with("error: ") && line.contains("x.pkg")), "{errors}");
    assert_eq!(fs::read(xtask.path("out/Payload/a")).unwrap(), b"first");
    assert_eq!(fs::read(xtask.path("out/Payload/z")).unwrap(), b"last");
    assert_eq!(fs::read_link(xtask.path("out/Payload/link")).unwrap().to_str(), Some("/tmp"));
}

/// A folder that nobody may enter, listed after what is in it and before.
#[test]
fn modes_are_set_from_the_deepest_up() {
    let xtask = Xtask::new();
    let (closed, inner) = (entry("d", 0o040_000, b""), entry("d/e", 0o040_500, b""));
    let file = entry("d/e/f", 0o104_640, b"content");
    for (name, entries) in [("before", [closed, inner, file]), ("after", [file, inner, closed])] {
        fs::write(xtask.path("x.pkg"), component(&gzip(&odc(&entries)))).unwrap();
        assert_eq!(run(&xtask, &["inspect", "x.pkg", "--extract", name]), (Some(0), String::new()));
        let mode = |path: &str| {
            let metadata = fs::metadata(xtask.path(&format!("{name}/Payload/{path}"))).unwrap();
            metadata.permissions().mode() & 0o7777
        };
        assert_eq!((mode("d"), mode("d/e"), mode("d/e/f")), (0o000, 0o500, 0o640));
        let time = shell(&xtask.path(name), "stat -c %Y Payload/d Payload/d/e Payload/d/e/f | sort -u");
        assert_eq!(time.trim_end(), writer::MTIME.to_string());
    }
}
