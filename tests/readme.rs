//! The README's commands do what it says: those that this machine can run are
//! run, as they stand there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::{Xtask, root, succeed, tool};

/// What only a Mac or a server has.
const ELSEWHERE: [&str; 3] = ["installer ", "rsync ", "makecatalogs "];

/// What a chapter has in blocks of a language.
fn blocks(chapter: &str, language: &str) -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let text = readme.split("\n## ").find(|text| text.starts_with(chapter)).expect("the chapter");
    let begin = format!("```{language}\n");
    text.split(&begin).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// A folder in which `cargo xtask` is the program that is tested.
fn place() -> (Xtask, String) {
    let xtask = Xtask::new();
    let bin = xtask.path("bin");
    fs::create_dir(&bin).unwrap();
    let script = "#!/bin/sh\n[ \"$1\" = xtask ] || exit 64\nshift\nexec \"$XTASK\" \"$@\"\n";
    fs::write(bin.join("cargo"), script).unwrap();
    fs::set_permissions(bin.join("cargo"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    (xtask, path)
}

#[test]
fn the_chapter_for_a_fleet() {
    let (Some(bash), Some(git)) = (tool("bash"), tool("git")) else { return };
    let [settings] = &blocks("For a fleet", "toml")[..] else { panic!("one settings file") };
    let blocks = blocks("For a fleet", "sh");
    let here: Vec<&String> =
        blocks.iter().filter(|block| !ELSEWHERE.iter().any(|word| block.contains(word))).collect();
    assert!(here.len() >= 4 && blocks.len() - here.len() <= 2, "{blocks:#?}");
    let (xtask, path) = place();
    fs::write(xtask.path("installers.toml"), settings).unwrap();
    fs::write(xtask.path("k3s.yaml"), "base: template:k3s\n").unwrap();
    // A checkout, whose last commit has a time.
    succeed(Command::new(&git).args(["init", "-q"]).current_dir(&xtask.dir));
    let name = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
    succeed(
        Command::new(&git).args(name).args(["commit", "-qm", "a", "--allow-empty"]).current_dir(&xtask.dir),
    );
    for block in here {
        let program = xtask.bare_command(&[]);
        let mut command = Command::new(&bash);
        command.args(["-euc", block]).current_dir(&xtask.dir).env_clear();
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let said = succeed(command.env("PATH", &path).env("XTASK", program.get_program()));
        assert!(!said.is_empty(), "{block}");
    }
    // What the text around them promises.
    let files = xtask.files("out");
    assert!(files.contains_key("lima-autostart-1.0.0.zip"));
    assert!(xtask.path("whole/index.html").is_file());
}
