//! How much is unpacked of a package, all members together.
//!
//! A megabyte can unpack to a terabyte. A package's content is 2 to 10 times its
//! length, seldom 50 times; whoever trusts one beyond that can raise the limit.
//!
//! Must not know: what is unpacked.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

/// What is always unpacked, in bytes.
pub const UNPACKED_ALWAYS: u64 = 1 << 30;
/// How many times a package's length is unpacked beyond that.
pub const RATIO_MAX: u64 = 100;
/// The most that is unpacked of any package without being asked, in bytes: 64 GiB.
pub const UNPACKED_MAX: u64 = 64 << 30;

/// A package unpacks to more than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the package unpacks to more than {limit} bytes, the most that is unpacked of it")]
pub struct OverBudget {
    /// The limit in bytes.
    pub limit: u64,
}

/// What may still be unpacked; clones share it.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    limit: AtomicU64,
    used: AtomicU64,
}

impl Budget {
    /// For a package of so many bytes.
    pub fn of_package(length: u64) -> Self {
        Self::new(length.saturating_mul(RATIO_MAX).clamp(UNPACKED_ALWAYS, UNPACKED_MAX))
    }

    /// So many bytes.
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Counters { limit: limit.into(), used: 0.into() }))
    }

    /// How many bytes may be unpacked in all.
    pub fn limit(&self) -> u64 {
        self.0.limit.load(Ordering::Relaxed)
    }

    /// Another limit, for whoever asks for it.
    pub fn set_limit(&self, limit: u64) {
        self.0.limit.store(limit, Ordering::Relaxed);
    }

    /// Counts from zero again: before a package is read a second time.
    pub fn restart(&self) {
        self.0.used.store(0, Ordering::Relaxed);
    }

    /// Takes bytes that were unpacked.
    ///
    /// # Errors
    /// [`OverBudget`] as an [`io::Error`], if they are too many.
    pub fn take(&self, count: u64) -> io::Result<()> {
        let before = self.0.used.fetch_add(count, Ordering::Relaxed);
        let limit = self.limit();
        if before.saturating_add(count) > limit {
            return Err(io::Error::other(OverBudget { limit }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_follows_the_package() {
        assert_eq!(Budget::of_package(0).limit(), UNPACKED_ALWAYS);
        assert_eq!(Budget::of_package(300 << 20).limit(), (300 << 20) * RATIO_MAX);
        assert_eq!(Budget::of_package(u64::MAX).limit(), UNPACKED_MAX);
    }

    #[test]
    fn the_limit_holds_what_it_says_and_not_one_more() {
        let budget = Budget::new(3);
        let clone = budget.clone();
        budget.take(2).unwrap();
        clone.take(1).unwrap();
        assert!(budget.take(1).is_err());
        budget.set_limit(5);
        budget.take(1).unwrap();
        budget.restart();
        budget.take(5).unwrap();
    }
}
