//! What is allowed and yet often keeps a VM from coming back, in words.
//!
//! Must not know: how it is shown.

use super::resolve::SHORT_EXIT_TIMEOUT;
use super::{Instance, Spec};

/// So many instances are named in a warning.
const NAMED: usize = 3;

/// A warning for each setting that the user of a [`Spec`] should think about
/// twice. Instances with the same one share it.
pub fn advice(spec: &Spec) -> Vec<String> {
    let short = |instance: &Instance| instance.exit_timeout < SHORT_EXIT_TIMEOUT;
    let on_volume = |instance: &Instance| {
        instance.lima_home.as_ref().is_some_and(|it| it.as_str().starts_with("/Volumes/"))
    };
    let mut advice = Vec::new();
    if let Some(names) = names(spec, short) {
        advice.push(format!(
            "exit-timeout of {names} is below {SHORT_EXIT_TIMEOUT} seconds: Lima gives a VM of QEMU's 180 seconds to \
             shut down, and one that is killed before loses its power"
        ));
    }
    if let Some(names) = names(spec, on_volume) {
        advice.push(format!(
            "lima-home of {names} is on another volume: many are mounted only when somebody logs in at the screen, and \
             macOS may keep what starts at boot from reading them; a folder on the system's volume always works"
        ));
    }
    let uses_lima = spec.instances.iter().any(Instance::uses_bundled_lima);
    if let Some(lima) = spec.lima.as_ref().filter(|_| !uses_lima) {
        advice.push(format!(
            "no package brings Lima {}, because every instance has a `limactl` of its own in the settings; leave that \
             out where it is to be the package's",
            lima.version
        ));
    }
    if spec.paths_d && !uses_lima {
        advice.push("paths-d has no effect, because no package brings Lima; add `lima`".to_owned());
    }
    advice
}

/// Names of the affected instances, in words; `None` where there is none.
fn names(spec: &Spec, is_so: impl Fn(&Instance) -> bool) -> Option<String> {
    let all: Vec<&str> = spec
        .instances
        .iter()
        .filter(|instance| is_so(instance))
        .map(|instance| instance.name.as_str())
        .collect();
    match all.len().checked_sub(NAMED) {
        _ if all.is_empty() => None,
        Some(more) if more > 0 => Some(format!("{} and {more} more", all[..NAMED].join(", "))),
        _ => Some(all.join(", ")),
    }
}
