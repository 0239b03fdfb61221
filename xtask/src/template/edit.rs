//! A template that takes its disk image and containerd from files on the Mac.
//!
//! The text stays as it is, comments too, but for the keys `images` and `containerd` at its
//! top: their lines go, and new ones are put at the end, in the form of JSON, which YAML takes.
//! What comes out is read again and held against what went in, so a text that is not laid out
//! line by line is refused and never changed into something else.
//!
//! Must not know: the disk, where files are.

use serde_json::{Map, Value, json};

use crate::settings::Architecture;

/// A file on the Mac, as a template names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// The guest's processor, as Lima names it.
    pub arch: &'static str,
    /// Its absolute path.
    pub location: String,
    /// Its digest, as `sha256:...`.
    pub digest: String,
}

/// Lima's name of a processor (its `pkg/limatype/lima_yaml.go`).
pub fn arch(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Arm64 => "aarch64",
        Architecture::X86_64 => "x86_64",
    }
}

/// The template with these images in place of its own, and these archives of containerd; where
/// there are none, its own stay.
///
/// # Errors
/// Why the text cannot be changed, and what to do.
pub fn with_files(text: &str, images: &[Local], archives: &[Local]) -> Result<String, String> {
    if images.is_empty() && archives.is_empty() {
        return Ok(text.to_owned());
    }
    let mut wanted = parse(text)?;
    let list = |files: &[Local]| {
        let one = |file: &Local| json!({"location": file.location, "arch": file.arch, "digest": file.digest});
        Value::Array(files.iter().map(one).collect())
    };
    let mut changed = Vec::new();
    if !images.is_empty() {
        changed.push("images");
        wanted.insert("images".to_owned(), list(images));
    }
    if !archives.is_empty() {
        changed.push("containerd");
        let containerd = wanted.entry("containerd").or_insert_with(|| json!({}));
        let Some(containerd) = containerd.as_object_mut() else {
            return Err("its `containerd` is not a mapping; correct the template".to_owned());
        };
        containerd.insert("archives".to_owned(), list(archives));
    }
    let mut edited = without(text, &changed);
    if !edited.is_empty() && !edited.ends_with('\n') {
        edited.push('\n');
    }
    for key in &changed {
        edited.push_str(&format!("{key}: {}\n", wanted[*key]));
    }
    if parse(&edited).as_ref() == Ok(&wanted) {
        return Ok(edited);
    }
    let keys = changed.join("` and `");
    Err(format!(
        "the template's `{keys}` cannot be replaced; write each key at the top of the template on a line of its own, as \
         Lima's own templates do"
    ))
}

fn parse(text: &str) -> Result<Map<String, Value>, String> {
    let value: Option<Map<String, Value>> = serde_saphyr::from_str(text).map_err(|error| {
        let error = error.to_string();
        format!("this is not a Lima template: {}", error.lines().next().unwrap_or_default())
    })?;
    Ok(value.unwrap_or_default())
}

/// The text without these keys at its top, each with the lines that belong to it: those that
/// are indented, empty, or go on with a list. Comments at the start of a line may be about what
/// follows, and stay.
fn without(text: &str, keys: &[&str]) -> String {
    let begins = |line: &str, key: &str| {
        let rest = line.strip_prefix(key).or_else(|| line.strip_prefix(&format!("{key:?}")));
        rest.is_some_and(|rest| rest.trim_start_matches(' ').starts_with(':'))
    };
    let mut left_out = false;
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        if line.starts_with('#') {
            kept.push_str(line);
            continue;
        }
        let goes_on =
            bare.is_empty() || line.starts_with([' ', '\t']) || bare == "-" || line.starts_with("- ");
        if !goes_on {
            left_out = keys.iter().any(|key| begins(line, key));
        }
        if !left_out {
            kept.push_str(line);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(name: &str) -> Local {
        Local { arch: "aarch64", location: format!("/opt/{name}"), digest: "sha256:00".to_owned() }
    }

    #[test]
    fn keys_are_replaced_and_the_rest_stays() {
        let text = "# k3s\nminimumLimaVersion: 2.0.0\nimages:\n# the first\n- location: https://example.com/a\n  \
                    arch: aarch64\n\n- location: https://example.com/b\nprovision:\n- mode: system\n  script: |\n    \
                    images: none\ncontainerd:\n  user: false\n  system: true\nmounts: []";
        let edited = with_files(text, &[local("disk")], &[local("nerdctl")]).unwrap();
        assert_eq!(
            edited,
            "# k3s\nminimumLimaVersion: 2.0.0\n".to_owned()
                + "# the first\nprovision:\n- mode: system\n  script: |\n    images: none\nmounts: []\n\
                   images: [{\"arch\":\"aarch64\",\"digest\":\"sha256:00\",\"location\":\"/opt/disk\"}]\n\
                   containerd: {\"archives\":[{\"arch\":\"aarch64\",\"digest\":\"sha256:00\",\"location\":\"/opt/nerdctl\"}],\
                   \"system\":true,\"user\":false}\n"
        );
        assert_eq!(with_files(text, &[], &[]).unwrap(), text);
        assert_eq!(with_files("", &[local("a")], &[]).unwrap().lines().count(), 1);
    }

    #[test]
    fn what_cannot_be_replaced_is_refused() {
        for text in
            ["{images: [], mounts: []}", "? images\n: []\n", "images: &a []\nmounts: *a\n", "a: 1\n...\n"]
        {
            let error = with_files(text, &[local("a")], &[]).unwrap_err();
            assert!(error.contains("replaced") || error.contains("not a Lima template"), "{text:?}: {error}");
        }
        let error = with_files("containerd: true\n", &[], &[local("a")]).unwrap_err();
        assert!(error.contains("not a mapping"), "{error}");
    }
}
