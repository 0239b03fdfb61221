//! A package as Installer reads it.

use std::io::{Cursor, Read as _};

use flatpkg::component::HookFacts;
use flatpkg::payload;
use flatpkg::product::{DistributionFacts, PackageFacts};
use flatpkg::xar::{Archive, TocData};

/// What Installer needs of a product archive.
pub struct Package {
    /// The oldest macOS.
    pub minimum: String,
    /// The processors.
    pub architectures: String,
    /// In the order in which the Distribution lists them.
    pub choices: Vec<Choice>,
    /// Its component packages.
    pub components: Vec<Component>,
}

/// What a person, or a list of changes, can take or leave.
pub struct Choice {
    /// Its identifier in the Distribution.
    pub identifier: String,
    /// Whether it is taken unless somebody says otherwise.
    pub selected: bool,
    /// The identifiers of its components.
    pub components: Vec<String>,
}

/// A component package.
pub struct Component {
    /// Of its receipt.
    pub identifier: String,
    /// Of its receipt.
    pub version: String,
    /// What is laid down; empty for a package that only runs scripts.
    pub payload: Vec<Entry>,
    /// The hooks and what lies beside them.
    pub scripts: Vec<Entry>,
    /// What is run, with the seconds that it may take.
    pub hooks: Vec<HookFacts>,
}

/// A file or a folder.
pub struct Entry {
    /// Below the place where it is laid down; empty for that place itself.
    pub path: String,
    /// Kind and permissions.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Content of a file.
    pub bytes: Vec<u8>,
}

impl Entry {
    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }
}

impl Package {
    /// Reads a package.
    pub fn read(bytes: &[u8]) -> Self {
        let mut input = Cursor::new(bytes);
        let facts = PackageFacts::read(&mut input).unwrap();
        let distribution = facts.distribution.as_ref().expect("a Distribution");
        let [minimum] = distribution.minimum_macos.as_slice() else { panic!("one minimum") };
        let components = facts.components.iter().map(|component| {
            let info = component.package_info.clone().expect("a PackageInfo");
            assert_eq!(info.document.attribute("auth"), Some("root"));
            assert_eq!(info.install_location.as_deref(), Some("/"));
            let mut entries = |what, data| entries(&facts.archive, &mut input, what, data);
            Component {
                identifier: info.identifier.expect("an identifier"),
                version: info.version.expect("a version"),
                payload: entries("Payload", component.payload.clone()),
                scripts: entries("Scripts", component.scripts.clone()),
                hooks: info.hooks,
            }
        });
        Self {
            minimum: minimum.clone(),
            architectures: distribution.host_architectures.clone().expect("architectures"),
            components: components.collect(),
            choices: choices(distribution),
        }
    }

    /// The component with this identifier.
    pub fn component(&self, identifier: &str) -> &Component {
        let found = self.components.iter().find(|component| component.identifier == identifier);
        found.unwrap_or_else(|| panic!("a choice is of {identifier}, which is not in the package"))
    }
}

/// The choices in the order of the outline, which is that of the installation
/// (packagesdev/packages#117).
fn choices(distribution: &DistributionFacts) -> Vec<Choice> {
    let choice = |id: &String| {
        let mut elements = distribution.document.all("choice");
        let element =
            elements.find(|choice| choice.attribute("id") == Some(id)).expect("the choice of a line");
        Choice {
            identifier: id.clone(),
            selected: element.attribute("start_selected") != Some("false"),
            components: element
                .all("pkg-ref")
                .map(|component| component.attribute("id").expect("an identifier").to_owned())
                .collect(),
        }
    };
    distribution.outline.iter().map(choice).collect()
}

impl Component {
    /// The files that it lays down, without folders.
    pub fn files(&self) -> Vec<String> {
        self.payload.iter().filter(|entry| !entry.is_folder()).map(|entry| entry.path.clone()).collect()
    }

    /// The hook with this name: its file, and the seconds that it may take.
    pub fn hook(&self, name: &str) -> Option<(&str, u64)> {
        let hook = self.hooks.iter().find(|hook| hook.name == name)?;
        let file = hook.file.as_deref().expect("a file").trim_start_matches("./");
        let entry = self.scripts.iter().find(|entry| entry.path == file).expect("the hook's file");
        assert_eq!(entry.mode & 0o111, 0o111, "{file} can be run");
        Some((file, hook.timeout.expect("a time limit")))
    }
}

fn entries(archive: &Archive, input: &mut Cursor<&[u8]>, what: &str, data: Option<TocData>) -> Vec<Entry> {
    let Some(data) = data else { return Vec::new() };
    let mut reader = payload::open(archive, input, what, &data).unwrap();
    let mut entries = Vec::new();
    while let Some(facts) = reader.next_entry().unwrap() {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        let path = facts.path.strip_prefix("./").unwrap_or_default().to_owned();
        let header = facts.header;
        entries.push(Entry { path, mode: header.mode, uid: header.uid, gid: header.gid, bytes });
    }
    entries
}
