//! What the guides tell people to type. Each line of a block in `sh` is run as it
//! stands there, unless it needs what no test machine has, or another test runs
//! it; each `console` block is compared with what the program prints.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::{Guide, blocks_of};
use crate::support::{Xtask, identity_folder, root, succeed, tool};

/// Words that tell which lines are not run here, and who runs them.
const ELSEWHERE: [(&str, &str); 21] = [
    ("cargo test", "it would run this test"),
    ("cargo xtask ci", "it would run this test"),
    ("cargo fmt", "CI does"),
    ("cargo clippy", "CI does"),
    ("git diff tests/golden", "takes the repository"),
    ("cargo bench", "takes minutes of a quiet machine"),
    ("installer ", "takes a Mac"),
    ("Application Support", "takes a Mac"),
    ("dnf install", "takes a Fedora"),
    ("zypper install", "takes a SUSE"),
    ("pacman -U", "takes an Arch"),
    ("rpmsign ", "tests/linux/signing.rs runs it"),
    ("gpg --", "tests/linux/signing.rs runs it"),
    ("rsync ", "takes a server"),
    ("makecatalogs ", "takes a server"),
    ("--require notarized", "takes a package that Apple notarized"),
    (" --notarize ", "tests/notary plays Apple"),
    ("cargo xtask notarize", "tests/notary plays Apple"),
    ("cargo xtask autostart", "tests/autostart/boot.rs runs them in a machine"),
    ("xtask() {", "tests/autostart/completion.rs has a bash read it"),
    ("COMPLETE=", "tests/autostart/completion.rs has a bash read it"),
];

/// Chapters whose blocks tests/boot runs in a machine of their own.
const BOOTED: [(&str, &str); 4] = [
    ("docs/linux.md", "Installing"),
    ("docs/linux.md", "Removing"),
    ("docs/linux-packages.md", "Install, upgrade, remove"),
    ("docs/linux-packages.md", "Many machines"),
];

fn runs_elsewhere(line: &str) -> bool {
    ELSEWHERE.iter().any(|(word, _)| line.contains(word))
}

/// A checkout that has built README.md's instance, in which `cargo xtask` is the
/// program that is tested, with the value of PATH for it.
fn place() -> (Xtask, String) {
    let xtask = Xtask::new();
    let bin = xtask.path("bin");
    fs::create_dir(&bin).unwrap();
    let script = "#!/bin/sh\n[ \"$1\" = xtask ] || exit 64\nshift\nexec \"$XTASK\" \"$@\"\n";
    fs::write(bin.join("cargo"), script).unwrap();
    fs::set_permissions(bin.join("cargo"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(xtask.path("k3s.yaml"), "base: template:k3s\n").unwrap();
    fs::copy(root().join("installers.example.toml"), xtask.path("installers.example.toml")).unwrap();
    // Where the development identity is.
    fs::create_dir_all(identity_folder()).unwrap();
    std::os::unix::fs::symlink(identity_folder(), xtask.path("target")).unwrap();
    // A commit has a time.
    let git = tool("git").expect("git was looked for");
    let run = |arguments: &[&str]| {
        succeed(Command::new(&git).args(arguments).current_dir(&xtask.dir));
    };
    run(&["init", "-q"]);
    run(&["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "a", "--allow-empty"]);
    xtask.run(&["dist", "k3s"]);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    (xtask, path)
}

/// Runs lines in bash, as a person would type them.
fn bash(xtask: &Xtask, path: &str, lines: &str) -> String {
    let program = xtask.bare_command(&[]);
    let mut command = Command::new(tool("bash").expect("bash was looked for"));
    command.args(["-euc", lines]).current_dir(&xtask.dir).env_clear();
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    succeed(command.env("PATH", path).env("XTASK", program.get_program()))
}

/// Runs what a guide says, from its top to its end. Returns where, and how many
/// lines were run.
fn follow(guide: &Guide) -> (Xtask, usize) {
    let (xtask, path) = place();
    let booted: Vec<String> = BOOTED
        .iter()
        .filter(|(of, _)| *of == guide.path)
        .flat_map(|(of, heading)| blocks_of(of, heading, "sh"))
        .collect();
    let mut count = 0;
    for (language, block) in guide.blocks() {
        match &*language {
            "toml" => fs::write(xtask.path("installers.toml"), block).unwrap(),
            "console" => {
                for step in block.split("$ ").skip(1) {
                    let (line, expected) = step.split_once('\n').unwrap();
                    assert_eq!(bash(&xtask, &path, line), expected, "{}: {line}", guide.path);
                    count += 1;
                }
            }
            "sh" if !booted.contains(&block) => {
                let here: Vec<&str> = block.lines().filter(|line| !runs_elsewhere(line)).collect();
                if !here.is_empty() {
                    let said = bash(&xtask, &path, &here.join("\n"));
                    assert!(!said.is_empty(), "{}: {block}", guide.path);
                }
                count += here.len();
            }
            // Tests of what a manager reads apply the others.
            "sh" | "yaml" | "xml" | "text" => {}
            _ => panic!("{}: a block in {language:?} is not run by anything", guide.path),
        }
    }
    (xtask, count)
}

#[test]
fn every_command_of_the_guides_works() {
    if tool("bash").is_none() || tool("git").is_none() || tool("bsdtar").is_none() {
        return;
    }
    for guide in Guide::all().into_iter().filter(|guide| !guide.blocks().is_empty()) {
        let (xtask, count) = follow(&guide);
        let at_least = match &*guide.path {
            "README.md" => 2,
            "docs/fleets.md" => 12,
            "docs/checking.md" => 7,
            _ => 0,
        };
        assert!(count >= at_least, "{}: {count} lines were run", guide.path);
        if guide.path == "docs/fleets.md" {
            // What the text around them promises.
            assert!(xtask.path("out/lima-autostart-1.0.0.zip").is_file());
            assert!(xtask.path("whole/index.html").is_file());
        }
    }
}

#[test]
fn what_is_run_elsewhere_is_still_there() {
    let guides = Guide::all();
    let lines: Vec<String> = guides
        .iter()
        .flat_map(Guide::blocks)
        .filter(|(language, _)| language == "sh")
        .flat_map(|(_, block)| block.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    for (word, why) in ELSEWHERE {
        assert!(lines.iter().any(|line| line.contains(word)), "no line has {word:?} ({why}) any more");
    }
    for line in &lines {
        assert!(
            !line.ends_with('\\'),
            "{line}: a command of a guide is one line, since each is run by itself"
        );
    }
}
