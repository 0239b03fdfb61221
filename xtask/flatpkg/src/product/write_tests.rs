use std::io::Cursor;

use super::*;
use crate::component::Choice;
use crate::component::Component;
use crate::product::{Background, InstallationCheck};
use crate::summary::ComponentSummary;
use crate::tree::{Owner, Tree};

fn component(name: &str) -> Component {
    let mut payload = Tree::new(0);
    payload.file("a", 0o644, Owner::ROOT_WHEEL, vec![0; 5000]).unwrap();
    Component {
        file_name: format!("{name}.pkg"),
        identifier: format!("org.example.{name}"),
        version: "1.2".into(),
        install_location: "/".into(),
        payload: Some(payload),
        scripts: None,
        script_timeout: 600,
        generator: "test".into(),
        choice: None,
    }
}

fn page(file_name: &str) -> Option<Resource> {
    Some(Resource { file_name: file_name.into(), mime_type: "text/html".into(), bytes: b"<p>".to_vec() })
}

fn product() -> Product {
    Product {
        title: "Ls & <more>".into(),
        identifier: "org.example.product".into(),
        version: "1.2".into(),
        host_architectures: vec!["arm64".into(), "x86_64".into()],
        components: vec![component("a")],
        ..Product::default()
    }
}

fn write_to_memory(product: &Product) -> Result<Summary, Error> {
    let mut out = Vec::new();
    let summary = write_product(product, 0, None, &mut Cursor::new(Vec::new()), &mut out)?;
    assert_eq!(summary.package_size, out.len() as u64);
    Ok(summary)
}

fn distribution_of(product: &Product) -> String {
    let summaries: Vec<ComponentSummary> = write_to_memory(product).unwrap().components;
    String::from_utf8(distribution::to_xml(product, &summaries).unwrap()).unwrap()
}

#[test]
fn the_plainest_distribution() {
    let expected = r##"<?xml version="1.0" encoding="utf-8"?>
<installer-gui-script minSpecVersion="2">
    <product id="org.example.product" version="1.2"/>
    <title>Ls &amp; &lt;more&gt;</title>
    <options customize="never" require-scripts="false" hostArchitectures="arm64,x86_64"/>
    <domains enable_anywhere="false" enable_currentUserHome="false" enable_localSystem="true"/>
    <choices-outline>
        <line choice="default">
            <line choice="org.example.a"/>
        </line>
    </choices-outline>
    <choice id="default"/>
    <choice id="org.example.a" visible="false">
        <pkg-ref id="org.example.a"/>
    </choice>
    <pkg-ref id="org.example.a" version="1.2" onConclusion="none" installKBytes="5">#a.pkg</pkg-ref>
</installer-gui-script>
"##;
    assert_eq!(distribution_of(&product()), expected);
}

#[test]
fn a_distribution_with_everything() {
    let choice = Choice { title: "A".into(), description: "\"B\"".into(), visible: true, selected: false };
    let full = Product {
        minimum_macos: Some("13.0".into()),
        organization: Some("org.example".into()),
        welcome: page("welcome.html"),
        readme: page("readme.html"),
        license: page("license.html"),
        conclusion: page("conclusion.html"),
        background: Some(Background {
            resource: Resource { file_name: "b.png".into(), mime_type: "image/png".into(), bytes: vec![1] },
            dark: None,
            alignment: "bottomleft".into(),
            scaling: "none".into(),
        }),
        installation_check: Some(InstallationCheck {
            script_body: "function check() { return 1 < 2 && true; }\n".into(),
            entry: "check()".into(),
        }),
        components: vec![Component { choice: Some(choice), ..component("a") }, component("b")],
        ..product()
    };
    let expected = r##"<?xml version="1.0" encoding="utf-8"?>
<installer-gui-script minSpecVersion="2">
    <product id="org.example.product" version="1.2"/>
    <title>Ls &amp; &lt;more&gt;</title>
    <organization>org.example</organization>
    <options customize="allow" require-scripts="false" hostArchitectures="arm64,x86_64"/>
    <domains enable_anywhere="false" enable_currentUserHome="false" enable_localSystem="true"/>
    <volume-check>
        <allowed-os-versions>
            <os-version min="13.0"/>
        </allowed-os-versions>
    </volume-check>
    <installation-check script="check()"/>
    <script>function check() { return 1 &lt; 2 &amp;&amp; true; }
</script>
    <background file="b.png" mime-type="image/png" alignment="bottomleft" scaling="none"/>
    <background-darkAqua file="b.png" mime-type="image/png" alignment="bottomleft" scaling="none"/>
    <welcome file="welcome.html" mime-type="text/html"/>
    <readme file="readme.html" mime-type="text/html"/>
    <license file="license.html" mime-type="text/html"/>
    <conclusion file="conclusion.html" mime-type="text/html"/>
    <choices-outline>
        <line choice="default">
            <line choice="org.example.a"/>
            <line choice="org.example.b"/>
        </line>
    </choices-outline>
    <choice id="default"/>
    <choice id="org.example.a" visible="true" start_selected="false" title="A" description="&quot;B&quot;">
        <pkg-ref id="org.example.a"/>
    </choice>
    <choice id="org.example.b" visible="false">
        <pkg-ref id="org.example.b"/>
    </choice>
    <pkg-ref id="org.example.a" version="1.2" onConclusion="none" installKBytes="5">#a.pkg</pkg-ref>
    <pkg-ref id="org.example.b" version="1.2" onConclusion="none" installKBytes="5">#b.pkg</pkg-ref>
</installer-gui-script>
"##;
    assert_eq!(distribution_of(&full), expected);
}

#[test]
fn fields_are_checked() {
    for wrong in [
        Product { identifier: "a b".into(), ..product() },
        Product { version: "".into(), ..product() },
        Product { title: " ".into(), ..product() },
        Product { title: "a\u{7}".into(), ..product() },
        Product { minimum_macos: Some("13.".into()), ..product() },
        Product { host_architectures: vec![], ..product() },
        Product { host_architectures: vec!["aarch64".into()], ..product() },
        Product { welcome: page("a/b.html"), ..product() },
        Product { components: vec![Component { file_name: "a".into(), ..component("a") }], ..product() },
    ] {
        let error = write_to_memory(&wrong).unwrap_err();
        assert!(
            matches!(&error, Error::Product { source: ProductError::InvalidField { .. }, .. }),
            "{error:?}"
        );
    }
}

#[test]
fn what_must_be_unique_is() {
    let twice = Product { components: vec![component("a"), component("a")], ..product() };
    let same_identifier = Component { file_name: "b.pkg".into(), ..component("a") };
    let aliased = Product { components: vec![component("a"), same_identifier], ..product() };
    for wrong in [twice, aliased] {
        let error = write_to_memory(&wrong).unwrap_err();
        assert!(matches!(error, Error::Product { source: ProductError::DuplicateComponent { .. }, .. }));
    }
    let shared = Product { welcome: page("p.html"), conclusion: page("p.html"), ..product() };
    write_to_memory(&shared).unwrap();
    let other = Some(Resource { bytes: vec![], ..page("p.html").unwrap() });
    let error = write_to_memory(&Product { conclusion: other, ..shared }).unwrap_err();
    assert!(matches!(error, Error::Product { source: ProductError::ConflictingResource { .. }, .. }));
    let nothing = write_to_memory(&Product { components: vec![], ..product() }).unwrap_err();
    assert!(matches!(nothing, Error::Product { source: ProductError::NoComponent, .. }));
}
