//! What is refused at `plan`, with its place in the settings file, before anything is built.

use std::fs;

use xtask::settings::Architecture;

use super::{lay_out, pack, release, setting, sha256};
use crate::support::Xtask;

/// A folder with a template and files, and a release for Apple silicon. `None`: there is no tar.
fn folder() -> Option<(Xtask, String, String)> {
    let xtask = Xtask::new();
    let archive = release(xtask.dir.path(), "2.2.0", Architecture::Arm64)?;
    fs::write(xtask.path("disk.qcow2"), b"a disk").unwrap();
    fs::write(xtask.path("k3s.yaml"), "images:\n- location: https://example.com/disk\nplain: true\n")
        .unwrap();
    let image = format!("{{ file = \"disk.qcow2\", sha256 = \"{}\" }}", sha256(&xtask.path("disk.qcow2")));
    Some((xtask, setting(&archive), image))
}

/// Plan is refused with these words, at this place, and nothing is written.
#[track_caller]
fn refused(xtask: &Xtask, settings: &str, place: &str, words: &[&str]) {
    fs::write(xtask.path("installers.toml"), settings).unwrap();
    for command in ["plan", "dist"] {
        let said = xtask.fail(&[command]);
        assert!(said.starts_with(&format!("error: {place}")), "{said}");
        for words in words {
            assert!(said.contains(words), "no {words:?} in\n{said}");
        }
        assert!(!xtask.path("out").join("artifacts.json").exists());
    }
}

#[test]
fn a_wrong_digest_is_shown_with_the_right_one() {
    let Some((xtask, lima, image)) = folder() else { return };
    let wrong = "0".repeat(64);
    let right = sha256(&xtask.path("disk.qcow2"));
    let settings = format!("[[instance]]\nname = \"k3s\"\ntemplate = \"k3s.yaml\"\nimage = {image}\n");
    let words = format!("the file `disk.qcow2`: its SHA-256 is {right}, and not {wrong}");
    refused(&xtask, &settings.replace(&right, &wrong), "installers.toml:4:18: ", &[&words, "\n  |"]);
    let digest = lima.split('"').nth(3).unwrap().to_owned();
    let settings = format!("lima = {}\n", lima.replace(&digest, &wrong));
    refused(
        &xtask,
        &settings,
        "installers.toml:1:20: ",
        &[&format!("its SHA-256 is {digest}, and not {wrong}")],
    );
    let settings = format!("lima = {}\n", lima.replace(&digest, "abc"));
    refused(&xtask, &settings, "installers.toml:1:", &["`abc` is not a SHA-256; give the 64 digits"]);
}

#[test]
fn lima_is_for_the_processors_of_the_package() {
    let Some((xtask, lima, _)) = folder() else { return };
    let settings = format!("lima = {lima}\n[[instance]]\nname = \"k3s\"\narchitectures = [\"x86_64\"]\n");
    refused(
        &xtask,
        &settings,
        "installers.toml:3:8: ",
        &["`k3s` is for x86_64 too, and no archive of Lima is"],
    );
    // The name says another processor than the program.
    let other = xtask.path("lima-2.2.0-Darwin-x86_64.tar.gz");
    fs::rename(xtask.path("lima-2.2.0-Darwin-arm64.tar.gz"), &other).unwrap();
    let settings = format!("lima = {}\n", setting(&other));
    refused(
        &xtask,
        &settings,
        "installers.toml:1:20: ",
        &["its bin/limactl is for arm64, and its name says x86_64"],
    );
    for (name, words) in [
        ("lima-2.2.0-Linux-x86_64.tar.gz", "it is Lima for another system; a Mac needs one with `Darwin`"),
        ("lima.tar.gz", "its name does not say which Lima it is"),
    ] {
        fs::copy(&other, xtask.path(name)).unwrap();
        let settings = format!("lima = {}\n", setting(&xtask.path(name)));
        refused(&xtask, &settings, "installers.toml:1:20: ", &[words]);
    }
}

#[test]
fn archives_are_of_one_version_and_each_for_another_processor() {
    let Some((xtask, lima, _)) = folder() else { return };
    let Some(newer) = release(xtask.dir.path(), "2.3.0", Architecture::X86_64) else { return };
    let settings = format!("lima = [{lima}, {}]\n", setting(&newer));
    refused(
        &xtask,
        &settings,
        "installers.toml:1:",
        &["this is Lima 2.3.0, and the other archive Lima 2.2.0"],
    );
    let settings = format!("lima = [{lima}, {lima}]\n");
    refused(&xtask, &settings, "installers.toml:1:", &["there is another archive for arm64 already"]);
    for (settings, words) in [
        ("lima = []\n", "the list is empty"),
        ("lima = \"lima-2.2.0-Darwin-arm64.tar.gz\"\n", "a table, as { archive = "),
        ("lima = { archive = \"a\" }\n", "missing field `sha256`"),
        ("lima = { archive = \"a\", sha = \"b\" }\n", "unknown field `sha`"),
    ] {
        refused(&xtask, settings, "installers.toml:1:", &[words]);
    }
}

#[test]
fn offline_a_template_needs_nothing_from_the_network() {
    let Some((xtask, _, image)) = folder() else { return };
    let instance = "offline = true\n[[instance]]\nname = \"k3s\"\narchitectures = [\"arm64\"]\ntemplate = \"k3s.yaml\"\n";
    let place = "installers.toml:5:12: ";
    let words =
        ["its image `https://example.com/disk` comes from the network", "give the disk image with `image`"];
    refused(&xtask, instance, place, &words);
    let with_image = format!("{instance}image = {image}\n");
    for (template, words) in [
        (
            "base: template:k3s\nplain: true\n",
            ["its base `template:k3s` may need the network", "--embed-all"],
        ),
        ("mounts: []\n", ["its containerd comes from the network", "nerdctl's archive with `containerd`"]),
        (
            "plain: true\nprovision:\n- file: https://example.com/a.sh\n",
            ["its provision `https://", "--embed-all"],
        ),
    ] {
        fs::write(xtask.path("k3s.yaml"), template).unwrap();
        refused(&xtask, &with_image, place, &words);
    }
    fs::write(xtask.path("k3s.yaml"), "plain: true\n").unwrap();
    fs::write(xtask.path("installers.toml"), &with_image).unwrap();
    let plan = xtask.run(&["plan"]);
    assert!(plan.ends_with("disk.qcow2 for arm64: 6 B, with k3s\n"), "{plan}");
}

#[test]
fn an_image_is_for_each_processor_and_a_template() {
    let Some((xtask, _, image)) = folder() else { return };
    let start = "[[instance]]\nname = \"k3s\"\n";
    let place = "installers.toml:3:18: ";
    refused(&xtask, &format!("{start}image = {image}\n"), place, &["`k3s` has no template"]);
    let with_template = format!("{start}image = {image}\ntemplate = \"k3s.yaml\"\n");
    refused(&xtask, &with_template, place, &["is for `arm64` and `x86_64`: say which this file is for"]);
    let arm = image.replace(" }", ", architecture = \"arm64\" }");
    let of_arm = format!("{start}image = {arm}\ntemplate = \"k3s.yaml\"\n");
    refused(&xtask, &of_arm, place, &["is for x86_64 too, and no file here is"]);
    let twice = format!("{start}image = [{arm}, {arm}]\ntemplate = \"k3s.yaml\"\n");
    refused(&xtask, &twice, "installers.toml:3:", &["there is another file for arm64 already"]);
    fs::write(xtask.path("k3s.yaml"), "{images: [], plain: true}\n").unwrap();
    let one_line = format!("{of_arm}architectures = [\"arm64\"]\n");
    refused(
        &xtask,
        &one_line,
        "installers.toml:4:",
        &["`images` cannot be replaced", "on a line of its own"],
    );
}

#[test]
fn a_file_of_four_gibibytes_is_refused_before_it_is_read() {
    let Some((xtask, _, image)) = folder() else { return };
    // It takes no room on the disk.
    fs::File::create(xtask.path("disk.qcow2")).unwrap().set_len(1 << 32).unwrap();
    let settings = format!("[defaults]\nimage = {image}\n");
    refused(
        &xtask,
        &settings,
        "installers.toml:2:18: ",
        &["it has 4294967296 bytes, and a package can hold files of less than 4 GiB; compress it"],
    );
}

#[test]
fn the_flag_names_archives_in_place_of_the_settings() {
    let Some((xtask, _, _)) = folder() else { return };
    let archive = "lima-2.2.0-Darwin-arm64.tar.gz";
    let digest = sha256(&xtask.path(archive));
    fs::write(
        xtask.path("installers.toml"),
        format!("lima = {{ archive = \"missing\", sha256 = \"{digest}\" }}\n"),
    )
    .unwrap();
    let plan = xtask.run(&["plan", "--lima-archive", &format!("{archive}={digest}")]);
    let line = plan.lines().last().unwrap();
    assert!(
        line.starts_with("Lima 2.2.0 for arm64: ") && line.ends_with(" on the Mac, with default"),
        "{line}"
    );
    let plan = xtask.run(&["plan", "--format", "json", "--lima-archive", &format!("{archive}={digest}")]);
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(
        (&plan["brings"][0]["name"], &plan["brings"][0]["sha256"]),
        (&"Lima 2.2.0".into(), &digest.into())
    );
    for (given, words) in [
        (archive.to_owned(), "has no digest; write FILE=SHA256"),
        (format!("{archive}=12"), "`12` is not a SHA-256"),
        (format!("missing={}", "0".repeat(64)), "its name does not say which Lima"),
    ] {
        let said = xtask.fail(&["plan", "--lima-archive", &given]);
        assert!(said.starts_with("error: --lima-archive: ") && said.contains(words), "{said}");
    }
}

/// Not everything that is packed as tar.gz under such a name is Lima.
#[test]
fn an_archive_without_limactl_is_refused() {
    let xtask = Xtask::new();
    let name = "lima-2.2.0-Darwin-arm64.tar.gz";
    for (left_out, words) in [
        ("bin/limactl", "it has no program bin/limactl"),
        ("share/lima/lima-guestagent.Linux-aarch64.gz", "it has no share/lima/lima-guestagent.*"),
    ] {
        let files = tempfile::tempdir().unwrap();
        lay_out(files.path(), "2.2.0", Architecture::Arm64);
        fs::remove_file(files.path().join(left_out)).unwrap();
        let _ = fs::remove_file(files.path().join("share/lima/lima-guestagent.Linux-x86_64.gz"));
        let Some(()) = pack(files.path(), &xtask.path(name)) else { return };
        let settings = format!("lima = {}\n", setting(&xtask.path(name)));
        refused(&xtask, &settings, "installers.toml:1:20: ", &[words]);
    }
}

#[test]
fn settings_without_effect_are_said() {
    let Some((xtask, lima, _)) = folder() else { return };
    let warnings = |settings: String| {
        fs::write(xtask.path("installers.toml"), settings).unwrap();
        let output = xtask.command(&["plan"]).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let said = warnings(format!("lima = {lima}\npaths-d = true\n[defaults]\nlimactl = \"auto\"\n"));
    assert!(
        said.contains("no package brings Lima 2.2.0, because every instance has a `limactl` of its own"),
        "{said}"
    );
    assert!(said.contains("paths-d has no effect, because no package brings Lima; add `lima`"), "{said}");
    assert_eq!(warnings(format!("lima = {lima}\npaths-d = true\n")), "");
}
