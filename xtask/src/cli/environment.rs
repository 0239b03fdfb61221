//! What a run takes from its surroundings: the one place that reads the
//! environment and the clock.

use std::env;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::autostart::Surroundings;
use crate::run::NO_TIME;
use crate::settings::Environment;

/// The folder that `installers.toml`, `out` and `target` are in: the
/// repository's root where cargo runs this program, the current folder otherwise. That
/// folder is an empty path, which keeps messages short.
pub fn root() -> PathBuf {
    let Some(package) = env::var_os("CARGO_MANIFEST_DIR") else { return PathBuf::new() };
    let root = Path::new(&package).parent().map_or_else(PathBuf::new, Path::to_owned);
    if env::current_dir().is_ok_and(|current| current == root) { PathBuf::new() } else { root }
}

/// Where a run writes: the folder that was named, or `out` in the root.
pub fn out(named: Option<&Path>) -> PathBuf {
    named.map_or_else(|| root().join("out"), Path::to_owned)
}

/// Where cargo builds: `CARGO_TARGET_DIR`, or `target` in the root.
pub fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(target) if !target.is_empty() => target.into(),
        _ => root().join("target"),
    }
}

/// Whether a program is on PATH.
pub fn has_program(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Whether this runs in CI, by the variable that every CI sets.
pub fn in_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// The user who runs this program.
pub fn caller() -> Environment {
    Environment { user: env::var("USER").ok(), is_root: rustix::process::geteuid().is_root() }
}

/// What registering on this machine needs to know of the caller.
pub fn surroundings() -> Surroundings {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    Surroundings {
        uid: rustix::process::geteuid().as_raw(),
        home: variable("HOME"),
        path: env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect(),
        lima_home: variable("LIMA_HOME"),
        config_home: variable("XDG_CONFIG_HOME"),
    }
}

/// This program's own file.
pub fn program() -> Option<String> {
    env::current_exe().ok()?.into_os_string().into_string().ok()
}

/// Now.
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// Time of the files inside packages, in seconds since 1970: SOURCE_DATE_EPOCH,
/// or a fixed date, so that the same input gives the same bytes.
pub fn source_date() -> Result<u32> {
    let Some(text) = env::var_os("SOURCE_DATE_EPOCH") else { return Ok(NO_TIME) };
    let text = text.into_string().unwrap_or_else(|text| text.to_string_lossy().into_owned());
    match text.parse::<u32>() {
        Ok(time) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(time),
        _ => bail!(
            "SOURCE_DATE_EPOCH is {text:?}: it takes whole seconds since 1970, up to {} (the package formats \
             hold no later time); for example SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)",
            u32::MAX
        ),
    }
}

/// An environment variable that holds a secret. Set and empty is an error:
/// that is what a CI gives where a secret is missing, and building with another
/// identity would be a surprise.
pub fn secret(name: &str) -> Result<Option<String>> {
    match env::var(name) {
        Ok(value) if value.is_empty() => {
            bail!("{name} is set and empty: is the CI secret missing? Set it, or unset the variable")
        }
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(error @ env::VarError::NotUnicode(_)) => Err(error).context(name.to_owned()),
    }
}
