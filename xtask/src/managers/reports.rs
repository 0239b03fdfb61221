//! What device managers ask a Mac, to show which VMs run.
//!
//! ```text
//! <instance>/mdm/reports/jamf-extension-attribute.sh   prints <result>ANSWER</result>
//!                        intune-custom-attribute.sh    prints one line
//!                        fleet.reports.yml             a query, for `reports` of Fleet's GitOps
//! mdm/reports/jamf-extension-attribute.sh              the same for every instance of a Mac
//!             intune-custom-attribute.sh
//!             fleet.reports.yml                        a query for each instance
//!             munki-condition.sh                       writes Munki's ConditionalItems.plist
//! ```
//!
//! The scripts have the `status.sh` of the packages answer. They ask whatever is
//! installed, so that one script is right for Macs with different instances.
//!
//! Sources: Jamf's documentation, "Computer Extension Attributes"; Microsoft's, "Use
//! custom attributes for macOS devices in Intune"; munki/munki's wiki, "Conditional
//! Items"; Fleet's `docs/Configuration/yaml-files.md`, "reports", and osquery's schema
//! of `launchd` and `processes`.
//!
//! Must not know: what `status.sh` looks at.

use askama::Template;
use serde::Serialize;

use crate::artifact::{
    Artifact, Built, Description, Kind, MakeOfAll, MakeOfInstance, Maker, Needs, Planned, Section,
};
use crate::macos::launchd;
use crate::render::{fill, stand_alone};
use crate::settings::resolve::MDM_FOLDER;
use crate::settings::{Instance, Spec};

/// What a manager asks a Mac.
pub const REPORT: &str = "report";

const ASK: &str = include_str!("../../../pkg-scripts/report.sh");
const JAMF: &str = include_str!("../../../pkg-scripts/report-jamf");
const INTUNE: &str = include_str!("../../../pkg-scripts/report-intune");
const MUNKI: &str = include_str!("../../../pkg-scripts/report-munki");

const JAMF_FILE: &str = "jamf-extension-attribute.sh";
const INTUNE_FILE: &str = "intune-custom-attribute.sh";
const FLEET_FILE: &str = "fleet.reports.yml";
const MUNKI_FILE: &str = "munki-condition.sh";

static KINDS: [Description; 1] = [Description {
    needs: Some(Needs::BaseUrl),
    is_program: |path| path.ends_with(".sh"),
    words,
    for_whom,
    ..Description::new(REPORT, "What device managers ask a Mac to see which VMs run (`--base-url`)")
}];

/// Makes them.
pub struct Reports;

impl Maker for Reports {
    fn kinds(&self) -> &'static [Description] {
        &KINDS
    }

    fn of_instance(&self, spec: &Spec, instance: &Instance) -> Vec<Planned<MakeOfInstance>> {
        let planned = |file: &str, make: MakeOfInstance| Planned {
            artifact: Artifact {
                path: format!("{}/mdm/reports/{file}", instance.name),
                kind: Kind::new(REPORT),
                instance: Some(instance.name.to_string()),
                identifier: None,
            },
            make,
        };
        if spec.base_url.is_none() {
            return Vec::new();
        }
        vec![
            planned(JAMF_FILE, |spec, instance, _| Ok(script(spec, Some(instance), "Jamf Pro", JAMF).into())),
            planned(INTUNE_FILE, |spec, instance, _| {
                Ok(script(spec, Some(instance), "Intune", INTUNE).into())
            }),
            planned(FLEET_FILE, |_, instance, _| Ok(fleet_reports(&[instance]).into())),
        ]
    }

    fn of_all_instances(&self, spec: &Spec) -> Vec<Planned<MakeOfAll>> {
        let planned = |file: &str, make: MakeOfAll| Planned {
            artifact: Artifact {
                path: format!("{MDM_FOLDER}/reports/{file}"),
                kind: Kind::new(REPORT),
                instance: None,
                identifier: None,
            },
            make,
        };
        if spec.base_url.is_none() {
            return Vec::new();
        }
        vec![
            planned(JAMF_FILE, |spec, _| Ok(script(spec, None, "Jamf Pro", JAMF).into())),
            planned(INTUNE_FILE, |spec, _| Ok(script(spec, None, "Intune", INTUNE).into())),
            planned(FLEET_FILE, |spec, _| {
                Ok(fleet_reports(&spec.instances.iter().collect::<Vec<_>>()).into())
            }),
            planned(MUNKI_FILE, |spec, _| Ok(script(spec, None, "Munki", MUNKI).into())),
        ]
    }

    fn section<'a>(&self, _: &str, files: &'a [Built]) -> Option<Section<'a>> {
        let section = Section {
            heading: "For device managers",
            rank: 1,
            files: files.iter().filter(|one| one.artifact.kind == REPORT).collect(),
            commands: Vec::new(),
            fold: None,
        };
        (!section.files.is_empty()).then_some(section)
    }
}

/// What the scripts and queries are, and for whom.
const FILES: [(&str, &str, &str); 4] = [
    (JAMF_FILE, "Jamf Pro", "extension attribute: does the VM run?"),
    (INTUNE_FILE, "Intune", "custom attribute: does the VM run?"),
    (FLEET_FILE, "Fleet", "report: does the VM run?"),
    (MUNKI_FILE, "Munki", "condition: which VMs run"),
];

fn words(path: &str) -> Option<&'static str> {
    FILES.iter().find(|(file, _, _)| path.ends_with(file)).map(|(_, _, words)| *words)
}

fn for_whom(path: &str) -> Option<&'static str> {
    FILES.iter().find(|(file, _, _)| path.ends_with(file)).map(|(_, whom, _)| *whom)
}

/// What the scripts are told; see the template.
#[derive(Template)]
#[template(path = "report.sh")]
struct Subject<'a> {
    folder: &'a str,
    instance: &'a str,
}

/// A script that asks about one instance, or about all that are installed.
fn script(spec: &Spec, instance: Option<&Instance>, manager: &str, tail: &str) -> String {
    let purpose = match instance {
        Some(instance) => format!("Tells {manager} whether the Lima VM {} of this Mac runs.", instance.name),
        None => format!("Tells {manager} which Lima VMs of this Mac run."),
    };
    let subject = Subject {
        folder: &launchd::support_folder(spec),
        instance: instance.map_or("", |instance| instance.name.as_str()),
    };
    stand_alone(&purpose, &[&fill("report.sh", &subject), ASK, tail])
}

/// A report of Fleet's.
#[derive(Serialize)]
struct FleetReport {
    name: String,
    description: String,
    query: String,
    platform: &'static str,
    interval: u32,
    observer_can_run: bool,
    automations_enabled: bool,
}

/// A list of them, as `path` of an item of `reports` names it.
fn fleet_reports(instances: &[&Instance]) -> Vec<u8> {
    let reports: Vec<FleetReport> = instances.iter().map(|instance| fleet_report(instance)).collect();
    serde_saphyr::to_string(&reports).expect("strings and numbers can be serialized").into_bytes()
}

/// One row for each Mac that has the job: its VM's process, and since when it runs;
/// nothing in either where it does not run.
///
/// The names of instances and labels have no quotes (`InstanceName`). `instr` takes them
/// literally, where LIKE would not.
fn fleet_report(instance: &Instance) -> FleetReport {
    let (name, label) = (&instance.name, launchd::label(instance));
    let query = format!(
        "SELECT '{name}' AS instance, \
         CASE WHEN p.pid IS NULL THEN 'down' ELSE 'running' END AS state, \
         p.pid AS vm_pid, p.start_time AS since, l.path AS job \
         FROM launchd l LEFT JOIN processes p \
         ON instr(p.cmdline, ' hostagent ') > 0 AND instr(p.cmdline, '/{name}/ha.pid ') > 0 \
         WHERE l.label = '{label}';"
    );
    FleetReport {
        name: format!("Lima VM {name}"),
        description: format!("Whether the Lima VM {name} runs, on Macs that are to start it."),
        query,
        platform: "darwin",
        interval: 3600,
        observer_can_run: true,
        automations_enabled: false,
    }
}
