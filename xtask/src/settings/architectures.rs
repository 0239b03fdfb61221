//! The processors that one package can be for.
//!
//! Must not know: packages.

use super::{Architecture, Spec};

/// One package cannot hold instances for different processors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no Mac could install all instances from one package: {first} is for {first_processors} and {second} for \
     {second_processors}; leave --combined out, or give both the same `architectures`"
)]
pub struct NoCommonArchitecture {
    /// An instance.
    pub first: String,
    /// What it is for.
    pub first_processors: String,
    /// One that has nothing in common with it.
    pub second: String,
    /// What that is for.
    pub second_processors: String,
}

/// The processors that every instance is for.
///
/// # Errors
/// [`NoCommonArchitecture`].
pub fn common_architectures(spec: &Spec) -> Result<Vec<Architecture>, NoCommonArchitecture> {
    let mut common = Architecture::ALL.to_vec();
    let words = |list: &[Architecture]| list.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ");
    for instance in &spec.instances {
        let before = common.clone();
        common.retain(|architecture| instance.architectures.contains(architecture));
        if common.is_empty() {
            let first = spec.instances.iter().find(|first| {
                first.architectures.iter().all(|architecture| !instance.architectures.contains(architecture))
            });
            return Err(NoCommonArchitecture {
                first: first.map_or_else(String::new, |first| first.name.to_string()),
                first_processors: words(first.map_or(&before, |first| &first.architectures)),
                second: instance.name.to_string(),
                second_processors: words(&instance.architectures),
            });
        }
    }
    Ok(common)
}
