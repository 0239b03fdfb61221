//! The RFC 3161 timestamp, asked from an authority that openssl plays on a
//! loopback address.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cryptographic_message_syntax::asn1::rfc5652::SignedData;
use flatpkg::Signer;
use sha1::{Digest, Sha1};
use tempfile::TempDir;
use xshell::{Shell, cmd};
use xtask::sign::PackageSigner;

use super::{installer_identity, openssl_verifies};
use crate::support::tool;

/// An authority: certificate, key and the configuration that openssl wants.
pub struct Authority {
    dir: TempDir,
}

impl Authority {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sh = Shell::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        let (key, certificate, config) = (at("key.pem"), at("cert.pem"), at("config"));
        cmd!(
            sh,
            "openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2
             -subj '/CN=A test timestamp authority' -addext extendedKeyUsage=critical,timeStamping"
        )
        .ignore_stderr()
        .run()
        .unwrap();
        let folder = dir.path().display();
        fs::write(at("serial"), "01\n").unwrap();
        fs::write(
            config,
            format!(
                "[tsa]\ndefault_tsa = it\n[it]\nserial = {folder}/serial\nsigner_cert = {folder}/cert.pem\n\
                 signer_key = {folder}/key.pem\nsigner_digest = sha256\ndefault_policy = 1.2.3.4\n\
                 digests = sha1, sha256\naccuracy = secs:1\n"
            ),
        )
        .unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn answer(&self, request: &[u8]) -> Vec<u8> {
        let sh = Shell::new().unwrap();
        let (config, query, reply) = (self.path("config"), self.path("query"), self.path("reply"));
        fs::write(&query, request).unwrap();
        cmd!(sh, "openssl ts -reply -config {config} -queryfile {query} -out {reply}")
            .ignore_stderr()
            .run()
            .unwrap();
        fs::read(reply).unwrap()
    }

    pub fn certificate(&self) -> PathBuf {
        self.path("cert.pem")
    }
}

/// Reads one HTTP request's body and sends `reply` of it.
pub fn serve(mut stream: TcpStream, reply: impl Fn(&[u8]) -> (u16, Vec<u8>)) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let (status, body) = reply(&body);
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/timestamp-reply\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    )
    .unwrap();
    stream.write_all(&body).unwrap();
}

/// The timestamp tokens of a CMS signature, as `openssl` prints the structure.
fn openssl_structure(sh: &Shell, cms: &[u8], dir: &Path) -> String {
    let file = dir.join("cms");
    fs::write(&file, cms).unwrap();
    cmd!(sh, "openssl cms -cmsout -print -inform DER -in {file} -noout").read().unwrap()
}

#[test]
fn an_authority_that_fails_once_is_asked_again_and_its_timestamp_is_embedded() {
    let Some(_) = tool("openssl") else { return };
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ts", listener.local_addr().unwrap());
    let digest = Sha1::digest(b"a table of contents");
    let (signer, cms) = std::thread::scope(|scope| {
        scope.spawn(|| {
            serve(listener.accept().unwrap().0, |_| (503, Vec::new()));
            serve(listener.accept().unwrap().0, |request| (200, authority.answer(request)));
        });
        let signer = PackageSigner::new(installer_identity(), SystemTime::now(), Some(url));
        let cms = signer.sign_cms(&digest).unwrap();
        (signer, cms)
    });
    let sh = Shell::new().unwrap();
    let rsa = signer.sign_rsa(&digest).unwrap();
    openssl_verifies(&sh, &digest, &signer.certificates()[0], &rsa, &cms);
    assert!(cms.len() <= signer.cms_slot_len(), "{} bytes", cms.len());
    let structure = openssl_structure(&sh, &cms, authority.dir.path());
    assert!(structure.contains("id-smime-aa-timeStampToken"), "{structure}");

    // The token is the authority's, and over this signature: openssl checks it.
    let parsed = SignedData::decode_ber(&cms).unwrap();
    let signer_info = &parsed.signer_infos[0];
    let token = &signer_info.unsigned_attributes.as_ref().unwrap()[0].values[0];
    let (token_file, data) = (authority.path("token"), authority.path("data"));
    fs::write(&token_file, token.as_slice()).unwrap();
    fs::write(&data, signer_info.signature.to_bytes()).unwrap();
    let certificate = authority.certificate();
    let said = cmd!(
        sh,
        "openssl ts -verify -token_in -in {token_file} -data {data} -CAfile {certificate} -untrusted {certificate}"
    )
    .ignore_stderr()
    .read()
    .unwrap();
    assert!(said.contains("Verification: OK"), "{said}");
}

#[test]
fn an_authority_that_is_not_there_is_named_with_what_to_do() {
    // Bound and dropped: nobody listens there.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{address}/ts");
    let signer = PackageSigner::new(installer_identity(), SystemTime::now(), Some(url.clone()));
    let error = signer.sign_cms(&[0; 20]).unwrap_err().to_string();
    assert!(
        error.contains(&url) && error.contains("after 4 tries") && error.contains("--timestamp-url none"),
        "{error}"
    );
}
