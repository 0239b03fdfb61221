//! The gzip writer.
