//! Writers and readers of the packages of Linux distributions, in Rust alone: Debian's
//! `.deb`, RPM's `.rpm` and Arch's `.pkg.tar.zst`.
//!
//! ```text
//! Package ─┬─ deb   ar( debian-binary, control.tar.gz, data.tar.gz )
//!          ├─ rpm   lead, signature header, header, cpio in gzip
//!          └─ arch  tar( .BUILDINFO .MTREE .PKGINFO .INSTALL, files ) in zstd
//! ```
//!
//! One [`Package`] is what every format writes; a format is a function from it to bytes.
//!
//! Architecture invariant: nothing here knows the disk, the clock, the environment, keys,
//! or what is being installed. Time comes in as an argument; the same input gives the
//! same bytes on any machine.

mod ar;
pub mod arch;
mod cpio;
mod date;
pub mod deb;
mod digest;
mod error;
mod gzip;
mod layout;
mod license;
pub mod package;
pub mod rpm;
mod tar;
mod text;
mod unpack;
mod zstd;

pub use error::Error;
pub use package::{
    Change, Content, Copyright, DebScripts, Depends, Entry, Package, Relation, Relations, RpmScripts, Scripts,
};
