//! A team of the tests' own: installer and application certificates below roots of their own, an API
//! key, a timestamp authority, and packages that are signed and stamped by them.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use tempfile::TempDir;
use xshell::{Shell, cmd};

use crate::signing::timestamp::{Authority, serve};
use crate::support::{Xtask, succeed};
use crate::verify::tickets::Forger;

pub const KEY_ID: &str = "2X9R4HXF34";
pub const ISSUER: &str = "57246542-96fe-1a63-e053-0824d011072a";

/// Files of a team.
pub struct Team {
    dir: TempDir,
    /// Makes tickets.
    pub forger: Mutex<Forger>,
}

/// The team of all tests: RSA keys take their time.
pub fn team() -> &'static Team {
    static TEAM: OnceLock<Team> = OnceLock::new();
    TEAM.get_or_init(Team::new)
}

impl Team {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let script = r#"
        # NAME SUBJECT ISSUER EXTENSIONS
        certificate() {
            openssl genrsa -out "$1.key" 2048
            openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
            printf "$4" > "$1.ext"
            if [ "$1" = "$3" ]; then set -- "$1" -signkey "$1.key"
            else set -- "$1" -CA "$3.pem" -CAkey "$3.key" -CAcreateserial; fi
            name=$1; shift
            openssl x509 -req -in "$name.csr" "$@" -extfile "$name.ext" -sha256 -out "$name.pem" -days 10
        }
        ca='basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n'
        certificate root '/CN=A test root' root "$ca"
        certificate authority '/CN=Developer ID Certification Authority' root "$ca"
        certificate leaf '/CN=Developer ID Installer: A Tester (TEAM)/OU=TEAM' authority \
            'extendedKeyUsage=critical,1.2.840.113635.100.4.13\nkeyUsage=critical,digitalSignature\n'
        cat leaf.key leaf.pem authority.pem root.pem > identity.pem
        certificate application '/CN=Developer ID Application: A Tester (TEAM)/OU=TEAM' authority \
            'extendedKeyUsage=critical,codeSigning\nkeyUsage=critical,digitalSignature\n1.2.840.113635.100.6.1.13=critical,DER:0500\n'
        cat application.key application.pem authority.pem root.pem > both.pem
        mv both.pem application.pem
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.p8
        openssl pkey -in key.p8 -pubout -out key.public
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out other.p8
        "#;
        let sh = Shell::new().unwrap();
        sh.change_dir(dir.path());
        cmd!(sh, "sh -euc {script}").quiet().ignore_stdout().ignore_stderr().run().unwrap();
        Self { dir, forger: Mutex::new(Forger::new()) }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The API key as rcodesign writes it.
    pub fn api_key(&self, key: &str) -> String {
        let text = fs::read_to_string(self.path(key)).unwrap();
        let base64: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        serde_json::json!({ "issuer_id": ISSUER, "key_id": KEY_ID, "private_key": base64 }).to_string()
    }

    /// An output folder with `count` instances, built once, in a folder of its own.
    pub fn built(&self, count: usize) -> Xtask {
        static BUILT: Mutex<Vec<(usize, PathBuf)>> = Mutex::new(Vec::new());
        let xtask = Xtask::new();
        let mut built = BUILT.lock().unwrap();
        if !built.iter().any(|(one, _)| *one == count) {
            let place = self.path(&format!("built-{count}"));
            self.build(count, &place);
            built.push((count, place));
        }
        let (_, place) = built.iter().find(|(one, _)| *one == count).unwrap();
        let sh = Shell::new().unwrap();
        let to = xtask.path("out");
        cmd!(sh, "cp -R {place} {to}").quiet().run().unwrap();
        xtask
    }

    /// Builds an output folder with `count` instances.
    pub fn build(&self, count: usize, place: &Path) {
        let xtask = crate::fleet::folder(count);
        let url = self.timestamps();
        let out = place.to_str().unwrap().to_owned();
        let identity = self.path("identity.pem").to_str().unwrap().to_owned();
        succeed(&mut xtask.command(&[
            "dist",
            "--pem-file",
            &identity,
            "--timestamp-url",
            &url,
            "--out",
            &out,
        ]));
    }

    /// A timestamp authority, at this address.
    pub fn timestamps(&self) -> String {
        let authority = Authority::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let authority = Mutex::new(authority);
            for stream in listener.incoming() {
                serve(stream.unwrap(), |request| (200, authority.lock().unwrap().answer(request)));
            }
        });
        url
    }
}
