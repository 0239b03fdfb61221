//! The host agent and the VM (`pkg/hostagent/hostagent.go`, `pkg/driver`). A VM
//! of vz is part of the host agent; QEMU is a process in a process group of its
//! own, which outlives a host agent that is killed (lima-vm/lima#357).

use std::fs::{self, File};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::instance::Instance;
use crate::limactl::{behaviour, log, plan_of_run};
use crate::state::Ends;
use crate::{clock, complain};

/// Seconds that Lima gives QEMU to shut down (`shutdownQEMU`).
const QEMU_SHUTDOWN: u64 = 180;

/// Takes the VM's disk. Two VMs on one disk is the worst that can happen.
fn take_disk(folder: &Path) -> Option<File> {
    let disk = fs::OpenOptions::new().append(true).create(true).open(folder.join("diffdisk"));
    let disk = disk.inspect_err(|error| log("error", &error.to_string())).ok()?;
    if let Err(error) = disk.try_lock() {
        complain(&format!("two VMs on the disk of {}: {error}", folder.display()));
        return None;
    }
    Some(disk)
}

/// The host agent, until its end.
pub fn host_agent(pid_file: &Path, socket: &Path, name: &str) -> i32 {
    let signals = clock::block(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGCHLD]);
    let Some(instance) = Instance::open(name) else { return 1 };
    if pid_file.symlink_metadata().is_ok() {
        log("fatal", "the pid file exists already");
        return 1;
    }
    if let Err(error) = fs::write(pid_file, format!("{}\n", std::process::id())) {
        log("fatal", &error.to_string());
        return 1;
    }
    // It listens until it ends.
    let _listener = match UnixListener::bind(socket) {
        Ok(listener) => listener,
        Err(error) => {
            log("fatal", &error.to_string());
            let _ = fs::remove_file(pid_file);
            return 1;
        }
    };
    let _ = fs::write(instance.folder.join("cidata.iso"), "cidata\n");
    let status = run_vm(&signals, &instance);
    // The file of vz stays (`pkg/driver/vz/vm_darwin.go`).
    let _ = fs::remove_file(pid_file);
    let _ = fs::remove_file(socket);
    status
}

fn run_vm(signals: &nix::sys::signal::SigSet, instance: &Instance) -> i32 {
    let mut disk = None;
    let mut qemu = None;
    if instance.is_vz {
        disk = take_disk(&instance.folder);
        if disk.is_none() || fs::write(instance.driver_pid_file(), std::process::id().to_string()).is_err() {
            return 1;
        }
    } else {
        let mut command = Command::new("/opt/homebrew/bin/qemu-system-aarch64");
        command.args(["-m", "4096", "-drive"]).arg(format!("file={}/diffdisk", instance.folder.display()));
        command.arg("-pidfile").arg(instance.driver_pid_file()).process_group(0).stdin(Stdio::null());
        qemu = command.spawn().ok();
        if qemu.is_none() {
            return 1;
        }
    }
    let plan = plan_of_run().filter(|plan| plan.ends != Ends::Well);
    let mut until = plan.map(|plan| clock::now() + plan.after);
    let mut stopped_by_error = false;
    loop {
        let signal = clock::wait(signals, until);
        if signal.is_none() {
            until = None;
        }
        match signal {
            Some(Signal::SIGCHLD) => {
                let ended = qemu.as_mut().and_then(|qemu| qemu.try_wait().expect("look at QEMU"));
                if let Some(status) = ended {
                    let error = if status.success() {
                        "%!q(<nil>)".to_owned()
                    } else {
                        format!("{:?}", status.to_string())
                    };
                    log("info", &format!("Driver stopped due to error: {error}"));
                    return 0;
                }
            }
            Some(_) if behaviour().agent_hangs => {}
            Some(signal) => {
                log("info", &format!("Received {signal}, shutting down the host agent"));
                break;
            }
            None => match plan.map(|plan| plan.ends) {
                Some(Ends::Killed) => {
                    let _ = kill(Pid::this(), Signal::SIGKILL);
                }
                Some(Ends::SwitchedOff) if instance.is_vz => {
                    log("info", "Driver stopped due to error: \"vz driver state stopped\"");
                    stopped_by_error = true;
                    break;
                }
                Some(Ends::SwitchedOff) => shut_down(qemu.as_ref()),
                _ if instance.is_vz => {
                    log("info", "Driver stopped due to error: \"vz driver state error\"");
                    return 1;
                }
                _ => {
                    let _ = kill(pid_of(qemu.as_ref()), Signal::SIGKILL);
                }
            },
        }
    }
    if instance.is_vz {
        if !stopped_by_error {
            clock::sleep(behaviour().shutdown_takes);
        }
        drop(disk);
        log("fatal", "vz: CanRequestStop is not supported");
        return 1;
    }
    shut_down(qemu.as_ref());
    let last = clock::now() + QEMU_SHUTDOWN;
    while qemu.as_mut().is_some_and(|qemu| qemu.try_wait().expect("look at QEMU").is_none()) {
        if clock::now() >= last {
            let _ = kill(pid_of(qemu.as_ref()), Signal::SIGKILL);
            return 1;
        }
        clock::wait(signals, Some(last));
    }
    0
}

fn pid_of(qemu: Option<&std::process::Child>) -> Pid {
    Pid::from_raw(qemu.expect("QEMU").id().cast_signed())
}

/// QMP's `system_powerdown`.
fn shut_down(qemu: Option<&std::process::Child>) {
    let _ = kill(pid_of(qemu), Signal::SIGUSR2);
}

/// QEMU, until its end. It removes its pid file itself, unless it is killed.
pub fn qemu(words: &[&str]) -> i32 {
    let signals = clock::block(&[Signal::SIGTERM, Signal::SIGUSR2]);
    let at = words.iter().position(|word| *word == "-pidfile").expect("a pid file");
    let pid_file = Path::new(words[at + 1]);
    let Some(disk) = take_disk(pid_file.parent().expect("a folder")) else { return 1 };
    if fs::write(pid_file, format!("{}\n", std::process::id())).is_err() {
        return 1;
    }
    loop {
        match clock::wait(&signals, None) {
            Some(Signal::SIGTERM) if behaviour().qemu_ignores_sigterm => {}
            Some(Signal::SIGTERM) => {
                clock::sleep(1);
                break;
            }
            Some(_) => {
                clock::sleep(behaviour().shutdown_takes);
                break;
            }
            None => {}
        }
    }
    let _ = fs::remove_file(pid_file);
    drop(disk);
    0
}
