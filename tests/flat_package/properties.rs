//! Any tree that is accepted survives: written by us, read by others.

use apple_bom::format::ParsedBom;
use apple_flat_package::reader::PkgReader;
use flatpkg::tree::{Content, Source, TreeError};
use proptest::prelude::*;

use super::*;

/// What is to be added at a path.
#[derive(Debug, Clone)]
enum Kind {
    Directory,
    File(Vec<u8>),
    Symlink(String),
}

fn segment() -> impl Strategy<Value = String> {
    // Few letters, so that paths meet; signs that sort around the slash; and others.
    prop_oneof!["[ab]{1,2}", "[ab][-. ]b?", "\\PC{1,6}", "é|日本|'\"&<>"]
        .prop_filter("one segment", |text| !text.contains('/') && text != "." && text != "..")
}

fn tree() -> impl Strategy<Value = Tree> {
    let kind = prop_oneof![
        Just(Kind::Directory),
        prop::collection::vec(any::<u8>(), 0..2000).prop_map(Kind::File),
        "\\PC{1,20}".prop_map(Kind::Symlink),
    ];
    let path = prop::collection::vec(segment(), 1..5).prop_map(|segments| segments.join("/"));
    let entry = (path, kind, 0..=0o7777u32, 0..=262_143u32, 0..=262_143u32);
    (any::<u32>(), prop::collection::vec(entry, 0..40)).prop_map(|(mtime, entries)| {
        let mut tree = Tree::new(mtime);
        for (path, kind, mode, uid, gid) in entries {
            let owner = Owner { uid, gid };
            let parent = flatpkg::tree::split(&path).0;
            let added = match parent {
                "" => Ok(()),
                parent => tree.directories(parent, mode, owner),
            };
            let added = added.and_then(|()| match kind {
                Kind::Directory => tree.directory(&path, mode, owner),
                Kind::File(bytes) => tree.file(&path, mode, owner, bytes),
                Kind::Symlink(target) => tree.symlink(&path, &target, owner),
            });
            if let Err(error) = added {
                let expected =
                    matches!(error, TreeError::Duplicate { .. } | TreeError::ParentNotDirectory { .. });
                assert!(expected, "{error}");
            }
        }
        tree
    })
}

/// An entry as both formats have it: mode with type, owner, content.
fn expected(entry: &flatpkg::tree::Entry) -> (u32, u32, u32, Vec<u8>) {
    let (file_type, content) = match &entry.content {
        Content::Directory => (0o40_000, Vec::new()),
        Content::File(Source::Bytes(bytes)) => (0o100_000, bytes.clone()),
        Content::File(Source::Stream { .. }) => unreachable!("no streams in these trees"),
        Content::Symlink(target) => (0o120_000, target.clone().into_bytes()),
    };
    (file_type | entry.mode, entry.owner.uid, entry.owner.gid, content)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_tree_survives(tree in tree()) {
        let bytes = component_bytes(&component("any", Some(tree.clone()), None));
        let mut reader = PkgReader::new(Cursor::new(bytes)).unwrap();
        let only = reader.root_component().unwrap().unwrap();
        let mut entries = payload_entries(&only);
        prop_assert!(entries.remove(".").is_some());
        prop_assert_eq!(entries.len(), tree.len());
        let parsed = ParsedBom::parse(only.bom().unwrap()).unwrap();
        let mut paths: BTreeMap<String, _> =
            parsed.paths().unwrap().into_iter().map(|path| (path.path().to_owned(), path)).collect();
        prop_assert!(paths.remove(".").is_some());
        prop_assert_eq!(paths.len(), tree.len());

        for (index, (path, entry)) in tree.entries().enumerate() {
            let name = format!("./{path}");
            let (mode, uid, gid, content) = expected(entry);
            let read = &entries[&name];
            prop_assert_eq!((read.mode, read.uid, read.gid), (mode, uid, gid));
            prop_assert_eq!((read.inode, read.mtime), (index as u32 + 1, tree.mtime()));
            prop_assert_eq!(&read.content, &content);
            let listed = &paths[&name];
            prop_assert_eq!(u32::from(listed.file_mode()), mode);
            prop_assert_eq!((listed.user_id(), listed.group_id()), (uid, gid));
            prop_assert_eq!(listed.modified_time().timestamp(), i64::from(tree.mtime()));
            if !matches!(entry.content, Content::Directory) {
                prop_assert_eq!(listed.size(), content.len());
                prop_assert_eq!(listed.crc32(), Some(flatpkg::cksum::cksum(&content)));
            }
        }
    }
}
