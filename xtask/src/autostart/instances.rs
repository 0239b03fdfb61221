//! Lima's instances: folders of LIMA_HOME that hold a `lima.yaml`.
//!
//! Must not know: how anything starts them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Result, bail};

use super::platform::Account;
use crate::settings::InstanceName;
use crate::settings::names::{did_you_mean, list, quoted};

/// What makes a folder an instance.
pub const SETTINGS_FILE: &str = "lima.yaml";

/// Names of the instances in a LIMA_HOME, sorted; none where it cannot be read.
pub fn names(lima_home: &str) -> Vec<InstanceName> {
    let entries = fs::read_dir(lima_home).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().join(SETTINGS_FILE).is_file());
    let mut names: Vec<InstanceName> =
        folders.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    names.sort();
    names
}

/// What is known of an instance whose owner has to be this user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It is there and the user's.
    Owned,
    /// The caller may not look.
    Hidden,
}

/// Looks for the instance `name` of the user `owner` in a LIMA_HOME.
///
/// # Errors
///
/// There is none, or it is another user's.
pub fn find(lima_home: &str, name: &InstanceName, owner: &Account) -> Result<Found> {
    let settings = format!("{lima_home}/{name}/{SETTINGS_FILE}");
    match Path::new(&settings).metadata() {
        Ok(metadata) if metadata.uid() == owner.uid => Ok(Found::Owned),
        Ok(metadata) => bail!(
            "the instance in {} belongs to the user with the id {}, and {} is to run it; limactl cannot use \
             another user's instance",
            quoted(&format!("{lima_home}/{name}")),
            metadata.uid(),
            owner.name
        ),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(Found::Hidden),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            bail!("{}", not_found(lima_home, name))
        }
        Err(error) => bail!("{settings}: {error}"),
    }
}

/// That there is no such instance, and which there are.
pub fn not_found(lima_home: &str, name: &InstanceName) -> String {
    let names = names(lima_home);
    let words = || names.iter().map(InstanceName::as_str);
    let others = match names.len() {
        0 => "there is none; `limactl create` makes one".to_owned(),
        _ => format!("there is {}{}", list(words(), "and"), did_you_mean(name.as_str(), words())),
    };
    format!("instance \"{name}\" not found in {}: {others}", quoted(lima_home))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_folders_with_settings() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        for name in ["k3s", "docker", "_config", "not a name"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join(SETTINGS_FILE), "").unwrap();
        }
        fs::create_dir(folder.path().join("empty")).unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let found = names(home);
        assert_eq!(found.iter().map(InstanceName::as_str).collect::<Vec<_>>(), ["docker", "k3s"]);
        assert!(names("/nowhere").is_empty());

        let uid = folder.path().metadata().unwrap().uid();
        let owner = Account { name: "alice".parse().unwrap(), uid, home: "/Users/alice".parse().unwrap() };
        assert_eq!(find(home, &"k3s".parse().unwrap(), &owner).unwrap(), Found::Owned);
        let error = find(home, &"k3".parse().unwrap(), &owner).unwrap_err().to_string();
        assert!(error.starts_with("instance \"k3\" not found in "), "{error}");
        assert!(error.ends_with("there is `docker` and `k3s`; did you mean `k3s`?"), "{error}");
        let other = Account { uid: uid + 1, ..owner };
        let error = find(home, &"k3s".parse().unwrap(), &other).unwrap_err().to_string();
        assert!(error.contains("belongs to the user with the id"), "{error}");
    }
}
