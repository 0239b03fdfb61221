//! A timestamp authority in this process: quick, and as slow or busy as is asked.
//!
//! The benchmark of packages has it too. Must not know: the tests beside it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bcder::decode::Constructed;
use bcder::encode::{self, PrimitiveContent, Values};
use bcder::{Captured, Integer, Mode, Oid};
use cryptographic_message_syntax::asn1::rfc3161::{OID_CONTENT_TYPE_TST_INFO, TimeStampReq, TstInfo};
use cryptographic_message_syntax::asn1::rfc5652::CmsVersion;
use cryptographic_message_syntax::{Bytes, SignedDataBuilder, SignerBuilder};
use x509_certificate::asn1time::GeneralizedTime;
use x509_certificate::{CapturedX509Certificate, InMemorySigningKeyPair};

/// What a request comes to.
#[derive(Clone, Copy)]
pub struct Reply {
    /// After how long.
    pub after: Duration,
    /// Instead of a timestamp: 429, with so many seconds in Retry-After.
    pub busy: Option<u32>,
}

/// What the authority saw.
#[derive(Default)]
pub struct Seen {
    /// Requests.
    pub requests: AtomicUsize,
    in_flight: AtomicUsize,
    /// Most of them at the same time.
    pub most: AtomicUsize,
    /// Those at the same time after the first that was told to wait.
    pub most_later: AtomicUsize,
    was_busy: AtomicUsize,
}

/// An authority that runs until the process ends.
pub struct Authority {
    /// Where it is asked.
    pub url: String,
    /// What it saw.
    pub seen: Arc<Seen>,
}

struct Key {
    certificate: CapturedX509Certificate,
    pair: InMemorySigningKeyPair,
}

impl Authority {
    /// Starts one. `reply` is asked with the request's number.
    pub fn start(folder: &Path, reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        let (key, certificate) = (folder.join("authority.key"), folder.join("authority.pem"));
        // An RSA key: of certificates with others cryptographic-message-syntax 0.27 changes bytes
        // when it writes them.
        let status = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=A quick timestamp authority", "-addext"])
            .args(["extendedKeyUsage=critical,timeStamping", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .expect("openssl is installed");
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
        let read = |path| std::fs::read(path).expect("openssl wrote it");
        let key = Key {
            certificate: CapturedX509Certificate::from_pem(read(&certificate)).expect("a certificate"),
            pair: InMemorySigningKeyPair::from_pkcs8_pem(read(&key)).expect("a key"),
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let seen = Arc::new(Seen::default());
        let shared = Arc::new((key, reply, Arc::clone(&seen)));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), shared) = (stream, Arc::clone(&shared)) else { continue };
                std::thread::spawn(move || serve(stream, &shared.0, &shared.1, &shared.2));
            }
        });
        Self { url, seen }
    }
}

/// Answers requests on one connection, one after the other.
fn serve(mut stream: TcpStream, key: &Key, reply: &(impl Fn(usize) -> Reply + ?Sized), seen: &Seen) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    while let Some(request) = read(&mut reader) {
        let number = seen.requests.fetch_add(1, Ordering::SeqCst);
        let now = seen.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most.fetch_max(now, Ordering::SeqCst);
        if seen.was_busy.load(Ordering::SeqCst) > 0 {
            seen.most_later.fetch_max(now, Ordering::SeqCst);
        }
        let reply = reply(number);
        std::thread::sleep(reply.after);
        let (head, body) = match reply.busy {
            Some(seconds) => (format!("429 Busy\r\nRetry-After: {seconds}"), Vec::new()),
            None => (
                "200 OK\r\nContent-Type: application/timestamp-reply".to_owned(),
                answer(&request, number, key),
            ),
        };
        seen.in_flight.fetch_sub(1, Ordering::SeqCst);
        if reply.busy.is_some() {
            seen.was_busy.store(1, Ordering::SeqCst);
        }
        let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len());
        if stream.write_all(&[head.as_bytes(), &body].concat()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

/// A TimeStampResp with a token.
fn answer(request: &[u8], number: usize, key: &Key) -> Vec<u8> {
    let request = Constructed::decode(request, Mode::Der, TimeStampReq::take_from).expect("a request");
    let oid = || Oid(Bytes::copy_from_slice(OID_CONTENT_TYPE_TST_INFO.as_ref()));
    let info = TstInfo {
        version: Integer::from(1),
        policy: Oid(Bytes::from_static(&[0x2a, 3, 4])),
        message_imprint: request.message_imprint,
        serial_number: Integer::from(number as u64 + 1),
        gen_time: GeneralizedTime::from(chrono::DateTime::<chrono::Utc>::from(SystemTime::now())),
        accuracy: None,
        ordering: None,
        nonce: request.nonce,
        tsa: None,
        extensions: None,
    };
    let mut content = Vec::new();
    info.encode_ref().write_encoded(Mode::Der, &mut content).expect("memory");
    let signer = SignerBuilder::new(&key.pair, key.certificate.clone()).content_type(oid());
    let mut signed = SignedDataBuilder::default()
        .content_type(oid())
        .content_inline(content)
        .signer(signer)
        .certificate(key.certificate.clone())
        .build_signed_data()
        .expect("a signature");
    signed.version = CmsVersion::V3;
    let token = Captured::from_values(Mode::Der, signed.encode_ref());
    let answer = encode::sequence((encode::sequence(0_u8.encode()), &token));
    let mut bytes = Vec::new();
    answer.write_encoded(Mode::Der, &mut bytes).expect("memory");
    bytes
}
