//! The catalogs of the Munki repository, made of its pkginfos.
//!
//! Source: munki/munki, `code/client/munkilib/admin/makecatalogslib.py`.
//!
//! Must not know: how pkginfos are made.

use std::cell::RefCell;
use std::io::{self, Write};

use plist::Dictionary;
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::munki::ALL;

/// Why a catalog could not be written.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError<E: std::error::Error + 'static> {
    /// A pkginfo could not be had.
    #[error(transparent)]
    Pkginfo(E),
    /// The catalog could not be written.
    #[error("the catalog could not be written: {0}")]
    Write(#[source] io::Error),
}

/// Reads a pkginfo that this program wrote. For anybody else's, bound it first.
///
/// # Errors
/// What makes it no property list of a dictionary.
pub fn read_pkginfo(bytes: &[u8]) -> Result<Dictionary, plist::Error> {
    plist::from_bytes(bytes)
}

/// Writes the catalog `name`, or [`ALL`], made of pkginfos that come one by one;
/// none is kept. Returns how many are in it.
///
/// The same pkginfos give the same bytes, whoever built them and in how many
/// runs, if they come in the same order: that of their paths in `pkgsinfo`, byte
/// by byte. As makecatalogs does, it leaves out the administrator's notes and
/// keys that start with `_`.
///
/// # Errors
/// The first pkginfo's that could not be had, or the output's.
pub fn write_catalog<E: std::error::Error + 'static>(
    name: &str,
    pkginfos: impl Iterator<Item = Result<Dictionary, E>>,
    mut out: impl Write,
) -> Result<u64, CatalogError<E>> {
    let state = RefCell::new(State { pkginfos, count: 0, error: None });
    let written = plist::to_writer_xml(&mut out, &Items { name, state: &state });
    let state = state.into_inner();
    if let Some(error) = state.error {
        return Err(CatalogError::Pkginfo(error));
    }
    written
        .map_err(|error| error.into_io().unwrap_or_else(io::Error::other))
        .and_then(|()| out.write_all(b"\n"))
        .map_err(CatalogError::Write)?;
    Ok(state.count)
}

/// What serde is to write a list of. It can only be serialized once.
struct Items<'a, I, E> {
    name: &'a str,
    /// serde lends what it serializes, and an iterator changes.
    state: &'a RefCell<State<I, E>>,
}

struct State<I, E> {
    pkginfos: I,
    count: u64,
    error: Option<E>,
}

impl<I: Iterator<Item = Result<Dictionary, E>>, E> Serialize for Items<'_, I, E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut items = serializer.serialize_seq(None)?;
        let mut state = self.state.borrow_mut();
        while let Some(pkginfo) = state.pkginfos.next() {
            let mut pkginfo = match pkginfo {
                Ok(pkginfo) => pkginfo,
                Err(error) => {
                    state.error = Some(error);
                    return Err(serde::ser::Error::custom("a pkginfo could not be had"));
                }
            };
            if self.name != ALL && !catalogs_of(&pkginfo).any(|name| name == self.name) {
                continue;
            }
            pkginfo.retain(|key, _| key != "notes" && !key.starts_with('_'));
            items.serialize_element(&pkginfo)?;
            state.count += 1;
        }
        items.end()
    }
}

/// The catalogs that a pkginfo is in.
pub fn catalogs_of(pkginfo: &Dictionary) -> impl Iterator<Item = &str> {
    pkginfo
        .get("catalogs")
        .and_then(plist::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(plist::Value::as_string)
}
