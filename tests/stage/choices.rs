//! What is taken of a package with several choices: a property list says it, as
//! for `installer -applyChoiceChangesXML`.
//!
//! installer(8), "CHOICE CHANGES FILE": an array of dictionaries, each with
//! `choiceIdentifier`, `choiceAttribute` (`selected`, `enabled`, `visible` or
//! `customLocation`) and `attributeSetting`; what is wrong with it goes to
//! `/var/log/install.log`, and the installation goes on. What
//! `-showChoiceChangesXML` prints has all three of the first for each choice,
//! `selected` as a number and the others as booleans (Munki's wiki,
//! ChoiceChangesXML).

use plist::Value;

use super::package::Package;

impl Package {
    /// Takes and leaves choices as a property list says, and gives back what
    /// Installer would have to say about it.
    pub fn apply_choice_changes(&mut self, property_list: &[u8]) -> Vec<String> {
        let changes = Value::from_reader_xml(property_list).expect("a property list");
        let changes = changes.into_array().expect("an array");
        changes.into_iter().filter_map(|change| self.apply(&change).err()).collect()
    }

    fn apply(&mut self, change: &Value) -> Result<(), String> {
        let change = change.as_dictionary().expect("a dictionary");
        let text = |key| change.get(key).and_then(Value::as_string).unwrap_or_else(|| panic!("no {key}"));
        let (identifier, attribute) = (text("choiceIdentifier"), text("choiceAttribute"));
        let choice = self.choices.iter_mut().find(|choice| choice.identifier == identifier);
        let choice = choice.ok_or_else(|| format!("there is no choice {identifier:?} in the package"))?;
        let setting = change.get("attributeSetting").expect("no attributeSetting");
        match attribute {
            "selected" => {
                choice.selected = match setting.as_signed_integer() {
                    Some(0) => false,
                    Some(1) => true,
                    // The state of a choice above others of which some are taken.
                    Some(-1) => return Ok(()),
                    _ => return Err(format!("{identifier} cannot be selected as {setting:?}")),
                };
                Ok(())
            }
            // What a person sees of it; nobody looks here.
            "enabled" | "visible" => Ok(()),
            _ => Err(format!("the choice {identifier} has no {attribute:?}")),
        }
    }
}

/// Such a list, with the settings as they stand.
pub fn choice_changes(changes: &[(&str, &str, &str)]) -> String {
    let change = |(identifier, attribute, setting): &(&str, &str, &str)| {
        format!(
            "\t<dict>\n\t\t<key>attributeSetting</key>\n\t\t{setting}\n\t\t<key>choiceAttribute</key>\n\t\t\
             <string>{attribute}</string>\n\t\t<key>choiceIdentifier</key>\n\t\t<string>{identifier}</string>\n\
             \t</dict>\n"
        )
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
         \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<array>\n{}</array>\n</plist>\n",
        changes.iter().map(change).collect::<String>()
    )
}
