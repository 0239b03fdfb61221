//! `PackageInfo`, with elements and attributes in pkgbuild's order.
//!
//! Must not know: where the figures come from.

use std::io;

use super::Component;
use crate::summary::ComponentSummary;
use crate::xml;

/// Elements that list bundles to watch; without any, pkgbuild writes them empty.
const BUNDLE_ELEMENTS: [&str; 6] = [
    "bundle-version",
    "upgrade-bundle",
    "update-bundle",
    "atomic-update-bundle",
    "strict-identifier",
    "relocate",
];

/// The whole document.
pub fn to_xml(component: &Component, hooks: &[&str], summary: &ComponentSummary) -> io::Result<Vec<u8>> {
    let mut writer = xml::document("utf-8", 4)?;
    writer
        .create_element("pkg-info")
        .with_attributes([
            ("overwrite-permissions", "true"),
            ("relocatable", "false"),
            ("identifier", component.identifier.as_str()),
            ("postinstall-action", "none"),
            ("version", component.version.as_str()),
            ("format-version", "2"),
            ("generator-version", component.generator.as_str()),
            ("install-location", component.install_location.as_str()),
            ("auth", "root"),
        ])
        .write_inner_content(|writer| {
            writer
                .create_element("payload")
                .with_attribute(("numberOfFiles", summary.number_of_files.to_string().as_str()))
                .with_attribute(("installKBytes", summary.install_kbytes.to_string().as_str()))
                .write_empty()?;
            for element in BUNDLE_ELEMENTS {
                writer.create_element(element).write_empty()?;
            }
            if hooks.is_empty() {
                return Ok(());
            }
            writer.create_element("scripts").write_inner_content(|writer| {
                for hook in hooks {
                    writer
                        .create_element(*hook)
                        .with_attribute(("file", format!("./{hook}").as_str()))
                        .with_attribute(("timeout", component.script_timeout.to_string().as_str()))
                        .write_empty()?;
                }
                Ok(())
            })?;
            Ok(())
        })?;
    Ok(xml::finish(writer))
}
