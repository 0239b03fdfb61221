//! The GitHub Action and the workflows, as far as they can be run without
//! GitHub: what they say of inputs and secrets is read, and the action's steps
//! are run by bash as GitHub's runner does it.

mod steps;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::{optional_tool, root, succeed, tool};

const ACTION: &str = ".github/actions/build/action.yml";
const PROGRAM: &str = ".github/actions/program/action.yml";
const EXAMPLE: &str = ".github/actions/build/example.yml";
const WORKFLOW: &str = ".github/workflows/ci.yml";

/// A document, as GitHub reads it.
fn yaml(path: &str) -> Value {
    let text = fs::read_to_string(root().join(path)).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every step of an action or a workflow.
fn steps(document: &Value) -> Vec<&Value> {
    let of_jobs = document["jobs"].as_object().into_iter().flat_map(|jobs| jobs.values());
    let lists = of_jobs.map(|job| &job["steps"]).chain([&document["runs"]["steps"]]);
    let steps: Vec<&Value> = lists.filter_map(Value::as_array).flatten().collect();
    assert!(!steps.is_empty());
    steps
}

fn names(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

/// The `X` of every `${{ inputs.X }}` in a text.
fn used(text: &str) -> BTreeSet<String> {
    let expressions = text.split("${{").skip(1).map(|rest| rest.split("}}").next().unwrap().trim());
    expressions.filter_map(|one| one.strip_prefix("inputs.")).map(str::to_owned).collect()
}

#[test]
fn every_input_is_declared_and_used() {
    let action = yaml(ACTION);
    let declared = names(&action["inputs"]);
    assert_eq!(used(&fs::read_to_string(root().join(ACTION)).unwrap()), declared);
    // Each as the environment variable that the script reads, and no other.
    let build = steps(&action).into_iter().find(|step| step["id"] == "build").unwrap();
    let script = fs::read_to_string(root().join(".github/actions/build/build.sh")).unwrap();
    let is_name = |c: char| c == '_' || c.is_ascii_uppercase() || c.is_ascii_digit();
    let reads = script.split("$INPUT_").skip(1);
    let read: BTreeSet<&str> = reads.map(|rest| rest.split(|c| !is_name(c)).next().unwrap()).collect();
    let mut given = BTreeSet::new();
    for (variable, value) in build["env"].as_object().unwrap() {
        if variable == "PROGRAM" {
            continue;
        }
        let name = variable.strip_prefix("INPUT_").unwrap();
        let input = name.to_lowercase().replace('_', "-");
        assert_eq!(value, &Value::from(format!("${{{{ inputs.{input} }}}}")));
        given.insert(name);
    }
    assert_eq!(given, read);
    for (name, input) in action["inputs"].as_object().unwrap() {
        assert!(input["description"].is_string() && input["default"].is_string(), "{name}");
    }
}

#[test]
fn no_value_is_put_into_a_script() {
    for path in [ACTION, PROGRAM, EXAMPLE, WORKFLOW] {
        for step in steps(&yaml(path)) {
            let run = step["run"].as_str().unwrap_or_default();
            assert!(!run.contains("${{"), "{path}: {run}");
        }
    }
}

/// Secrets are where the built program runs, and nowhere else: cargo runs other
/// people's build scripts.
#[test]
fn secrets_are_out_of_reach_of_cargo() {
    let action = yaml(ACTION);
    let with_environment: Vec<_> = steps(&action).into_iter().filter(|step| !step["env"].is_null()).collect();
    assert_eq!(with_environment.len(), 1);
    assert_eq!(with_environment[0]["run"], "bash \"$GITHUB_ACTION_PATH/build.sh\"");
    let script = fs::read_to_string(root().join(".github/actions/build/build.sh")).unwrap();
    let commands = script.lines().filter(|line| !line.trim_start().starts_with('#'));
    assert!(!commands.into_iter().any(|line| line.contains("cargo ")), "{script}");
    for step in steps(&yaml(EXAMPLE)) {
        assert!(!step["run"].as_str().unwrap_or_default().contains("cargo"), "{step}");
    }
}

/// An action cannot use another one by a path that holds wherever both are
/// checked out, so the steps stand in both.
#[test]
fn both_actions_build_the_program_alike() {
    let (build, program) = (yaml(ACTION), yaml(PROGRAM));
    assert_eq!(steps(&build)[..3], steps(&program)[..]);
    assert_eq!(build["outputs"]["program"]["value"], program["outputs"]["program"]["value"]);
}

/// A tag can be moved to other code; a commit cannot.
#[test]
fn foreign_actions_are_pinned_by_commit() {
    let mut pins = std::collections::BTreeMap::new();
    for path in [ACTION, PROGRAM, EXAMPLE, WORKFLOW] {
        let text = fs::read_to_string(root().join(path)).unwrap();
        for line in text.lines().filter_map(|line| line.split_once("uses: ")).map(|(_, action)| action) {
            if line.starts_with("./") {
                continue;
            }
            let (name, pin) = line.split_once('@').unwrap();
            let (commit, version) = pin.split_once(" # v").unwrap_or_else(|| panic!("{path}: {line}"));
            assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
            assert_eq!(version.split('.').count(), 3, "{line}");
            assert_eq!(pins.entry(name.to_owned()).or_insert(pin.to_owned()), pin, "{path}: {line}");
        }
    }
    assert!(pins.contains_key("actions/checkout"));
}

/// What others look for in workflows. Neither is a Debian package: where they
/// are not installed, the checks are skipped, and a job on GitHub runs them.
#[test]
fn linters_of_workflows_have_nothing_to_say() {
    let files = [ACTION, PROGRAM, EXAMPLE, WORKFLOW].map(|path| root().join(path));
    if let Some(zizmor) = optional_tool("zizmor") {
        let folder = tempfile::tempdir().unwrap();
        for (index, file) in files.iter().enumerate() {
            let kind = if index < 2 { format!("actions/{index}") } else { "workflows".to_owned() };
            let place = folder.path().join(".github").join(kind);
            fs::create_dir_all(&place).unwrap();
            fs::copy(file, place.join(file.file_name().unwrap())).unwrap();
        }
        succeed(Command::new(zizmor).args(["--offline", "--min-severity", "medium"]).arg(folder.path()));
    }
    if let Some(actionlint) = optional_tool("actionlint") {
        succeed(Command::new(actionlint).args(&files[2..]));
    }
}

#[test]
fn shellcheck_passes_every_script() {
    let Some(shellcheck) = tool("shellcheck") else { return };
    for script in [".github/actions/build/build.sh", ".github/actions/program/build.sh"] {
        succeed(Command::new(&shellcheck).arg(root().join(script)));
    }
    for path in [ACTION, PROGRAM, EXAMPLE, WORKFLOW] {
        for step in steps(&yaml(path)) {
            let Some(run) = step["run"].as_str() else { continue };
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(&file, run).unwrap();
            succeed(Command::new(&shellcheck).args(["--shell", "bash"]).arg(file.path()));
        }
    }
}

#[test]
fn the_example_gives_the_action_what_it_takes() {
    let declared = names(&yaml(ACTION)["inputs"]);
    let example = yaml(EXAMPLE);
    let mut uses = 0;
    for step in steps(&example) {
        let Some(action) = step["uses"].as_str() else { continue };
        if let Some(path) = action.strip_prefix("./") {
            uses += 1;
            if PathBuf::from(PROGRAM).starts_with(path) {
                assert!(step["with"].is_null(), "{step}");
            } else {
                assert!(PathBuf::from(ACTION).starts_with(path), "{path}");
                assert!(names(&step["with"]).is_subset(&declared), "{step}");
            }
        } else {
            assert!(action.contains('@'), "{action}");
            assert!(!action.starts_with("actions/checkout@") || step["with"]["persist-credentials"] == false);
        }
    }
    assert_eq!(uses, 4);
}

/// GitHub gives a fork's pull request no secret; this one asks for none, nor
/// for a right to write.
#[test]
fn a_proposal_is_out_of_reach_of_secrets() {
    let example = yaml(EXAMPLE);
    assert_eq!(example["permissions"], serde_json::json!({ "contents": "read" }));
    assert!(example["on"].get("pull_request_target").is_none());
    for (name, job) in example["jobs"].as_object().unwrap() {
        assert!(job["permissions"].is_null(), "{name}");
        let condition = job["if"].as_str().unwrap_or_default();
        if job.to_string().contains("secrets.") {
            let on_main = "github.event_name != 'pull_request' && github.ref == 'refs/heads/main'";
            assert_eq!(condition, on_main, "{name}");
            assert!(job["environment"].is_string(), "{name}");
        }
    }
}

/// The parts that the example's matrix builds are all parts of one run.
#[test]
fn the_matrix_is_every_part() {
    let example = yaml(EXAMPLE);
    let build = &example["jobs"]["build"];
    let parts = build["strategy"]["matrix"]["part"].as_array().unwrap();
    assert!(parts.iter().map(|part| part.as_u64().unwrap()).eq(1..=parts.len() as u64));
    let step = build["steps"].as_array().unwrap().iter().find(|step| step["with"]["partition"].is_string());
    assert_eq!(step.unwrap()["with"]["partition"], "${{ matrix.part }}/${{ strategy.job-total }}");
    assert_eq!(example["jobs"]["merge"]["needs"], "build");
}
