//! A run as a whole: its parts, the records of what it built, and what is made of
//! them: the page, the zip, the manifest and the sums.
//!
//! Must not know: how single files are made.

pub mod artifacts;
pub mod manifest;
pub mod page;
pub mod partition;
pub mod records;
pub mod zip;

/// Time of the files inside archives where nobody gives one: 2000-01-01T00:00:00Z. It
/// says nothing of when a run was built.
pub const NO_TIME: u32 = 946_684_800;
