//! An instance as Lima's store sees it (`pkg/store/instance.go`).

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// An instance's folder and the driver that its `lima.yaml` names.
pub struct Instance {
    pub name: String,
    pub folder: PathBuf,
    pub is_vz: bool,
}

/// What `store.Inspect` finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Status {
    Running(i32),
    Stopped,
    Broken(String),
}

impl Instance {
    /// `None`: there is none.
    pub fn open(name: &str) -> Option<Self> {
        let folder = lima_home().join(name);
        let yaml = fs::read_to_string(folder.join("lima.yaml")).ok()?;
        Some(Self { name: name.to_owned(), folder, is_vz: yaml.contains("vmType: vz") })
    }

    pub fn driver(&self) -> &'static str {
        if self.is_vz { "vz" } else { "qemu" }
    }

    pub fn driver_pid_file(&self) -> PathBuf {
        self.folder.join(format!("{}.pid", self.driver()))
    }

    /// A host agent counts only when its socket answers; a driver without one is
    /// "running but host agent is not" (lima-vm/lima#5087, #357).
    pub fn inspect(&self) -> Status {
        let agent = match read_pid_file(&self.folder.join("ha.pid")) {
            Ok(pid) => pid,
            Err(why) => return Status::Broken(why),
        };
        if agent != 0
            && let Err(error) = UnixStream::connect(self.folder.join("ha.sock"))
        {
            return Status::Broken(format!(
                "failed to connect to {:?}: {error}",
                self.folder.join("ha.sock")
            ));
        }
        match (agent, read_pid_file(&self.driver_pid_file())) {
            (_, Err(why)) => Status::Broken(why),
            (0, Ok(0)) => Status::Stopped,
            (0, Ok(_)) => {
                Status::Broken(format!("{} driver is running but host agent is not", self.driver()))
            }
            (_, Ok(0)) => {
                Status::Broken(format!("host agent is running but {} driver is not", self.driver()))
            }
            (agent, Ok(_)) => Status::Running(agent),
        }
    }
}

/// Where instances are; it follows links (`LimaDir`).
pub fn lima_home() -> PathBuf {
    let folder = match std::env::var_os("LIMA_HOME") {
        Some(folder) => folder.into(),
        None => Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".lima"),
    };
    fs::canonicalize(&folder).unwrap_or(folder)
}

/// `ReadPIDFile`: 0 for a file that is not there, or whose process is gone; it
/// is alive when signal 0 reaches it or is not permitted.
fn read_pid_file(file: &Path) -> Result<i32, String> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error.to_string()),
    };
    let text = text.trim();
    let pid = text.parse().map_err(|_| format!("strconv.Atoi: parsing {text:?}: invalid syntax"))?;
    match kill(Pid::from_raw(pid), None) {
        Err(Errno::ESRCH) => {
            let _ = fs::remove_file(file);
            Ok(0)
        }
        _ => Ok(pid),
    }
}
