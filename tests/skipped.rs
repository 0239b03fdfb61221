//! The last of the test programs: counts and names in one line the tests that the one
//! before skipped, for want of a tool or of data.
//!
//! Both are children of one cargo, by whose number they find each other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn main() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped");
    let mine = std::os::unix::process::parent_id().to_string();
    let text = fs::read_to_string(folder.join(&mine)).unwrap_or_default();
    let mut tests: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (test, reason) in text.lines().filter_map(|line| line.split_once('\t')) {
        tests.entry(reason).or_default().push(test);
    }
    // What other runs left is of no use to anybody.
    let _ = fs::remove_dir_all(&folder);
    let count: usize = tests.values().map(Vec::len).sum();
    if count > 0 {
        let reasons = tests.iter().map(|(reason, tests)| format!("{reason} ({})", tests.join(", ")));
        let reasons: Vec<String> = reasons.collect();
        println!("{count} checks were skipped: {}", reasons.join("; "));
    }
}
