//! What packages bring beside the instances: Lima, and files that guests are made of, as
//! components of their own.
//!
//! ```text
//! /opt/PREFIX/lima/VERSION/PROCESSOR/   Lima, as its release archive has it
//! /opt/PREFIX/lima/current              a link, which only scripts set
//! /opt/PREFIX/lima/images/SHA256/NAME   a disk image, or nerdctl's archive
//! /etc/paths.d/PREFIX.lima              where shells find Lima's commands
//! ```
//!
//! Each version and each file has a component with an identifier of its own: Installer removes
//! what an earlier version of the same identifier had, and instances of other packages may
//! still use that. `pkg-scripts/bundle.sh` removes what nothing uses.
//!
//! Both processors' Lima travel side by side in one package, each below the version. A link by
//! the Mac's processor is simpler than a package for each, of which a device manager would have
//! to choose one.
//!
//! Must not know: archive formats, how components are offered.

use flatpkg::Component;
use flatpkg::component::HOOKS;
use flatpkg::tree::{Content as TreeContent, Owner, Tree, TreeError};

use super::package::{GENERATOR, scripts_tree};
use super::scripts;
use crate::artifact::BundledRecord;
use crate::bundle::{Content, GuestFile, Lima, Release};
use crate::settings::bundled::{file_path, lima_root};
use crate::settings::{Instance, Spec};

/// What an instance uses, a line each, in its own folder and beside its scripts.
pub const LIST_FILE: &str = "bundled";
/// Seconds that Installer gives a script here; it copies nothing.
pub const TIME_LIMIT: u32 = 600;
/// So many digits of a digest name its component. A path of it has them all.
const DIGITS: usize = 16;

/// What the identifiers of all these components begin with.
pub fn identifier(spec: &Spec) -> String {
    format!("{}.lima", spec.identifier_prefix)
}

/// The file that has people's shells find Lima (path_helper(8)).
pub fn paths_d(spec: &Spec) -> String {
    // /etc is a link on a Mac, and a payload does not go through one.
    format!("/private/etc/paths.d/{}.lima", spec.identifier_prefix)
}

/// What an instance uses, as `bundle.sh` reads it; empty where it uses nothing.
pub fn list(instance: &Instance) -> String {
    let mut lines = Vec::new();
    if instance.uses_bundled_lima() {
        lines.push("lima\n".to_owned());
    }
    lines.extend(instance.bundled.files.iter().map(|file| format!("images/{}\n", file.file.sha256)));
    lines.concat()
}

/// The components that these instances use, in the order in which they are installed: before
/// the instances' own.
///
/// # Errors
/// A path that a package cannot carry, which reading the archive should have refused.
pub fn components(spec: &Spec, instances: &[&Instance], time: u32) -> Result<Vec<Component>, TreeError> {
    let mut components = Vec::new();
    let lima = spec.lima.as_ref().filter(|_| instances.iter().any(|one| one.uses_bundled_lima()));
    if let Some(lima) = lima {
        components.push(of_lima(spec, lima, time)?);
    }
    let mut files: Vec<&GuestFile> = Vec::new();
    for file in instances.iter().flat_map(|one| &one.bundled.files) {
        if files.iter().all(|other| other.file.sha256 != file.file.sha256) {
            files.push(file);
        }
    }
    for file in files {
        components.push(of_file(spec, file, time)?);
    }
    let needed = components.iter().filter_map(|one| one.payload.as_ref()).map(kbytes).sum();
    if let Some(first) = components.first_mut() {
        let name = lima.map(|lima| format!("Lima {}", lima.version)).unwrap_or_default();
        let scripts = scripts::bundle_scripts(spec, &name, lima.is_some(), needed);
        first.scripts = Some(scripts_tree(scripts, time)?);
    }
    Ok(components)
}

/// What a component is, for the records.
pub fn record(component: &Component) -> BundledRecord {
    let payload = component.payload.iter().flat_map(Tree::entries);
    let files = payload.filter(|(_, entry)| matches!(entry.content, TreeContent::File(_)));
    let has = |hook: &&str| component.scripts.as_ref().is_some_and(|scripts| scripts.get(hook).is_some());
    BundledRecord {
        identifier: component.identifier.clone(),
        version: component.version.clone(),
        files: files.count() as u64,
        // Known once it is written.
        installed_kbytes: 0,
        runs: HOOKS.into_iter().filter(has).map(str::to_owned).collect(),
    }
}

fn of_lima(spec: &Spec, lima: &Lima, time: u32) -> Result<Component, TreeError> {
    let mut tree = Tree::new(time);
    let root = lima_root(&spec.identifier_prefix);
    for release in &lima.archives {
        lay_out(&mut tree, release, &format!("{root}/{}/{}", lima.version, release.architecture))?;
    }
    if spec.paths_d {
        let path = paths_d(spec);
        tree.directories("private/etc/paths.d", 0o755, Owner::ROOT_WHEEL)?;
        let line = format!("{root}/current/bin\n").into_bytes();
        tree.file(path.trim_start_matches('/'), 0o644, Owner::ROOT_WHEEL, line)?;
    }
    let name = &lima.version;
    Ok(component(spec, name, name, tree))
}

/// Everything of an archive, below a folder.
fn lay_out(tree: &mut Tree, release: &Release, folder: &str) -> Result<(), TreeError> {
    let folder = folder.trim_start_matches('/');
    tree.directories(folder, 0o755, Owner::ROOT_WHEEL)?;
    for entry in release.entries.iter() {
        let path = format!("{folder}/{}", entry.path);
        match &entry.content {
            Content::Folder => tree.directory(&path, 0o755, Owner::ROOT_WHEEL)?,
            Content::Link(target) => tree.symlink(&path, target, Owner::ROOT_WHEEL)?,
            Content::File(source) => {
                let mode = if entry.executable { 0o755 } else { 0o644 };
                tree.file(&path, mode, Owner::ROOT_WHEEL, source.clone())?;
            }
        }
    }
    Ok(())
}

fn of_file(spec: &Spec, file: &GuestFile, time: u32) -> Result<Component, TreeError> {
    let mut tree = Tree::new(time);
    let path = file_path(&spec.identifier_prefix, file);
    let path = path.trim_start_matches('/');
    let (folder, _) = flatpkg::tree::split(path);
    tree.directories(folder, 0o755, Owner::ROOT_WHEEL)?;
    // limactl reads it with the user's rights.
    tree.file(path, 0o644, Owner::ROOT_WHEEL, file.file.source())?;
    let name = format!("image.{}", &file.file.sha256[..DIGITS]);
    Ok(component(spec, &name, "1", tree))
}

fn component(spec: &Spec, name: &str, version: &str, payload: Tree) -> Component {
    Component {
        // No instance's component has such a name.
        file_name: format!("bundled-lima.{name}.pkg"),
        identifier: format!("{}.{name}", identifier(spec)),
        version: version.to_owned(),
        install_location: "/".to_owned(),
        payload: Some(payload),
        scripts: None,
        script_timeout: TIME_LIMIT,
        generator: GENERATOR.to_owned(),
        // Installed with any instance, and not shown.
        choice: None,
    }
}

/// What it takes on a disk, in blocks as APFS has them.
fn kbytes(tree: &Tree) -> u64 {
    let blocks = tree.entries().map(|(_, entry)| match &entry.content {
        TreeContent::File(source) => source.size().div_ceil(4096),
        TreeContent::Directory | TreeContent::Symlink(_) => 1,
    });
    blocks.sum::<u64>() * 4
}
