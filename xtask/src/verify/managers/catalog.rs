//! The catalogs of a Munki repository against its pkginfos: the same items, in any order and
//! however they are written.
//!
//! An item is known by a digest of what it says, so that one is in memory at a time.
//!
//! Source: munki/munki, `code/client/munkilib/admin/makecatalogslib.py`.
//!
//! Must not know: what an item means.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use plist::{Dictionary, Value};
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use sha2::{Digest, Sha256};

use crate::managers::munki::{ALL, catalogs_of};
use crate::verify::property_list::Bounded;

type ItemDigest = [u8; 32];

/// What the catalogs of a repository have to be.
#[derive(Default)]
pub struct Expected {
    catalogs: BTreeMap<String, BTreeMap<ItemDigest, usize>>,
    /// Length of all pkginfos.
    bytes: u64,
}

impl Expected {
    /// Counts a pkginfo of `length` bytes.
    pub fn add(&mut self, pkginfo: &Dictionary, length: u64) {
        let item = item_digest(pkginfo);
        for name in catalogs_of(pkginfo).chain([ALL]) {
            *self.catalogs.entry(name.to_owned()).or_default().entry(item).or_default() += 1;
        }
        self.bytes += length;
    }

    /// The catalogs that there have to be.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.catalogs.keys()
    }

    /// Holds the catalog `name` against the pkginfos. One that has no items may be left over.
    pub fn compare(&self, name: &str, catalog: impl Read) -> Result<(), String> {
        // A quote or a sign of another script may be written with up to ten characters.
        let max = self.bytes.saturating_mul(10).saturating_add(1 << 20);
        let Items(items) = plist::from_reader_xml(catalog.take(max))
            .map_err(|error| format!("it cannot be read: {error}; run makecatalogs"))?;
        let mut found: BTreeMap<ItemDigest, usize> = BTreeMap::new();
        for item in items {
            *found.entry(item).or_default() += 1;
        }
        let expected = self.catalogs.get(name).cloned().unwrap_or_default();
        if found == expected {
            return Ok(());
        }
        let other = |one: &BTreeMap<ItemDigest, usize>, other: &BTreeMap<ItemDigest, usize>| {
            one.iter()
                .map(|(item, count)| count.saturating_sub(*other.get(item).unwrap_or(&0)))
                .sum::<usize>()
        };
        let (missing, foreign) = (other(&expected, &found), other(&found, &expected));
        Err(format!(
            "it does not match the pkginfos of the repository: {missing} of them are missing, and {foreign} items belong to \
             none of them; run makecatalogs"
        ))
    }
}

/// The digests of a catalog's items.
struct Items(Vec<ItemDigest>);

impl<'de> Deserialize<'de> for Items {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Items;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of items")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Items, A::Error> {
                let mut items = Vec::new();
                while let Some(Bounded(item)) = list.next_element()? {
                    items.push(match &item {
                        Value::Dictionary(item) => item_digest(item),
                        other => {
                            let mut digest = Sha256::new();
                            add_value(&mut digest, other);
                            digest.finalize().into()
                        }
                    });
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_seq(Each)
    }
}

/// A digest of what makecatalogs takes over: no notes of the administrator's, and no key that
/// starts with `_`. It adds the digest of an icon.
fn item_digest(item: &Dictionary) -> ItemDigest {
    let is_shared = |key: &str| key != "notes" && key != "icon_hash" && !key.starts_with('_');
    let mut digest = Sha256::new();
    add_dictionary(&mut digest, item, is_shared);
    digest.finalize().into()
}

fn add_dictionary(digest: &mut Sha256, keys: &Dictionary, is_shared: impl Fn(&str) -> bool) {
    let sorted: BTreeMap<&String, &Value> = keys.iter().filter(|(key, _)| is_shared(key)).collect();
    add_length(digest, b'd', sorted.len());
    for (key, value) in sorted {
        add_bytes(digest, b'k', key.as_bytes());
        add_value(digest, value);
    }
}

fn add_length(digest: &mut Sha256, kind: u8, length: usize) {
    digest.update([kind]);
    digest.update((length as u64).to_be_bytes());
}

fn add_bytes(digest: &mut Sha256, kind: u8, bytes: &[u8]) {
    add_length(digest, kind, bytes.len());
    digest.update(bytes);
}

fn add_value(digest: &mut Sha256, value: &Value) {
    match value {
        Value::Dictionary(keys) => add_dictionary(digest, keys, |_| true),
        Value::Array(values) => {
            add_length(digest, b'a', values.len());
            values.iter().for_each(|value| add_value(digest, value));
        }
        Value::String(text) => add_bytes(digest, b's', text.as_bytes()),
        Value::Date(date) => add_bytes(digest, b's', date.to_xml_format().as_bytes()),
        Value::Data(bytes) => add_bytes(digest, b'b', bytes),
        Value::Boolean(value) => digest.update([b't', u8::from(*value)]),
        other => add_bytes(digest, b'n', format!("{other:?}").as_bytes()),
    }
}
