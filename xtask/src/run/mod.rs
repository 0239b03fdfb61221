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
