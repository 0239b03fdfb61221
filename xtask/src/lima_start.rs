//! `lima-start`, the program that launchd and systemd run for an instance: its
//! name, and the options that an instance's settings give it. The first lines of
//! `pkg-scripts/lima-start` say what each option is for.
//!
//! Must not know: launchd, systemd, where the program lies.

use crate::spec::Instance;

/// Its file name. macOS shows it under Login Items.
pub const FILE: &str = "lima-start";
/// What it takes for limactl where it is to look for it at every start.
pub const AUTO: &str = "auto";

/// The options of an instance. `template`: what it creates the instance from.
pub fn options(instance: &Instance, template: Option<&str>) -> Vec<String> {
    let mut options = vec![
        format!("--instance={}", instance.name),
        format!("--keep-alive={}", instance.keep_alive),
        format!("--exit-timeout={}", instance.exit_timeout),
    ];
    options.extend(instance.lima_home.iter().map(|path| format!("--lima-home={path}")));
    options.extend(template.map(|path| format!("--template={path}")));
    if instance.env.keys().any(|name| name.as_str() == "PATH") {
        options.push("--sets-path".to_owned());
    }
    options
}
