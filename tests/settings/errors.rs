//! Every message about settings and flags, as a golden: read them there as
//! somebody who meets them for the first time.

use super::*;

/// Compares a message with its golden, and sees that it is fit for a terminal.
fn check(name: &str, message: &str) {
    let raw = message.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(raw, None, "{name}: {message}");
    golden(&format!("errors/{name}.txt"), format!("{message}\n").as_bytes());
}

/// Each is refused as the whole of a settings file.
#[test]
fn settings() {
    let long_value = "v".repeat(32_769);
    let long_env: String = (0..17).map(|n| format!("V{n} = '{}'\n", "v".repeat(32_000))).collect();
    for (name, text) in [
        // The file.
        ("file-empty", " \n"),
        ("toml-syntax", "version = \"1.0\n"),
        ("toml-control", "version = \"1\u{1b}[2J\"\n"),
        ("toml-duplicate-key", "version = \"1\"\nversion = \"2\"\n"),
        ("toml-garbage", "<?xml version=\"1.0\"?>\n"),
        // Keys.
        ("key-unknown", "color = \"red\"\n"),
        ("key-typo", "[defaults]\nuser = \"alice\"\nlima_home = \"/srv/lima\"\n"),
        ("key-typo-instance", "[[instances]]\nname = \"k3s\"\n"),
        ("key-typo-top", "orgnization = \"Example\"\n"),
        ("key-typo-elsewhere", "lima_home = \"/srv/lima\"\n"),
        ("key-first-of-two", "zebra = 1\naardvark = 2\n"),
        (
            "several",
            "version = 1\n\n[[instance]]\nname = \"a\"\nuser = \"root\"\n\n[[instance]]\nname = \"b\"\n\n\
             [[instance]]\nname = \"c d\"\n\n[[instance]]\nname = \"B\"\nuser = \"b\"\n\n\
             [[instance]]\nname = \"e\"\nexit-timeout = 0\ntemplate = \"missing.yaml\"\n",
        ),
        (
            "several-defaults",
            "[defaults]\nhome = \"/a\"\nuser = \"auto\"\n[[instance]]\nname = \"a\"\n[[instance]]\nname = \"b\"\n",
        ),
        ("key-unknown-option", "[[instance]]\nname = \"k3s\"\ncpus = 4\n"),
        ("key-control", "\"a\\u001b[2J\" = 1\n"),
        ("key-of-options-at-top", "user = \"alice\"\n"),
        ("key-of-top-in-table", "[[instance]]\nname = \"k3s\"\nversion = \"2.0\"\n"),
        ("instance-single-brackets", "[instance]\nname = \"k3s\"\n"),
        ("instance-not-list", "instance = \"k3s\"\n"),
        ("defaults-not-table", "defaults = true\n"),
        ("instance-not-table", "instance = [\"k3s\"]\n"),
        ("instance-without-name", "[[instance]]\nname = \"a\"\n\n[[instance]]\nuser = \"alice\"\n"),
        ("instance-twice-brackets", "[instance.k3s]\nuser = \"alice\"\n"),
        ("defaults-double-brackets", "[[defaults]]\nuser = \"alice\"\n"),
        ("defaults-name", "[defaults]\nname = \"k3s\"\n"),
        // Values of another type.
        ("type-version", "version = 1.10\n"),
        ("type-min-macos", "[defaults]\nmin-macos = 26\n"),
        ("type-user", "[defaults]\nuser = [\"alice\", \"bob\"]\n"),
        ("type-env", "[defaults]\nenv = \"A=b\"\n"),
        ("type-env-value", "[defaults.env]\nPORT = 8080\n"),
        ("type-require-start", "[defaults]\nrequire-start = \"yes\"\n"),
        ("type-architectures", "[defaults]\narchitectures = \"arm64\"\n"),
        ("type-license", "license = true\n"),
        // Values that are not right.
        ("version", "version = \"v1.0-rc1\"\n"),
        ("version-parts", "version = \"1.2.3.4.5.6.7.8.9\"\n"),
        ("version-digits", "version = \"1234567890123456789\"\n"),
        ("identifier-prefix", "identifier-prefix = \"Example Corp\"\n"),
        ("identifier-prefix-empty", "identifier-prefix = \"\"\n"),
        ("organization-blank", "organization = \" \"\n"),
        ("organization-lines", "organization = \"Example\\nCorp\"\n"),
        ("maintainer-address", "maintainer = \"Jane Doe\"\n"),
        ("maintainer-line", "maintainer = \"Jane\\nDepends: x <jane@example.com>\"\n"),
        ("maintainer-type", "maintainer = [\"Jane Doe <jane@example.com>\"]\n"),
        ("base-url-http", "base-url = \"http://mdm.example.com\"\n"),
        ("base-url-type", "base-url = true\n"),
        ("munki-catalogs-empty", "munki-catalogs = []\n"),
        ("munki-catalogs-twice", "munki-catalogs = [\"testing\", \"Testing\"]\n"),
        ("munki-catalogs-name", "munki-catalogs = [\"../testing\"]\n"),
        ("munki-catalogs-all", "munki-catalogs = [\"all\"]\n"),
        ("base-url-space", "base-url = \"https://mdm.example.com/my lima\"\n"),
        ("base-url-letter", "base-url = \"https://mdm.example.com/für\"\n"),
        ("base-url-host-number", "base-url = \"https://127.1/lima\"\n"),
        ("munki-unattended-text", "munki-unattended = \"no\"\n"),
        ("munki-catalogs-text", "munki-catalogs = \"testing\"\n"),
        ("instance-collides-munki", "base-url = \"https://a.example\"\n[[instance]]\nname = \"Munki\"\n"),
        ("instance-collides-mdm", "base-url = \"https://a.example\"\n[[instance]]\nname = \"mdm\"\n"),
        ("instance-name", "[[instance]]\nname = \"k3s vm\"\n"),
        ("instance-name-empty", "[[instance]]\nname = \"\"\n"),
        ("instance-name-yaml", "[[instance]]\nname = \"k3s.YAML\"\n"),
        ("instance-twice", "[[instance]]\nname = \"k3s\"\n\n[[instance]]\nname = \"k3s\"\n"),
        ("instance-case", "[[instance]]\nname = \"k3s\"\n\n[[instance]]\nname = \"K3S\"\n"),
        ("instance-collides-sums", "[[instance]]\nname = \"sha256sums\"\n"),
        ("instance-collides-zip", "version = \"2.0\"\n[[instance]]\nname = \"Lima-Autostart-2.0.zip\"\n"),
        ("condition", "[defaults]\ncondition = \"logon\"\n"),
        ("user", "[[instance]]\nname = \"a\"\nuser = \"Alice Smith\"\n"),
        ("user-root", "[defaults]\nuser = \"Root\"\n"),
        ("user-auto-case", "[defaults]\nuser = \"Auto\"\n"),
        (
            "user-auto-home",
            "[defaults]\nhome = \"/Users/alice\"\n\n[[instance]]\nname = \"k3s\"\nuser = \"auto\"\n",
        ),
        ("home-relative", "[defaults]\nhome = \"Users/alice\"\n"),
        ("limactl-auto-case", "[defaults]\nlimactl = \"Auto\"\n"),
        ("type-limactl", "[defaults]\nlimactl = true\n"),
        ("template-missing", "[[instance]]\nname = \"k3s\"\ntemplate = \"k3s.yaml\"\n"),
        ("template-extension", "[defaults]\ntemplate = \"template:k3s\"\n"),
        ("template-empty", "[defaults]\ntemplate = \"empty.yml\"\n"),
        ("template-folder", "[defaults]\ntemplate = \"folder.yaml\"\n"),
        ("template-latin1", "[defaults]\ntemplate = \"latin1.YAML\"\n"),
        ("template-large", "[defaults]\ntemplate = \"large.yaml\"\n"),
        ("type-template", "[defaults]\ntemplate = [\"k3s.yaml\"]\n"),
        ("limactl-colon", "[defaults]\nlimactl = \"/opt/a:b/limactl\"\n"),
        ("lima-home-tilde", "[defaults]\nlima-home = \"~/.lima\"\n"),
        ("lima-home-dots", "[defaults]\nlima-home = \"/srv/../lima\"\n"),
        ("lima-home-slash", "[defaults]\nlima-home = \"/srv/lima/\"\n"),
        ("lima-home-control", "[defaults]\nlima-home = \"/srv/\\u0085\"\n"),
        ("env-name", "[defaults.env]\nHTTPS-PROXY = \"x\"\n"),
        ("env-lima-home", "[[instance]]\nname = \"a\"\nenv = { LIMA_HOME = \"/srv\" }\n"),
        ("env-value-control", "[defaults.env]\nPS1 = \"\\u001b[1m\"\n"),
        ("env-value-long", &format!("[defaults.env]\nA = '{long_value}'\n")),
        ("env-long", &format!("[[instance]]\nname = \"a\"\n[defaults.env]\n{long_env}")),
        ("keep-alive", "[defaults]\nkeep-alive = \"on_failure\"\n"),
        ("keep-alive-other", "[defaults]\nkeep-alive = \"maybe\"\n"),
        ("exit-timeout-zero", "[defaults]\nexit-timeout = 0\n"),
        ("exit-timeout-unit", "[defaults]\nexit-timeout = \"3min\"\n"),
        ("min-macos", "[defaults]\nmin-macos = \"Ventura\"\n"),
        ("architectures-unknown", "[defaults]\narchitectures = [\"arm64\", \"x86-64\"]\n"),
        ("architectures-empty", "[defaults]\narchitectures = []\n"),
        ("architectures-twice", "[defaults]\narchitectures = [\"arm64\", \"arm64\"]\n"),
        // Files that it names.
        ("license-extension", "license = \"LICENSE.md\"\n"),
        ("license-missing", "version = \"1\"\nlicense = \"legal/LICENSE.txt\"\n"),
        ("license-folder", "license = \"folder.txt\"\n"),
        ("license-empty", "license = \"empty.txt\"\n"),
        ("background-extension", "background = \"picture\"\n"),
    ] {
        let folder = Folder::with_settings(text)
            .file("empty.txt", b"")
            .file("empty.yml", b" \n")
            .file("latin1.YAML", b"a: b\n# B\xe4r\n")
            .file("large.yaml", &[b'#'; (1 << 20) + 1]);
        for name in ["folder.txt", "folder.yaml"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        match folder.load(&[]) {
            Ok(spec) => panic!("{name} is accepted: {spec:?}"),
            Err(message) => check(name, &message),
        }
    }
}

#[test]
fn files_that_cannot_be_read() {
    let folder = Folder::new()
        .file("utf16.toml", b"\xff\xfev\0")
        .file("latin1.toml", b"version = \"1\"\norganization = \"B\xe4r\"\n");
    for (name, path) in [
        ("file-missing", "nowhere/installers.toml"),
        ("file-folder", "."),
        ("file-utf16", "utf16.toml"),
        ("file-latin1", "latin1.toml"),
    ] {
        let path = folder.path().join(path);
        check(name, &folder.load(&["--spec", path.to_str().unwrap()]).unwrap_err());
    }

    let folder = Folder::new();
    let path = folder.path().join("large.toml");
    // A file of holes: it takes no room.
    std::fs::File::create(&path).and_then(|file| file.set_len(1 << 30)).unwrap();
    check("file-large", &folder.load(&["--spec", path.to_str().unwrap()]).unwrap_err());

    // The default file is used where it exists in any form.
    let folder = Folder::new();
    std::os::unix::fs::symlink("nowhere", folder.path().join("installers.toml")).unwrap();
    check("file-link", &folder.load(&[]).unwrap_err());
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("installers.toml")).unwrap();
    check("file-default-folder", &folder.load(&[]).unwrap_err());
}

#[test]
fn flags_and_arguments() {
    let folder = Folder::with_settings("instance = [{ name = 'k3s' }, { name = 'docker' }]");
    let many: String = (0..20).map(|n| format!("[[instance]]\nname = 'vm{n}'\n")).collect();
    let many = Folder::with_settings(&many);
    let none = Folder::new();
    let long_name = "MY_VM".repeat(15);
    let long_name = long_name.as_str();
    let home = Folder::with_settings("[[instance]]\nname = 'k3s'\nuser = 'alice'\nhome = '/Users/alice'\n");
    for (name, folder, arguments) in [
        ("flag-user", &none, &["--user", "alice\u{1b}[2J"][..]),
        ("flag-user-empty", &none, &["--user", ""]),
        ("flag-user-root", &none, &["--user", "root"]),
        ("flag-user-auto-home", &home, &["--user", "auto"]),
        ("flag-limactl", &none, &["--limactl", "limactl"]),
        ("flag-limactl-colon", &none, &["--limactl", "/a:b/limactl"]),
        ("flag-lima-home", &none, &["--lima-home", "/srv//lima"]),
        ("flag-pkg-version", &none, &["--pkg-version", "1.x"]),
        ("flag-maintainer", &none, &["--maintainer", "Jane Doe <jane>"]),
        ("flag-base-url", &none, &["--base-url", "https://alice:secret@mdm.example.com/"]),
        ("flag-base-url-query", &none, &["--base-url", "https://mdm.example.com/?out"]),
        ("flag-base-url-host", &none, &["--base-url", "https:///out"]),
        ("argument-collides-munki", &none, &["--base-url", "https://a.example", "munki"]),
        (
            "argument-too-long",
            &none,
            &[
                "--pkg-version",
                "12345678901234.12345678901234.12345678901234.12345678901234.12345678901234",
                long_name,
            ],
        ),
        ("argument-name", &none, &["../k3s"]),
        ("argument-template", &none, &["k3s.yaml"]),
        ("argument-collides", &none, &["index.html"]),
        ("argument-twice", &none, &["k3s", "vm", "k3s"]),
        ("argument-twice-case", &none, &["k3s", "K3S"]),
        ("argument-unknown", &folder, &["postgres"]),
        ("argument-typo", &folder, &["dcoker"]),
        ("argument-case", &folder, &["K3S"]),
        ("argument-unknown-of-many", &many, &["postgres"]),
    ] {
        check(name, &folder.load(arguments).expect_err(name));
    }
}

#[test]
fn the_user_of_the_process() {
    let environment = |user: Option<&str>, is_root| Environment { user: user.map(str::to_owned), is_root };
    for (name, environment) in [
        ("user-missing", environment(None, false)),
        ("user-of-process-root", environment(Some("alice"), true)),
        ("user-variable-root", environment(Some("root"), false)),
        ("user-variable", environment(Some("EXAMPLE\\alice"), false)),
        ("user-variable-empty", environment(Some(""), false)),
    ] {
        check(name, &Folder::new().load_in(&[], &environment).expect_err(name));
    }
}

#[test]
fn a_file_without_permission() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::with_settings("version = '1'");
    let path: PathBuf = folder.path().join("installers.toml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&path).is_ok() {
        crate::support::note_skipped("this user may read every file");
        return;
    }
    check("file-permission", &folder.load(&[]).unwrap_err());
}
