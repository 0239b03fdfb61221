//! `ci`: every check, as CI runs it. What they are is in `.ci/run` alone.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use xshell::{Shell, cmd};

use super::environment;
use super::messages::MessageFormat;

/// Run what CI runs: formatting, lints, documentation and tests
///
/// The checks are in .ci/run. Where apt-get is, it first installs the Debian
/// packages that the tests use. A test whose tool is missing fails here; `cargo
/// test` skips it. For packages, and for tests that boot a machine, it takes
/// root: as somebody else, it asks sudo.
#[derive(Debug, Args)]
pub struct Ci {
    /// Boot the Linux units under systemd, and nothing else
    ///
    /// In full length: shutting down waits for a VM that takes two and a half
    /// minutes, which the other runs scale down to twelve seconds. Linux only.
    #[arg(long)]
    boot: bool,

    /// Run every check at full length
    ///
    /// Every scenario of the installer scripts runs under every shell, instead of two by
    /// turns, and VMs take minutes to shut down.
    #[arg(long, conflicts_with = "boot")]
    full: bool,
}

/// Programs that boot a machine, with the package that has them: it has the
/// same name on Debian, Fedora, openSUSE and Arch Linux, where it is not part
/// of systemd itself.
const BOOT_TOOLS: [(&str, &str); 3] =
    [("debootstrap", "debootstrap"), ("systemd-nspawn", "systemd-container"), ("nsenter", "util-linux")];

impl Ci {
    pub fn run(&self) -> ExitCode {
        match self.check() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                MessageFormat::Human.error(&error);
                ExitCode::FAILURE
            }
        }
    }

    fn check(&self) -> Result<()> {
        let root = environment::root();
        if !root.join(".ci/run").is_file() {
            bail!("no .ci/run here; run `cargo xtask ci` in the repository");
        }
        if !environment::has_program("bash") {
            bail!("bash is not installed, and .ci/run is written for it");
        }
        if self.boot {
            can_boot()?;
        }
        let shell = Shell::new()?;
        if !root.as_os_str().is_empty() {
            shell.change_dir(root);
        }
        let which = self.boot.then_some("--boot").or(self.full.then_some("--full"));
        if cmd!(shell, "bash .ci/run {which...}").quiet().run().is_err() {
            bail!("a check failed; what it said is above");
        }
        Ok(())
    }
}

/// Whether this machine can boot another one, as far as that is seen beforehand.
fn can_boot() -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("a machine with systemd is booted on Linux only; what a Mac can check is `cargo xtask ci`");
    }
    if !environment::caller().is_root && !environment::has_program("sudo") {
        bail!("booting a machine takes root: run this as root, or install sudo");
    }
    if environment::has_program("apt-get") {
        return Ok(());
    }
    let missing: Vec<String> = BOOT_TOOLS
        .iter()
        .filter(|(program, _)| !environment::has_program(program))
        .map(|(program, package)| format!("{program} (package {package})"))
        .collect();
    if !missing.is_empty() {
        bail!("booting a machine takes programs that are not installed: {}", missing.join(", "));
    }
    Ok(())
}
