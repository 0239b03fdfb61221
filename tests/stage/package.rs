//! A package as Installer reads it, by readers that others wrote.

use std::io::{Cursor, Read as _};

use apple_flat_package::component_package::CpioReader;
use apple_flat_package::{PkgFlavor, PkgReader};
use apple_xar::reader::XarReader;
use cpio_archive::CpioReader as _;

/// What Installer needs of a product archive with one component.
pub struct Package {
    /// The oldest macOS.
    pub minimum: String,
    /// The processors.
    pub architectures: String,
    /// Of its receipt.
    pub identifier: String,
    /// Of its receipt.
    pub version: String,
    /// What is laid down; empty for a package that only runs scripts.
    pub payload: Vec<Entry>,
    /// The hooks and what lies beside them.
    pub scripts: Vec<Entry>,
    /// Seconds that a hook may take.
    pub timeout: u64,
}

/// A file or a folder.
pub struct Entry {
    /// Below the place where it is laid down.
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
        let mut xar = XarReader::new(Cursor::new(bytes.to_vec())).unwrap();
        let distribution = xar.get_file_data_from_path("Distribution").unwrap().expect("a Distribution");
        let distribution = String::from_utf8(distribution).unwrap();
        let mut reader = PkgReader::new(Cursor::new(bytes.to_vec())).unwrap();
        assert!(matches!(reader.flavor(), PkgFlavor::Product));
        let components = reader.component_packages().unwrap();
        let [component] = components.as_slice() else { panic!("{} components", components.len()) };
        let info = component.package_info().unwrap();
        assert_eq!(info.auth, "root");
        assert_eq!(info.install_location.as_deref(), Some("/"));
        let files = xar.files().unwrap();
        let (path, _) = files.iter().find(|(path, _)| path.ends_with("/PackageInfo")).unwrap();
        let package_info = xar.get_file_data_from_path(path).unwrap().expect("a PackageInfo");
        let package_info = String::from_utf8(package_info).unwrap();
        Self {
            minimum: attribute(&distribution, "os-version", "min"),
            architectures: attribute(&distribution, "options", "hostArchitectures"),
            identifier: info.identifier.clone(),
            version: info.version.clone(),
            payload: component.payload_reader().unwrap().map(entries).unwrap_or_default(),
            scripts: component.scripts_reader().unwrap().map(entries).unwrap_or_default(),
            timeout: attribute(&package_info, "postinstall", "timeout").parse().unwrap(),
        }
    }

    /// The hook with this name.
    pub fn has_script(&self, name: &str) -> bool {
        self.scripts.iter().any(|entry| entry.path == name && entry.mode & 0o111 == 0o111)
    }
}

/// The attribute of the first element with that name.
fn attribute(xml: &str, element: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{element} ")).unwrap_or_else(|| panic!("no {element} in {xml}"));
    let (tag, _) = rest.split_once('>').unwrap();
    let (_, rest) = tag.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("no {name} in {tag}"));
    rest.split_once('"').unwrap().0.to_owned()
}

fn entries(mut archive: CpioReader) -> Vec<Entry> {
    let mut entries = Vec::new();
    while let Some(header) = archive.read_next().unwrap() {
        let mut bytes = Vec::new();
        archive.read_to_end(&mut bytes).unwrap();
        let path = header.name().trim_start_matches("./").to_owned();
        let (mode, uid, gid) = (header.mode(), header.uid(), header.gid());
        entries.push(Entry { path, mode, uid, gid, bytes });
    }
    entries
}
