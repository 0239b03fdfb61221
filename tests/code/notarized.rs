//! `notarize` refuses programs that Apple would refuse, before anything is uploaded.

use std::fs;
use std::time::SystemTime;

use xtask::sign::code::sign;
use xtask::sign::{CodeSigner, PackageSigner, Purpose, from_pem, identity_from_pem};

use super::{development, limactl, package};
use crate::notary::authority::team;
use crate::notary::server::{Plan, Server};
use crate::notary::{is_stapled, notarize};
use crate::support::{Xtask, fail, succeed, tool};

fn pem(name: &str) -> [(String, Vec<u8>); 1] {
    [(name.to_owned(), fs::read(team().path(name)).unwrap())]
}

/// A folder with a package of these files, signed by the team.
fn folder(files: &[(&str, Vec<u8>)], timestamps: &str) -> Xtask {
    let now = SystemTime::now();
    let identity = identity_from_pem(&pem("identity.pem"), now).unwrap();
    let signer = PackageSigner::new(identity, now, Some(timestamps.to_owned()));
    let xtask = Xtask::new();
    fs::write(xtask.path("a.pkg"), package(files, &[], Some(&signer))).unwrap();
    xtask
}

#[test]
fn programs_of_nobody_are_refused_and_those_of_the_team_are_not() {
    let Some(_) = tool("openssl") else { return };
    let timestamps = team().timestamps();
    let development = sign(development(), "limactl", limactl()).unwrap();
    let xtask = folder(&[("ad-hoc", limactl()), ("development", development)], &timestamps);
    let before = fs::read(xtask.path("a.pkg")).unwrap();
    let server = Server::start(Plan { in_progress: 0, ..Plan::default() });
    let error = fail(&mut notarize(&xtask, &server, &["a.pkg"]));
    for part in [
        "\"./opt/ad-hoc\": it has only an ad hoc signature",
        "\"./opt/ad-hoc\": it does not ask for the hardened runtime",
        "\"./opt/development\": it is signed by",
        "\"./opt/development\": it has no valid timestamp",
        "--app-p12-file FILE",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!((server.count("POST"), server.count("PUT")), (0, 0), "nothing was submitted");
    assert_eq!(fs::read(xtask.path("a.pkg")).unwrap(), before);

    let now = SystemTime::now();
    let identity = from_pem(Purpose::Application, &pem("application.pem"), now).unwrap();
    let signer = CodeSigner::new(identity, now, Some(timestamps.clone()));
    let signed = sign(&signer, "limactl", limactl()).unwrap();
    let xtask = folder(&[("limactl", signed)], &timestamps);
    succeed(&mut notarize(&xtask, &server, &["a.pkg"]));
    assert!(is_stapled(&fs::read(xtask.path("a.pkg")).unwrap()));
}
