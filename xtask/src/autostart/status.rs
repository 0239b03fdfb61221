//! What is registered, for people and for programs.
//!
//! Must not know: how it was found out.

use serde::Serialize;

use crate::settings::Condition;
use crate::settings::names::printable;

/// One registration; or an instance that has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The instance.
    pub instance: String,
    /// `login` or `boot`; nothing where it is not registered.
    pub condition: Option<Condition>,
    /// Who it runs as.
    pub user: Option<String>,
    /// The file that registers it, whether it is there or not.
    pub file: Option<String>,
    /// Whether launchd or systemd knows it.
    pub loaded: bool,
    /// Whether it runs and was started by this registration.
    pub running: bool,
    /// How it ended last; nothing where it never did, or nobody knows.
    pub last_exit_code: Option<i64>,
    /// Why the file is not what `enable` would write today; nothing where it is.
    pub drift: Option<String>,
    /// What a package found on this machine when it set this up, in words;
    /// nothing where no package is known to have.
    pub package: Option<String>,
}

impl Status {
    /// An instance that nothing starts.
    pub fn none(instance: &str) -> Self {
        Self {
            instance: instance.to_owned(),
            condition: None,
            user: None,
            file: None,
            loaded: false,
            running: false,
            last_exit_code: None,
            drift: None,
            package: None,
        }
    }

    fn row(&self) -> [String; 8] {
        let text = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), printable);
        let registered = self.condition.is_some();
        let answer = |yes: bool| match (registered, yes) {
            (false, _) => "-".to_owned(),
            (true, true) => "yes".to_owned(),
            (true, false) => "no".to_owned(),
        };
        [
            self.instance.clone(),
            self.condition.map_or("-", Condition::as_str).to_owned(),
            text(&self.user),
            answer(self.loaded),
            answer(self.running),
            self.last_exit_code.map_or("-".to_owned(), |code| code.to_string()),
            answer(self.drift.is_some()),
            text(&self.file),
        ]
    }
}

/// A line for each, under a line that says what is what; then the reasons.
pub fn table(statuses: &[Status]) -> String {
    let head = ["INSTANCE", "CONDITION", "USER", "LOADED", "RUNNING", "LAST EXIT", "DRIFT", "FILE"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(statuses.iter().map(Status::row));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    for status in statuses {
        for note in status.package.iter().chain(&status.drift) {
            out.push_str(&format!("{}: {}\n", status.instance, printable(note)));
        }
    }
    out
}
