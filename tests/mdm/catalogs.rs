//! The catalogs of the Munki repository: what makecatalogs would make, one pkginfo
//! in memory at a time.

use std::cell::Cell;
use std::convert::Infallible;

use plist::Value;
use xtask::managers::munki::{ALL, CatalogError, read_pkginfo, write_catalog};

use super::*;
use crate::golden::golden;

fn pkginfo(name: &str, catalogs: &[&str]) -> Dictionary {
    let mut pkginfo = Dictionary::new();
    pkginfo.insert("name".to_owned(), name.into());
    let catalogs = catalogs.iter().map(|name| Value::from(*name)).collect();
    pkginfo.insert("catalogs".to_owned(), Value::Array(catalogs));
    pkginfo
}

fn catalog(name: &str, pkginfos: &[Dictionary]) -> (u64, Vec<Value>) {
    let mut bytes = Vec::new();
    let count = write_catalog(name, pkginfos.iter().cloned().map(Ok::<_, Infallible>), &mut bytes).unwrap();
    let Value::Array(items) = plist::from_bytes(&bytes).unwrap() else { panic!("a catalog is a list") };
    assert_eq!(count, items.len() as u64);
    (count, items)
}

#[test]
fn it_has_what_makecatalogs_would_put_into_it() {
    let mut one = pkginfo("one", &["testing", "production"]);
    let two = pkginfo("two", &["testing"]);
    let expected = one.clone();
    // An administrator's own, which no client is to see.
    one.insert("notes".to_owned(), "ask Bob".into());
    one.insert("_metadata".to_owned(), Value::Dictionary(pkginfo("x", &[])));
    let both = [one, two.clone()];
    assert_eq!(catalog(ALL, &both).1, [Value::Dictionary(expected.clone()), Value::Dictionary(two)]);
    assert_eq!(catalog("production", &both), (1, vec![Value::Dictionary(expected)]));
    assert_eq!(catalog("Production", &both).0, 0);
    assert_eq!(catalog(ALL, &[]).0, 0);
    assert_eq!(catalog("a", &[pkginfo("without", &[]), Dictionary::new()]).0, 0);
}

#[test]
fn the_catalog_is_its_golden() {
    // Without the scripts, which the pkginfos' own goldens have.
    let mut one = pkginfo("lima-k3s-autostart", &["testing"]);
    one.insert("version".to_owned(), "1.2".into());
    let two = pkginfo("lima-R&D <vm>-autostart", &["canary", "testing"]);
    let mut bytes = Vec::new();
    let all = [one, two].into_iter().map(Ok::<_, Infallible>);
    assert_eq!(write_catalog("testing", all, &mut bytes).unwrap(), 2);
    golden("mdm/catalog.plist", &bytes);
}

#[test]
fn what_reads_property_lists_reads_a_whole_repositorys() {
    let served = served();
    let instances: Vec<_> = [0, 3].map(|at| (served[at].1.clone(), served[at].2.clone())).into();
    let out = build(&instances, None);
    let names: Vec<&str> = out.keys().filter_map(|path| path.strip_prefix("munki/catalogs/")).collect();
    assert_eq!(names, ["9.Production_x-1", "all", "canary", "testing"]);
    let count = |name: &str| {
        let value: Value = plist::from_bytes(&out[&format!("munki/catalogs/{name}")]).unwrap();
        value.as_array().unwrap().len()
    };
    assert_eq!(["all", "testing", "canary", "9.Production_x-1"].map(count), [4, 2, 2, 2]);
    // The order of the pkginfos' paths.
    let all: Value = plist::from_bytes(&out["munki/catalogs/all"]).unwrap();
    let items = all.as_array().unwrap();
    let files = out.iter().filter(|(path, _)| path.starts_with("munki/pkgsinfo/"));
    for (item, (path, bytes)) in items.iter().zip(files) {
        assert_eq!(item.as_dictionary(), Some(&read_pkginfo(bytes).unwrap()), "{path}");
    }
}

/// A writer that keeps nothing but how much it was given.
struct Count(u64);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_pkginfo_is_written_before_the_next_one_is_asked_for() {
    struct Shared<'a>(&'a Cell<u64>);
    impl Write for Shared<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.set(self.0.get() + bytes.len() as u64);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let written = Cell::new(0);
    let mut before = 0;
    let script = "x".repeat(20_000);
    let pkginfos = (0..1000_u64).map(|at| {
        let now = written.get();
        assert!(at == 0 || now >= before + 20_000, "{at}: {now} bytes are written, {before} were before");
        before = now;
        let mut pkginfo = pkginfo(&at.to_string(), &["testing"]);
        pkginfo.insert("uninstall_script".to_owned(), script.clone().into());
        Ok::<_, Infallible>(pkginfo)
    });
    assert_eq!(write_catalog("testing", pkginfos, Shared(&written)).unwrap(), 1000);
}

#[test]
fn an_error_ends_it_and_is_told() {
    let broken = read_pkginfo(b"no property list").unwrap_err().to_string();
    let pkginfos = [Ok(pkginfo("a", &[])), read_pkginfo(b"no property list"), Ok(pkginfo("b", &[]))];
    match write_catalog(ALL, pkginfos.into_iter(), Count(0)) {
        Err(CatalogError::Pkginfo(error)) => assert_eq!(error.to_string(), broken),
        other => panic!("{other:?}"),
    }

    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is full"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let one = [Ok::<_, Infallible>(pkginfo("a", &[]))];
    let error = write_catalog(ALL, one.into_iter(), Full).unwrap_err();
    assert_eq!(error.to_string(), "the catalog could not be written: the disk is full");
}
