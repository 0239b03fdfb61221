//! What `notarize`, `staple` and `dist --notarize` have in common: the packages, the key,
//! whom to ask, and how what happens is shown.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::messages::{MessageFormat, line, note, with_causes};
use super::{environment, verify};
use crate::notary::key::{ApiKey, FOLDERS};
use crate::notary::package::Package;
use crate::notary::run::Event;
use crate::notary::{Services, Surroundings, record};
use crate::printable::printable;

const KEY_VARIABLE: &str = "LIMA_AUTOSTART_API_KEY";
const KEY_ID_VARIABLE: &str = "LIMA_AUTOSTART_API_KEY_ID";
const ISSUER_VARIABLE: &str = "LIMA_AUTOSTART_API_ISSUER";

/// Who asks Apple. Without --api-key: LIMA_AUTOSTART_API_KEY, then AuthKey_ID.p8 in
/// ./private_keys, ~/private_keys, ~/.private_keys and ~/.appstoreconnect/private_keys.
#[derive(Debug, Args)]
#[command(next_help_heading = "Notarizing")]
pub struct KeyArgs {
    /// App Store Connect API key: its .p8 file, or JSON with issuer_id, key_id and private_key
    ///
    /// Also taken from the environment, for CI: LIMA_AUTOSTART_API_KEY holds the file's text.
    #[arg(long, value_name = "FILE")]
    api_key: Option<PathBuf>,

    /// Id of the key, where the file's name does not say it
    ///
    /// Also taken from the environment: LIMA_AUTOSTART_API_KEY_ID.
    #[arg(long, value_name = "ID")]
    api_key_id: Option<String>,

    /// Issuer of a team's key; a person's has none
    ///
    /// Also taken from the environment: LIMA_AUTOSTART_API_ISSUER.
    #[arg(long, value_name = "UUID")]
    api_issuer: Option<String>,
}

/// How long to wait, and whom to tell.
#[derive(Debug, Args)]
#[command(next_help_heading = "Notarizing")]
pub struct WaitArgs {
    /// Have Apple call this https URL when it is done
    #[arg(long, value_name = "URL", value_parser = webhook)]
    pub webhook: Option<Url>,

    /// Wait so long for Apple, such as 90s, 30m or 2h
    ///
    /// It takes minutes; for an account's first submissions it was hours at times. When the time is
    /// over, `cargo xtask notarize --resume` goes on.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub timeout: Duration,
}

/// Whom to ask instead of Apple, in tests.
#[derive(Debug, Args)]
pub struct ServicesArgs {
    /// JSON with the servers and the roots of a test
    #[arg(long, value_name = "FILE", hide = true)]
    test_services: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestServices {
    notary: String,
    tickets: String,
    storage: String,
    roots: PathBuf,
    ticket_roots: PathBuf,
    poll_ms: u64,
    pause_ms: u64,
}

impl ServicesArgs {
    /// Whom to ask: Apple.
    pub fn resolve(&self) -> Result<Services> {
        let Some(file) = &self.test_services else { return Ok(Services::apple()) };
        let text = fs::read(file).with_context(|| format!("could not read {}", file.display()))?;
        let test: TestServices = serde_json::from_slice(&text)?;
        let mut services = Services::apple();
        services.notary = Url::parse(&test.notary)?;
        services.tickets = Url::parse(&test.tickets)?;
        services.storage = Some(Url::parse(&test.storage)?);
        services.roots = verify::certificates(&test.roots)?;
        services.ticket_roots = verify::certificates(&test.ticket_roots)?;
        services.pace.poll = Duration::from_millis(test.poll_ms);
        services.pace.poll_max = services.pace.poll * 2;
        services.pace.pause = Duration::from_millis(test.pause_ms);
        Ok(services)
    }
}

impl KeyArgs {
    /// Finds and reads the key.
    pub fn resolve(&self) -> Result<ApiKey> {
        let variable = |given: &Option<String>, name| match given {
            Some(given) => Ok(Some(given.clone())),
            None => environment::secret(name),
        };
        let id = variable(&self.api_key_id, KEY_ID_VARIABLE)?;
        let issuer = variable(&self.api_issuer, ISSUER_VARIABLE)?;
        let (id, issuer) = (id.as_deref(), issuer.as_deref());
        if let Some(file) = &self.api_key {
            return read(file, id, issuer);
        }
        if let Some(text) = environment::secret(KEY_VARIABLE)? {
            return Ok(ApiKey::read(KEY_VARIABLE, text.as_bytes(), id, issuer)?);
        }
        read(&look_for(id)?, id, issuer)
    }
}

fn read(file: &Path, id: Option<&str>, issuer: Option<&str>) -> Result<ApiKey> {
    let bytes = fs::read(file).with_context(|| format!("could not read the API key {}", file.display()))?;
    Ok(ApiKey::read(&file.display().to_string(), &bytes, id, issuer)?)
}

/// Looks where Apple's tools look.
fn look_for(id: Option<&str>) -> Result<PathBuf> {
    let home = environment::surroundings().home;
    let folders = FOLDERS.iter().filter_map(|folder| match folder.strip_prefix("~/") {
        Some(rest) => Some(Path::new(home.as_ref()?).join(rest)),
        None => Some(PathBuf::from(folder)),
    });
    let is_wanted = |name: &str| match id {
        Some(id) => name.strip_prefix("AuthKey_").and_then(|rest| rest.strip_suffix(".p8")) == Some(id),
        None => name.starts_with("AuthKey_") && name.ends_with(".p8"),
    };
    let mut found: Vec<PathBuf> = folders
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_wanted))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    match (found.as_slice(), id) {
        ([first, ..], Some(_)) => Ok(first.clone()),
        ([only], None) => Ok(only.clone()),
        ([], _) => Err(anyhow!(
            "Apple's notary wants an API key{}: give it with --api-key FILE or {KEY_VARIABLE}, or put AuthKey_ID.p8 \
             into one of {}; App Store Connect makes one under Users and Access, Integrations",
            id.map_or_else(String::new, |id| format!(", and there is no AuthKey_{id}.p8")),
            FOLDERS.join(", ")
        )),
        (several, None) => {
            let names: Vec<_> = several.iter().map(|path| path.display().to_string()).collect();
            Err(anyhow!("which API key? Say it with --api-key-id ID; there are {}", names.join(", ")))
        }
    }
}

fn webhook(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("this is not a URL: {error}"))?;
    if url.scheme() == "https" { Ok(url) } else { Err("Apple calls https URLs only".to_owned()) }
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || "this is not a time: it is a number with s, m or h behind it, such as 90s, 30m or 2h".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

/// Says why a command failed, with its lists of packages; names in it may be anybody's.
pub fn failed(format: MessageFormat, error: &anyhow::Error) {
    match format {
        MessageFormat::Human => {
            let text = format!("error: {}", with_causes(error));
            text.lines().for_each(|line| note(printable(line)));
        }
        MessageFormat::Json => format.error(error),
    }
}

/// The clock, and the flag that ends a run.
pub fn surroundings(interrupted: &AtomicBool) -> Surroundings<'_> {
    Surroundings { now: environment::now, interrupted }
}

/// Opens packages: files, and every package below folders. The same package twice is one,
/// whose ticket is stapled to both.
pub fn packages(paths: &[PathBuf], services: &Services) -> Result<Vec<Package>> {
    let mut found: Vec<(PathBuf, String)> = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = found.len();
            below(path, path, &mut found)?;
            if found.len() == before {
                bail!("there is no package in {}; `cargo xtask dist` builds some", path.display());
            }
        } else {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            found.push((path.clone(), name.with_context(|| format!("{} is not a file", path.display()))?));
        }
    }
    found.sort();
    found.dedup();
    let mut packages: Vec<Package> = Vec::new();
    let mut by_ticket = HashMap::new();
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for (path, name) in found {
        let mut package = Package::open(&path, &name, services)?;
        if let Some(index) = by_ticket.get(&package.entry) {
            let first: &mut Package = &mut packages[*index];
            first.paths.push(path);
            first.is_stapled &= package.is_stapled;
            continue;
        }
        let count = names.entry(name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            package.name = format!("{count}/{name}");
        }
        by_ticket.insert(package.entry, packages.len());
        packages.push(package);
    }
    Ok(packages)
}

fn below(base: &Path, folder: &Path, found: &mut Vec<(PathBuf, String)>) -> Result<()> {
    let reading = || format!("could not read the folder {}", folder.display());
    for entry in fs::read_dir(folder).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let path = entry.path();
        // A hidden file is a run's that goes on, or was killed.
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry.file_type().with_context(|| format!("could not look at {}", path.display()))?;
        if kind.is_dir() {
            below(base, &path, found)?;
        } else if kind.is_file() && path.extension().is_some_and(|end| end == "pkg") {
            let name = path.strip_prefix(base).expect("it lies below").to_string_lossy().into_owned();
            found.push((path, name));
        }
    }
    Ok(())
}

/// Where it is kept what was submitted: beside the folder that is notarized, and beside
/// `out` for files.
pub fn record_folder(paths: &[PathBuf]) -> PathBuf {
    let beside = |folder: &Path| folder.canonicalize().ok()?.parent().map(Path::to_owned);
    let folder = paths.first().filter(|first| first.is_dir()).and_then(|first| beside(first));
    folder.unwrap_or_else(environment::root).join(record::FOLDER)
}

/// Shows what happens: lines, and on a terminal one that moves.
pub struct Shown {
    format: MessageFormat,
    bar: ProgressBar,
}

impl Shown {
    /// In a format.
    pub fn new(format: MessageFormat) -> Self {
        let wanted =
            format == MessageFormat::Human && std::io::stderr().is_terminal() && !environment::in_ci();
        let target =
            if wanted { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{spinner} {msg}").expect("the template is right");
        Self { format, bar: ProgressBar::with_draw_target(None, target).with_style(style) }
    }

    /// Takes the moving line away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// A line that stays.
    fn say(&self, text: impl AsRef<str>) {
        if self.format == MessageFormat::Human {
            self.bar.suspend(|| line(text));
        }
    }

    /// Shows an event.
    pub fn event(&self, event: &Event<'_>) {
        match event {
            Event::AlreadyStapled { path } => {
                self.format.event("already-stapled", json!({ "path": path }));
                self.say(format!("{} is notarized and stapled already", path.display()));
            }
            Event::Submitted { id, packages, bytes } => {
                self.format.event("submitted", json!({ "id": id, "packages": packages, "bytes": bytes }));
                self.say(format!("Submitted {} as {id}", count(*packages)));
            }
            Event::GoesOn { id, packages } => {
                self.format.event("goes-on", json!({ "id": id, "packages": packages }));
                self.say(format!("Going on with the submission {id} of {}", count(*packages)));
            }
            Event::Uploading { id, sent, total } => {
                self.bar.set_message(format!("{id}: {} of {} MB sent", sent / 1_000_000, total / 1_000_000));
                self.bar.tick();
            }
            Event::Uploaded { id } => self.format.event("uploaded", json!({ "id": id })),
            Event::Waiting { id, waited } => {
                let waited = waited.as_secs();
                self.format.event("waiting", json!({ "id": id, "seconds": waited }));
                self.bar.set_message(format!("{id}: Apple looks at it, {waited} s"));
                self.bar.tick();
            }
            Event::Accepted { id } => self.format.event("accepted", json!({ "id": id })),
            Event::Warned { issue } => self.bar.suspend(|| {
                self.format.warning(&format!("Apple says of {}: {}", issue.path, issue.message));
            }),
            Event::Alone { path } => {
                self.format.event("alone", json!({ "path": path }));
                self.say(format!(
                    "Apple gave no ticket for {}, so it is submitted by itself",
                    path.display()
                ));
            }
            Event::Stapled { path, time } => {
                self.format.event("stapled", json!({ "path": path, "notarized": time }));
                self.say(format!("{} is notarized and stapled", path.display()));
            }
        }
    }
}

fn count(packages: usize) -> String {
    if packages == 1 { "1 package".to_owned() } else { format!("{packages} packages") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_what_are_none() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        assert_eq!(duration("0m"), Ok(Duration::ZERO));
        for wrong in
            ["", "h", "2", "2d", "-1s", "1.5h", "ü", "99999999999999999999s", "18446744073709551615h"]
        {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
