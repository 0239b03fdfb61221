//! Whatever value is accepted comes out of a plist, a script, a unit, a page
//! and a script of a Distribution as it went in. The readers are other
//! people's: the shells, systemd, libxml2.

use std::fmt::{Debug, Write as _};
use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use askama::filters::Escaper;
use proptest::prelude::*;
use xtask::environment;
use xtask::linux::systemd;
use xtask::macos::launchd::{self, Job};
use xtask::render::escape;
use xtask::settings::{AbsolutePath, Account, Condition, Instance, InstanceName, KeepAlive, Limactl};

use super::goldens::{SHELLS, folder_of, quiet};
use super::{plain, spec};
use crate::support::tool;

/// A character that is accepted in free text, the dangerous ones more often.
fn character() -> impl Strategy<Value = char> {
    let accepted = |c: &char| !c.is_control() && !('\u{fffe}'..='\u{ffff}').contains(c);
    prop_oneof![
        4 => prop::sample::select("'\"\\$`%&<>;|*?[]{}()#!~= ]]>-\u{2028}\u{85}é🦀".chars().filter(accepted).collect::<Vec<_>>()),
        2 => prop::char::range('a', 'z'),
        1 => any::<char>().prop_filter("accepted", accepted),
    ]
}

fn text(most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(character(), 0..most).prop_map(String::from_iter)
}

fn env_value() -> impl Strategy<Value = String> {
    let or_white = prop_oneof![6 => character(), 1 => Just('\n'), 1 => Just('\t')];
    prop::collection::vec(or_white, 0..24).prop_map(String::from_iter)
}

fn path() -> impl Strategy<Value = String> {
    let part = text(12)
        .prop_map(|part| part.replace(['/', '\u{2028}', '\u{2029}'], "_"))
        .prop_filter("a name", |part| !matches!(part.as_str(), "" | "." | ".."));
    prop::collection::vec(part, 1..4).prop_map(|parts| format!("/{}", parts.join("/")))
}

/// Those of `texts` that the settings accept, parsed.
fn accepted<T: FromStr + Debug>(texts: BoxedStrategy<String>) -> impl Strategy<Value = T> {
    texts.prop_filter_map("accepted by the settings", |text| text.parse().ok())
}

prop_compose! {
    pub fn instance()(
        name in accepted::<InstanceName>("[A-Za-z0-9]{1,6}([._-][A-Za-z0-9]{1,6}){0,3}".boxed()),
        user in accepted::<Account>(prop_oneof![
            4 => "[A-Za-z_][A-Za-z0-9._-]{0,20}",
            1 => Just("auto".to_owned()),
        ].boxed()),
        home in prop::option::of(accepted::<AbsolutePath>(path().boxed())),
        limactl in prop::option::of(accepted::<Limactl>(
            prop_oneof![4 => path(), 1 => Just("auto".to_owned())].boxed(),
        )),
        lima_home in prop::option::of(accepted::<AbsolutePath>(path().boxed())),
        template in prop::option::of(Just("# a template\n".to_owned())),
        env in prop::collection::btree_map("[A-Z_][A-Z0-9_]{0,8}", env_value(), 0..4),
        keep_alive in prop::sample::select(vec![KeepAlive::OnFailure, KeepAlive::Always, KeepAlive::Never]),
        boot in any::<bool>(),
        exit_timeout in 1..=3600_u32,
    ) -> Instance {
        Instance {
            name,
            // As the settings have it: a home folder is a named user's.
            home: home.filter(|_| user != Account::Auto),
            user,
            limactl,
            lima_home,
            template: template.map(Into::into),
            // Some names are a shell's own.
            env: env
                .into_iter()
                .filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().unwrap())))
                .collect(),
            keep_alive,
            exit_timeout,
            ..plain(if boot { Condition::Boot } else { Condition::Login })
        }
    }
}

fn escaped(escaper: impl Escaper, text: &str) -> String {
    let mut out = String::new();
    escaper.write_escaped_str(&mut out, text).unwrap();
    out
}

/// The values that `config.sh` must give to a script, in the order in which
/// the test's script prints them.
fn config_values(spec: &xtask::settings::Spec, instance: &Instance) -> Vec<(&'static str, String)> {
    vec![
        ("INSTANCE", instance.name.to_string()),
        ("LIMA_USER", instance.user.name().map(ToString::to_string).unwrap_or_default()),
        ("LIMA_USER_HOME", instance.macos_home().unwrap_or_default()),
        ("LIMACTL", instance.macos_limactl().unwrap_or("auto").to_owned()),
        ("LIMA_HOME_DIR", instance.lima_home.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("LIMA_START", launchd::start_path(spec, instance)),
        ("SUPPORT_DIR", launchd::support_dir(spec, instance)),
        ("EXIT_TIMEOUT", instance.exit_timeout.to_string()),
        ("INSTALLER_ID", launchd::installer_identifier(spec, instance)),
    ]
}

/// What systemd makes of an instance's unit: its own dump of it.
fn systemd_dump(analyze: &Path, instance: &Instance) -> String {
    let files = super::linux_files(&spec(instance), instance);
    let folder = folder_of(files.iter().map(|file| (file.path.as_str(), file.text.as_str())));
    let unit = systemd::unit(&instance.name);
    std::os::unix::fs::symlink(systemd::TEMPLATE_UNIT, folder.path().join(&unit)).unwrap();
    dump_in(analyze, folder.path(), &unit)
}

/// The same for a unit of a folder.
pub fn dump_in(analyze: &Path, folder: &Path, unit: &str) -> String {
    let verify = || {
        let mut command = Command::new(analyze);
        command
            .args(["verify", "--user", "--recursive-errors=no", "--man=no"])
            .arg(format!("./{unit}"))
            .current_dir(folder)
            .env("HOME", "/nonexistent/home")
            .env("XDG_RUNTIME_DIR", folder);
        command
    };
    quiet(&mut verify());
    // With this, and only with this, it prints how it understood the unit.
    let output = verify().env("SYSTEMD_LOG_LEVEL", "debug").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The words of a command line that systemd printed, as a shell reads them:
/// systemd quotes it for a shell.
pub fn shell_words(line: &str) -> Vec<String> {
    let output = quiet(Command::new("sh").arg("-c").arg(format!("printf '%s\\0' {line}")));
    let text = String::from_utf8(output).unwrap();
    text.strip_suffix('\0').unwrap().split('\0').map(str::to_owned).collect()
}

/// systemd looks whether the program exists; so it does.
fn with_program(instance: &Instance, folder: &Path) -> Instance {
    let limactl = format!("{}{}", folder.display(), instance.linux_limactl().unwrap_or("/limactl"));
    std::fs::create_dir_all(Path::new(&limactl).parent().unwrap()).unwrap();
    std::fs::copy("/bin/true", &limactl).unwrap();
    Instance { limactl: Some(limactl.parse().unwrap()), ..instance.clone() }
}

fn check_units(analyze: &Path, instance: &Instance) {
    let folder = tempfile::tempdir().unwrap();
    let instance = with_program(instance, folder.path());
    let limactl = instance.linux_limactl().unwrap();
    let dump = systemd_dump(analyze, &instance);
    for (name, value) in environment::variables(&instance, limactl, &systemd::SYSTEM_PATH) {
        assert!(dump.contains(&format!("\tEnvironment: {name}={value}\n")), "{name}={value:?} in\n{dump}");
    }

    let line = dump.lines().find_map(|line| line.trim_start().strip_prefix("Command Line: ")).unwrap();
    let words = shell_words(line);
    let mut arguments = vec!["/bin/sh".to_owned(), systemd::start_path()];
    arguments.extend(xtask::lima_start::options(&instance, None));
    arguments
        .extend([limactl, "--tty=false", "start", "--foreground", instance.name.as_str()].map(str::to_owned));
    assert_eq!(words, arguments);

    assert!(dump.contains("ConditionUser: !root "), "{dump}");
    // For a LIMA_HOME of its own, whose volume may come later, lima-start waits.
    let conditions = dump.matches("ConditionPathExists: ").count();
    assert_eq!(conditions, usize::from(instance.lima_home.is_none()), "{dump}");
    let lima_yaml = format!("ConditionPathExists: /nonexistent/home/.lima/{}/lima.yaml ", instance.name);
    assert_eq!(dump.contains(&lima_yaml), instance.lima_home.is_none(), "{lima_yaml} in\n{dump}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_survive_a_property_list(instance in instance()) {
        let job = super::job(&instance);
        let read: Job = plist::from_bytes(&job.to_xml().unwrap()).unwrap();
        prop_assert_eq!(read, job);
    }

    #[test]
    fn values_survive_every_shell(instance in instance()) {
        let spec = spec(&instance);
        let (names, values): (Vec<_>, Vec<_>) = config_values(&spec, &instance).into_iter().unzip();
        let mut script = xtask::macos::scripts::config_sh(&spec, &instance);
        for name in &names {
            writeln!(script, "printf '%s\\0' \"${name}\"").unwrap();
        }
        let folder = folder_of([("script", script.as_str())]);
        for (shell, args) in SHELLS {
            let Some(shell) = tool(shell) else { continue };
            let output = quiet(Command::new(shell).args(args).arg(folder.path().join("script")).env("LC_ALL", "C"));
            let output = String::from_utf8(output).unwrap();
            prop_assert_eq!(output.strip_suffix('\0').unwrap().split('\0').collect::<Vec<_>>(), &values[..]);
        }
    }

    /// What launchd gives the job reaches limactl, past the shell between them.
    #[test]
    fn values_survive_lima_start(instance in instance()) {
        let folder = tempfile::tempdir().unwrap();
        let place = |path: &str| format!("{}{path}", folder.path().display());
        let limactl = instance.macos_limactl().map(place);
        let fake = limactl.clone().unwrap_or_else(|| place("/found/limactl"));
        std::fs::create_dir_all(Path::new(&fake).parent().unwrap()).unwrap();
        std::fs::write(&fake, "#!/bin/sh\nprintf '%s\\0' \"$0\" \"$@\"\nexec /usr/bin/env -0\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&fake, mode).unwrap();
        let limactl = limactl.map_or(Limactl::Auto, |path| path.parse().unwrap());
        let instance = Instance { limactl: Some(limactl), ..instance };
        let job = super::job(&instance);
        // All of it but what it does in the end.
        let functions = xtask::lima_start::program();
        let functions = functions.split("\nvm_uid=$(id -u)\n").next().unwrap();
        let script = format!(
            "{functions}\nvm_path=$PATH\nvm_read_options \"$@\" || exit\nvm_limactl=$vm_limactl_option\n\
             [ \"$vm_limactl\" != auto ] || vm_limactl=$HOME/found/limactl\n\
             vm_become_limactl \"$vm_name\" \"$vm_home\" \"$vm_template\" \"$vm_log\" \"$vm_keep_alive\"\n"
        );
        let script_file = folder.path().join("script");
        std::fs::write(&script_file, script).unwrap();
        for (shell, args) in SHELLS {
            let Some(shell) = tool(shell) else { continue };
            let mut command = Command::new(shell);
            command.args(args).arg(&script_file).args(&job.program_arguments[1..]);
            command.env_clear().env("HOME", folder.path()).envs(&job.environment_variables);
            let output = String::from_utf8(quiet(&mut command)).unwrap();
            let words: Vec<&str> = output.strip_suffix('\0').unwrap().split('\0').collect();
            let spec = spec(&instance);
            let home = instance.lima_home.as_ref().map_or_else(|| place("/.lima"), ToString::to_string);
            let template = instance.template.as_ref().map(|_| launchd::template_path(&spec, &instance));
            let log = launchd::log_path(&spec, &instance);
            let log = if log.starts_with('/') { log } else { place(&format!("/{log}")) };
            let expected = [
                fake.as_str(),
                instance.name.as_str(),
                &home,
                &template.unwrap_or_default(),
                &log,
                instance.keep_alive.as_str(),
            ];
            prop_assert_eq!(&words[..expected.len()], expected);
            let given: Vec<(&str, &str)> =
                words[expected.len()..].iter().map(|word| word.split_once('=').unwrap()).collect();
            for (name, value) in &job.environment_variables {
                let found = instance.macos_limactl().is_none() && name == "PATH" && !job_sets_path(&job);
                let folder = Path::new(&fake).parent().unwrap().display();
                let value = if found { format!("{folder}:{value}") } else { value.clone() };
                prop_assert!(given.contains(&(name, &value)), "{name}={value:?} in {given:?}");
            }
        }
    }

    #[test]
    fn any_text_is_one_word_of_a_shell(value in env_value(), cut in 0..24_usize) {
        // In two pieces, as a value may reach the escaper.
        let cut = value.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(value.len());
        let word = escaped(escape::Sh, &value[..cut]) + &escaped(escape::Sh, &value[cut..]);
        for (shell, args) in SHELLS {
            let Some(shell) = tool(shell) else { continue };
            let script = format!("X={word}\nprintf '%s' \"$X\"");
            let output = quiet(Command::new(shell).args(args).arg("-c").arg(script));
            prop_assert_eq!(String::from_utf8(output).unwrap(), value.as_str());
        }
    }

    #[test]
    fn values_survive_a_unit(instance in instance()) {
        if let Some(analyze) = tool("systemd-analyze") {
            check_units(&analyze, &instance);
        }
    }

    #[test]
    fn values_survive_xml(value in env_value()) {
        if let Some(xmllint) = tool("xmllint") {
            let word = escaped(escape::Xml, &value);
            let folder = folder_of([("a.xml", format!("<a b=\"{word}\" c='{word}'>{word}</a>").as_str())]);
            for part in ["string(/a)", "string(/a/@b)", "string(/a/@c)"] {
                let mut command = Command::new(&xmllint);
                let output = quiet(command.args(["--nonet", "--xpath", part]).arg(folder.path().join("a.xml")));
                let output = String::from_utf8(output).unwrap();
                prop_assert_eq!(output.strip_suffix('\n').unwrap_or(&output), value.as_str());
            }
        }
    }
}

/// Whether PATH is the settings' own.
fn job_sets_path(job: &Job) -> bool {
    job.program_arguments.iter().any(|word| word == "--sets-path")
}

#[test]
fn systemd_understands_the_units_that_have_goldens() {
    let Some(analyze) = tool("systemd-analyze") else { return };
    for (_, _, instance) in super::cases() {
        check_units(&analyze, &instance);
    }
}
