//! The environment that limactl gets from whatever starts it: neither launchd
//! nor systemd hands on the one of a login (lima-vm/lima#2444, #5488).
//!
//! Must not know: launchd, systemd, and how either writes a variable.

use std::collections::BTreeMap;

use crate::settings::{AbsolutePath, Instance};

/// The variables: PATH, which `env` may replace, then `env`, then LIMA_HOME
/// where the settings give it, since the instance's folder follows from that
/// one alone.
pub fn variables(instance: &Instance, limactl: &str, system_path: &[&str]) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::from([("PATH".to_owned(), search_path(limactl, system_path))]);
    variables.extend(instance.env.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    if let Some(lima_home) = instance.lima_home.as_ref().map(AbsolutePath::as_str) {
        variables.insert("LIMA_HOME".to_owned(), lima_home.to_owned());
    }
    variables
}

/// PATH: limactl's folder before the system's, nothing twice. limactl starts
/// QEMU and its helpers by name, and they lie beside it.
///
/// A folder with a colon in its name cannot be on PATH (POSIX.1-2024 XBD 8.3):
/// its halves would be two other folders. It stays off.
pub fn search_path(limactl: &str, system_path: &[&str]) -> String {
    let own = limactl.rsplit_once('/').map(|(folder, _)| folder).filter(|folder| !folder.is_empty());
    let mut folders: Vec<&str> = Vec::new();
    for folder in own.into_iter().chain(system_path.iter().copied()) {
        if !folder.contains(':') && !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders.join(":")
}

#[cfg(test)]
mod tests {
    use super::search_path;

    #[test]
    fn limactl_comes_first_and_nothing_twice() {
        let system = ["/usr/bin", "/bin"];
        assert_eq!(search_path("/opt/homebrew/bin/limactl", &system), "/opt/homebrew/bin:/usr/bin:/bin");
        assert_eq!(search_path("/bin/limactl", &system), "/bin:/usr/bin");
        assert_eq!(search_path("/limactl", &system), "/usr/bin:/bin");
        assert_eq!(search_path("/a:b/limactl", &system), "/usr/bin:/bin");
    }
}
