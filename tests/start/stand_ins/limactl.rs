//! limactl: `create`, `delete`, `list`, `start`, `stop`, and `hostagent`, which
//! only `start` runs.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::instance::{Instance, Status, lima_home};
use crate::state::{BEHAVIOUR, Behaviour, CALLS, Ends, nth};
use crate::{agent, append, clock, complain};

/// How badly it behaves.
pub fn behaviour() -> Behaviour {
    let text = fs::read_to_string(Path::new("/").join(BEHAVIOUR)).expect("read the behaviour");
    serde_json::from_str(&text).expect("understand the behaviour")
}

/// A line as logrus writes it.
pub fn log(level: &str, message: &str) {
    eprintln!("time=\"{}\" level={level} msg={message:?}", clock::now());
}

fn fatal(message: &str) -> i32 {
    log("fatal", message);
    1
}

/// Runs it. Its exit status.
pub fn run(words: &[&str]) -> i32 {
    if nix::unistd::getuid().is_root() {
        complain(&format!("limactl runs as root: {}", words.join(" ")));
        return fatal("must not run as the root user");
    }
    if let ["hostagent", "--pidfile", pid_file, "--socket", socket, name] = words {
        return agent::host_agent(Path::new(pid_file), Path::new(socket), name);
    }
    append(CALLS, &format!("{} {}\n", clock::now(), words.join(" ").replace('\n', "\\n")));
    match words {
        ["create", "--tty=false", name, template] => {
            create(name.strip_prefix("--name=").expect("a name"), Path::new(template))
        }
        ["delete", "--force", name] => {
            let _ = fs::remove_dir_all(lima_home().join(name));
            0
        }
        ["list", "--format", "{{.Status}}", name] => list(name),
        ["start", name] => start(name, false),
        ["start", name, "--foreground"] => start(name, true),
        ["stop", name] => stop(name),
        _ => {
            complain(&format!("limactl {}: nobody looked up what that does", words.join(" ")));
            64
        }
    }
}

/// How often it was called with this verb, this call not counted.
fn calls_before(verb: &str) -> usize {
    let text = fs::read_to_string(Path::new("/").join(CALLS)).expect("read the calls");
    let is_it = |line: &&str| line.split(' ').nth(1) == Some(verb);
    text.lines().filter(is_it).count() - 1
}

fn list(name: &str) -> i32 {
    let Some(instance) = Instance::open(name) else {
        return fatal(&format!("unmatched instances: {name}"));
    };
    println!(
        "{}",
        match instance.inspect() {
            Status::Running(_) => "Running",
            Status::Stopped => "Stopped",
            Status::Broken(_) => "Broken",
        }
    );
    0
}

/// `lima.yaml` is there at once, the image only in the end (`pkg/instance`); what
/// was half made stays.
fn create(name: &str, template: &Path) -> i32 {
    let folder = lima_home().join(name);
    if folder.symlink_metadata().is_ok() {
        return fatal(&format!("instance {name:?} already exists"));
    }
    let Ok(yaml) = fs::read(template) else { return fatal(&format!("cannot read {}", template.display())) };
    if let Err(error) = fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("lima.yaml"), yaml)) {
        return fatal(&error.to_string());
    }
    let plan = nth(&behaviour().creations, calls_before("create"));
    clock::sleep(plan.map_or(0, |plan| plan.after));
    if plan.is_some_and(|plan| plan.ends != Ends::Well) {
        return fatal("failed to download the image: dial tcp: lookup cloud-images.ubuntu.com: no such host");
    }
    match fs::write(folder.join("basedisk"), "an image\n") {
        Ok(()) => 0,
        Err(error) => fatal(&error.to_string()),
    }
}

/// `startAction` (`cmd/limactl/start.go`), and `Start` (`pkg/instance/start.go`):
/// in the foreground it becomes the host agent, otherwise it starts one.
fn start(name: &str, foreground: bool) -> i32 {
    let Some(instance) = Instance::open(name) else {
        // The real one would make one from Lima's own template.
        complain(&format!("limactl start {name}, which is missing"));
        return fatal(&format!("instance {name:?} does not exist"));
    };
    match instance.inspect() {
        Status::Broken(why) => return fatal(&format!("errors inspecting instance: [{why}]")),
        Status::Running(_) => {
            log("info", &format!("The instance {name:?} is already running."));
            return 0;
        }
        Status::Stopped => {}
    }
    let plan = nth(&behaviour().runs, calls_before("start"));
    if let Some(plan) = plan.filter(|plan| plan.ends == Ends::Fails) {
        clock::sleep(plan.after);
        return fatal("failed to run the VM");
    }
    let pid_file = instance.folder.join("ha.pid");
    if pid_file.symlink_metadata().is_ok() {
        return fatal(&format!("instance {name:?} seems running (hint: remove {pid_file:?})"));
    }
    let open = |name: &str| -> std::io::Result<Stdio> {
        let file = instance.folder.join(name);
        if file.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            fs::remove_dir_all(&file)?;
        } else if file.symlink_metadata().is_ok() {
            fs::remove_file(&file)?;
        }
        Ok(fs::File::create(file)?.into())
    };
    let (stdout, stderr) = match (open("ha.stdout.log"), open("ha.stderr.log")) {
        (Ok(stdout), Ok(stderr)) => (stdout, stderr),
        (Err(error), _) | (_, Err(error)) => return fatal(&error.to_string()),
    };
    let mut agent = Command::new(std::env::args_os().next().expect("its own path"));
    agent
        .arg("hostagent")
        .arg("--pidfile")
        .arg(&pid_file)
        .arg("--socket")
        .arg(instance.folder.join("ha.sock"));
    agent.arg(&instance.name).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    if foreground {
        return fatal(&agent.exec().to_string());
    }
    let mut agent = agent.process_group(0).spawn().expect("start the host agent");
    clock::sleep(5);
    i32::from(agent.try_wait().expect("look at the host agent").is_some())
}

/// `StopGracefully` (`pkg/instance/stop.go`). With vz it ends badly although the
/// VM was stopped (lima-vm/lima#5087).
fn stop(name: &str) -> i32 {
    let instance = Instance::open(name).expect("an instance");
    let Status::Running(agent) = instance.inspect() else {
        return fatal("expected status \"Running\" (maybe use `limactl stop -f`?)");
    };
    let _ = kill(Pid::from_raw(agent), Signal::SIGINT);
    for _ in 0..190 {
        clock::sleep(1);
        if kill(Pid::from_raw(agent), None).is_err() {
            return i32::from(instance.is_vz);
        }
    }
    fatal("did not receive an event with the \"exiting\" status")
}

/// Whether this start is to end by itself, and how.
pub fn plan_of_run() -> Option<crate::state::Run> {
    nth(&behaviour().runs, calls_before("start"))
}
