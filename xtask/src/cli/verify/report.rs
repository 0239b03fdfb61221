//! What `verify` says, for people and programs: as it goes, so that a folder of
//! thousands of packages is not kept in memory (JUnit's totals apart).

use anstyle::{AnsiColor, Style};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use serde_json::json;

use super::super::messages::{line, part};
use super::{Format, Verified};
use crate::printable::{printable, printable_json};
use crate::verify::{Check, Status};

/// So many packages have a line at the end that says how many hold.
const MANY: usize = 3;

/// Takes what was verified, one after the other.
pub struct Report {
    format: Format,
    /// Whether a note counts as a fault.
    strict: bool,
    junit: quick_junit::Report,
    all: usize,
    failed: usize,
    unreadable: usize,
}

impl Report {
    pub fn new(format: Format, strict: bool) -> Self {
        Self { format, strict, junit: quick_junit::Report::new("verify"), all: 0, failed: 0, unreadable: 0 }
    }

    pub fn add(&mut self, verified: Verified) {
        match &verified.outcome {
            Ok(checks) if all_hold(checks, self.strict) => {}
            Ok(_) => self.failed += 1,
            Err(_) => self.unreadable += 1,
        }
        match self.format {
            Format::Human => print(&verified),
            Format::Json => {
                let before = if self.all == 0 { "{\"schema\":1,\"verified\":[" } else { "," };
                part(&format!("{before}{}", as_json(&verified, self.strict)));
            }
            Format::Junit => {
                self.junit.add_test_suite(as_junit(&verified, self.strict));
            }
        }
        self.all += 1;
    }

    /// Ends it: how many failed, and how many could not be read.
    pub fn finish(self) -> (usize, usize) {
        match self.format {
            Format::Human if self.all > MANY => {
                let passed = self.all - self.failed - self.unreadable;
                line(format!("\n{passed} of {} packages passed", self.all));
            }
            Format::Human => {}
            Format::Json => line("]}"),
            Format::Junit => {
                line(self.junit.to_string().unwrap_or_else(|error| format!("<!-- {error} -->")));
            }
        }
        (self.failed, self.unreadable)
    }
}

fn all_hold(checks: &[Check], strict: bool) -> bool {
    checks.iter().all(|check| check.holds(strict))
}

fn print(one: &Verified) {
    let colored = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
    line(printable(&one.path.display().to_string()));
    let checks = match &one.outcome {
        Ok(checks) => checks,
        Err(error) => {
            let style = colored(AnsiColor::Red);
            let error = format!("{error:#}");
            return line(format!("  {style}unreadable{style:#}  {}", printable(&error)));
        }
    };
    for check in checks {
        let (word, style) = match check.status {
            Status::Pass => ("pass", colored(AnsiColor::Green)),
            Status::Note => ("note", colored(AnsiColor::Yellow)),
            Status::Fail => ("FAIL", colored(AnsiColor::Red).bold()),
            Status::NotApplicable => ("n/a ", Style::new().dimmed()),
        };
        // Beside faults, a note must not look like one.
        let mark = if check.status == Status::Fail { "note: " } else { "" };
        let mut texts = Vec::new();
        if check.status == Status::Note {
            texts.extend(check.notes.iter().map(|note| printable(note).into_owned()));
        }
        texts.extend(check.details.iter().map(|detail| printable(detail).into_owned()));
        if check.status != Status::Note {
            texts.extend(check.notes.iter().map(|note| format!("{mark}{}", printable(note))));
        }
        let mut texts = texts.iter();
        let first = texts.next().map_or("", String::as_str);
        line(format!("  {style}{word}{style:#}  {:24}  {first}", check.name).trim_end());
        for text in texts {
            line(format!("{:34}{text}", ""));
        }
    }
}

fn as_json(one: &Verified, strict: bool) -> String {
    let value = match &one.outcome {
        Ok(checks) => json!({ "path": one.path, "ok": all_hold(checks, strict), "checks": checks }),
        Err(error) => json!({ "path": one.path, "ok": false, "unreadable": format!("{error:#}") }),
    };
    printable_json(&value.to_string())
}

fn as_junit(one: &Verified, strict: bool) -> TestSuite {
    let lines = |texts: &[String]| texts.iter().map(|text| printable(text)).collect::<Vec<_>>().join("\n");
    let case = |check: &Check| {
        let mut status = match check.status {
            Status::NotApplicable => TestCaseStatus::skipped(),
            _ if check.holds(strict) => TestCaseStatus::success(),
            _ => TestCaseStatus::non_success(NonSuccessKind::Failure),
        };
        if !check.holds(strict) || check.status == Status::NotApplicable {
            let said = if check.status == Status::Note { &check.notes } else { &check.details };
            status.set_message(lines(said));
        }
        let mut case = TestCase::new(check.name, status);
        if !check.notes.is_empty() {
            case.set_system_out(format!("note: {}", lines(&check.notes)));
        }
        case
    };
    let mut suite = TestSuite::new(printable(&one.path.display().to_string()));
    match &one.outcome {
        Ok(checks) => suite.add_test_cases(checks.iter().map(case)),
        Err(error) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(printable(&format!("{error:#}")));
            suite.add_test_cases([TestCase::new("readable", status)])
        }
    };
    suite
}
