//! The places of an instance's files in the output folder, as far as its name decides
//! them: a folder of its own, and file names that a disk takes.
//!
//! Must not know: the files themselves, the disk.

use super::error::SpecError;
use super::names::quoted;
use super::resolve::Chosen;
use super::tables::Settings;
use super::{InstanceName, PackageVersion};

/// Refuses instances whose names leave no place for their files.
pub(super) fn check_places(
    chosen: &[Chosen<'_>],
    settings: Option<&Settings>,
    version: &PackageVersion,
    for_managers: bool,
) -> Result<(), SpecError> {
    for one in chosen {
        let fault = taken(&one.name, version, for_managers).or_else(|| too_long(&one.name, version));
        let Some(message) = fault else { continue };
        return Err(match (settings, &one.span) {
            (Some(settings), Some(span)) => SpecError::at(&settings.source, span.clone(), message),
            _ => SpecError::flag("INSTANCE", message),
        });
    }
    Ok(())
}

/// What to say where the folder would have the name of what is written beside it, where
/// file names fold case.
fn taken(name: &InstanceName, version: &PackageVersion, for_managers: bool) -> Option<String> {
    let zip = format!("lima-autostart-{version}.zip");
    let mut files = vec![
        ("file", "SHA256SUMS"),
        ("file", "artifacts.json"),
        ("file", "index.html"),
        ("file", zip.as_str()),
    ];
    if for_managers {
        files.extend([("folder", MUNKI_FOLDER), ("folder", MDM_FOLDER)]);
    }
    let (what, file) = files.into_iter().find(|(_, file)| file.eq_ignore_ascii_case(name.as_str()))?;
    Some(format!(
        "an instance cannot be named {}: its folder would take the place of the {what} {} beside it; rename the instance in Lima",
        quoted(name.as_str()),
        quoted(file)
    ))
}

/// What to say where the Linux packages would have names that no disk takes: in them, a
/// capital letter and `_` are two characters.
fn too_long(name: &InstanceName, version: &PackageVersion) -> Option<String> {
    let length = name.linux_package().len() + version.as_str().len() + LINUX_FILE_END.len();
    (length > FILE_NAME_MAX).then(|| {
        format!(
            "the Linux packages of {} would have file names of {length} characters with the version {}, and no file \
             system takes more than {FILE_NAME_MAX}; give a shorter version, or an instance with a shorter name or \
             fewer capitals and `_`, which are two characters there",
            quoted(name.as_str()),
            quoted(version.as_str())
        )
    })
}

/// The Munki repository beside the instances' folders.
pub const MUNKI_FOLDER: &str = "munki";
/// What is about the packages of all instances, beside the instances' folders.
pub const MDM_FOLDER: &str = "mdm";

/// What comes beside name and version in the longest file name of a Linux package.
const LINUX_FILE_END: &str = "--1-any.pkg.tar.zst";
/// What every file system takes, in bytes.
const FILE_NAME_MAX: usize = 255;
