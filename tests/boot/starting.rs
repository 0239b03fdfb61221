//! What starts an instance, with what, and what does not.

use super::installed::{
    AT_LOGIN, INSTANCE, Installed, PLAIN, dist, install, install_with_tmpfiles, install_without_lingering,
    machine, remove,
};
use super::machine::{Machine, wait_until};

/// A login as getty and sshd make one, by PAM.
const LOG_IN: &str = "systemd-run --quiet --unit=somebody --property=PAMName=login --property=User=alice \
                      --setenv=XDG_SESSION_CLASS=user --setenv=XDG_SESSION_TYPE=tty sleep infinity";
const LOG_OUT: &str = "systemctl stop somebody.service";

/// After a boot: the user's manager runs because of lingering alone, and the
/// instance in it.
fn is_active_without_a_login(vm: &Installed) {
    vm.wait_for("ready");
    assert_eq!(vm.machine.root("loginctl show-user alice --value --property=State").trim(), "lingering");
    assert_eq!(vm.property("ActiveState"), "active");
    assert_eq!(vm.count("limactl started"), 1, "{:?}", vm.events());
}

#[test]
fn a_lingering_user_s_instance_is_active_after_boot_without_a_login() {
    let Some(mut vm) = Installed::new(PLAIN) else { return };
    assert_eq!(vm.property("ActiveState"), "active", "at once, by enable --now");
    vm.reboot();
    is_active_without_a_login(&vm);
    let arguments = ["/usr/local/bin/limactl", "--tty=false", "start", "--foreground", "k3s"];
    assert_eq!(vm.strings("cmdline")[1..], arguments, "behind the stand-in's shell");
    assert_eq!(vm.variable("HOME").unwrap(), "/home/alice");
    assert_eq!(vm.variable("LIMA_HOME"), None, "limactl's own: ~/.lima");
    assert_eq!(vm.variable("PATH").unwrap(), "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin");
    assert_eq!(std::fs::read_to_string(vm.file("cwd")).unwrap(), "/home/alice/.lima/k3s\n");
    let limactl = std::fs::read_to_string(vm.file("pid")).unwrap();
    let parent = vm.machine.root(&format!("sed -n 's/^PPid:[^0-9]*//p' /proc/{}/status", limactl.trim()));
    assert_eq!(vm.property("MainPID"), parent.trim(), "lima-start's child");
    assert_eq!(vm.property("NRestarts"), "0");
}

#[test]
fn the_line_of_tmpfiles_d_makes_the_user_linger() {
    let Some(mut machine) = machine(PLAIN) else { return };
    machine.boot();
    let mut vm = Installed::in_machine(machine, INSTANCE);
    vm.create();
    install_with_tmpfiles(&vm.machine);
    assert!(!vm.machine.path("/var/lib/systemd/linger/alice").exists(), "the boot makes it");
    vm.wait_for("ready");
    vm.reboot();
    is_active_without_a_login(&vm);
}

#[test]
fn an_instance_in_a_lima_home_of_its_own_is_started_from_there() {
    let settings = format!("{PLAIN}lima-home = '/srv/lima'\n");
    let Some(mut machine) = machine(&settings) else { return };
    machine.boot();
    machine.root("install -D -o alice /dev/null /srv/lima/k3s/lima.yaml");
    install(&machine);
    let vm = Installed::in_machine(machine, INSTANCE);
    vm.wait_for("ready");
    assert_eq!(vm.variable("LIMA_HOME").unwrap(), "/srv/lima");
    assert_eq!(vm.count("limactl created a VM"), 0);
}

#[test]
fn an_instance_for_logins_runs_from_the_first_login_to_the_last_logout() {
    let Some(mut machine) = machine(AT_LOGIN) else { return };
    assert!(!machine.path("/root/out/k3s/linux/tmpfiles.d").exists());
    machine.boot();
    let mut vm = Installed::in_machine(machine, INSTANCE);
    vm.create();
    install_without_lingering(&vm.machine);
    vm.wait_for("ready");
    vm.reboot();
    let manager = |machine: &Machine| machine.root("systemctl is-active user@1000.service || true");
    assert_eq!(manager(&vm.machine).trim(), "inactive");
    assert!(vm.events().is_empty(), "started at boot: {:?}", vm.events());

    vm.machine.root(LOG_IN);
    vm.wait_for("ready");
    assert_eq!(vm.property("ActiveState"), "active");
    vm.machine.root(LOG_OUT);
    wait_until("the user's manager ends", || manager(&vm.machine).trim() == "inactive");
    assert_eq!(vm.events()[2..], ["limactl got TERM", "qemu ended", "limactl ended"], "{:?}", vm.events());
}

#[test]
fn an_instance_that_does_not_exist_is_not_created() {
    let Some(mut machine) = machine(PLAIN) else { return };
    machine.boot();
    install(&machine);
    let mut vm = Installed::in_machine(machine, INSTANCE);
    vm.machine.reboot();
    wait_until("the user's manager is up", || vm.property("ConditionTimestampMonotonic") != "0");
    assert_eq!(
        (vm.property("ConditionResult"), vm.property("ActiveState")),
        ("no".into(), "inactive".into())
    );
    assert!(vm.events().is_empty(), "limactl was started: {:?}", vm.events());
    assert!(!vm.machine.path("/home/alice/.lima").exists());
    // It starts once it exists, without another word to systemd.
    vm.create();
    assert!(vm.systemctl("start"));
    vm.wait_for("ready");
}

#[test]
fn root_s_manager_does_not_start_it() {
    let Some(mut machine) = machine(PLAIN) else { return };
    machine.boot();
    machine.root("install -D /dev/null ~/.lima/k3s/lima.yaml");
    install(&machine);
    machine.root("loginctl enable-linger root; systemctl --user --machine=root@ enable lima-vm@k3s.service");
    machine.reboot();
    wait_until("root's manager is up", || {
        machine.root("systemctl is-active user@0.service || true").trim() == "active"
    });
    let show = "systemctl --user --machine=root@ show --value --property=ActiveState,ConditionResult";
    assert_eq!(machine.root(&format!("{show} lima-vm@k3s.service")), "inactive\nno\n");
    assert_eq!(
        machine.root("systemctl --user --machine=root@ is-enabled lima-vm@k3s.service").trim(),
        "enabled"
    );
    assert!(!machine.path("/root/stand-in").exists(), "limactl was started");
}

#[test]
fn a_limactl_that_comes_later_is_waited_for() {
    let Some(vm) = Installed::new(PLAIN) else { return };
    assert!(vm.systemctl("stop"));
    let [limactl, away] = ["limactl", "away"].map(|name| vm.machine.path("/usr/local/bin").join(name));
    std::fs::rename(&limactl, &away).unwrap();
    vm.forget();
    assert!(vm.systemctl("start"));
    wait_until("it is said", || vm.journal().contains("there is no program /usr/local/bin/limactl"));
    std::fs::rename(&away, &limactl).unwrap();
    vm.wait_for("ready");
    assert_eq!(vm.journal().matches("there is no program").count(), 1, "{}", vm.journal());
}

/// Files of the machine, with size, mode, owner and where links lead.
fn files(machine: &Machine) -> Vec<String> {
    let find = "find /etc /home /root /usr /var/lib/systemd -path /home/alice/stand-in -prune -o -path /home/alice/.lima -prune -o \
                -type f,l \
                -printf '%p %s %m %u:%g %l\\n'";
    let mut lines: Vec<String> = machine.root(find).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn disabling_and_removing_leaves_nothing() {
    let Some(mut machine) = machine(PLAIN) else { return };
    machine.boot();
    let mut vm = Installed::in_machine(machine, INSTANCE);
    vm.create();
    let before = files(&vm.machine);
    install(&vm.machine);
    vm.wait_for("ready");
    assert_ne!(files(&vm.machine), before);
    vm.tell("stop-seconds", "1");
    remove(&vm.machine);
    assert_eq!(vm.events().last().unwrap(), "limactl ended", "removed under a running VM");
    assert_eq!(files(&vm.machine), before);
    assert!(!vm.machine.path("/etc/systemd/system/user@.service.d").exists());
    vm.reboot();
    assert_eq!(vm.machine.root("systemctl is-active user@1000.service || true").trim(), "inactive");
    assert!(vm.events().is_empty(), "started: {:?}", vm.events());
}

/// Values that are accepted, and would be something else to a systemd that read
/// them without our escapes.
const HOSTILE: [(&str, &str); 11] = [
    ("LINES", "first\nExecStartPre=/usr/bin/touch /home/alice/planted\n\tlast\\"),
    ("QUOTES", "it's \"quoted\" `touch planted` $(touch planted)"),
    ("DOLLARS", "$HOME ${HOME} $$ $"),
    ("PERCENTS", "%h %% %%h %n %"),
    ("BACKSLASHES", r"\n \\ \x41 \101 \u00e9 \"),
    ("SPACES", "  two before,\ttab, two after  "),
    ("COMMENT", "# no comment ; and no end"),
    ("XML", "</string><true/>]]>&amp;<!--"),
    ("UNICODE", "Zoë \u{1f980} \u{2028} \u{feff} e\u{301}"),
    ("EMPTY", ""),
    ("lower", "case"),
];

/// Settings with the hostile environment.
fn hostile(name: &str, limactl: Option<&str>, lima_home: &str) -> String {
    let env: toml::Table =
        HOSTILE.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    let mut instance = toml::Table::from_iter([
        ("name".to_owned(), name.into()),
        ("user".to_owned(), "alice".into()),
        ("lima-home".to_owned(), lima_home.into()),
        ("env".to_owned(), env.into()),
    ]);
    instance.extend(limactl.map(|path| ("limactl".to_owned(), path.into())));
    let all = toml::Table::from_iter([("instance".to_owned(), toml::Value::Array(vec![instance.into()]))]);
    toml::to_string(&all).unwrap()
}

#[test]
fn a_hostile_environment_arrives_byte_for_byte() {
    // systemd takes the first program by its path; the second path is one that
    // it takes as an argument only.
    let programs = [None, Some(r#"/opt/it's "lima" %n & a=b ${HOME} <co> \d/$HOME; é/limactl"#)];
    let homes = [r"/srv/$HOME %h %% ends in\", r#"/srv/"x" it's # ends in "#];
    for (program, lima_home) in programs.into_iter().zip(homes) {
        let Some(mut machine) = machine(&hostile(INSTANCE, program, lima_home)) else { return };
        let limactl = program.unwrap_or("/usr/local/bin/limactl");
        if program.is_some() {
            std::fs::create_dir_all(machine.path(limactl).parent().unwrap()).unwrap();
            std::fs::rename(machine.path("/usr/local/bin/limactl"), machine.path(limactl)).unwrap();
        }
        machine.write(&format!("{lima_home}/k3s/lima.yaml"), "");
        machine.boot();
        install(&machine);
        let mut vm = Installed::in_machine(machine, INSTANCE);
        vm.wait_for("ready");
        vm.reboot();
        vm.wait_for("ready");
        assert_eq!(vm.strings("cmdline")[1..], [limactl, "--tty=false", "start", "--foreground", INSTANCE]);
        assert_eq!(vm.variable("LIMA_HOME").as_deref(), Some(lima_home));
        assert_eq!(
            vm.variable("PATH").unwrap().split(':').next(),
            limactl.rsplit_once('/').map(|(dir, _)| dir)
        );
        for (name, value) in HOSTILE {
            assert_eq!(vm.variable(name).as_deref(), Some(value), "{name}, with {limactl}");
        }
        assert_eq!(vm.count("limactl created a VM"), 0);
        assert!(!vm.machine.path("/home/alice/planted").exists());
    }
}

#[test]
fn two_instances_start_beside_each_other() {
    let second = "docker.rootless_x-1";
    let both = format!("{PLAIN}\n[[instance]]\nname = '{second}'\nuser = 'alice'\nexit-timeout = 400\n");
    let Some(vm) = Installed::new(&both) else { return };
    dist(&vm.machine, &both);
    let other = second;
    vm.machine.user(&format!("mkdir -p .lima/{other} stand-in/{other} && : >.lima/{other}/lima.yaml"));
    super::installed::install_named(&vm.machine, other);
    let other = Installed::in_machine(vm.machine, other);
    other.wait_for("ready");
    let vm = other;
    assert_eq!(vm.property("TimeoutStopUSec"), "7min");
    let cap = vm.machine.root("systemctl show --value --property=TimeoutStopUSec user@1000.service");
    assert_eq!(cap.trim(), "7min 30s", "of the slowest");
}
