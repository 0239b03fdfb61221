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
//! [`Spec`]: crate::spec::Spec

mod combined;
pub mod escape;
mod index;
mod index_commands;
mod managers;
mod pages;
mod scripts;
mod text;
mod units;

use askama::Template;

pub use combined::{
    choice_description, combined_conclusion_html, combined_title, combined_uninstall_conclusion_html,
    combined_uninstall_title, combined_uninstall_welcome_html, combined_welcome_html,
    uninstall_choice_description,
};
pub use index::{
    Totals, index_combined, index_end, index_file, index_foot, index_head, index_instance, index_list,
};
pub use index_commands::allow;
pub use managers::{fleet_install_sh, munki_installcheck_sh};
pub use pages::{
    conclusion_html, title, uninstall_conclusion_html, uninstall_title, uninstall_welcome_html, welcome_html,
};
pub use scripts::{
    ScriptFile, common_sh, config_sh, found_sh, installer_scripts, launchd_sh, lima_start, postinstall,
    preinstall, reload_sh, uninstall_sh, uninstaller_scripts,
};
pub use units::{LinuxFile, drop_in, linux_files, linux_paths, template_unit};

/// Fills in a template. askama takes away the newline at a template's end; it
/// is put back.
fn fill(name: &str, template: &impl Template) -> String {
    let mut text = template.render().unwrap_or_else(|error| panic!("templates/{name}: {error}"));
    text.push('\n');
    text
}
