//! Makes a component's members, and the package that holds them alone.
//!
//! Must not know: how the archive around them is laid out.

use std::io::{Read, Seek, Write};

use sha1::{Digest, Sha1};

use super::{Component, ComponentError, HOOKS, package_info};
use crate::error::Error;
use crate::signer::Signer;
use crate::summary::{ComponentSummary, Summary};
use crate::tree::{Content, Source, Tree};
use crate::xar::{self, Member, Spooled};
use crate::{bom, cpio, gzip, xml};

/// Writes a component package that stands alone. `created` is in seconds since
/// 1970; `spool` is scratch space that is written and read back, from where it
/// stands.
///
/// # Errors
/// [`Error`], if the component is not right, does not fit into a format, cannot be
/// read, or if the signer, the scratch space or `out` fails. What `out` got until
/// then is not a package.
pub fn write_component<S: Read + Write + Seek, W: Write>(
    component: &Component,
    created: u32,
    signer: Option<&dyn Signer>,
    spool: &mut S,
    out: &mut W,
) -> Result<Summary, Error> {
    let identifier = &component.identifier;
    let (members, summary) = members(component, spool)
        .map_err(|source| Error::Component { component: identifier.clone(), source })?;
    let written = xar::write(&members, created, signer, spool, out)
        .map_err(|source| Error::Archive { package: identifier.clone(), source })?;
    Ok(Summary { package_size: written.size, toc_digest: written.toc_digest, components: vec![summary] })
}

/// The component's members in Apple's order. Payload and Scripts wait in `spool`.
pub(crate) fn members<S: Read + Write + Seek>(
    component: &Component,
    spool: &mut S,
) -> Result<(Vec<Member>, ComponentSummary), ComponentError> {
    let hooks = check(component)?;
    let mut members = Vec::new();
    let mut summary = ComponentSummary {
        identifier: component.identifier.clone(),
        number_of_files: 0,
        install_kbytes: 0,
        payload_size: 0,
    };
    if let Some(payload) = &component.payload {
        let (spooled, checksums) = archive("Payload", payload, spool)?;
        members.push(Member::compressed("Bom", &bom::write(payload, &checksums)?));
        members.push(Member::stored("Payload", spooled));
        summary.number_of_files = payload.len() as u64 + 1;
        summary.install_kbytes = install_kbytes(payload);
        summary.payload_size = spooled.length;
    }
    if let Some(scripts) = &component.scripts {
        members.push(Member::stored("Scripts", archive("Scripts", scripts, spool)?.0));
    }
    let package_info =
        package_info::to_xml(component, &hooks, &summary).map_err(ComponentError::PackageInfo)?;
    members.push(Member::compressed("PackageInfo", &package_info));
    Ok((members, summary))
}

/// Checks everything that can be checked before content is read and compressed, and
/// gives the hooks.
pub(crate) fn check(component: &Component) -> Result<Vec<&'static str>, ComponentError> {
    validate(component)?;
    let hooks = match &component.scripts {
        Some(scripts) => usable_hooks(scripts)?,
        None => Vec::new(),
    };
    if component.payload.is_none() && hooks.is_empty() {
        return Err(ComponentError::Empty);
    }
    if let Some(payload) = &component.payload {
        bom::check(payload)?;
    }
    for (member, tree) in [("Payload", &component.payload), ("Scripts", &component.scripts)] {
        if let Some(tree) = tree {
            cpio::ArchiveStream::new(tree).map_err(|source| ComponentError::Archive { member, source })?;
        }
    }
    Ok(hooks)
}

/// Writes a tree's compressed archive into the scratch space.
fn archive<S: Write + Seek>(
    member: &'static str,
    tree: &Tree,
    spool: &mut S,
) -> Result<(Spooled, Vec<u32>), ComponentError> {
    let from_cpio = |source| ComponentError::Archive { member, source };
    let from_spool = |source| ComponentError::Spool { member, source };
    let start = spool.stream_position().map_err(from_spool)?;
    let mut stream = cpio::ArchiveStream::new(tree).map_err(from_cpio)?;
    let mut digest = Sha1::new();
    let totals = gzip::compress(
        |buffer| stream.read(buffer).map_err(from_cpio),
        |bytes| {
            digest.update(bytes);
            spool.write_all(bytes).map_err(from_spool)
        },
    )?;
    let spooled = Spooled { start, length: totals.compressed, digest: digest.finalize().into() };
    Ok((spooled, stream.into_checksums()))
}

/// What pkgbuild states as the payload's size on disk: whole blocks of 512 bytes
/// for the content of each file, a block for each directory but the root.
fn install_kbytes(tree: &Tree) -> u64 {
    let blocks: u64 = tree
        .entries()
        .map(|(_, entry)| match &entry.content {
            Content::Directory => 1,
            Content::File(source) => source.size().div_ceil(512),
            Content::Symlink(target) => (target.len() as u64).div_ceil(512),
        })
        .sum();
    blocks.div_ceil(2)
}

/// The hooks that are there, in the Installer's order.
fn usable_hooks(scripts: &Tree) -> Result<Vec<&'static str>, ComponentError> {
    let mut found = Vec::new();
    for hook in HOOKS {
        let Some(entry) = scripts.get(hook) else { continue };
        let unusable = |reason| ComponentError::UnusableHook { hook, reason };
        let Content::File(source) = &entry.content else {
            return Err(unusable("is not a regular file"));
        };
        if entry.mode & 0o100 == 0 {
            return Err(unusable("is not executable for its owner; give it mode 0755"));
        }
        if !starts_with_interpreter(hook, source)? {
            return Err(unusable("does not start with \"#!\" and its interpreter, so it cannot run"));
        }
        found.push(hook);
    }
    Ok(found)
}

fn starts_with_interpreter(hook: &str, source: &Source) -> Result<bool, ComponentError> {
    let mut start = Vec::new();
    source.open().and_then(|content| content.take(2).read_to_end(&mut start)).map_err(|source| {
        let source = cpio::CpioError::Read { path: hook.to_owned(), source };
        ComponentError::Archive { member: "Scripts", source }
    })?;
    Ok(start == b"#!")
}

fn validate(component: &Component) -> Result<(), ComponentError> {
    let invalid = |field, value: &str, reason| {
        Err(ComponentError::InvalidField { field, value: value.to_owned(), reason })
    };
    if !is_name(&component.identifier) {
        return invalid("identifier", &component.identifier, NAME_REASON);
    }
    if !is_name(&component.version) {
        return invalid("version", &component.version, NAME_REASON);
    }
    if !component.install_location.starts_with('/') {
        return invalid("install location", &component.install_location, "must start with a slash");
    }
    for (field, value) in
        [("install location", &component.install_location), ("generator", &component.generator)]
    {
        if !xml::can_carry(value) {
            return invalid(field, value, "has control characters");
        }
    }
    if component.scripts.is_some() && component.script_timeout == 0 {
        return invalid("script timeout", "0", "must be at least a second; pkgbuild writes 600");
    }
    Ok(())
}

/// What [`is_name`] asks for.
pub(crate) const NAME_REASON: &str =
    "must be made of ASCII letters, digits, dots, hyphens and underscores, and not be empty";

/// Whether a text can be an identifier, a version or a file name, and so stands in
/// XML, on a command line and in a URL as it is.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
