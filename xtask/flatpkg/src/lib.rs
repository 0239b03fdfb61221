//! Flat packages.
