//! What `inspect` says to people of a package for Linux.
//!
//! Every text from a package goes through [`printable`](crate::printable::printable).

use super::super::messages::line;
use super::report::{field, heading, optional, print_text};
use crate::inspect::linux::{Inspection, Script};

pub fn print(inspection: &Inspection) {
    line(match inspection.kind {
        "deb" => "A package for Debian and its kin (.deb)",
        "rpm" => "A package for RPM (.rpm)",
        _ => "A package for Arch (.pkg.tar)",
    });
    field("name", &inspection.name);
    field("version", &inspection.version);
    field("processors", &inspection.architecture);
    optional("maintainer", inspection.maintainer.as_deref());
    optional("summary", inspection.summary.as_deref());
    optional("licence", inspection.license.as_deref());
    optional("homepage", inspection.homepage.as_deref());
    for fault in &inspection.unreadable {
        field("UNREADABLE", fault);
    }
    for (number, relation) in inspection.relations.iter().enumerate() {
        if number == 0 {
            heading("Other packages");
        }
        field(&relation.kind, &relation.text);
    }
    for unit in &inspection.units {
        heading(&format!("systemd: {}", unit.path.rsplit('/').next().unwrap_or_default()));
        field("file", &format!("/{}", unit.path));
        for run in &unit.runs {
            field("runs", run);
        }
        match (unit.manager, &unit.user) {
            ("system", user) => field("as user", user.as_deref().unwrap_or("root")),
            _ => field("as user", "the one whose manager starts it"),
        }
    }
    if !inspection.scripts.is_empty() {
        heading("Scripts, which run as root");
        inspection.scripts.iter().for_each(print_script);
    }
    heading("Files");
    let size: u64 = inspection.files.iter().map(|file| file.size).fold(0, u64::saturating_add);
    field("installs", &format!("{} files and folders, {size} bytes", inspection.files.len()));
    for path in &inspection.configuration {
        field("configuration", path);
    }
    for file in &inspection.files {
        let mode = u32::from_str_radix(&file.mode, 8).unwrap_or_default();
        if file.kind == "file" && mode & 0o6000 != 0 {
            field(
                "SET-USER-ID",
                &format!("/{} (mode {}, {}:{})", file.path, file.mode, file.user, file.group),
            );
        }
    }
    heading("Signature");
    if inspection.signatures.is_empty() {
        line("  none");
    }
    for signature in &inspection.signatures {
        field("not checked", signature);
    }
}

fn print_script(script: &Script) {
    let program = script.program.as_ref().map(|program| format!("by {program}, ")).unwrap_or_default();
    field(&script.name, &format!("{program}{} bytes", script.size));
    print_text(script.text.as_deref());
}
