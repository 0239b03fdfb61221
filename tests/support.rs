//! What the tests share: other people's tools, the reference data, goldens.
#![allow(dead_code, reason = "each module uses a part of it")]

use std::path::{Path, PathBuf};

/// The repository's root. Tests run with `xtask/` as working directory.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the repository").to_owned()
}

/// Whether what is missing is a failure instead of a skip.
fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// Finds a program that somebody else wrote. Where it is not installed, says
/// so and returns `None`; under `CI` that is a failure.
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file());
    if found.is_none() {
        assert!(!in_ci(), "{name} is not installed, and CI runs every check");
        eprintln!("skipped: {name} is not installed");
    }
    found
}

/// A file of the reference data: other people's packages, which are not in the
/// repository. Where they are not, says so and returns `None`.
pub fn reference(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("LIMA_AUTOSTART_REFERENCE")
        .map_or_else(|| root().join("../shared/reference"), PathBuf::from);
    let file = folder.join(name);
    if file.is_file() {
        return Some(file);
    }
    eprintln!("skipped: no reference data at {}", file.display());
    None
}

/// Compares with `tests/golden/<name>`. `UPDATE_GOLDEN=1` writes it instead;
/// read the difference before you commit it.
pub fn golden(name: &str, actual: &[u8]) {
    let path = root().join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a golden has a folder"))
            .expect("create the golden's folder");
        std::fs::write(&path, actual).expect("write the golden");
        return;
    }
    let expected = std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", path.display()));
    if expected != actual {
        panic!(
            "{} differs; UPDATE_GOLDEN=1 rewrites it.\n--- expected\n{}\n--- actual\n{}",
            path.display(),
            String::from_utf8_lossy(&expected),
            String::from_utf8_lossy(actual)
        );
    }
}
