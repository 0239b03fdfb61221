//! The names that an instance's folder in the output folder cannot have.
//!
//! Must not know: what the files there are.

use super::PackageVersion;
use super::error::SpecError;
use super::names::quoted;
use super::resolve::Chosen;
use super::tables::Settings;

/// Refuses an instance whose folder would have the name of a file that is
/// written beside it, where file names fold case.
pub(super) fn check_folders(
    chosen: &[Chosen<'_>],
    settings: Option<&Settings>,
    version: &PackageVersion,
    for_managers: bool,
) -> Result<(), SpecError> {
    let mut files = vec![
        ("file", "SHA256SUMS".to_owned()),
        ("file", "artifacts.json".to_owned()),
        ("file", "index.html".to_owned()),
        ("file", format!("lima-autostart-{version}.zip")),
    ];
    if for_managers {
        files.extend([MUNKI_FOLDER, MDM_FOLDER].map(|folder| ("folder", folder.to_owned())));
    }
    for Chosen { name, span, .. } in chosen {
        let Some((what, file)) = files.iter().find(|(_, file)| file.eq_ignore_ascii_case(name.as_str()))
        else {
            continue;
        };
        let message = format!(
            "an instance cannot be named {}: its folder would take the place of the {what} {} beside it; rename the instance in Lima",
            quoted(name.as_str()),
            quoted(file)
        );
        return Err(match (settings, span) {
            (Some(settings), Some(span)) => SpecError::at(&settings.source, span.clone(), message),
            _ => SpecError::flag("INSTANCE", message),
        });
    }
    Ok(())
}

/// The Munki repository beside the instances' folders.
pub const MUNKI_FOLDER: &str = "munki";
/// What is about the packages of all instances, beside the instances' folders.
pub const MDM_FOLDER: &str = "mdm";
