//! What `verify` says, for people and programs: as it goes, so that a folder of
//! thousands of packages is not kept in memory (JUnit's totals apart).

use anstyle::{AnsiColor, Style};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use serde_json::json;

use super::super::messages::line;
use super::{Format, Verified};
use crate::verify::{Check, Status, all_hold};

/// So many packages have a line at the end that says how many hold.
const MANY: usize = 3;

/// Takes what was verified, one after the other.
pub struct Report {
    format: Format,
    junit: quick_junit::Report,
    all: usize,
    failed: usize,
    unreadable: usize,
}

impl Report {
    pub fn new(format: Format) -> Self {
        Self { format, junit: quick_junit::Report::new("verify"), all: 0, failed: 0, unreadable: 0 }
    }

    pub fn add(&mut self, verified: Verified) {
        match &verified.outcome {
            Ok(checks) if all_hold(checks) => {}
            Ok(_) => self.failed += 1,
            Err(_) => self.unreadable += 1,
        }
        match self.format {
            Format::Human => print(&verified),
            Format::Json => {
                let before = if self.all == 0 { "{\"schema\":1,\"verified\":[" } else { "," };
                part(&format!("{before}{}", as_json(&verified)));
            }
            Format::Junit => {
                self.junit.add_test_suite(as_junit(&verified));
            }
        }
        self.all += 1;
    }

    /// Ends it: how many failed, and how many could not be read.
    pub fn finish(self) -> (usize, usize) {
        match self.format {
            Format::Human if self.all > MANY => {
                let hold = self.all - self.failed - self.unreadable;
                line(format!("\n{hold} of {} hold", self.all));
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

/// A part of a line. A reader that goes away ends nothing.
fn part(text: &str) {
    use std::io::Write;
    let _ = write!(anstream::stdout(), "{text}");
}

fn print(one: &Verified) {
    let colored = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
    line(one.path.display().to_string());
    let checks = match &one.outcome {
        Ok(checks) => checks,
        Err(error) => {
            let style = colored(AnsiColor::Red);
            return line(format!("  {style}unreadable{style:#}  {error:#}"));
        }
    };
    for check in checks {
        let (word, style) = match check.status {
            Status::Pass => ("pass", colored(AnsiColor::Green)),
            Status::Fail => ("FAIL", colored(AnsiColor::Red).bold()),
            Status::NotApplicable => ("n/a ", Style::new().dimmed()),
        };
        let mut details = check.details.iter();
        let first = details.next().map_or("", String::as_str);
        line(format!("  {style}{word}{style:#}  {:24}  {first}", check.name).trim_end());
        for detail in details {
            line(format!("{:34}{detail}", ""));
        }
    }
}

fn as_json(one: &Verified) -> serde_json::Value {
    match &one.outcome {
        Ok(checks) => json!({ "path": one.path, "ok": all_hold(checks), "checks": checks }),
        Err(error) => json!({ "path": one.path, "ok": false, "unreadable": format!("{error:#}") }),
    }
}

fn as_junit(one: &Verified) -> TestSuite {
    let case = |check: &Check| {
        let mut status = match check.status {
            Status::Pass => TestCaseStatus::success(),
            Status::NotApplicable => TestCaseStatus::skipped(),
            Status::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        };
        if check.status != Status::Pass {
            status.set_message(check.details.join("\n"));
        }
        TestCase::new(check.name, status)
    };
    let mut suite = TestSuite::new(one.path.display().to_string());
    match &one.outcome {
        Ok(checks) => suite.add_test_cases(checks.iter().map(case)),
        Err(error) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(format!("{error:#}"));
            suite.add_test_cases([TestCase::new("readable", status)])
        }
    };
    suite
}
