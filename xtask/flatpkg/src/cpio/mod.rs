//! Cpio.
/// x
#[derive(Debug, thiserror::Error)]
pub enum CpioError {}
