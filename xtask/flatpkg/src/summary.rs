//! What writing a package came to.
//!
//! Must not know: how it was written.

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The package's length in bytes.
    pub package_size: u64,
    /// SHA-1 over the compressed table of contents: what the signatures are for.
    pub toc_digest: [u8; 20],
    /// The components, in order.
    pub components: Vec<ComponentSummary>,
}

/// What was written of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentSummary {
    /// Its identifier.
    pub identifier: String,
    /// Paths in its Bom, the root `.` counted; 0 without a payload.
    pub number_of_files: u64,
    /// What the Installer takes as its size on disk, in KiB.
    pub install_kbytes: u64,
    /// The compressed payload's length in bytes; 0 without a payload.
    pub payload_size: u64,
}
