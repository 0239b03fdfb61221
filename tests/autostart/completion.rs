//! Shells offer the instances that exist.

use std::fs;
use std::process::Command;

use crate::readme::blocks_of;
use crate::support::{Xtask, succeed, tool};

/// A LIMA_HOME with two instances.
fn lima_home() -> Xtask {
    let xtask = Xtask::new();
    for name in ["docker", "k3s"] {
        fs::create_dir_all(xtask.path(".lima").join(name)).unwrap();
        fs::write(xtask.path(".lima").join(name).join("lima.yaml"), "").unwrap();
    }
    xtask
}

#[test]
fn the_program_offers_instances() {
    let xtask = lima_home();
    for words in [
        &["autostart", "enable"][..],
        &["autostart", "disable"],
        &["autostart", "status"],
        &["start-at-login"],
    ] {
        let mut command = xtask.bare_command(&["--", "xtask"]);
        command.args(words).arg("");
        command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", (words.len() + 1).to_string());
        let offered = succeed(command.env("HOME", xtask.dir.path()));
        let offered: Vec<&str> = offered.lines().filter(|word| !word.starts_with('-')).collect();
        assert_eq!(offered, ["docker", "k3s"], "{words:?}");
    }
}

/// The two lines of docs/macs.md, in a bash.
#[test]
fn bash_completes_as_the_guide_says() {
    let Some(bash) = tool("bash") else { return };
    let xtask = lima_home();
    let blocks = blocks_of("docs/macs.md", "This machine, without a package", "sh");
    let lines = blocks.iter().find(|block| block.starts_with("xtask() {")).expect("the two lines");
    // Stands in for cargo, which would build and then run the same.
    let script = format!(
        "cargo() {{ shift; {:?} \"$@\"; }}\n{lines}\n\
         COMP_WORDS=(xtask autostart enable d) COMP_CWORD=3 COMP_TYPE=9 COMP_POINT=24\n\
         COMP_LINE='xtask autostart enable d'\n\
         words=($(complete -p xtask)); for ((i = 0; i < ${{#words[@]}}; i++)); do\n\
         [ \"${{words[i]}}\" = -F ] && complete_with=${{words[i + 1]}}; done\n\
         \"$complete_with\" xtask d enable; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        env!("CARGO_BIN_EXE_xtask")
    );
    let mut command = Command::new(bash);
    command.args(["--norc", "-c", &script]).env("HOME", xtask.dir.path()).env_remove("LIMA_HOME");
    assert_eq!(succeed(&mut command).trim(), "docker");
}
