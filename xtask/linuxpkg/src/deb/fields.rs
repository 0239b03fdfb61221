//! The fields of a `control` file, read.
//!
//! Must not know: archives.

use flatpkg::Findings;

use crate::contents::Contents;

/// Fields that name other packages.
const RELATIONS: [&str; 9] = [
    "Pre-Depends",
    "Depends",
    "Recommends",
    "Suggests",
    "Enhances",
    "Breaks",
    "Conflicts",
    "Provides",
    "Replaces",
];

/// A paragraph's fields in order; a value of several lines keeps their ends, without the
/// blank before each.
pub fn parse(text: &str, findings: &mut Findings) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut ended = false;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.trim().is_empty() {
            ended = !fields.is_empty();
            continue;
        }
        if ended {
            findings.lie("control", "has more than one paragraph");
            break;
        }
        if let Some(more) = line.strip_prefix([' ', '\t']) {
            match fields.last_mut() {
                Some((_, value)) => {
                    value.push('\n');
                    value.push_str(more);
                }
                None => findings.lie("control", "begins with a line that goes on"),
            }
            continue;
        }
        match line.split_once(':') {
            Some((name, value)) if !name.is_empty() && !name.contains(' ') => {
                if fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                    findings.lie(name, "is there twice in control");
                }
                fields.push((name.to_owned(), value.trim().to_owned()));
            }
            _ => findings.lie("control", format!("has a line that is not a field: {line:.100?}")),
        }
    }
    fields
}

/// Takes what packages of all formats have out of the fields.
pub fn describe(contents: &mut Contents) {
    let get = |name: &str| contents.field(name).map(str::to_owned);
    let (name, version, architecture) = (get("Package"), get("Version"), get("Architecture"));
    let (maintainer, homepage) = (get("Maintainer"), get("Homepage"));
    let summary = get("Description").map(|text| text.lines().next().unwrap_or_default().to_owned());
    (contents.maintainer, contents.homepage, contents.summary) = (maintainer, homepage, summary);
    for kind in RELATIONS {
        let list = contents.field(kind).unwrap_or_default().replace('\n', " ");
        let list = list.split(',').map(str::trim).filter(|one| !one.is_empty());
        let list: Vec<_> = list.map(|one| (kind.to_owned(), one.to_owned())).collect();
        contents.relations.extend(list);
    }
    let findings = &mut contents.field_findings;
    for (field, value) in [("Package", &name), ("Version", &version), ("Architecture", &architecture)] {
        if value.as_ref().is_none_or(String::is_empty) {
            findings.lie(field, "is missing in control");
        }
    }
    for (field, value) in [("Maintainer", &contents.maintainer), ("Description", &contents.summary)] {
        if value.as_ref().is_none_or(String::is_empty) {
            findings.note(field, "is missing in control");
        }
    }
    contents.name = name.unwrap_or_default();
    contents.version = version.unwrap_or_default();
    contents.architecture = architecture.unwrap_or_default();
    if !contents.name.is_empty() && !crate::package::is_name(&contents.name) {
        findings.lie("Package", format!("is {:?}, which dpkg does not take for a name", contents.name));
    }
    if !contents.version.is_empty() && !is_version(&contents.version) {
        findings.lie("Version", format!("is {:?}, which dpkg does not take for a version", contents.version));
    }
}

/// `[epoch:]upstream[-revision]` (deb-version(7)).
fn is_version(version: &str) -> bool {
    let upstream = match version.split_once(':') {
        Some((epoch, rest)) if !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        Some(_) => return false,
        None => version,
    };
    upstream.starts_with(|one: char| one.is_ascii_digit())
        && upstream.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-~:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_may_have_several_lines() {
        let mut findings = Findings::default();
        let fields = parse("A: 1\nB: 2\n x\n .\n y\n\n", &mut findings);
        assert!(findings.is_empty());
        assert_eq!(fields, [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2\nx\n.\ny".to_owned())]);
        for wrong in [" a\n", "no field\n", "A: 1\na: 2\n", "A: 1\n\nB: 2\n", ": x\n"] {
            let mut findings = Findings::default();
            parse(wrong, &mut findings);
            assert!(!findings.is_empty(), "{wrong:?}");
        }
    }

    #[test]
    fn versions_are_those_of_dpkg() {
        for right in ["1", "1.0-1", "2:1.0~rc1+dfsg-1ubuntu2", "1:2:3"] {
            assert!(is_version(right), "{right}");
        }
        for wrong in ["", "a", "x:1", ":1", "1_0", "1 0"] {
            assert!(!is_version(wrong), "{wrong}");
        }
    }
}
