//! Installers that make Lima instances start at boot.
//!
//! ```text
//! flags + installers.toml -> Spec -> plan -> render -> package -> sign -> out/
//!                            typed   pure    bytes     bytes      bytes   one writer
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`] | commands, printing, clock and environment |
//! | [`spec`] | flags and settings, resolved once into typed values |
//! | [`plan`] | what a run builds, as data |
//! | [`launchd`], [`systemd`], [`lima_start`] | the field's names, paths and files |
//! | [`render`] | templates filled in, values escaped |
//! | [`package`] | what an instance's packages hold; `flatpkg` writes them |
//! | [`mdm`] | what device managers read about the packages |
//! | [`sign`] | identities, and the signer made of one |
//! | [`notary`] | notarizing and stapling, without a Mac |
//! | [`refresh`] | a run's files after tickets were stapled to its packages |
//! | [`archive`] | the zip |
//! | [`build`] | plan to bytes |
//! | [`partition`], [`merge`] | parts of a run, and a run of its parts |
//! | [`verify`], [`inspect`], [`extract`] | checks of anybody's packages, and what is in them |
//! | [`autostart`] | the same registration on this machine, without a package |
//! | [`records`], [`manifest`], [`output`] | what was built; sums and manifest; the one writer of `out/` |

pub mod archive;
pub mod autostart;
pub mod build;
pub mod cli;
pub mod environment;
pub mod extract;
pub mod hex;
pub mod inspect;
pub mod launchd;
pub mod lima_start;
pub mod manifest;
pub mod mdm;
pub mod merge;
pub mod notary;
pub mod output;
pub mod package;
pub mod partition;
pub mod plan;
pub mod printable;
pub mod records;
pub mod refresh;
pub mod render;
pub mod retry_after;
pub mod sign;
pub mod spec;
pub mod systemd;
pub mod verify;
