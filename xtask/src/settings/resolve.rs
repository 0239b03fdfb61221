//! Flags over settings over defaults, once, into a [`Spec`].
//!
//! Must not know: the disk, the clock, the environment; they are handed in.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

use toml::Spanned;

use super::bundled::Around;
use super::error::{Faults, SpecError};
use super::names::{NameError, did_you_mean, list, quoted};
use super::places::check_places;
pub use super::places::{MDM_FOLDER, MUNKI_FOLDER};
use super::tables::{InstanceSettings, Options, Settings};
use super::{
    AbsolutePath, Account, BaseUrl, Condition, EnvName, EnvValue, IdentifierPrefix, Instance, InstanceName,
    KeepAlive, Limactl, Maintainer, PackageVersion, ProcessType, Spec, UserName,
};
use crate::bundle::Lima;

/// Version of the packages where nothing sets one.
pub const DEFAULT_VERSION: &str = "1.0.0";
/// Prefix of package identifiers where nothing sets one.
pub const DEFAULT_IDENTIFIER_PREFIX: &str = "io.lima-vm";
/// The Munki catalog where nothing names one: munkiimport's own default, so that
/// a package reaches no production Mac before somebody has looked at it.
pub const DEFAULT_MUNKI_CATALOG: &str = "testing";
/// The instance that is built where nothing names one: Lima's own default.
pub const DEFAULT_INSTANCE: &str = "default";
/// Oldest macOS where nothing sets one.
pub const DEFAULT_MIN_MACOS: &str = "13.0";
/// Seconds between the request to stop and the kill where nothing sets them: Lima
/// gives QEMU 180 to shut down, and limactl needs some after that.
pub const DEFAULT_EXIT_TIMEOUT: u32 = 240;
/// Seconds below which a VM of QEMU's may lose its power while Lima still waits
/// for it.
pub const SHORT_EXIT_TIMEOUT: u32 = 200;

/// What the command line says about what to build. The texts are unchecked;
/// [`resolve`] checks them.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// Instances to build installers for
    ///
    /// Where the settings file has instances, these choose among them; where it
    /// has none, each is an instance with the default settings. Without any:
    /// all instances of the file, or one named `default`.
    #[arg(value_name = "INSTANCE")]
    pub instances: Vec<String>,

    /// Settings file [default: installers.toml, if it exists]
    ///
    /// The default is looked for at the top of the repository when run by
    /// `cargo xtask`, else in the current folder. installers.example.toml shows
    /// all settings. The flags below override it for every instance built.
    #[arg(long, value_name = "FILE")]
    pub spec: Option<PathBuf>,

    /// What makes the instances start [default: boot]
    #[arg(long, value_name = "CONDITION", value_enum)]
    pub condition: Option<Condition>,

    /// User that the instances belong to and run as [default: $USER]
    ///
    /// The short name of the user on the machine that the installer is for,
    /// as `id -un` prints it there. Never root, which limactl refuses. With
    /// `auto` the installer takes the one local user of the Mac whose Lima
    /// folder holds the instance; an account called `auto` cannot be named.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,

    /// limactl on the machine that the installer is for
    ///
    /// An absolute path. Without it: /opt/homebrew/bin/limactl on macOS,
    /// /usr/local/bin/limactl on Linux, where packages look as with `auto`. With `auto` it is looked for at every
    /// start: on a Mac in /opt/homebrew/bin, /usr/local/bin and /opt/local/bin,
    /// the first for its processor; on Linux in /usr/local/bin, /usr/bin and
    /// Linuxbrew's folder.
    #[arg(long, value_name = "PATH")]
    pub limactl: Option<String>,

    /// Lima's release archive, to travel in the packages, with its digest
    ///
    /// `lima-2.2.0-Darwin-arm64.tar.gz=SHA256`, as Lima's SHA256SUMS lists it; once for each
    /// processor. It replaces `lima` of the settings file.
    #[arg(long = "lima-archive", value_name = "FILE=SHA256")]
    pub lima_archives: Vec<String>,

    /// LIMA_HOME on the machine that the installer is for
    ///
    /// An absolute path. Without it: .lima in the user's home folder.
    #[arg(long, value_name = "PATH")]
    pub lima_home: Option<String>,

    /// Version of the packages, numbers joined by dots [default: 1.0.0]
    ///
    /// Installer and MDM compare it with the installed one, number by number.
    #[arg(long, value_name = "VERSION")]
    pub pkg_version: Option<String>,

    /// Who answers for the Linux packages, as `Jane Doe <jane@example.com>`
    ///
    /// Debian's, RPM's and Arch's packages name a person and a mail address. Without
    /// it, they name one that does not exist.
    #[arg(long, value_name = "NAME <ADDRESS>")]
    pub maintainer: Option<String>,

    /// Write what device managers read, for packages served at this address
    ///
    /// The https address at which the output folder is served, as
    /// `https://mdm.example.com/lima`: manifests and profile for an MDM, a Munki
    /// repository, software for Fleet.
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,

    /// Whether Munki may install and remove while somebody works
    ///
    /// `true`, where neither this nor the settings say otherwise. It restarts the VM, also
    /// one in use: with `false`, Munki waits until somebody asks for it or logs out.
    #[arg(long, value_name = "BOOLEAN")]
    pub munki_unattended: Option<bool>,
}

/// What the process knows about its user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `$USER`, if it is set.
    pub user: Option<String>,
    /// Whether the process runs as root.
    pub is_root: bool,
}

/// What is common to all instances of a run.
struct Overrides {
    condition: Option<Condition>,
    user: Option<Account>,
    limactl: Option<Limactl>,
    lima_home: Option<AbsolutePath>,
    identifier_prefix: IdentifierPrefix,
    lima: Option<Lima>,
}

/// An instance to build: where its name comes from, and its own settings.
pub(super) struct Chosen<'a> {
    pub(super) name: InstanceName,
    /// Its place in the settings file; `None` is the command line.
    pub(super) span: Option<Range<usize>>,
    options: Option<&'a Options>,
}

/// Resolves what to build. Flags come before an instance's own settings, those
/// before `[defaults]`, and those before the defaults of this module.
pub fn resolve(
    flags: &Flags,
    settings: Option<&Settings>,
    environment: &Environment,
) -> Result<Spec, SpecError> {
    resolve_with(flags, settings, environment, settings.and_then(|settings| settings.lima_read.clone()))
}

/// The same with Lima's archives, wherever they were named.
pub(super) fn resolve_with(
    flags: &Flags,
    settings: Option<&Settings>,
    environment: &Environment,
    lima: Option<Lima>,
) -> Result<Spec, SpecError> {
    let overrides = Overrides {
        condition: flags.condition,
        user: flag("--user", flags.user.as_deref(), str::parse)?,
        limactl: flag("--limactl", flags.limactl.as_deref(), str::parse)?,
        lima_home: flag("--lima-home", flags.lima_home.as_deref(), str::parse)?,
        identifier_prefix: settings
            .and_then(|settings| settings.identifier_prefix.clone())
            .unwrap_or_else(|| built_in::<IdentifierPrefix>(DEFAULT_IDENTIFIER_PREFIX)),
        lima,
    };
    let version: PackageVersion = flag("--pkg-version", flags.pkg_version.as_deref(), str::parse)?
        .or_else(|| settings.and_then(|settings| settings.version.clone()))
        .unwrap_or_else(|| built_in(DEFAULT_VERSION));

    let maintainer: Option<Maintainer> = flag("--maintainer", flags.maintainer.as_deref(), str::parse)?
        .or_else(|| settings.and_then(|settings| settings.maintainer.clone()));
    let base_url: Option<BaseUrl> = flag("--base-url", flags.base_url.as_deref(), str::parse)?
        .or_else(|| settings.and_then(|settings| settings.base_url.clone()));
    let chosen = choose(&flags.instances, settings)?;
    check_places(&chosen, settings, &version, base_url.is_some())?;
    let mut faults = Faults::default();
    let instances = chosen
        .into_iter()
        .filter_map(|chosen| faults.take(instance(chosen, &overrides, settings, environment)))
        .collect();
    faults.finish()?;

    Ok(Spec {
        version,
        identifier_prefix: overrides.identifier_prefix,
        organization: settings.and_then(|settings| settings.organization.clone()),
        license: settings.and_then(|settings| settings.license.clone()),
        background: settings.and_then(|settings| settings.background.clone()),
        maintainer,
        base_url,
        munki_catalogs: settings
            .and_then(|settings| settings.munki_catalogs.clone())
            .unwrap_or_else(|| vec![built_in(DEFAULT_MUNKI_CATALOG)]),
        munki_unattended: flags
            .munki_unattended
            .or_else(|| settings.and_then(|settings| settings.munki_unattended))
            .unwrap_or(true),
        lima: overrides.lima,
        paths_d: settings.and_then(|settings| settings.paths_d).unwrap_or(false),
        instances,
    })
}

fn flag<T>(
    name: &'static str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, NameError>,
) -> Result<Option<T>, SpecError> {
    text.map(|text| parse(text).map_err(|error| SpecError::flag(name, error))).transpose()
}

/// One of the defaults above. A test parses them all.
fn built_in<T: FromStr<Err = NameError>>(text: &str) -> T {
    text.parse().expect("a built-in default follows its own rule")
}

/// Which instances to build, in the order of the command line, or else of the file.
fn choose<'a>(arguments: &[String], settings: Option<&'a Settings>) -> Result<Vec<Chosen<'a>>, SpecError> {
    let in_file = settings.map_or(&[][..], |settings| &settings.instances);
    if arguments.is_empty() {
        return Ok(match in_file {
            [] => vec![Chosen { name: built_in(DEFAULT_INSTANCE), span: None, options: None }],
            all => all.iter().map(from_file).collect(),
        });
    }
    let by_name: HashMap<_, _> =
        in_file.iter().map(|instance| (instance.name.get_ref().as_str(), instance)).collect();
    let mut chosen = Vec::with_capacity(arguments.len());
    let mut seen: HashMap<String, &str> = HashMap::with_capacity(arguments.len());
    for argument in arguments {
        let refused = |message: String| Err(SpecError::flag("INSTANCE", message));
        let name: InstanceName =
            argument.parse().map_err(|error: NameError| SpecError::flag("INSTANCE", error))?;
        match seen.insert(name.folded(), argument) {
            None => {}
            Some(first) if first == argument => {
                return refused(format!("{} is given twice; give each instance once", quoted(argument)));
            }
            Some(first) => {
                return refused(format!(
                    "{} and {} differ only in case, which file systems on a Mac do not tell apart; give one",
                    quoted(first),
                    quoted(argument)
                ));
            }
        }
        match settings {
            Some(settings) if !in_file.is_empty() => {
                let Some(found) = by_name.get(argument.as_str()) else {
                    let names = || in_file.iter().map(|instance| instance.name.get_ref().as_str());
                    return refused(format!(
                        "{} is not in {}, which has {}{}",
                        quoted(argument),
                        settings.source.name(),
                        list(names(), "and"),
                        did_you_mean(argument, names())
                    ));
                };
                chosen.push(from_file(found));
            }
            _ => chosen.push(Chosen { name, span: None, options: None }),
        }
    }
    Ok(chosen)
}

fn from_file(instance: &InstanceSettings) -> Chosen<'_> {
    Chosen {
        name: instance.name.get_ref().clone(),
        span: Some(instance.name.span()),
        options: Some(&instance.options),
    }
}

/// Largest environment of an instance, in bytes: names and values with `=` and
/// the final NUL. macOS starts no program with more than 1,048,576 bytes of
/// environment and arguments (`ARG_MAX`), and limactl adds to its own for what
/// it starts.
const ENV_MAX: usize = 512 * 1024;

/// Refuses an environment that nothing could be started with.
fn check_env(
    env: &BTreeMap<EnvName, EnvValue>,
    chosen: &Chosen<'_>,
    settings: Option<&Settings>,
) -> Result<(), SpecError> {
    let bytes: usize = env.iter().map(|(name, value)| name.as_str().len() + value.as_str().len() + 2).sum();
    let Some(settings) = settings.filter(|_| bytes > ENV_MAX) else { return Ok(()) };
    let message = format!(
        "the environment of {} has {bytes} bytes with that of [defaults]; more than {ENV_MAX} may keep a Mac from starting it: put long values into files",
        quoted(chosen.name.as_str())
    );
    // Without an [[instance]] all of it is in [defaults], wherever that is.
    Err(SpecError::at(&settings.source, chosen.span.clone().unwrap_or(0..0), message))
}

fn instance(
    chosen: Chosen<'_>,
    overrides: &Overrides,
    settings: Option<&Settings>,
    environment: &Environment,
) -> Result<Instance, SpecError> {
    let none = Options::default();
    let defaults = settings.map_or(&none, |settings| &settings.defaults);
    let own = chosen.options.unwrap_or(&none);

    let user = overrides.user.as_ref().or(own.user.as_ref()).or(defaults.user.as_ref());
    let user = match user {
        Some(user) => user.clone(),
        None => Account::Named(user_of_process(environment)?),
    };
    let home = own.home.as_ref().or(defaults.home.as_ref());
    check_home(home, &user, &chosen, settings)?;
    let mut env = defaults.env.clone().unwrap_or_default();
    env.extend(own.env.clone().unwrap_or_default());
    check_env(&env, &chosen, settings)?;
    let limactl = first(&[&overrides.limactl, &own.limactl, &defaults.limactl]);
    let around = Around {
        settings,
        name: chosen.name.as_str(),
        span: chosen.span.clone(),
        own,
        defaults,
        prefix: &overrides.identifier_prefix,
        lima: overrides.lima.as_ref(),
    };
    let architectures = around.architectures(first(&[&own.architectures, &defaults.architectures]));
    let (bundled, template) = around.bundled(limactl.is_some(), &architectures)?;

    Ok(Instance {
        name: chosen.name,
        condition: overrides.condition.or(own.condition).or(defaults.condition).unwrap_or(Condition::Boot),
        user,
        home: home.map(|home| home.get_ref().clone()),
        limactl,
        lima_home: first(&[&overrides.lima_home, &own.lima_home, &defaults.lima_home]),
        template,
        env,
        keep_alive: own.keep_alive.or(defaults.keep_alive).unwrap_or(KeepAlive::OnFailure),
        exit_timeout: own.exit_timeout.or(defaults.exit_timeout).unwrap_or(DEFAULT_EXIT_TIMEOUT),
        process_type: own.process_type.or(defaults.process_type).unwrap_or(ProcessType::Interactive),
        require_start: own.require_start.or(defaults.require_start).unwrap_or(false),
        min_macos: first(&[&own.min_macos, &defaults.min_macos])
            .unwrap_or_else(|| built_in(DEFAULT_MIN_MACOS)),
        architectures,
        bundled,
    })
}

/// Refuses a home folder for a user who is not known yet.
fn check_home(
    home: Option<&Spanned<AbsolutePath>>,
    user: &Account,
    chosen: &Chosen<'_>,
    settings: Option<&Settings>,
) -> Result<(), SpecError> {
    let (Some(home), Some(settings), Account::Auto) = (home, settings, user) else { return Ok(()) };
    let message = format!(
        "a home folder is one user's, and who runs {} is found at install time (user `auto`), with that user's home folder; leave `home` out, or name the user",
        quoted(chosen.name.as_str())
    );
    Err(SpecError::at(&settings.source, home.span(), message))
}

fn first<T: Clone>(values: &[&Option<T>]) -> Option<T> {
    values.iter().find_map(|value| (*value).clone())
}

/// The user where neither flags nor settings name one.
fn user_of_process(environment: &Environment) -> Result<UserName, SpecError> {
    const NAME_ONE: &str =
        "name the user who owns the instances, as `--user alice` or with `user` in the settings file";
    if environment.is_root {
        return Err(SpecError::flag(
            "--user",
            format!("missing, and this runs as root, which limactl refuses; {NAME_ONE}"),
        ));
    }
    match &environment.user {
        None => Err(SpecError::flag("--user", format!("missing, and $USER is not set; {NAME_ONE}"))),
        Some(user) => user.parse().map_err(|error: NameError| {
            SpecError::environment(
                "USER",
                format!("{error} (`--user`, or `user` in the settings file, names another)"),
            )
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_defaults_follow_their_own_rules() {
        let environment = Environment { user: Some("alice".to_owned()), is_root: false };
        let spec = resolve(&Flags::default(), None, &environment).unwrap();
        assert_eq!(spec.version.as_str(), DEFAULT_VERSION);
        assert_eq!(spec.identifier_prefix.as_str(), DEFAULT_IDENTIFIER_PREFIX);
        assert_eq!(spec.munki_catalogs[0].as_str(), DEFAULT_MUNKI_CATALOG);
        assert_eq!(spec.instances[0].name.as_str(), DEFAULT_INSTANCE);
        assert_eq!(spec.instances[0].min_macos.as_str(), DEFAULT_MIN_MACOS);
        for limactl in [super::super::MACOS_LIMACTL, super::super::LINUX_LIMACTL] {
            AbsolutePath::parse_program(limactl).unwrap();
        }
    }

    #[test]
    fn the_flags_are_well_formed() {
        use clap::Args;
        Flags::augment_args(clap::Command::new("test")).debug_assert();
    }
}
