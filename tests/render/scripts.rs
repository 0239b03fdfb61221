//! The scripts, run.
