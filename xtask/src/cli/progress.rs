//! How far a run is: a bar for people at a terminal, events for programs, and
//! nothing for a CI's log.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{DecimalBytes, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde_json::json;

use super::environment;
use super::messages::{MessageFormat, note};
use crate::artifact::Built;
use crate::assemble::{AssembleError, Progress};
use crate::bundle::File;
use crate::plan::Plan;

/// Runs that are over sooner show no bar.
const FEW_FILES: usize = 30;

/// Runs that pack less say nothing of it.
const FEW_BYTES: u64 = 64 << 20;

/// How much is packed into packages, beside what this program writes itself.
pub struct Packed {
    /// Bytes in all.
    pub all: u64,
    /// Bytes so far.
    pub so_far: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Packed {
    /// Of a plan.
    pub fn of(plan: &Plan<'_>) -> Self {
        let files: Vec<File> = plan.files_to_pack();
        let all = plan.bytes_to_pack();
        Self { all, so_far: Arc::new(move || files.iter().map(File::packed).sum()) }
    }

    /// Nothing of that kind.
    pub fn nothing() -> Self {
        Self { all: 0, so_far: Arc::new(|| 0) }
    }
}

/// Says what is built.
pub struct Reporter {
    format: MessageFormat,
    bar: ProgressBar,
}

impl Reporter {
    /// Creates the bar for a run of `files` files, in which so much is packed.
    pub fn new(format: MessageFormat, files: usize, packed: Packed) -> Self {
        let wanted = format == MessageFormat::Human
            && (files > FEW_FILES || packed.all > FEW_BYTES)
            && std::io::stderr().is_terminal()
            && !environment::in_ci();
        let target =
            if wanted { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        let template = match packed.all > FEW_BYTES {
            true => "{bar:30} {pos} of {len} files, {packed} packed",
            false => "{bar:30} {pos} of {len} files, {eta} left",
        };
        let all = packed.all;
        let say = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
            let done = (packed.so_far)().min(all);
            let _ = write!(out, "{} of {}", DecimalBytes(done), DecimalBytes(all));
        };
        let style =
            ProgressStyle::with_template(template).expect("the template is right").with_key("packed", say);
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
