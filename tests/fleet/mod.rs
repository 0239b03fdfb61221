//! Many instances: parts of a run and what joins them, runs that go on after a
//! failure, one package for several instances.

mod combined;
mod failures;
mod managers;
mod parts;

use std::fs;

use crate::support::Xtask;

/// A settings file with so many instances, every third one for login.
pub fn settings(count: usize) -> String {
    let mut text = String::from("version = \"3.1\"\norganization = \"Example Corp\"\n");
    for number in 0..count {
        let condition = if number % 3 == 2 { "condition = \"login\"\n" } else { "" };
        text.push_str(&format!("[[instance]]\nname = \"vm{number}\"\n{condition}"));
    }
    text
}

/// A folder with such a settings file.
pub fn folder(count: usize) -> Xtask {
    let xtask = Xtask::new();
    fs::write(xtask.path("installers.toml"), settings(count)).unwrap();
    xtask
}
