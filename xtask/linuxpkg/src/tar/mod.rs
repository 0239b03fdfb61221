//! tar, in a `.deb`, of an Arch package, and of whatever else is packed with it.
//!
//! ```text
//! header   512 bytes: name (100), mode (8), user (8), group (8), size (12), time (12),
//!          checksum (8), type (1), link's target (100), "ustar" 00 "00", names of user
//!          and group (32 each), device (8, 8), prefix (155), 12 zeros. Numbers are octal
//!          digits and end with a NUL. The checksum is the sum of all bytes, with blanks
//!          in its own place. A path of more than 100 bytes is prefix, "/", name.
//! content  padded with zeros to 512
//! end      two blocks of zeros
//! ```
//!
//! Must not know: what is packed. Sources: POSIX's `pax`, `tar(5)` of libarchive.

mod pax;
mod read;
mod write;

pub use read::{Entry, Reader, TarError, Type};
pub use write::Writer;

/// Bytes of a header; content is padded to them.
pub const BLOCK: usize = 512;
