//! What people meet who write settings and flags: values, defaults, messages.

use std::path::{Path, PathBuf};

use clap::Parser;
use xtask::settings::names::quoted;
use xtask::settings::{
    AbsolutePath, Account, Architecture, BaseUrl, CatalogName, Condition, EnvName, EnvValue, Environment,
    Flags, IdentifierPrefix, InstanceName, KeepAlive, Limactl, MacosVersion, PackageVersion, ProcessType,
    Spec, Text, UserName, load,
};

use crate::golden::golden;
use crate::support::root;

mod errors;
mod properties;

/// The flags as a program takes them.
#[derive(Parser)]
struct Program {
    #[command(flatten)]
    flags: Flags,
}

fn flags(arguments: &[&str]) -> Flags {
    Program::try_parse_from(["test"].iter().chain(arguments)).expect("the flags parse").flags
}

/// The environment of a user `builder`.
fn builder() -> Environment {
    Environment { user: Some("builder".to_owned()), is_root: false }
}

/// A folder with files in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("make a folder"))
    }

    fn with_settings(text: &str) -> Self {
        Self::new().file("installers.toml", text.as_bytes())
    }

    fn file(self, name: &str, bytes: &[u8]) -> Self {
        std::fs::write(self.path().join(name), bytes).expect("write a file");
        self
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn load(&self, arguments: &[&str]) -> Result<Spec, String> {
        self.load_in(arguments, &builder())
    }

    /// Resolves; the folder's own name is taken out of a message.
    fn load_in(&self, arguments: &[&str], environment: &Environment) -> Result<Spec, String> {
        let folder = format!("{}/", self.path().display());
        load(&flags(arguments), self.path(), environment)
            .map_err(|error| error.to_string().replace(&folder, ""))
    }
}

fn example() -> String {
    std::fs::read_to_string(root().join("installers.example.toml")).expect("the example is there")
}

#[test]
fn without_anything_there_is_one_instance() {
    let spec = Folder::new().load(&[]).unwrap();
    assert_eq!(spec.version.as_str(), "1.0.0");
    assert_eq!(spec.identifier_prefix.as_str(), "io.lima-vm");
    assert_eq!((spec.organization, spec.license, spec.background), (None, None, None));
    assert_eq!((spec.maintainer, spec.base_url), (None, None));
    assert_eq!(spec.munki_catalogs.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["testing"]);
    let [instance] = &spec.instances[..] else { panic!("{:?}", spec.instances) };
    assert_eq!(instance.name.as_str(), "default");
    assert_eq!(instance.condition, Condition::Boot);
    assert_eq!(instance.user.to_string().as_str(), "builder");
    assert_eq!((&instance.home, &instance.limactl, &instance.lima_home), (&None, &None, &None));
    assert!(instance.env.is_empty());
    assert_eq!(instance.keep_alive, KeepAlive::OnFailure);
    assert_eq!(instance.exit_timeout, 240);
    assert_eq!(instance.process_type, ProcessType::Interactive);
    assert!(!instance.require_start);
    assert_eq!(instance.min_macos.as_str(), "13.0");
    assert_eq!(instance.architectures, [Architecture::Arm64, Architecture::X86_64]);
}

#[test]
fn the_example_says_what_the_defaults_are() {
    let spec = Folder::with_settings(&example()).load(&[]).unwrap();
    assert_eq!(spec, Folder::new().load(&[]).unwrap());
}

#[test]
fn the_example_shows_every_setting() {
    // The settings that it shows in comments, taken out of them.
    let text: String = example()
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(setting) if setting.starts_with("[[") || is_setting(setting) => format!("{setting}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    // Files of these names, with the digests that they have.
    let files = tempfile::tempdir().unwrap();
    let mut digests = Vec::new();
    for architecture in Architecture::ALL {
        let Some(archive) = crate::bundle::release(files.path(), "2.2.0", *architecture) else { return };
        digests.push((crate::bundle::sha256(&archive), archive));
    }
    let names =
        ["disk-arm64.qcow2", "disk-x86_64.qcow2", "nerdctl-full-arm64.tar.gz", "nerdctl-full-x86_64.tar.gz"];
    for name in names {
        let path = files.path().join(name);
        std::fs::write(&path, name).unwrap();
        digests.push((crate::bundle::sha256(&path), path));
    }
    let text =
        digests.iter().fold(text, |text, (digest, _)| text.replacen("\"SHA256\"", &format!("{digest:?}"), 1));
    let folder =
        Folder::with_settings(&text).file("LICENSE.txt", b"Be kind.\n").file("background.png", b"\x89PNG");
    let folder = digests.iter().fold(folder, |folder, (_, path)| {
        folder.file(path.file_name().unwrap().to_str().unwrap(), &std::fs::read(path).unwrap())
    });
    let spec = folder.file("k3s.yaml", b"images: []\n").load(&[]).unwrap();
    assert_eq!(spec.instances.len(), 2);

    // An unknown key's message lists the ones that there are.
    let refused = |text: &str| Folder::with_settings(text).load(&[]).unwrap_err();
    let message = refused("zzz = 1") + &refused("[defaults]\nzzz = 1");
    let known: Vec<&str> = message
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|key| !matches!(*key, "zzz" | "instance" | "defaults"))
        .collect();
    assert!(known.len() > 15, "{known:?}");
    for key in known {
        assert!(
            text.lines().any(|line| line.starts_with(&format!("{key} = "))),
            "{key} is not in the example"
        );
    }
}

fn is_setting(line: &str) -> bool {
    line.split_once(" = ").is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
}

/// limactl and LIMA_HOME of an instance.
fn places(instance: &xtask::settings::Instance) -> [Option<String>; 2] {
    [instance.macos_limactl().map(str::to_owned), instance.macos_lima_home()]
}

fn places_of(folder: &str) -> [Option<String>; 2] {
    [Some(format!("{folder}/limactl")), Some(format!("{folder}/lima"))]
}

#[test]
fn an_instance_goes_before_the_defaults_and_a_flag_before_both() {
    let folder = Folder::with_settings(
        r#"
        version = "2.0"
        maintainer = "Jane Doe <jane@example.com>"
        base-url = "https://a.example/out/"
        munki-catalogs = ["canary", "Production"]
        munki-unattended = false
        [defaults]
        condition = "login"
        user = "alice"
        home = "/home/a"
        limactl = "/a/limactl"
        lima-home = "/a/lima"
        env = { A = "defaults", B = "defaults" }
        keep-alive = "never"
        exit-timeout = 1
        require-start = true
        min-macos = "26"
        architectures = ["arm64"]
        [[instance]]
        name = "plain"
        [[instance]]
        name = "own"
        condition = "boot"
        user = "bob"
        home = "/home/b"
        limactl = "/b/limactl"
        lima-home = "/b/lima"
        env = { B = "own", C = "own" }
        keep-alive = "always"
        exit-timeout = 3600
        require-start = false
        min-macos = "14"
        architectures = ["x86_64", "arm64"]
        "#,
    );
    let env = |instance: &xtask::settings::Instance| {
        instance.env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };

    let spec = folder.load(&[]).unwrap();
    let [plain, own] = &spec.instances[..] else { panic!("{:?}", spec.instances) };
    assert_eq!(spec.version.as_str(), "2.0");
    assert_eq!(spec.maintainer.unwrap().as_str(), "Jane Doe <jane@example.com>");
    assert_eq!(spec.base_url.unwrap().as_str(), "https://a.example/out");
    assert!(!spec.munki_unattended);
    assert_eq!(
        spec.munki_catalogs.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
        ["canary", "Production"]
    );
    assert_eq!((plain.condition, plain.keep_alive), (Condition::Login, KeepAlive::Never));
    assert_eq!(
        (plain.user.to_string(), plain.macos_home()),
        ("alice".to_owned(), Some("/home/a".to_owned()))
    );
    assert_eq!(places(plain), places_of("/a"));
    assert_eq!(env(plain), "A=defaults B=defaults");
    assert_eq!((plain.exit_timeout, plain.require_start, plain.min_macos.as_str()), (1, true, "26"));
    assert_eq!(plain.architectures, [Architecture::Arm64]);
    assert_eq!((own.condition, own.keep_alive), (Condition::Boot, KeepAlive::Always));
    assert_eq!((own.user.to_string(), own.macos_home()), ("bob".to_owned(), Some("/home/b".to_owned())));
    assert_eq!(places(own), places_of("/b"));
    assert_eq!(env(own), "A=defaults B=own C=own");
    assert_eq!((own.exit_timeout, own.require_start, own.min_macos.as_str()), (3600, false, "14"));
    assert_eq!(own.architectures, [Architecture::Arm64, Architecture::X86_64]);

    let spec = folder
        .load(&[
            "--condition=boot",
            "--user=carol",
            "--limactl=/c/limactl",
            "--lima-home=/c/lima",
            "--pkg-version=3",
            "--maintainer=R&D <r-d@b.example>",
            "--base-url=https://b.example/",
            "--munki-unattended=true",
        ])
        .unwrap();
    assert_eq!(spec.version.as_str(), "3");
    assert_eq!(spec.maintainer.unwrap().as_str(), "R&D <r-d@b.example>");
    assert_eq!(spec.base_url.unwrap().as_str(), "https://b.example");
    assert!(spec.munki_unattended);
    for instance in &spec.instances {
        assert_eq!((instance.condition, instance.user.to_string().as_str()), (Condition::Boot, "carol"));
        assert_eq!(places(instance), places_of("/c"));
    }
    // `own` says boot itself.
    let spec = folder.load(&["--condition=login"]).unwrap();
    assert!(spec.instances.iter().all(|instance| instance.condition == Condition::Login));
}

#[test]
fn user_and_limactl_can_be_left_to_the_mac() {
    let folder = Folder::with_settings(
        r#"
        [defaults]
        user = "auto"
        limactl = "auto"
        template = "all.yaml"
        [[instance]]
        name = "plain"
        [[instance]]
        name = "own"
        user = "bob"
        home = "/home/b"
        limactl = "/b/limactl"
        template = "./own.YML"
        [[instance]]
        name = "elsewhere"
        lima-home = "/vms"
        "#,
    )
    .file("all.yaml", b"# all\n")
    .file("own.YML", "# Zo\u{eb}\r\n".as_bytes());
    let spec = folder.load(&[]).unwrap();
    let [plain, own, elsewhere] = &spec.instances[..] else { panic!("{:?}", spec.instances) };
    let template =
        |instance: &xtask::settings::Instance| instance.template.as_ref().unwrap().as_str().to_owned();
    assert_eq!((&plain.user, &plain.limactl), (&Account::Auto, &Some(Limactl::Auto)));
    assert_eq!((places(plain), plain.macos_home(), plain.macos_instance_dir()), ([None, None], None, None));
    assert_eq!((plain.linux_limactl(), template(plain).as_str()), (None, "# all\n"));
    assert_eq!((own.user.to_string(), template(own).as_str()), ("bob".to_owned(), "# Zo\u{eb}\r\n"));
    assert_eq!(places(own), [Some("/b/limactl".to_owned()), Some("/home/b/.lima".to_owned())]);
    assert_eq!(elsewhere.macos_instance_dir().as_deref(), Some("/vms/elsewhere"));
    assert_eq!(elsewhere.macos_home(), None);

    let spec = folder.load(&["own", "--limactl=auto"]).unwrap();
    assert_eq!(spec.instances[0].limactl, Some(Limactl::Auto));
    let spec = folder.load(&["plain", "--user=alice"]).unwrap();
    assert_eq!(spec.instances[0].user.to_string(), "alice");
    // Whoever is called so is one user, where nothing asks for the word.
    let auto = Environment { user: Some("auto".to_owned()), is_root: false };
    let spec = Folder::new().load_in(&[], &auto).unwrap();
    assert_eq!(spec.instances[0].user, Account::Named("auto".parse().unwrap()));
}

#[test]
fn arguments_choose_instances() {
    let names = |folder: &Folder, arguments: &[&str]| {
        let spec = folder.load(arguments).unwrap();
        spec.instances.iter().map(|instance| instance.name.to_string()).collect::<Vec<_>>()
    };
    let three = Folder::with_settings("instance = [{ name = 'a' }, { name = 'b' }, { name = 'c' }]");
    assert_eq!(names(&three, &[]), ["a", "b", "c"]);
    assert_eq!(names(&three, &["c", "a"]), ["c", "a"]);

    let none = Folder::with_settings("defaults.user = 'alice'");
    assert_eq!(names(&none, &[]), ["default"]);
    assert_eq!(names(&none, &["x", "y"]), ["x", "y"]);
    assert_eq!(none.load(&["x"]).unwrap().instances[0].user.to_string(), "alice");

    assert_eq!(names(&Folder::new(), &["x", "y"]), ["x", "y"]);
}

#[test]
fn root_may_build_for_others() {
    let root = Environment { user: Some("root".to_owned()), is_root: true };
    let spec = Folder::new().load_in(&["--user", "alice"], &root).unwrap();
    assert_eq!(spec.instances[0].user.to_string(), "alice");
    let nobody = Environment::default();
    let spec = Folder::with_settings("defaults.user = 'alice'").load_in(&[], &nobody).unwrap();
    assert_eq!(spec.instances[0].user.to_string(), "alice");
}

#[test]
fn a_file_may_be_elsewhere_and_name_others() {
    let folder = Folder::with_settings("version = '1'")
        .file(
            "other.toml",
            b"\xef\xbb\xbfversion = '2'\r\nlicense = './Terms.RTF'\r\nbackground = 'b.png'\r\n",
        )
        .file("Terms.RTF", b"{\\rtf1}")
        .file("b.png", b"\x89PNG");
    let other = folder.path().join("other.toml");
    let spec = folder.load(&["--spec", other.to_str().unwrap()]).unwrap();
    assert_eq!(spec.version.as_str(), "2");
    let license = spec.license.unwrap();
    assert_eq!((license.file_name.as_str(), &license.bytes[..]), ("license.rtf", &b"{\\rtf1}"[..]));
    assert_eq!(spec.background.unwrap().file_name, "background.png");
}

#[test]
fn ten_thousand_instances_are_no_trouble() {
    let text: String = (0..10_000).map(|n| format!("[[instance]]\nname = \"vm-{n}\"\n")).collect();
    let folder = Folder::with_settings(&text);
    assert_eq!(folder.load(&[]).unwrap().instances.len(), 10_000);
    let all: Vec<String> = (0..10_000).rev().map(|n| format!("vm-{n}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    assert_eq!(folder.load(&all).unwrap().instances[0].name.as_str(), "vm-9999");
}
