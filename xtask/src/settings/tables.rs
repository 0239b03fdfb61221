//! `installers.toml`: what a file says, checked value by value, each with its
//! place in the file.
//!
//! Must not know: flags, defaults, the disk (files that the settings name are
//! read by a function that the caller hands in).

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue, ValueDeserializer};

use super::carried::{self, NamedFile};
use super::error::{Faults, SpecError};
use super::examine::Examined;
use super::keys::keys_of;
use super::names::{did_you_mean, list, quoted};
use super::source::Source;
use super::values;
use super::{
    AbsolutePath, Account, Architecture, BaseUrl, CatalogName, Condition, EnvName, EnvValue,
    IdentifierPrefix, InstanceName, KeepAlive, Limactl, MacosVersion, Maintainer, PackageVersion,
    ProcessType, Resource, Template, Text,
};
use crate::bundle::Lima;

/// What a settings file says. What it does not say is `None`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file.
    pub source: Source,
    /// `version`
    pub version: Option<PackageVersion>,
    /// `identifier-prefix`
    pub identifier_prefix: Option<IdentifierPrefix>,
    /// `organization`
    pub organization: Option<Text>,
    /// `license`, read.
    pub license: Option<Resource>,
    /// `background`, read.
    pub background: Option<Resource>,
    /// `maintainer`
    pub maintainer: Option<Maintainer>,
    /// `base-url`
    pub base_url: Option<BaseUrl>,
    /// `munki-catalogs`; not empty, no two equal when case is folded.
    pub munki_catalogs: Option<Vec<CatalogName>>,
    /// `munki-unattended`
    pub munki_unattended: Option<bool>,
    /// `lima`
    pub lima: Option<Vec<NamedFile>>,
    /// The same, once its archives were looked at.
    pub lima_read: Option<Lima>,
    /// `paths-d`
    pub paths_d: Option<bool>,
    /// `offline`
    pub offline: Option<bool>,
    /// `[defaults]`
    pub defaults: Options,
    /// `[[instance]]`, in the file's order; no two names are equal when case is folded.
    pub instances: Vec<InstanceSettings>,
}

/// One `[[instance]]`.
#[derive(Debug, Clone)]
pub struct InstanceSettings {
    /// Its name, and where that is in the file, in bytes.
    pub name: Spanned<InstanceName>,
    /// What it sets.
    pub options: Options,
}

/// What `[defaults]` and each `[[instance]]` may set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", expecting = "a table of settings")]
pub struct Options {
    /// Of an `[[instance]]` only, where it is taken out.
    name: Option<Spanned<InstanceName>>,
    /// See [`Instance`](super::Instance), as for all that follow.
    pub condition: Option<Condition>,
    /// The user that it runs as.
    pub user: Option<Account>,
    /// The user's home folder on the Mac, and where that is in the file.
    pub home: Option<Spanned<AbsolutePath>>,
    /// limactl.
    pub limactl: Option<Limactl>,
    /// LIMA_HOME.
    pub lima_home: Option<AbsolutePath>,
    /// The file of [`Self::template_text`].
    template: Option<Spanned<values::FilePath>>,
    /// What a Mac creates the instance from, read.
    #[serde(skip)]
    pub template_text: Option<Template>,
    /// Disk images that the template is to use, one for each processor.
    #[serde(default, deserialize_with = "carried::files")]
    pub image: Option<Vec<NamedFile>>,
    /// The same, once they were looked at.
    #[serde(skip)]
    pub image_files: Option<Vec<Examined>>,
    /// Archives of containerd and nerdctl that the template is to use.
    #[serde(default, deserialize_with = "carried::files")]
    pub containerd: Option<Vec<NamedFile>>,
    /// The same, once they were looked at.
    #[serde(skip)]
    pub containerd_files: Option<Vec<Examined>>,
    /// Environment of limactl.
    #[serde(default, deserialize_with = "values::env")]
    pub env: Option<BTreeMap<EnvName, EnvValue>>,
    /// When it is started again.
    pub keep_alive: Option<KeepAlive>,
    /// Seconds between the request to stop and the kill, 1 to 3600.
    #[serde(default, deserialize_with = "values::exit_timeout")]
    pub exit_timeout: Option<u32>,
    /// What macOS gives it of processors, disk and network.
    pub process_type: Option<ProcessType>,
    /// Whether an installation fails when the instance does not run in the end.
    #[serde(default, deserialize_with = "values::boolean")]
    pub require_start: Option<bool>,
    /// Oldest macOS.
    pub min_macos: Option<MacosVersion>,
    /// Processors; sorted, not empty, no duplicates.
    #[serde(default, deserialize_with = "values::architectures")]
    pub architectures: Option<Vec<Architecture>>,
}

impl Options {
    /// Where the template's name is in the file.
    pub(super) fn template_span(&self) -> Option<std::ops::Range<usize>> {
        self.template.as_ref().map(Spanned::span)
    }
}

/// The whole file, as serde fills it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    version: Option<PackageVersion>,
    identifier_prefix: Option<IdentifierPrefix>,
    organization: Option<Text>,
    license: Option<Spanned<values::FilePath>>,
    background: Option<Spanned<values::FilePath>>,
    maintainer: Option<Maintainer>,
    base_url: Option<BaseUrl>,
    #[serde(default, deserialize_with = "values::catalogs")]
    munki_catalogs: Option<Vec<CatalogName>>,
    #[serde(default, deserialize_with = "values::boolean")]
    munki_unattended: Option<bool>,
    #[serde(default, deserialize_with = "carried::archives")]
    lima: Option<Vec<NamedFile>>,
    #[serde(default, deserialize_with = "values::boolean")]
    paths_d: Option<bool>,
    #[serde(default, deserialize_with = "values::boolean")]
    offline: Option<bool>,
    defaults: Option<Options>,
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "it is a key; the tables are taken out before, since each has its own faults"
    )]
    instance: Vec<Spanned<Options>>,
}

/// Reads a file that the settings name: its path as written there, and the
/// bytes or why not.
pub type ReadFile<'a> = dyn FnMut(&str) -> Result<Vec<u8>, String> + 'a;

/// Parses a settings file.
pub fn parse(source: Source, read: &mut ReadFile<'_>) -> Result<Settings, SpecError> {
    let refused = |error: toml::de::Error| {
        // An error without a place is about the whole file.
        SpecError::at(&source, error.span().unwrap_or(0..0), error.message().trim_end())
    };
    let mut table = DeTable::parse(source.text()).map_err(refused)?;
    let mut faults = Faults::default();
    check_keys(&source, table.get_ref(), &mut faults);
    // serde would stop at the same keys again.
    std::mem::take(&mut faults).finish()?;
    let tables = match table.get_mut().remove("instance").map(Spanned::into_inner) {
        Some(DeValue::Array(tables)) => tables.into_iter().collect(),
        _ => Vec::new(),
    };
    let file = File::deserialize(toml::de::Deserializer::from(table)).map_err(refused);
    let mut file = faults.take(file);

    let mut defaults = file.as_mut().and_then(|file| file.defaults.take()).unwrap_or_default();
    if let Some(name) = &defaults.name {
        let message = "a name belongs to one instance; move it into an [[instance]]";
        faults.take::<()>(Err(SpecError::at(&source, name.span(), message)));
    }
    faults.take(read_template(&source, &mut defaults, read));
    let mut instances = Vec::with_capacity(tables.len());
    for table in tables {
        let options = Spanned::<Options>::deserialize(ValueDeserializer::from(table)).map_err(refused);
        let read = options.and_then(|options| instance(&source, options, read));
        instances.extend(faults.take(read));
    }
    check_distinct(&source, &instances, &mut faults);

    let (license, background) = match &mut file {
        Some(file) => (file.license.take(), file.background.take()),
        None => (None, None),
    };
    let license = faults.take(resource(&source, &LICENSE, license, read)).flatten();
    let background = faults.take(resource(&source, &BACKGROUND, background, read)).flatten();
    faults.finish()?;
    let file = file.expect("what could not be read is a fault");
    Ok(Settings {
        version: file.version,
        identifier_prefix: file.identifier_prefix,
        organization: file.organization,
        license,
        background,
        maintainer: file.maintainer,
        base_url: file.base_url,
        munki_catalogs: file.munki_catalogs,
        munki_unattended: file.munki_unattended,
        lima: file.lima,
        lima_read: None,
        paths_d: file.paths_d,
        offline: file.offline,
        defaults,
        instances,
        source,
    })
}

/// One `[[instance]]`.
fn instance(
    source: &Source,
    table: Spanned<Options>,
    read: &mut ReadFile<'_>,
) -> Result<InstanceSettings, SpecError> {
    let span = table.span();
    let mut options = table.into_inner();
    let Some(name) = options.name.take() else {
        return Err(SpecError::at(source, span, "this instance has no name; add `name = \"...\"`"));
    };
    read_template(source, &mut options, read)?;
    Ok(InstanceSettings { name, options })
}

/// Refuses a key that no table has, or another one. serde would refuse it too,
/// but cannot say what was meant.
fn check_keys(source: &Source, file: &DeTable<'_>, faults: &mut Faults) {
    let top = keys_of::<File>();
    let options = keys_of::<Options>();
    for (key, value) in in_order(file) {
        let name = key.get_ref().as_ref();
        let message = match (name, value.get_ref()) {
            ("instance", DeValue::Array(tables)) => {
                for table in tables.iter().filter_map(|table| table.get_ref().as_table()) {
                    check_options(source, table, options, top, faults);
                }
                continue;
            }
            ("instance", _) => "instances are a list; write `[[instance]]`, in double brackets".to_owned(),
            ("defaults", DeValue::Table(table)) => {
                check_options(source, table, options, top, faults);
                continue;
            }
            ("defaults", _) => {
                "there is one table of defaults; write `[defaults]`, in single brackets".to_owned()
            }
            _ if top.contains(&name) => continue,
            _ if options.contains(&name) => {
                format!("{} belongs in [defaults] or an [[instance]]", quoted(name))
            }
            _ => unknown(name, top, options),
        };
        faults.take::<()>(Err(SpecError::at(source, key.span(), message)));
    }
}

/// A table's entries as they are in the file: who goes through several errors
/// goes from its top to its end.
fn in_order<'a, 'i>(
    table: &'a DeTable<'i>,
) -> impl Iterator<Item = (&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries.into_iter()
}

fn check_options(
    source: &Source,
    table: &DeTable<'_>,
    options: &'static [&'static str],
    top: &'static [&'static str],
    faults: &mut Faults,
) {
    for (key, _) in in_order(table) {
        let name = key.get_ref().as_ref();
        let message = if options.contains(&name) {
            continue;
        } else if top.contains(&name) {
            format!("{} belongs to the top of the file, before the first line in brackets", quoted(name))
        } else {
            unknown(name, options, top)
        };
        faults.take::<()>(Err(SpecError::at(source, key.span(), message)));
    }
}

/// What to say about a key that no table has: `here` are the keys of the table
/// that it is in, `elsewhere` those of the others.
fn unknown(name: &str, here: &'static [&'static str], elsewhere: &'static [&'static str]) -> String {
    let meant = did_you_mean(name, here.iter().chain(elsewhere).copied());
    if meant.is_empty() {
        format!("{} is not a setting; allowed here: {}", quoted(name), list(here.iter().copied(), "or"))
    } else {
        format!("{} is not a setting{meant}", quoted(name))
    }
}

/// Refuses two instances whose files would be the same on a Mac.
fn check_distinct(source: &Source, instances: &[InstanceSettings], faults: &mut Faults) {
    let mut seen: HashMap<String, &Spanned<InstanceName>> = HashMap::with_capacity(instances.len());
    for InstanceSettings { name, .. } in instances {
        let Some(first) = seen.insert(name.get_ref().folded(), name) else { continue };
        let message = if first.get_ref() == name.get_ref() {
            format!("the instance {} is here twice; join the two", quoted(name.get_ref().as_str()))
        } else {
            format!(
                "{} and {} differ only in case, which file systems on a Mac do not tell apart; rename one",
                quoted(first.get_ref().as_str()),
                quoted(name.get_ref().as_str())
            )
        };
        let first = (first.span(), "the first is here");
        faults.take::<()>(Err(SpecError::at_both(source, name.span(), message, first)));
    }
}

/// A kind of file that travels in a package's `Resources` folder.
struct ResourceKind {
    what: &'static str,
    extensions: &'static [&'static str],
}

// The kinds that Installer shows.
const LICENSE: ResourceKind = ResourceKind { what: "license", extensions: &["txt", "rtf", "html"] };
const BACKGROUND: ResourceKind =
    ResourceKind { what: "background", extensions: &["png", "jpg", "tiff", "pdf"] };

fn resource(
    source: &Source,
    kind: &ResourceKind,
    path: Option<Spanned<values::FilePath>>,
    read: &mut ReadFile<'_>,
) -> Result<Option<Resource>, SpecError> {
    let Some(path) = path else { return Ok(None) };
    let refused = |message: String| Err(SpecError::at(source, path.span(), message));
    let text = path.get_ref().0.as_str();
    let extension = std::path::Path::new(text)
        .extension()
        .and_then(|extension| extension.to_str())
        .map(str::to_ascii_lowercase)
        .filter(|extension| kind.extensions.contains(&extension.as_str()));
    let Some(extension) = extension else {
        let known: Vec<String> = kind.extensions.iter().map(|extension| format!(".{extension}")).collect();
        return refused(format!(
            "{} is not a file that Installer can show as {}; its name must end in {}",
            quoted(text),
            kind.what,
            list(known.iter().map(String::as_str), "or")
        ));
    };
    match read(text) {
        Ok(bytes) if bytes.is_empty() => refused(format!("the file {} is empty", quoted(text))),
        // Named after what it is, so that no file name of the builder's disk gets into a package.
        Ok(bytes) => Ok(Some(Resource { file_name: format!("{}.{extension}", kind.what), bytes })),
        Err(message) => refused(message),
    }
}

/// Largest template, in bytes: some thirty times the longest of Lima's own.
const TEMPLATE_MAX: usize = 1 << 20;

/// Reads the template that a table names.
fn read_template(source: &Source, options: &mut Options, read: &mut ReadFile<'_>) -> Result<(), SpecError> {
    let Some(path) = &options.template else { return Ok(()) };
    let refused = |message: String| Err(SpecError::at(source, path.span(), message));
    let text = path.get_ref().0.as_str();
    let lower = text.to_ascii_lowercase();
    if !lower.ends_with(".yaml") && !lower.ends_with(".yml") {
        return refused(format!(
            "{} is not a file of a Lima template, whose name ends in `.yaml` or `.yml`; of a template that Lima brings along, save what `limactl template copy` gives",
            quoted(text)
        ));
    }
    let bytes = match read(text) {
        Ok(bytes) => bytes,
        Err(message) => return refused(message),
    };
    if bytes.len() > TEMPLATE_MAX {
        return refused(format!(
            "the file {} has {} bytes; a template has at most {TEMPLATE_MAX}",
            quoted(text),
            bytes.len()
        ));
    }
    match String::from_utf8(bytes) {
        Ok(yaml) if yaml.trim().is_empty() => refused(format!("the file {} is empty", quoted(text))),
        Ok(yaml) => {
            options.template_text = Some(yaml.into());
            Ok(())
        }
        Err(error) => {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
            refused(format!("line {line} of the file {} is not UTF-8; save it as UTF-8", quoted(text)))
        }
    }
}
