//! A folder with one package and what device managers read about it.

use std::io::Cursor;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};
use xtask::artifact::{BuiltPackage, Content, Whose};
use xtask::digest::sums::Sums;
use xtask::managers::{self, munki};
use xtask::settings::{Environment, Flags, Spec, resolve};

/// Where the package is.
pub const PACKAGE: &str = "k3s/macos/lima-k3s-1.0.0.pkg";
const UNINSTALLER: &str = "k3s/macos/lima-k3s-1.0.0-uninstall.pkg";
/// The files whose content an input gives, in its order.
pub const FILES: [&str; 8] = [
    "k3s/mdm/manifest.plist",
    "k3s/mdm/declaration.json",
    "k3s/mdm/login-items.mobileconfig",
    "k3s/mdm/fleet/lima-k3s.package.yml",
    "munki/pkgsinfo/lima-autostart/lima-k3s-1.0.0.plist",
    "munki/manifests/lima-k3s",
    "munki/catalogs/all",
    "k3s/mdm/fleet/lima-k3s.policies.yml",
];

/// An instance that is served somewhere.
fn spec() -> Spec {
    let flags = Flags {
        instances: vec!["k3s".to_owned()],
        user: Some("alice".to_owned()),
        base_url: Some("https://a.example".to_owned()),
        ..Flags::default()
    };
    resolve(&flags, None, &Environment::default()).expect("the settings are right")
}

/// The package, and its SHA-256 in hexadecimal.
pub fn package() -> &'static (Vec<u8>, String) {
    static PACKAGE: OnceLock<(Vec<u8>, String)> = OnceLock::new();
    PACKAGE.get_or_init(|| {
        let spec = spec();
        let contents = xtask::macos::package::installer(&spec, &spec.instances[0], 0).expect("a package");
        let mut bytes = Vec::new();
        flatpkg::write_product(&contents.product, 0, None, &mut Cursor::new(Vec::new()), &mut bytes)
            .expect("memory takes everything");
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        (bytes, sha256)
    })
}

/// What is right in each of [`FILES`].
pub fn contents() -> Vec<Vec<u8>> {
    let spec = spec();
    let (bytes, sha256) = package();
    let sums = Sums { size: bytes.len() as u64, sha256: sha256.clone(), chunks: vec![sha256.clone()] };
    let built = |path| BuiltPackage { path, sums: &sums, installed_kbytes: 28 };
    let files = managers::files(&spec, Whose::One(&spec.instances[0]), &built(PACKAGE), &built(UNINSTALLER));
    let find = |wanted: &str| {
        let mut wanted = wanted.to_owned();
        loop {
            match files.iter().find(|(path, _)| *path == wanted).map(|(_, content)| content) {
                Some(Content::Bytes(bytes) | Content::Profile(bytes)) => return bytes.clone(),
                Some(Content::CopyOf(other)) => wanted.clone_from(other),
                Some(Content::Package(_)) | None => return Vec::new(),
            }
        }
    };
    let mut contents: Vec<Vec<u8>> = FILES.iter().map(|path| find(path)).collect();
    let pkginfo = munki::read_pkginfo(&contents[4]);
    let mut catalog = Vec::new();
    munki::write_catalog(munki::ALL, std::iter::once(pkginfo), &mut catalog).expect("a catalog");
    contents[6] = catalog;
    contents
}
