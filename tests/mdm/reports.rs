//! What managers ask a Mac: goldens, what shellcheck and shells say, and Fleet's query on
//! tables as osquery has them. The scripts are run in `tests/stage/reports.rs`.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use xtask::artifact::{Content, Maker as _};
use xtask::managers::reports::Reports;
use xtask::settings::{Instance, Spec};

use super::served;
use crate::golden::{abridged, below, golden};
use crate::render::goldens::{SHELLS, folder_of, quiet};
use crate::support::{root, succeed, tool};

/// Every file of an instance, and of all instances, by its path.
fn made(spec: &Spec, instance: &Instance) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for planned in Reports.of_instance(spec, instance) {
        all.push((planned.artifact.path, (planned.make)(spec, instance, 0)));
    }
    for planned in Reports.of_all_instances(spec) {
        all.push((planned.artifact.path, (planned.make)(spec, 0)));
    }
    let text = |content| match content {
        Ok(Content::Bytes(bytes)) => String::from_utf8(bytes).unwrap(),
        other => panic!("{other:?}"),
    };
    all.into_iter().map(|(path, content)| (path, text(content))).collect()
}

/// What an ordinary case and a hostile one have.
fn cases() -> Vec<(&'static str, Spec, Instance)> {
    served().into_iter().filter(|(case, _, _)| ["boot", "login-hostile"].contains(case)).collect()
}

#[test]
fn every_report_is_its_golden() {
    let mut expected: Vec<PathBuf> = Vec::new();
    for (case, spec, instance) in cases() {
        for (path, text) in made(&spec, &instance) {
            let path = format!("reports/{case}/{path}");
            golden(&path, abridged(&text, &[]).as_bytes());
            expected.push(root().join("tests/golden").join(path));
        }
    }
    expected.sort();
    assert_eq!(below(&root().join("tests/golden/reports")), expected, "no golden is left over");
}

#[test]
fn nothing_is_asked_without_an_address() {
    for (_, mut spec, instance) in cases() {
        spec.base_url = None;
        assert!(
            Reports.of_instance(&spec, &instance).is_empty() && Reports.of_all_instances(&spec).is_empty()
        );
    }
}

#[test]
fn shellcheck_and_shells_have_nothing_to_say_to_the_scripts() {
    let mut all = Vec::new();
    for (case, spec, instance) in cases() {
        all.extend(made(&spec, &instance).into_iter().map(|(path, text)| (format!("{case}/{path}"), text)));
    }
    all.retain(|(path, _)| path.ends_with(".sh"));
    assert_eq!(all.len(), 10);
    let folder = folder_of(all.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    for script in below(folder.path()) {
        if let Some(shellcheck) = tool("shellcheck") {
            succeed(Command::new(shellcheck).args(["-s", "sh"]).arg(&script));
        }
        for (shell, arguments) in SHELLS {
            let Some(shell) = tool(shell) else { continue };
            quiet(Command::new(&shell).args(arguments).arg("-n").arg(&script));
        }
    }
}

/// The keys are those of Fleet's `reports` (`docs/Configuration/yaml-files.md`,
/// `QuerySpec` in its `server/fleet`). osquery's tables are SQLite's.
#[test]
fn fleets_query_tells_a_vm_that_runs_from_others() {
    let Some(sqlite) = tool("sqlite3") else { return };
    for (_, spec, instance) in cases() {
        let all = made(&spec, &instance);
        let of = |path: &str| &all.iter().find(|(found, _)| found == path).unwrap().1;
        let text = of(&format!("{}/mdm/reports/fleet.reports.yml", instance.name));
        assert_eq!(text, of("mdm/reports/fleet.reports.yml"), "of one instance it is the same");
        let reports: Vec<Value> = serde_saphyr::from_str(text).unwrap();
        let [report] = &reports[..] else { panic!("{text}") };
        let keys: Vec<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
        let known = [
            "automations_enabled",
            "description",
            "interval",
            "name",
            "observer_can_run",
            "platform",
            "query",
        ];
        assert_eq!(keys, known);
        let label = xtask::macos::launchd::label(&instance);
        let name = instance.name.as_str();
        let ask = |label: &str, command: &str| {
            let setup = format!(
                "CREATE TABLE launchd (path TEXT, name TEXT, label TEXT);\n\
                 CREATE TABLE processes (pid BIGINT, cmdline TEXT, start_time BIGINT);\n\
                 INSERT INTO launchd VALUES ('/x.plist', 'x.plist', '{label}');\n\
                 INSERT INTO processes VALUES (1, '/sbin/launchd', 5), (2, '{command}', 7);\n"
            );
            let query = report["query"].as_str().unwrap();
            let mut command = Command::new(&sqlite);
            succeed(command.args(["-list", ":memory:"]).arg(format!("{setup}{query}"))).trim().to_owned()
        };
        let agent = |name: &str| {
            format!(
                "/opt/homebrew/bin/limactl hostagent --pidfile /Users/a b/.lima/{name}/ha.pid --socket x {name}"
            )
        };
        assert_eq!(ask(&label, &agent(name)), format!("{name}|running|2|7|/x.plist"));
        assert_eq!(ask(&label, &agent(&format!("other-{name}"))), format!("{name}|down|||/x.plist"));
        assert_eq!(
            ask(&label, &agent(&name.replace('.', "x").replace('3', "_"))),
            format!("{name}|down|||/x.plist")
        );
        assert_eq!(ask(&label, "vi /k3s/ha.pid "), format!("{name}|down|||/x.plist"));
        assert_eq!(ask("another", &agent(name)), "", "a Mac that is not to start it says nothing");
    }
}
