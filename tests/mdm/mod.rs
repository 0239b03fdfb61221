//! What device managers read: goldens, the keys that are published for each file,
//! other people's readers, and what `verify` says when something does not agree.

mod all;
mod catalogs;
mod damage;
mod fleet;
mod gitops;
mod goldens;
mod hostile;
mod keys;
mod profile;
mod reports;
mod repository;

use std::collections::BTreeMap;
use std::io::{self, Cursor, Write};

use plist::Dictionary;
use sha2::{Digest, Sha256};
use xtask::artifact::{BuiltPackage, Content, Whose};
use xtask::digest::FileDigest;
use xtask::digest::hex;
use xtask::digest::sums::{Digester, Sums};
use xtask::managers::munki;
use xtask::settings::{Instance, Spec};
use xtask::sign::PackageSigner;
use xtask::verify::managers::{self, Folder};
use xtask::verify::{Check, Status};

use crate::render::cases;

/// A whole output folder: bytes by path.
pub type Out = BTreeMap<String, Vec<u8>>;

/// The instances that have goldens, served somewhere.
pub fn served() -> Vec<(&'static str, Spec, Instance)> {
    let mut cases = cases();
    for (_, spec, instance) in &mut cases {
        spec.base_url = Some("https://mdm.example.com:8443/l%20i/m&a/".parse().unwrap());
        if !instance.env.is_empty() {
            spec.munki_catalogs = ["canary", "9.Production_x-1"].map(|name| name.parse().unwrap()).into();
        }
    }
    cases
}

/// One instance, served.
pub fn boot() -> (Spec, Instance) {
    let (_, spec, instance) = served().swap_remove(0);
    (spec, instance)
}

/// Where dist puts the packages of an instance.
pub fn package_paths(spec: &Spec, instance: &Instance) -> [String; 2] {
    let (name, version) = (&instance.name, &spec.version);
    ["", "-uninstall"].map(|end| format!("{name}/macos/lima-{name}-{version}{end}.pkg"))
}

/// What the files of [`mdm::paths`] hold, for packages of these sums.
pub fn files(spec: &Spec, instance: &Instance, sums: [&Sums; 2], kbytes: [u64; 2]) -> Vec<(String, Content)> {
    let paths = package_paths(spec, instance);
    let package = |at: usize| BuiltPackage { path: &paths[at], sums: sums[at], installed_kbytes: kbytes[at] };
    xtask::managers::files(spec, Whose::One(instance), &package(0), &package(1))
}

/// Builds the packages of all these instances, and everything for managers.
pub fn build(instances: &[(Spec, Instance)], signer: Option<&PackageSigner>) -> Out {
    let mut out = Out::new();
    let mut catalogs = Vec::new();
    for (spec, instance) in instances {
        let paths = package_paths(spec, instance);
        let products = [
            xtask::macos::package::installer(spec, instance, 0).unwrap(),
            xtask::macos::package::uninstaller(spec, instance, 0).unwrap(),
        ];
        let [installer, uninstaller] = [0, 1].map(|at| {
            let mut bytes = Vec::new();
            let signer = signer.map(|signer| signer as &dyn flatpkg::Signer);
            let mut spool = Cursor::new(Vec::new());
            let summary =
                flatpkg::write_product(&products[at].product, 0, signer, &mut spool, &mut bytes).unwrap();
            let mut digester = Digester::new();
            digester.write_all(&bytes).unwrap();
            out.insert(paths[at].clone(), bytes);
            (digester.finish(), summary.components[0].install_kbytes)
        });
        let planned = xtask::managers::planned(spec, Whose::One(instance), &paths[0], &paths[1]);
        let files = files(spec, instance, [&installer.0, &uninstaller.0], [installer.1, uninstaller.1]);
        for (planned, (path, content)) in planned.iter().zip(files) {
            assert_eq!(planned.path, path);
            let bytes = match content {
                Content::CopyOf(other) => out[&other].clone(),
                Content::Profile(bytes) => match signer {
                    Some(signer) => signer.sign_profile(bytes).unwrap(),
                    None => bytes,
                },
                Content::Bytes(bytes) => bytes,
                Content::Package(_) => panic!("{path} is a package"),
            };
            assert!(out.insert(path, bytes).is_none(), "{}", planned.path);
        }
        catalogs.extend(xtask::managers::catalogs(spec));
    }
    for catalog in catalogs {
        let bytes = catalog_of(&out, &catalog.path);
        out.insert(catalog.path, bytes);
    }
    out
}

/// The catalog at `path`, made of the folder's pkginfos.
pub fn catalog_of(out: &Out, path: &str) -> Vec<u8> {
    let pkginfos = out
        .iter()
        .filter(|(path, _)| path.starts_with("munki/pkgsinfo/"))
        .map(|(_, bytes)| munki::read_pkginfo(bytes));
    let mut catalog = Vec::new();
    munki::write_catalog(path.rsplit('/').next().unwrap(), pkginfos, &mut catalog).unwrap();
    catalog
}

/// A property list's dictionary.
pub fn dictionary(bytes: &[u8]) -> Dictionary {
    plist::from_bytes(bytes).unwrap()
}

/// What `verify` says about a folder.
pub fn verify(out: &Out) -> Vec<Check> {
    let files = out
        .iter()
        .map(|(path, bytes)| {
            (path.clone(), FileDigest { size: bytes.len() as u64, sha256: hex(Sha256::digest(bytes)) })
        })
        .collect();
    let open = |path: &str| match out.get(path) {
        Some(bytes) => Ok(Cursor::new(bytes.clone())),
        None => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    managers::checks(&Folder { files: &files, open: &open })
}

/// The checks that failed, by name, with all that they said.
pub fn failed(out: &Out) -> BTreeMap<&'static str, String> {
    verify(out)
        .into_iter()
        .filter(|check| check.status == Status::Fail)
        .map(|check| (check.name, check.details.join("\n")))
        .collect()
}
