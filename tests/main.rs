//! The integration tests, one binary. Each module tests one thing that the
//! project promises; `support` has what they share.

mod flat_package;
mod support;
