//! What holds for any text: an accepted value is kept as it was, wherever it
//! is written; a refused one is shown, escaped; nothing panics.

use std::fmt::Display;
use std::str::FromStr;

use proptest::prelude::*;
use xtask::settings::Maintainer;
use xtask::settings::names::NameError;
use xtask::settings::source::Source;
use xtask::settings::tables::{self, Settings};

use super::*;

/// Any text, and text that comes close to being right.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "\\PC{0,80}",
        "[a-zA-Z0-9._-]{0,80}",
        "[0-9.]{0,24}",
        "(/[a-z.~: \u{0}-\u{9f}]{0,8}){0,6}",
        "[A-Z_]{1,12}",
        "[a-z]{1,8}([._-][a-zA-Z0-9]{1,8}){0,12}",
        "(auto|Auto|root|ROOT|rOOt|LIMA_HOME|a\\.yml|a\\.YAML|10\\.15|//|/\\.\\.)",
    ]
}

fn config() -> ProptestConfig {
    // Failing cases are printed; a file of them beside the tests helps nobody.
    ProptestConfig { failure_persistence: None, cases: 1024, ..ProptestConfig::default() }
}

fn parses_or_explains<T>(text: &str) -> Result<(), TestCaseError>
where
    T: FromStr<Err = NameError> + Display + PartialEq + std::fmt::Debug + serde::de::DeserializeOwned,
{
    #[derive(serde::Deserialize)]
    struct File<T> {
        value: T,
    }
    let in_file = toml::to_string(&std::collections::BTreeMap::from([("value", text)])).unwrap();
    match (text.parse::<T>(), toml::from_str::<File<T>>(&in_file)) {
        (Ok(value), Ok(file)) => {
            prop_assert_eq!(value.to_string(), text);
            prop_assert_eq!(value, file.value);
        }
        (Err(error), Err(in_file)) => {
            let message = error.to_string();
            prop_assert!(message.contains(&quoted(text)), "{message}");
            prop_assert!(!message.contains(char::is_control), "{message}");
            prop_assert_eq!(in_file.message(), message);
        }
        (value, file) => {
            prop_assert!(false, "{:?} alone, {:?} in a file", value, file.map(|file| file.value))
        }
    }
    Ok(())
}

fn parse(text: &str) -> Result<Settings, String> {
    let source =
        Source::decode("installers.toml", text.as_bytes().to_vec()).map_err(|error| error.to_string())?;
    tables::parse(source, &mut |_| Ok(b"x".to_vec())).map_err(|error| error.to_string())
}

/// Lines that are settings, nearly settings, or neither.
fn line() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        Just("name"),
        Just("user"),
        Just("env"),
        Just("env.A"),
        Just("limactl"),
        Just("version"),
        Just("instance"),
        Just("defaults"),
        Just("defaults.user"),
        Just("exit-timeout"),
        Just("architectures"),
        Just("license"),
        Just("template"),
        Just("require-start"),
        Just("nmae"),
        Just("\"\""),
        Just("\"\\u001b\""),
        Just("ü"),
        Just("=")
    ];
    let value = prop_oneof![
        Just("1".to_owned()),
        Just("1.0".to_owned()),
        Just("true".to_owned()),
        Just("2026-04-01".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("[\"arm64\"]".to_owned()),
        Just("[{ name = \"a\" }]".to_owned()),
        Just("{ A = \"b\" }".to_owned()),
        Just("99999999999999999999999999".to_owned()),
        Just("nan".to_owned()),
        Just("\"\"\"".to_owned()),
        "\\PC{0,12}",
        text().prop_map(|text| toml::Value::String(text).to_string()),
    ];
    prop_oneof![
        6 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => Just("[defaults]".to_owned()),
        1 => Just("[[instance]]".to_owned()),
        1 => Just("[[instance]]\nname = \"a\"".to_owned()),
        1 => Just("[instance.env]".to_owned()),
        1 => "\\PC{0,20}",
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn names(text in text()) {
        parses_or_explains::<InstanceName>(&text)?;
        parses_or_explains::<UserName>(&text)?;
        parses_or_explains::<Account>(&text)?;
        parses_or_explains::<Limactl>(&text)?;
        parses_or_explains::<AbsolutePath>(&text)?;
        parses_or_explains::<EnvName>(&text)?;
        parses_or_explains::<EnvValue>(&text)?;
        parses_or_explains::<IdentifierPrefix>(&text)?;
        parses_or_explains::<CatalogName>(&text)?;
        parses_or_explains::<Maintainer>(&text)?;
        parses_or_explains::<PackageVersion>(&text)?;
        parses_or_explains::<MacosVersion>(&text)?;
        parses_or_explains::<Text>(&text)?;
        parses_or_explains::<Condition>(&text)?;
        parses_or_explains::<KeepAlive>(&text)?;
        parses_or_explains::<Architecture>(&text)?;
    }

    #[test]
    fn accepted_names_are_safe_everywhere(text in text()) {
        // What the rest of the program rests on.
        if text.parse::<InstanceName>().is_ok() || text.parse::<UserName>().is_ok() {
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)));
            prop_assert!(!text.starts_with(['.', '-']) && !text.contains("/"));
        }
        if text.parse::<AbsolutePath>().is_ok() {
            let path = Path::new(&text);
            prop_assert!(path.is_absolute() && path.components().collect::<PathBuf>().as_os_str() == path.as_os_str());
        }
    }

    /// By the grammar of RFC 3986, without what browsers and curl would read otherwise.
    #[test]
    fn an_address_of_the_grammar_is_kept_and_no_other_is_taken(
        host in "[a-z][a-z0-9]{0,8}([.-][a-z][a-z0-9]{0,8}){0,3}",
        port in "(:([1-9][0-9]{0,3}))?",
        path in "(/([a-zA-Z0-9_~!&'()*+,;=:@-]|%[2-7][1-9A-D]){1,8}){0,4}",
        at in any::<prop::sample::Index>(),
        wrong in "[ \"<>\\\\^`{|}\u{7f}-\u{a0}äß🦀\\[%$?#\n\u{202e}]",
    ) {
        let address = format!("https://{host}{port}{path}");
        let url: BaseUrl = address.parse().map_err(|error| TestCaseError::fail(format!("{error}")))?;
        prop_assert!(port == ":443" || url.as_str() == address, "{} is {url}", address);
        let places: Vec<usize> = address.char_indices().map(|(at, _)| at).skip(8).chain([address.len()]).collect();
        let mut damaged = address.clone();
        damaged.insert_str(*at.get(&places), &wrong);
        // A `%` may be put before two digits.
        let is_escape = wrong == "%" && damaged.split('%').skip(1).all(|rest| {
            rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit())
        });
        if let Ok(url) = damaged.parse::<BaseUrl>() {
            prop_assert!(is_escape, "{damaged} is {url}");
        }
    }

    #[test]
    fn versions_have_one_order(a in "[0-9]{1,3}(\\.[0-9]{1,3}){0,4}", b in "[0-9]{1,3}(\\.[0-9]{1,3}){0,4}") {
        let numbers = |text: &str| {
            let mut numbers: Vec<u32> = text.split('.').map(|part| part.parse().unwrap()).collect();
            numbers.resize(5, 0);
            numbers
        };
        let expected = numbers(&a).cmp(&numbers(&b));
        let (a, b): (PackageVersion, PackageVersion) = (a.parse().unwrap(), b.parse().unwrap());
        prop_assert_eq!(a.installer_cmp(&b), expected);
        prop_assert_eq!(b.installer_cmp(&a), expected.reverse());
    }

    #[test]
    fn any_file_is_read_or_explained(lines in prop::collection::vec(line(), 0..12)) {
        if let Err(message) = parse(&lines.join("\n")) {
            prop_assert!(message.starts_with("installers.toml:"), "{message}");
            prop_assert!(!message.contains(|c: char| c.is_control() && c != '\n'), "{message}");
        }
    }

    #[test]
    fn any_text_is_read_or_explained(text in any::<String>()) {
        if let Err(message) = parse(&text) {
            prop_assert!(message.starts_with("installers.toml:"), "{message}");
            prop_assert!(!message.contains(|c: char| c.is_control() && c != '\n'), "{message}");
        }
    }

    #[test]
    fn any_bytes_are_text_or_explained(bytes in any::<Vec<u8>>()) {
        let valid = std::str::from_utf8(&bytes).is_ok_and(|text| !text.trim_start_matches('\u{feff}').trim().is_empty());
        let decoded = Source::decode("installers.toml", bytes).is_ok();
        prop_assert!(!decoded || valid);
    }
}
