use super::*;

fn package() -> Package {
    Package {
        name: "lima-k3s".to_owned(),
        version: "1.0".to_owned(),
        release: "1".to_owned(),
        maintainer: "A B <a@b>".to_owned(),
        summary: "Short".to_owned(),
        description: vec!["Long.".to_owned()],
        homepage: Some("https://example.org/".to_owned()),
        license: "MIT".to_owned(),
        copyright: Copyright { holders: vec!["2026 A".to_owned()], text: "Text.\n\nMore.\n".to_owned() },
        files: Vec::new(),
        scripts: Scripts::default(),
        depends: Depends::default(),
        changes: vec![Change { version: "1.0-1".to_owned(), time: 0, lines: vec!["New.".to_owned()] }],
        time: 0,
    }
}

type Damage = fn(&mut Package);

/// A line's end in a field would be a field of its own, and a NUL the end of an RPM's.
#[test]
fn values_that_a_format_would_not_take_are_refused() {
    package().check().unwrap();
    let cases: [(&str, Damage); 22] = [
        ("capitals", |one| one.name = "Lima".to_owned()),
        ("a name of one letter", |one| one.name = "l".to_owned()),
        ("an underscore", |one| one.name = "lima_k3s".to_owned()),
        ("a name with +", |one| one.name = "+lima".to_owned()),
        ("a version with -", |one| one.version = "1-2".to_owned()),
        ("a version without a digit", |one| one.version = "v1".to_owned()),
        ("no version", |one| one.version = String::new()),
        ("a release", |one| one.release = "1-2".to_owned()),
        ("no release", |one| one.release = String::new()),
        ("no address", |one| one.maintainer = "A B".to_owned()),
        ("a line's end", |one| one.maintainer = "A\nDepends: x <a@b>".to_owned()),
        ("two addresses", |one| one.maintainer = "A <a@b> <c@d>".to_owned()),
        ("a full stop", |one| one.summary = "Short.".to_owned()),
        ("two lines", |one| one.summary = "Short\nDepends: x".to_owned()),
        ("81 characters", |one| one.summary = "é".repeat(81)),
        ("a NUL", |one| one.description[0] = "Long\0".to_owned()),
        ("a dot", |one| one.description[0] = ".".to_owned()),
        ("no URL", |one| one.homepage = Some("example.org".to_owned())),
        ("no change", |one| one.changes.clear()),
        ("a licence of two lines", |one| one.license = "MIT\nx".to_owned()),
        ("a relation", |one| one.depends.deb.requires.push(Relation::any("x, y"))),
        ("a script without #!", |one| one.scripts.deb.postinst = Some("true".to_owned())),
    ];
    for (what, damage) in cases {
        let mut package = package();
        damage(&mut package);
        let error = package.check().expect_err(what).to_string();
        assert!(!error.contains('\n') && !error.contains('\0'), "{error:?}");
    }
    let mut longest = package();
    longest.summary = "é".repeat(SUMMARY_MAX);
    longest.check().unwrap();
}
