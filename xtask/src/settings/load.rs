//! Reads the settings file and the files that it names: the one place of the
//! settings that touches the disk, with `examine`, which looks at files that travel in packages.
//!
//! Must not know: what the settings mean.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::Spec;
use super::error::{SpecError, file_error};
use super::examine;
use super::names::quoted;
use super::resolve::{Environment, Flags, resolve_with};
use super::source::Source;
use super::tables::{self, Settings};

/// The settings file that is used where `--spec` names none.
pub const DEFAULT_FILE: &str = "installers.toml";

/// Largest settings file, in bytes: some hundred thousand instances.
const SETTINGS_MAX: u64 = 64 << 20;
/// Largest license or background, in bytes; each goes into every package.
const RESOURCE_MAX: u64 = 64 << 20;

/// Reads the settings and resolves what to build.
///
/// `folder` is where `installers.toml` is looked for where `--spec` names no
/// file: the top of the repository when run by `cargo xtask`, else the current
/// folder (an empty path will do, and keeps messages short). A path given with
/// `--spec` is relative to the current folder, as a shell completes it.
pub fn load(flags: &Flags, folder: &Path, environment: &Environment) -> Result<Spec, SpecError> {
    let lima = examine::of_flags(&flags.lima_archives)?;
    let read_all = |path: &Path| {
        let mut settings = read_settings(path)?;
        examine::examine(&mut settings, path.parent().unwrap_or(Path::new("")), lima.is_none())?;
        Ok::<_, SpecError>(settings)
    };
    let settings = match &flags.spec {
        Some(path) => Some(read_all(path)?),
        None => {
            let path = folder.join(DEFAULT_FILE);
            // A link that leads nowhere exists, and is worth a message.
            match path.symlink_metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                _ => Some(read_all(&path)?),
            }
        }
    };
    let lima = lima.or_else(|| settings.as_ref().and_then(|settings| settings.lima_read.clone()));
    resolve_with(flags, settings.as_ref(), environment, lima)
}

/// Reads one settings file, and the files that it names, relative to it.
pub fn read_settings(path: &Path) -> Result<Settings, SpecError> {
    let shown = path.to_string_lossy();
    let bytes = read(path, SETTINGS_MAX).map_err(|error| {
        let missing = error.kind() == io::ErrorKind::NotFound;
        let what =
            if missing && path.is_symlink() { "the file that this links to" } else { "the settings file" };
        file_error(&shown, what, &error)
    })?;
    let source = Source::decode(&shown, bytes)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    tables::parse(source, &mut |named| {
        read(&folder.join(named), RESOURCE_MAX).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                format!(
                    "there is no file {}; a relative path starts at the settings file's folder",
                    quoted(named)
                )
            }
            io::ErrorKind::IsADirectory => format!("{} is a folder; name a file", quoted(named)),
            _ => format!("{} could not be read: {error}", quoted(named)),
        })
    })
}

/// A whole file, which may also be a pipe. More than `limit` bytes are an error
/// that is met before they fill the memory.
fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!("it has more than {limit} bytes")));
    }
    Ok(bytes)
}
