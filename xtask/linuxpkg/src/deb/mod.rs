//! Debian's packages.
//!
//! ```text
//! ar( debian-binary   "2.0\n"
//!     control.tar.gz  ./control, ./md5sums, ./postinst and its like
//!     data.tar.gz     ./usr/…, every folder before what is in it )
//! ```
//!
//! Must not know: what is installed. Sources: deb(5), deb-control(5), deb-md5sums(5),
//! deb-changelog(5), Debian Policy 4.6.2, and its "machine-readable debian/copyright"
//! (DEP-5).

mod control;
mod documents;
mod fields;
mod read;
mod write;

pub use read::read;
pub use write::{file_name, write};
