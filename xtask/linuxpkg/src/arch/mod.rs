//! Arch's packages.
//!
//! ```text
//! zstd( tar( .BUILDINFO  how it was built
//!            .MTREE      every path with its sums
//!            .PKGINFO    what it is
//!            .INSTALL    functions that run, if there are any
//!            usr/ …      every folder before what is in it ) )
//! ```
//!
//! Must not know: what is installed. Sources: alpm-package(7), PKGINFO(5), BUILDINFO(5),
//! ALPM-MTREE(5) and alpm-install-scriptlet(5) of the project alpm; PKGBUILD(5).

mod info;
mod mtree;
mod read;
mod stated;
mod write;

pub use read::read;
pub use write::{file_name, write};
