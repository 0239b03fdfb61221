//! How far a run is: a bar for people at a terminal, events for programs, and
//! nothing for a CI's log.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::environment;
use super::messages::{MessageFormat, note};
use crate::artifact::Built;
use crate::assemble::{AssembleError, Progress};

/// Runs that are over sooner show no bar.
const FEW_FILES: usize = 30;

/// Says what is built.
pub struct Reporter {
    format: MessageFormat,
    bar: ProgressBar,
}

impl Reporter {
    /// Creates the bar for a run of `files` files.
    pub fn new(format: MessageFormat, files: usize) -> Self {
        let wanted = format == MessageFormat::Human
            && files > FEW_FILES
            && std::io::stderr().is_terminal()
            && !environment::in_ci();
        let target =
            if wanted { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{bar:30} {pos} of {len} files, {eta} left")
            .expect("the template is right");
        let bar = ProgressBar::with_draw_target(u64::try_from(files).ok(), target).with_style(style);
        if wanted {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        Self { format, bar }
    }

    /// Removes the bar before the final output.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Reporter {
    fn built(&self, built: &Built) {
        self.format.event("built", json!(built));
        self.bar.inc(1);
    }

    fn failed(&self, error: &AssembleError) {
        let error = format!("{:#}", anyhow::anyhow!("{}", crate::verify::causes(error)));
        self.bar.suspend(|| match self.format {
            MessageFormat::Human => note(format!("error: {error}")),
            MessageFormat::Json => self.format.event("failed", json!({ "message": error })),
        });
    }
}
