//! `lima-start`, the program that launchd and systemd run for an instance: its
//! name, its text, and the options that an instance's settings give it. The first lines of
//! `pkg-scripts/lima-start` say what each option is for.
//!
//! Must not know: launchd, systemd, where the program lies.

use crate::render::stand_alone;
use crate::settings::Instance;

const START: [&str; 8] = [
    include_str!("../../pkg-scripts/version.sh"),
    include_str!("../../pkg-scripts/start-log.sh"),
    include_str!("../../pkg-scripts/start-processes.sh"),
    include_str!("../../pkg-scripts/start-stale.sh"),
    include_str!("../../pkg-scripts/start-needs.sh"),
    include_str!("../../pkg-scripts/start-run.sh"),
    include_str!("../../pkg-scripts/start-look.sh"),
    include_str!("../../pkg-scripts/lima-start"),
];

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

/// `lima-start`, what launchd and systemd run for an instance, which needs no file
/// beside it. The same for every instance: what differs are its arguments. The
/// first lines of `pkg-scripts/lima-start` list them.
pub fn program() -> String {
    stand_alone("Prepares the start of a Lima instance, runs it, and starts it again.", &START)
}
