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
pub mod contents;
mod cpio;
mod date;
pub mod deb;
pub mod digest;
mod error;
mod gzip;
mod layout;
mod license;
pub mod package;
pub mod repository;
pub mod rpm;
pub mod tar;
mod text;
mod unpack;
mod walk;
mod zstd;

pub use contents::{Contents, Each, File, FileKind, Format, Part, ReadError, Script};
pub use error::Error;
pub use flatpkg::unpack::Budget;
pub use package::{
    Change, Content, Copyright, DebScripts, Depends, Entry, Package, Relation, Relations, RpmScripts, Scripts,
};

/// Reads a package of any of the formats, which its first bytes tell, and hands its
/// content to `each`.
///
/// # Errors
/// What cannot be read as a package at all, and what `each` reports.
pub fn read(input: impl std::io::Read, budget: &Budget, each: &mut Each<'_>) -> Result<Contents, ReadError> {
    let mut input = flatpkg::unpack::Input::new(input);
    let start = input.peek(8).map_err(|error| ReadError::Damaged(error.to_string()))?;
    match Format::of_start(start) {
        Some(Format::Deb) => deb::read(input, budget, each),
        Some(Format::Rpm) => rpm::read(input, budget, each),
        Some(Format::Arch) => arch::read(input, budget, each),
        None => Err(ReadError::Unknown),
    }
}
