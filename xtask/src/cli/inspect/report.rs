//! What `inspect` says to people.
//!
//! Every text from a package goes through [`printable`].

use anstyle::{AnsiColor, Style};

use super::super::messages::line;
use crate::inspect::{Component, Inspection, Product, Program, Signature};
use crate::printable::printable;
use crate::sign::certificate::Facts;
use crate::verify::payload::Entry;

pub fn heading(text: &str) {
    let style = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
    line(format!("\n{style}{}{style:#}", printable(text)));
}

pub fn field(name: &str, value: &str) {
    let style = Style::new().dimmed();
    line(format!("  {style}{:14}{style:#}  {}", printable(name), printable(value)));
}

pub fn optional(name: &str, value: Option<&str>) {
    if let Some(value) = value {
        field(name, value);
    }
}

pub fn print(inspection: &Inspection) {
    match &inspection.product {
        None => line("A component package"),
        Some(product) => {
            line("A product archive");
            print_product(product);
        }
    }
    for component in &inspection.components {
        print_component(component);
    }
    heading("Signature");
    match &inspection.signature {
        None => line("  none"),
        Some(signature) => print_signature(signature),
    }
    if inspection.signature.is_some() || inspection.ticket != "none" {
        heading("Notarization");
        field("ticket", &inspection.ticket);
    }
    if let Some(notarization) = &inspection.notarization {
        field("notarized on", &notarization.time);
        for code in &notarization.code {
            field("covers code", &format!("{} {}", code.algorithm, code.digest));
        }
    }
}

fn print_product(product: &Product) {
    let list = |texts: &[String]| (!texts.is_empty()).then(|| texts.join(", "));
    optional("title", product.title.as_deref());
    optional("identifier", product.identifier.as_deref());
    optional("version", product.version.as_deref());
    optional("minimum macOS", list(&product.minimum_macos).as_deref());
    optional("processors", product.host_architectures.as_deref());
    if product.installation_check {
        field("check", "a script decides whether it may be installed");
    }
    optional("pages", list(&product.resources).as_deref());
    for text in &product.on_conclusion {
        field("at the end", text);
    }
    for elsewhere in &product.elsewhere {
        let id = elsewhere.id.as_deref().unwrap_or("(no identifier)");
        field("FROM ELSEWHERE", &format!("{id}: {}", elsewhere.location));
    }
    for plug_in in &product.plug_ins {
        field("PLUG-IN", &format!("{plug_in} runs in Installer, as the person who installs"));
    }
    // The choice that holds the others says nothing.
    let choices =
        product.choices.iter().filter(|choice| choice.title.is_some() || !choice.packages.is_empty());
    for (number, choice) in choices.enumerate() {
        if number == 0 {
            heading("Choices");
        }
        let mut text = choice.title.clone().unwrap_or_default();
        for (name, value) in [("visible", &choice.visible), ("selected", &choice.selected)] {
            if let Some(value) = value {
                text.push_str(&format!("  {name}: {value}"));
            }
        }
        if !choice.packages.is_empty() {
            text.push_str(&format!("  installs {}", choice.packages.join(", ")));
        }
        field(choice.id.as_deref().unwrap_or("(no id)"), text.trim());
    }
    if let Some(javascript) = &product.javascript {
        heading("JavaScript, which runs as the person who installs");
        field("size", &format!("{} bytes", javascript.size));
        for start in &javascript.starts {
            field("started by", start);
        }
        for program in &javascript.programs {
            let may = if javascript.may_run_programs { "" } else { " (refused: no allow-external-scripts)" };
            field("RUNS", &format!("{program}{may}"));
        }
        print_text(javascript.text.as_deref());
    }
}

/// A script's text, where it was asked for.
pub fn print_text(text: Option<&str>) {
    for line_of_text in text.into_iter().flat_map(str::lines) {
        line(format!("    | {}", printable(&line_of_text.replace('\t', "    "))));
    }
}

fn print_component(component: &Component) {
    let name = if component.folder.is_empty() { "Component" } else { &component.folder };
    heading(name);
    optional("identifier", component.identifier.as_deref());
    optional("version", component.version.as_deref());
    optional("installs to", component.install_location.as_deref());
    optional("auth", component.auth.as_deref().filter(|auth| !auth.eq_ignore_ascii_case("root")));
    optional("afterwards", component.postinstall_action.as_deref());
    for bundle in &component.relocatable {
        field("relocatable", bundle);
    }
    for path in &component.set_id {
        field("SET-USER-ID", path);
    }
    for fault in &component.unreadable {
        field("UNREADABLE", fault);
    }
    for text in &component.left_out {
        field("NOT SHOWN", text);
    }
    for job in &component.jobs {
        heading(&format!("launchd: {}", job.label.as_deref().unwrap_or("(no label)")));
        let staged = if job.staged { ", for a script to put into place" } else { "" };
        field("file", &format!("{}{staged}", job.path));
        let mut program = job.program.clone();
        if job.found_at_install_time.contains(&"limactl") {
            program[0] = "limactl (found at install time)".to_owned();
        }
        field("runs", &program.join(" "));
        optional("as user", job.user.as_deref());
        field("starts", &if job.starts.is_empty() { "on request".to_owned() } else { job.starts.join("; ") });
    }
    for program in &component.code {
        print_program(program);
    }
    if !component.scripts.is_empty() {
        heading("Scripts");
        for script in &component.scripts {
            let runs = script.runs_as.map(|who| format!("runs as {who}")).unwrap_or_default();
            let path = printable(&script.path);
            line(format!("  {}  {:>9}  {path:30}  {runs}", mode(script.mode), script.size).trim_end());
            print_text(script.text.as_deref());
        }
    }
    if !component.payload.is_empty() {
        heading("Payload");
        for entry in &component.payload {
            print_entry(entry);
        }
    }
}

/// A program or library: who signed it, for which processor, and what it is allowed to.
fn print_program(program: &Program) {
    heading(&match program.archive {
        "Scripts" => format!("Program among the scripts: {}", program.path),
        _ => format!("Program: {}", program.path),
    });
    for fault in &program.faults {
        field("INVALID", fault);
    }
    for image in &program.images {
        let minimum = image.minimum_system.as_ref().map(|version| format!(", from macOS {version}"));
        field(&image.processor, &format!("{}{}", image.kind, minimum.unwrap_or_default()));
        match image.signature {
            "ad-hoc" => field("signed by", "nobody (ad hoc)"),
            "broken" => field("signed by", "somebody, with an invalid signature"),
            "signed" => {
                let subjects = image.certificates.iter().map(|one| one.subject.as_str());
                field("signed by", &subjects.collect::<Vec<_>>().join(" < "));
            }
            _ => field("signed by", "nobody"),
        }
        optional("team", image.team.as_deref());
        optional("timestamp", image.timestamp.as_deref());
        if image.code_hash.is_some() {
            field("hardened", if image.hardened_runtime { "yes" } else { "no" });
        }
        optional("identifier", image.identifier.as_deref());
        optional("code hash", image.code_hash.as_deref());
        for (name, value) in &image.entitlements {
            field("allowed", &if *value == true { name.clone() } else { format!("{name}: {value}") });
        }
    }
}

fn print_entry(entry: &Entry) {
    let link = entry.link.as_ref().map(|target| format!(" -> {}", printable(target))).unwrap_or_default();
    let owner = format!("{}/{}", entry.uid, entry.gid);
    line(format!("  {}  {owner:>7}  {:>9}  {}{link}", mode(entry.mode), entry.size, printable(&entry.path)));
}

/// A mode as `ls` shows it.
fn mode(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o100_000 => '-',
        _ => '?',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (false, true) => 'x',
            (false, false) => '-',
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
        });
    }
    text
}

fn print_signature(signature: &Signature) {
    for (number, certificate) in signature.certificates.iter().enumerate() {
        print_certificate(if number == 0 { "signed by" } else { "issued by" }, certificate);
    }
    field("RSA", &signature.rsa);
    field("CMS", &signature.cms);
    if let (Some(time), Some(source)) = (&signature.time, signature.time_source) {
        field("signed on", &format!("{time}, says the {source}"));
    }
    if let Some(authority) = &signature.timestamp_authority {
        print_certificate("timestamp", authority);
    }
}

fn print_certificate(role: &str, certificate: &Facts) {
    field(role, &certificate.subject);
    optional("  team", certificate.team.as_deref());
    field(
        "  valid",
        &format!("{} to {}", certificate.not_before.date_naive(), certificate.not_after.date_naive()),
    );
    field("  SHA-256", &certificate.sha256);
}

#[cfg(test)]
mod tests {
    use super::mode;

    #[test]
    fn modes_are_shown_as_ls_shows_them() {
        assert_eq!(mode(0o100_644), "-rw-r--r--");
        assert_eq!(mode(0o041_777), "drwxrwxrwt");
        assert_eq!(mode(0o104_655), "-rwSr-xr-x");
        assert_eq!(mode(0o120_755), "lrwxr-xr-x");
    }
}
