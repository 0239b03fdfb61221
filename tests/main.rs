//! The integration tests, one binary. Each module tests one thing that the
//! project promises; `support` has what they share.

mod settings;
mod signing;
mod support;
