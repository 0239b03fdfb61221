//! What templates and scripts become: the goldens are the real artifacts, and
//! other people's tools judge them.

pub mod goldens;
pub mod properties;
mod tidy;

use xtask::artifact::Content;
use xtask::bundle::{Lima, Release};
use xtask::linux::systemd;
use xtask::macos::launchd;
use xtask::settings::{Account, Architecture, Condition, Instance, KeepAlive, Limactl, ProcessType, Spec};

/// An instance as most people have it.
pub fn plain(condition: Condition) -> Instance {
    Instance {
        name: "k3s".parse().unwrap(),
        condition,
        user: "alice".parse().unwrap(),
        home: None,
        limactl: None,
        lima_home: None,
        template: None,
        env: [].into(),
        keep_alive: KeepAlive::OnFailure,
        exit_timeout: 240,
        process_type: ProcessType::Interactive,
        require_start: false,
        min_macos: "13.0".parse().unwrap(),
        architectures: vec![Architecture::Arm64, Architecture::X86_64],
        bundled: Default::default(),
    }
}

/// An instance whose user and limactl are found when it is installed.
pub fn auto(condition: Condition) -> Instance {
    Instance { user: Account::Auto, limactl: Some(Limactl::Auto), ..plain(condition) }
}

/// The same instance with a template.
pub fn with_template(instance: Instance) -> Instance {
    Instance { template: Some("# k3s\nbase: template:k3s\n".to_owned().into()), ..instance }
}

/// An instance whose values are accepted and would be dangerous in a template
/// that forgot to escape.
pub fn hostile(condition: Condition) -> Instance {
    let env = [
        ("LINES", "first\nExecStartPre=/bin/false\n\tlast\\"),
        ("QUOTES", "it's \"quoted\" `id` $(id) ${HOME} %h %% \\n \\"),
        ("XML", "</string><true/>]]>&amp;<!--"),
        ("UNICODE", "Zoë \u{1f980} \u{2028}\u{feff}"),
        ("EMPTY", ""),
        ("PATH", "/opt/own bin:/usr/bin"),
    ];
    Instance {
        name: "Prod.k3s_a-1".parse().unwrap(),
        user: "_o.neil-9".parse().unwrap(),
        home: Some("/Users/O'Neil \"x\" & <Söhne>/$(touch planted) `id` \\".parse().unwrap()),
        limactl: Some("/opt/it's \"lima\" %n & <co> \\d/$HOME; id/limactl".parse().unwrap()),
        lima_home: Some("/Volumes/My Disk's \"x\" %h %% $HOME \\ ".parse().unwrap()),
        env: env.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).into(),
        keep_alive: if condition == Condition::Boot { KeepAlive::Always } else { KeepAlive::Never },
        process_type: ProcessType::Background,
        exit_timeout: 400,
        require_start: true,
        ..plain(condition)
    }
}

/// The job that the package of an instance brings.
pub fn job(instance: &Instance) -> launchd::Job {
    launchd::Job::new(instance, &launchd::Launcher::packaged(&spec(instance), instance))
}

/// The settings around one instance.
pub fn spec(instance: &Instance) -> Spec {
    let hostile = !instance.env.is_empty();
    Spec {
        version: "1.2".parse().unwrap(),
        identifier_prefix: if hostile { "com.example.R-D" } else { "io.lima-vm" }.parse().unwrap(),
        organization: hostile
            .then(|| "R&D <b>\"Söhne\"</b> {{ facts.user }} \u{1f980} it's".parse().unwrap()),
        license: None,
        background: None,
        maintainer: None,
        base_url: None,
        munki_catalogs: vec!["testing".parse().unwrap()],
        munki_unattended: true,
        lima: None,
        paths_d: false,
        instances: vec![instance.clone()],
    }
}

/// The instances that have goldens, each with the name of its folder.
pub fn cases() -> Vec<(&'static str, Spec, Instance)> {
    [
        ("boot", plain(Condition::Boot)),
        ("login", plain(Condition::Login)),
        ("boot-hostile", hostile(Condition::Boot)),
        ("login-hostile", hostile(Condition::Login)),
        ("boot-auto", auto(Condition::Boot)),
        ("login-auto", auto(Condition::Login)),
        ("boot-template", with_template(plain(Condition::Boot))),
        ("boot-auto-template", with_template(auto(Condition::Boot))),
        ("boot-hostile-template", with_template(hostile(Condition::Boot))),
    ]
    .map(|(name, instance)| (name, spec(&instance), instance))
    .into()
}

/// An instance whose package brings Lima, with what its scripts are told of that.
pub fn with_lima() -> (Spec, Instance) {
    let release = |architecture| Release {
        architecture,
        sha256: "0".repeat(64),
        size: 1,
        entries: [].into(),
        signed_by: None,
    };
    let archives = Architecture::ALL.iter().map(|one| release(*one)).collect();
    let mut instance = with_template(plain(Condition::Boot));
    let prefix = spec(&instance).identifier_prefix;
    instance.bundled.limactl = Some(xtask::settings::bundled::limactl(&prefix));
    let lima = Some(Lima { version: "2.2.0".to_owned(), archives });
    (Spec { lima, ..spec(&instance) }, instance)
}

/// Everything that is rendered for an instance and differs from that of others, but for
/// its joined scripts: path and text.
pub fn artifacts(spec: &Spec, instance: &Instance) -> Vec<(String, String)> {
    let job = xtask::macos::package::property_list(spec, instance);
    let mut all = vec![
        (format!("macos/{}", launchd::file_name(instance)), String::from_utf8(job).unwrap()),
        ("macos/config.sh".to_owned(), xtask::macos::scripts::config_sh(spec, instance)),
        ("macos/welcome.html".to_owned(), xtask::macos::pages::welcome_html(spec, instance)),
        ("macos/conclusion.html".to_owned(), xtask::macos::pages::conclusion_html(spec, instance)),
        (
            "macos/uninstall-welcome.html".to_owned(),
            xtask::macos::pages::uninstall_welcome_html(spec, instance),
        ),
        (
            "macos/uninstall-conclusion.html".to_owned(),
            xtask::macos::pages::uninstall_conclusion_html(spec, instance),
        ),
    ];
    for file in linux_files(spec, instance) {
        match file.path.as_str() {
            // The same everywhere, and goldens of their own.
            xtask::lima_start::FILE => assert_eq!(file.text, xtask::lima_start::program()),
            systemd::TEMPLATE_UNIT => assert_eq!(file.text, template_unit()),
            path => all.push((format!("linux/{path}"), file.text)),
        }
    }
    all
}

/// The unit of every instance.
pub fn template_unit() -> String {
    xtask::linux::units::template_unit(&systemd::start_path())
}

#[test]
fn names_and_places_are_those_of_limactl() {
    let docker = Instance { name: "docker".parse().unwrap(), ..plain(Condition::Login) };
    assert_eq!(launchd::label(&docker), "io.lima-vm.autostart.docker");
    assert_eq!(
        launchd::install_path(&docker),
        "/Users/alice/Library/LaunchAgents/io.lima-vm.autostart.docker.plist"
    );
    let k3s = plain(Condition::Boot);
    assert_eq!(launchd::install_path(&k3s), "/Library/LaunchDaemons/io.lima-vm.daemon.k3s.plist");
    assert_eq!(systemd::unit(&docker.name), "lima-vm@docker.service");

    // Whatever the prefix is.
    let spec = Spec { identifier_prefix: "com.example".parse().unwrap(), ..spec(&k3s) };
    assert_eq!(launchd::payload_path(&spec, &k3s), launchd::install_path(&k3s));
    assert_eq!(
        launchd::payload_path(&spec, &docker),
        "/Library/Application Support/com.example/docker/io.lima-vm.autostart.docker.plist"
    );
    assert_eq!(launchd::installer_identifier(&spec, &k3s), "com.example.installer.k3s");
    assert_eq!(launchd::uninstaller_identifier(&spec, &k3s), "com.example.uninstaller.k3s");
}

#[test]
fn the_slowest_instance_decides_how_long_the_user_manager_may_take() {
    let quick = Instance { exit_timeout: 20, ..plain(Condition::Boot) };
    let slow = Instance { exit_timeout: 900, ..plain(Condition::Boot) };
    let mut spec = spec(&quick);
    assert_eq!(systemd::user_manager_timeout(&spec, &quick), 120, "never less than systemd's own");
    spec.instances.push(slow);
    assert_eq!(systemd::user_manager_timeout(&spec, &quick), 950);
}

#[test]
fn limactl_has_time_after_its_vm_and_the_user_manager_after_limactl() {
    for instance in [plain(Condition::Boot), hostile(Condition::Login)] {
        let vm = instance.exit_timeout;
        let limactl = systemd::stop_timeout(vm);
        let user_manager = systemd::user_manager_timeout(&spec(&instance), &instance);
        assert!(vm < limactl && limactl < user_manager, "{vm} s, {limactl} s, {user_manager} s");
    }
    // The template unit, for an instance without settings of its own.
    let files = linux_files(&spec(&plain(Condition::Boot)), &plain(Condition::Boot));
    let template = &files.iter().find(|file| file.path == systemd::TEMPLATE_UNIT).unwrap().text;
    let expected =
        format!("\nTimeoutStopSec={}s\n", systemd::stop_timeout(plain(Condition::Boot).exit_timeout));
    assert!(template.contains(&expected), "{template}");
}

/// A file for Linux, made.
pub struct LinuxText {
    pub path: String,
    pub text: String,
}

pub fn linux_files(spec: &Spec, instance: &Instance) -> Vec<LinuxText> {
    let made = |file: xtask::linux::units::LinuxFile| {
        let Ok(Content::Bytes(bytes)) = (file.make)(spec, instance, 0) else { panic!("{}", file.path) };
        let text = String::from_utf8(bytes).unwrap();
        LinuxText { path: file.path, text }
    };
    xtask::linux::units::linux_files(instance).into_iter().map(made).collect()
}
