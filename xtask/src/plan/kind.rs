//! Kinds of files: what `--only` takes and the manifest records.
//!
//! Must not know: where files are.

use serde::{Deserialize, Serialize};

/// What a file is; also what `--only` takes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The launchd property list.
    Plist,
    /// The installer package.
    Pkg,
    /// The uninstall script.
    UninstallScript,
    /// The uninstall package.
    UninstallPkg,
    /// The systemd unit, its drop-ins and the tmpfiles.d line.
    Systemd,
    /// The installer package with all instances (`--combined`).
    CombinedPkg,
    /// The uninstall package with all instances (`--combined`).
    CombinedUninstallPkg,
    /// What device managers read (`--base-url`): under mdm/ and munki/, with the packages.
    Manager,
    /// The catalogs of the Munki repository (`--base-url`).
    MunkiCatalog,
    /// The page that shows everything else.
    Index,
    /// The archive of everything else, but the Munki repository.
    Zip,
}

impl Kind {
    /// Whether files of this kind are signed.
    pub fn is_package(self) -> bool {
        matches!(self, Self::Pkg | Self::UninstallPkg | Self::CombinedPkg | Self::CombinedUninstallPkg)
    }

    /// Whether only `--combined` builds it.
    pub fn is_combined(self) -> bool {
        matches!(self, Self::CombinedPkg | Self::CombinedUninstallPkg)
    }

    /// Whether it is made of all the other files, and so not before all parts
    /// of a run are there.
    pub fn is_made_of_all(self) -> bool {
        matches!(self, Self::MunkiCatalog | Self::Index | Self::Zip)
    }

    /// The name that `--only` takes and the manifest records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plist => "plist",
            Self::Pkg => "pkg",
            Self::UninstallScript => "uninstall-script",
            Self::UninstallPkg => "uninstall-pkg",
            Self::Systemd => "systemd",
            Self::CombinedPkg => "combined-pkg",
            Self::CombinedUninstallPkg => "combined-uninstall-pkg",
            Self::Manager => "manager",
            Self::MunkiCatalog => "munki-catalog",
            Self::Index => "index",
            Self::Zip => "zip",
        }
    }
}
