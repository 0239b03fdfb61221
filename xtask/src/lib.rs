//! Installers that make Lima instances start at boot.
//!
//! ```text
//! flags + installers.toml -> Spec -> Plan -> makers' Content -> packaged, signed, checked -> out/
//!                            typed   pure    bytes              bytes                        one writer
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`] | commands, printing, clock and environment |
//! | [`settings`] | flags and settings file, resolved once into typed values |
//! | [`bundle`] | Lima's release archives, and files for guests, that travel in packages |
//! | [`artifact`] | what an artifact, its kind and its maker are |
//! | [`plan`] | the list of makers; what a run builds, as data |
//! | [`macos`] | maker of what a Mac gets: job, scripts, pages, packages |
//! | [`linux`] | maker of what Linux gets: units, packages, repositories |
//! | [`managers`] | maker of what device managers read about the packages |
//! | [`run`] | maker of what is about a whole run: page, zip; its records and manifest |
//! | [`assemble`], [`merge`] | from a plan, or from parts of a run, to files in `out/` |
//! | [`output`] | the one writer of `out/` |
//! | [`sign`] | identities, and what signs packages and programs with them |
//! | [`notary`] | notarizing and stapling, without a Mac |
//! | [`refresh`] | a run's files after tickets were stapled to its packages |
//! | [`verify`], [`inspect`], [`extract`] | checks of anybody's packages, and what is in them |
//! | [`template`] | what a Lima template has limactl fetch |
//! | [`autostart`] | the same registration on this machine, without a package |
//! | [`lima_start`], [`environment`] | what launchd and systemd run, and the environment it gets |
//! | [`render`], [`printable`], [`digest`] | templates filled in, values escaped; foreign text made fit for a terminal; sums |

pub mod artifact;
pub mod assemble;
pub mod autostart;
pub mod bundle;
pub mod cli;
pub mod digest;
pub mod environment;
pub mod extract;
pub mod inspect;
pub mod lima_start;
pub mod linux;
pub mod macos;
pub mod managers;
pub mod merge;
pub mod notary;
pub mod output;
pub mod plan;
pub mod printable;
pub mod refresh;
pub mod render;
pub mod retry_after;
pub mod run;
pub mod settings;
pub mod sign;
pub mod template;
pub mod verify;
