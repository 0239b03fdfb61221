//! xar.
/// x
#[derive(Debug, thiserror::Error)]
pub enum XarError {}
