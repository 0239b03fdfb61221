//! Bom.
/// x
#[derive(Debug, thiserror::Error)]
pub enum BomError {}
