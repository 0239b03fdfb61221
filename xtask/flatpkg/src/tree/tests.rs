use super::*;

const ROOT: Owner = Owner::ROOT_WHEEL;

#[test]
fn entries_are_depth_first_and_siblings_by_bytes() {
    let mut tree = Tree::new(0);
    for path in ["a-b", "a", "B", "a/c"] {
        tree.directory(path, 0o755, ROOT).unwrap();
    }
    tree.file("a/b", 0o644, ROOT, vec![1]).unwrap();
    tree.file("a.txt", 0o644, ROOT, vec![1]).unwrap();
    let paths: Vec<_> = tree.entries().map(|(path, _)| path).collect();
    assert_eq!(paths, ["B", "a", "a/b", "a/c", "a-b", "a.txt"]);
}

#[test]
fn paths_that_archives_cannot_carry_are_refused() {
    for path in ["", "/", "/usr", "usr/", "usr//bin", ".", "./usr", "usr/.", "..", "usr/../bin", "a\0b"] {
        let mut tree = Tree::new(0);
        tree.directory("usr", 0o755, ROOT).unwrap();
        let error = tree.directory(path, 0o755, ROOT).unwrap_err();
        assert!(matches!(error, TreeError::InvalidPath { .. }), "{path:?}: {error}");
    }
}

#[test]
fn a_mode_is_checked_at_its_limit() {
    let mut tree = Tree::new(0);
    tree.directory("a", 0o7777, ROOT).unwrap();
    assert!(matches!(tree.directory("b", 0o10000, ROOT), Err(TreeError::InvalidMode { mode: 0o10000, .. })));
}

#[test]
fn a_path_is_held_once() {
    let mut tree = Tree::new(0);
    tree.directory("a", 0o755, ROOT).unwrap();
    assert_eq!(tree.file("a", 0o644, ROOT, vec![]), Err(TreeError::Duplicate { path: "a".into() }));
}

#[test]
fn parents_are_neither_made_up_nor_files() {
    let mut tree = Tree::new(0);
    let error = tree.file("a/b/c", 0o644, ROOT, vec![]).unwrap_err();
    assert_eq!(error, TreeError::MissingParent { path: "a/b/c".into(), parent: "a".into() });
    tree.file("a", 0o644, ROOT, vec![]).unwrap();
    let error = tree.file("a/b/c", 0o644, ROOT, vec![]).unwrap_err();
    assert_eq!(error, TreeError::ParentNotDirectory { path: "a/b/c".into(), parent: "a".into() });
    let error = tree.directories("a/b", 0o755, ROOT).unwrap_err();
    assert_eq!(error, TreeError::ParentNotDirectory { path: "a/b".into(), parent: "a".into() });
}

#[test]
fn directories_keep_what_is_there() {
    let mut tree = Tree::new(0);
    tree.directory("Library", 0o755, ROOT).unwrap();
    tree.directories("Library/a/b", 0o700, Owner::ROOT_ADMIN).unwrap();
    let modes: Vec<_> = tree.entries().map(|(path, entry)| (path, entry.mode)).collect();
    assert_eq!(modes, [("Library", 0o755), ("Library/a", 0o700), ("Library/a/b", 0o700)]);
}

#[test]
fn a_link_needs_a_target() {
    let mut tree = Tree::new(0);
    for target in ["", "a\0b"] {
        assert!(matches!(tree.symlink("link", target, ROOT), Err(TreeError::InvalidTarget { .. })));
    }
    tree.symlink("link", "../anywhere", ROOT).unwrap();
}
