//! Templates filled in: from a [`Spec`] and one of its instances to the text of
//! every script, unit and page.
//!
//! Values reach a template through an escaper of [`escape`] and in no other
//! way. A template that cannot be rendered is a mistake in this program, since
//! settings were checked when they were read: the functions here panic then,
//! and say which template it was.
//!
//! Must not know: archives, the disk, the clock, `out/`.
//!
//! [`Spec`]: crate::settings::Spec

pub mod escape;
pub mod text;

use askama::Template;

/// Fills in a template. askama takes away the newline at a template's end; it
/// is put back.
pub fn fill(name: &str, template: &impl Template) -> String {
    let mut text = template.render().unwrap_or_else(|error| panic!("templates/{name}: {error}"));
    text.push('\n');
    text
}

/// Joins scripts into one file, under a first line of its own.
pub fn stand_alone(purpose: &str, parts: &[&str]) -> String {
    let mut text = format!(
        "#!/bin/sh\n# {purpose}\n# One file made of several, so that it needs none beside it.\n# shellcheck disable=SC1003,SC2016,SC2034,SC2089,SC2090,SC2154,SC2317 # literal values; a part of what is defined is used\n"
    );
    for part in parts {
        let body = part.strip_prefix("#!/bin/sh\n").unwrap_or(part);
        text.push('\n');
        text.push_str(body);
    }
    text
}
