//! `index.html`, the page of a run: from the records of what was built to its
//! pieces, head, instances and foot, each of which is made without the others.
//!
//! The page fetches nothing, and says so to the browser: its policy names the
//! one style and the one script that are in it by their digests. It is XHTML,
//! so that any XML parser can check it.
//!
//! Must not know: the spec, files. Whoever joins parts of a run has neither.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::fill;
use super::index_commands::{Command, combined_commands, linux_commands, mac_commands};
use super::text::{count, exact_size, href, plain, size};
use crate::manifest::{Built, ComponentRecord, Header, PackageRecord};
use crate::plan::{Artifact, Kind, MANIFEST_FILE, SUMS_FILE};
use crate::sign::SignedBy;

/// So many instances are shown unfolded; of more, a list is what one looks for.
const UNFOLDED: u64 = 5;
/// The user of a record that stands for whoever is found at install time.
const FOUND_AT_INSTALL_TIME: &str = "auto";

/// What the head of the page says of all files.
#[derive(Debug, Default)]
pub struct Totals {
    instances: u64,
    files: u64,
    bytes: u64,
    /// The instance of the file before.
    last: Option<String>,
    /// Who signed packages; `None` is nobody. One, unless parts of different
    /// makers were joined by hand.
    signers: Vec<Option<SignedBy>>,
}

impl Totals {
    /// Counts a file. Those of an instance come one after the other.
    pub fn add(&mut self, built: &Built) {
        self.files += 1;
        self.bytes += built.size;
        if built.artifact.instance.is_some() && built.artifact.instance != self.last {
            self.instances += 1;
            self.last.clone_from(&built.artifact.instance);
        }
        if built.artifact.kind.is_package() && !self.signers.contains(&built.signed_by) {
            self.signers.push(built.signed_by.clone());
        }
    }

    fn is_unfolded(&self) -> bool {
        self.instances <= UNFOLDED
    }
}

#[derive(Template)]
#[template(path = "index-head.html")]
struct HeadPage {
    style_digest: String,
    script_digest: String,
    facts: Head,
}

struct Head {
    version: String,
    organization: Option<String>,
    counts: String,
    signers: Vec<Signer>,
}

struct Signer {
    name: String,
    team: Option<String>,
    /// SHA-256 of the certificate.
    fingerprint: Option<String>,
    warning: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "index-combined.html")]
struct CombinedPage {
    facts: Combined,
}

struct Combined {
    packages: Vec<Package>,
    commands: Vec<Command>,
}

#[derive(Template)]
#[template(path = "index-instance.html")]
struct InstancePage {
    facts: Instance,
}

struct Instance {
    name: String,
    open: bool,
    starts: Option<String>,
    packages: Vec<Package>,
    commands: Vec<Command>,
    managers: Vec<File>,
    linux: Vec<File>,
    linux_commands: Vec<Command>,
    others: Vec<File>,
}

/// A package, whole.
struct Package {
    title: &'static str,
    file: File,
    size: String,
    /// SHA-256 of the file.
    sum: String,
    signed_by: String,
    /// Whether every Mac refuses that signature, or there is none.
    is_untrusted: bool,
    /// When Apple notarized it, where its ticket is stapled.
    notarized: Option<String>,
    identifier: Option<String>,
    version: String,
    needs: Option<String>,
    components: Vec<Component>,
    choices: Vec<Component>,
    choices_counted: String,
}

/// What a package does for an instance.
struct Component {
    instance: String,
    starts: String,
    installs: Vec<String>,
    runs: Option<String>,
}

#[derive(Template)]
#[template(path = "index-file.html")]
struct FilePage {
    file: File,
}

/// A link to a file.
struct File {
    href: String,
    name: String,
    what: Option<&'static str>,
    size: Option<String>,
}

#[derive(Template)]
#[template(path = "index-list.html")]
struct ListPage;

#[derive(Template)]
#[template(path = "index-foot.html")]
struct FootPage;

#[derive(Template)]
#[template(path = "index-end.html")]
struct EndPage;

/// The page's beginning.
pub fn index_head(header: &Header, totals: &Totals) -> String {
    let counts = [
        count(totals.instances, "instance", "instances"),
        count(totals.files, "file", "files"),
        size(totals.bytes),
    ];
    let facts = Head {
        version: plain(&header.version),
        organization: header.organization.as_deref().map(plain),
        counts: counts.join(", "),
        signers: totals.signers.iter().map(|signer| self::signer(signer.as_ref())).collect(),
    };
    // A template that is included loses the newline at its end.
    let digest = |text: &str| STANDARD.encode(Sha256::digest(text.strip_suffix('\n').unwrap_or(text)));
    fill(
        "index-head.html",
        &HeadPage {
            style_digest: digest(include_str!("../../../templates/index.css")),
            script_digest: digest(include_str!("../../../templates/index.js")),
            facts,
        },
    )
}

/// The packages of all instances together.
pub fn index_combined(built: &[Built]) -> String {
    let of = |kind: Kind| built.iter().filter(move |one| one.artifact.kind == kind);
    let facts = Combined {
        packages: of(Kind::CombinedPkg).chain(of(Kind::CombinedUninstallPkg)).map(package).collect(),
        commands: combined_commands(built),
    };
    fill("index-combined.html", &CombinedPage { facts })
}

/// What comes before the instances: a box that a script may show.
pub fn index_list() -> String {
    fill("index-list.html", &ListPage)
}

/// An instance with all its files.
pub fn index_instance(name: &str, built: &[Built], totals: &Totals) -> String {
    let of = |wanted: fn(&Built, &str) -> bool| built.iter().filter(move |one| wanted(one, name));
    let component = component_of(name, built);
    let facts = Instance {
        name: plain(name),
        open: totals.is_unfolded(),
        starts: component.map(starts),
        packages: of(|one, _| one.artifact.kind.is_package()).map(package).collect(),
        commands: mac_commands(name, built),
        managers: of(is_for_managers).map(|built| file(built, name)).collect(),
        linux: of(|one, _| one.artifact.kind == Kind::Systemd).map(|built| file(built, name)).collect(),
        linux_commands: linux_commands(name, built),
        others: of(is_other).map(|built| file(built, name)).collect(),
    };
    fill("index-instance.html", &InstancePage { facts })
}

/// The beginning of the list of files that belong to no instance.
pub fn index_foot() -> String {
    fill("index-foot.html", &FootPage)
}

/// A line of that list.
pub fn index_file(built: &Built) -> String {
    fill("index-file.html", &FilePage { file: file(built, "") })
}

/// The rest of it, and the page's end. The page is made before what is made of
/// it, so that it can tell no size of these.
pub fn index_end(of_all: &[Artifact]) -> String {
    let link = |path: &str, what| File { href: href(path), name: plain(path), what: Some(what), size: None };
    let is_to_come = |artifact: &&Artifact| matches!(artifact.kind, Kind::Index | Kind::Zip);
    let made_of_all = of_all.iter().filter(is_to_come).map(|artifact| {
        let what = match artifact.kind {
            Kind::Index => "this page",
            _ => "the instances’ files and this page in one archive",
        };
        link(&artifact.path, what)
    });
    let own = [
        link(SUMS_FILE, "the SHA-256 of every file"),
        link(MANIFEST_FILE, "all that this page says, for programs"),
    ];
    let lines = made_of_all.chain(own).map(|file| fill("index-file.html", &FilePage { file }));
    lines.collect::<String>() + &fill("index-end.html", &EndPage)
}

/// What the records say of an instance: the same in each of its packages.
pub(super) fn component_of<'a>(name: &str, built: &'a [Built]) -> Option<&'a ComponentRecord> {
    let components = built.iter().filter_map(|one| one.package.as_ref()).flat_map(|one| &one.components);
    components.into_iter().find(|component| component.instance == name)
}

/// The user that a record names; `None` where the Mac is to find one.
pub(super) fn user(component: &ComponentRecord) -> Option<&str> {
    Some(component.user.as_str()).filter(|user| *user != FOUND_AT_INSTALL_TIME)
}

/// Whether a record's instance starts at boot, and not at login.
pub(super) fn is_at_boot(component: &ComponentRecord) -> bool {
    component.condition == "boot"
}

fn is_for_managers(built: &Built, instance: &str) -> bool {
    built.artifact.kind == Kind::Manager
        || below(&built.artifact.path, instance).is_some_and(|path| path.starts_with("mdm/"))
}

/// What a file for device managers is for, by its name.
fn manager_words(path: &str) -> Option<&'static str> {
    let words = [
        ("/manifest.plist", "for InstallEnterpriseApplication"),
        ("/uninstall-manifest.plist", "the same for the uninstaller"),
        ("/package.json", "declaration for declarative management"),
        ("/login-items.mobileconfig", "Managed Login Items profile"),
        (".package.yml", "software for Fleet"),
    ];
    let named = words.iter().find(|(end, _)| path.ends_with(end)).map(|(_, what)| *what);
    match named {
        Some(what) => Some(what),
        None if path.starts_with("munki/pkgs/") => Some("Munki repository, package"),
        None if path.starts_with("munki/pkgsinfo/") => Some("Munki repository, pkginfo"),
        None if path.starts_with("munki/manifests/") => Some("Munki repository, manifest to include"),
        None if path.contains("/mdm/munki/") => Some("Munki pkginfo"),
        None if path.contains("/mdm/fleet/") => Some("script for Fleet"),
        None => None,
    }
}

/// Whether no other list of the instance has it.
fn is_other(built: &Built, instance: &str) -> bool {
    let kind = built.artifact.kind;
    !kind.is_package() && kind != Kind::Systemd && !is_for_managers(built, instance)
}

/// A path relative to an instance's folder.
fn below<'a>(path: &'a str, instance: &str) -> Option<&'a str> {
    path.strip_prefix(instance)?.strip_prefix('/')
}

fn file(built: &Built, instance: &str) -> File {
    let path = &built.artifact.path;
    let name = below(path, instance).unwrap_or(path);
    File {
        href: href(path),
        name: plain(name),
        what: match built.artifact.kind {
            Kind::Plist => Some("what launchd reads"),
            Kind::UninstallScript => Some("removes everything, run with sudo"),
            Kind::Manager => manager_words(path),
            Kind::MunkiCatalog => Some("Munki repository, catalog"),
            _ => None,
        },
        size: Some(size(built.size)),
    }
}

fn package(built: &Built) -> Package {
    let record = built.package.as_ref();
    let is_combined = built.artifact.kind.is_combined();
    let components: Vec<Component> =
        record.into_iter().flat_map(|record| &record.components).map(self::component).collect();
    let choices_counted = count(components.len() as u64, "instance to choose", "instances to choose from");
    let (components, choices) = if is_combined { (Vec::new(), components) } else { (components, Vec::new()) };
    let path = &built.artifact.path;
    Package {
        title: match built.artifact.kind {
            Kind::UninstallPkg | Kind::CombinedUninstallPkg => "Uninstaller",
            _ => "Installer",
        },
        file: File {
            href: href(path),
            name: plain(path.rsplit('/').next().unwrap_or(path)),
            what: None,
            size: None,
        },
        size: exact_size(built.size),
        sum: plain(&built.sha256),
        signed_by: signed_by(built.signed_by.as_ref()),
        notarized: built.notarized.map(|time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string()),
        is_untrusted: built.signed_by.as_ref().is_none_or(|signer| signer.development),
        identifier: built.artifact.identifier.as_deref().map(plain),
        version: plain(&built.version),
        needs: record.map(needs),
        components,
        choices,
        choices_counted,
    }
}

fn component(record: &ComponentRecord) -> Component {
    Component {
        instance: plain(&record.instance),
        starts: starts(record),
        installs: record.installs.iter().map(|path| plain(path)).collect(),
        runs: Some(plain(&record.runs.join(", "))).filter(|runs| !runs.is_empty()),
    }
}

fn starts(component: &ComponentRecord) -> String {
    let when = if is_at_boot(component) { "at boot" } else { "at login" };
    match user(component) {
        Some(user) if is_at_boot(component) => format!("{when}, as {}", plain(user)),
        Some(user) => format!("{when} of {}", plain(user)),
        None => format!("{when}, as the user who is found at install time"),
    }
}

fn needs(record: &PackageRecord) -> String {
    let name = |architecture: &String| match architecture.as_str() {
        "arm64" => "Apple silicon".to_owned(),
        "x86_64" => "Intel".to_owned(),
        other => plain(other),
    };
    let processors: Vec<String> = record.architectures.iter().map(name).collect();
    format!("macOS {} or newer on {}", plain(&record.minimum_macos), processors.join(" or "))
}

fn signed_by(signer: Option<&SignedBy>) -> String {
    match signer {
        None => "nobody".to_owned(),
        Some(signer) if signer.development => {
            format!("{} (development identity)", plain(&signer.subject))
        }
        Some(signer) => plain(&signer.subject),
    }
}

fn signer(signer: Option<&SignedBy>) -> Signer {
    let warning = match signer {
        None => Some(
            "The packages are not signed: a double-click and device managers refuse them, and only sudo installer \
             takes them.",
        ),
        Some(signer) if signer.development => Some(
            "The packages are signed with a development identity, which no Mac trusts: a double-click and device \
             managers refuse them, and only sudo installer -allowUntrusted takes them.",
        ),
        Some(signer) if signer.team.is_none() => Some(
            "The certificate does not chain to an Apple root: only Macs that were told to trust its issuer accept \
             the packages, and others only by sudo installer -allowUntrusted.",
        ),
        Some(_) => None,
    };
    Signer {
        name: signed_by(signer),
        team: signer.and_then(|signer| signer.team.as_deref()).map(plain),
        fingerprint: signer.map(|signer| plain(&signer.sha256)),
        warning,
    }
}
