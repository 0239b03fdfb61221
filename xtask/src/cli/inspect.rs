//! `inspect`: see what a package is and does.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use super::messages::{MessageFormat, line};
use crate::extract;
use crate::inspect::{Component, Inspection, Signature, inspect};
use crate::printable::{printable, printable_json};
use crate::sign::certificate::Facts;
use crate::verify::payload::Entry;

/// Exit status where the file could not be read as a package.
const UNREADABLE: u8 = 2;

/// Show what a package is, installs, runs and starts, and who signed it
#[derive(Debug, Args)]
pub struct Inspect {
    /// The package; anybody's
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Print the payload's paths alone, as pkgutil --payload-files does
    #[arg(long, conflicts_with_all = ["scripts", "extract"])]
    paths: bool,

    /// Show the scripts' text too
    #[arg(long)]
    scripts: bool,

    /// Unpack everything into this new folder, as pkgutil --expand-full does
    ///
    /// Nothing is ever written outside the folder. Owners are not applied, nor set-user-ID bits.
    #[arg(long, value_name = "DIR")]
    extract: Option<PathBuf>,

    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A report
    Human,
    /// A JSON document
    Json,
}

impl Inspect {
    pub fn run(&self) -> ExitCode {
        match self.show() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                MessageFormat::Human.foreign_error(&error);
                ExitCode::from(UNREADABLE)
            }
        }
    }

    fn show(&self) -> Result<()> {
        let path = self.file.display();
        let file = File::open(&self.file).with_context(|| format!("could not open {path}"))?;
        let mut input = BufReader::new(file);
        let inspection = inspect(&mut input, self.scripts)
            .with_context(|| format!("{path} could not be read as a package"))?;
        match self.format {
            Format::Json => line(printable_json(&serde_json::to_string_pretty(&inspection)?)),
            Format::Human if self.paths => {
                for entry in inspection.components.iter().flat_map(|component| &component.payload) {
                    line(printable(&entry.path));
                }
            }
            Format::Human => print(&inspection),
        }
        if let Some(folder) = &self.extract {
            let written = extract::extract(&mut input, folder)?;
            line(format!(
                "Unpacked {written} files and folders into {}.",
                printable(&folder.display().to_string())
            ));
        }
        Ok(())
    }
}

fn heading(text: &str) {
    let style = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
    line(format!("\n{style}{text}{style:#}"));
}

fn field(name: &str, value: &str) {
    let style = Style::new().dimmed();
    line(format!("  {style}{name:14}{style:#}  {}", printable(value)));
}

fn optional(name: &str, value: Option<&str>) {
    if let Some(value) = value {
        field(name, value);
    }
}

fn print(inspection: &Inspection) {
    match &inspection.product {
        None => line("A component package"),
        Some(product) => {
            line("A product archive");
            optional("title", product.title.as_deref());
            optional("identifier", product.identifier.as_deref());
            optional("version", product.version.as_deref());
            optional(
                "minimum macOS",
                (!product.minimum_macos.is_empty()).then(|| product.minimum_macos.join(", ")).as_deref(),
            );
            optional("processors", product.host_architectures.as_deref());
            if product.installation_check {
                field("check", "a script decides whether it may be installed");
            }
            optional(
                "pages",
                (!product.resources.is_empty()).then(|| product.resources.join(", ")).as_deref(),
            );
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

fn print_component(component: &Component) {
    let name = if component.folder.is_empty() { "Component" } else { &component.folder };
    heading(&printable(name));
    optional("identifier", component.identifier.as_deref());
    optional("version", component.version.as_deref());
    optional("installs to", component.install_location.as_deref());
    for fault in &component.unreadable {
        field("UNREADABLE", fault);
    }
    for job in &component.jobs {
        heading(&format!("launchd: {}", printable(job.label.as_deref().unwrap_or("(no label)"))));
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
    if !component.scripts.is_empty() {
        heading("Scripts");
        for script in &component.scripts {
            let runs = if script.runs { "runs as root" } else { "" };
            let path = printable(&script.path);
            line(format!("  {}  {:>9}  {path:30}  {runs}", mode(script.mode), script.size).trim_end());
            if let Some(text) = &script.text {
                for text in text.lines() {
                    line(format!("    | {}", printable(&text.replace('\t', "    "))));
                }
            }
        }
    }
    if !component.payload.is_empty() {
        heading("Payload");
        for entry in &component.payload {
            print_entry(entry);
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
