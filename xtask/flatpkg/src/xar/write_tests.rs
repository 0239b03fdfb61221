use std::cell::RefCell;
use std::error::Error;
use std::io::Cursor;

use super::*;

/// Signs with fixed bytes and counts.
struct FakeSigner {
    certificates: Vec<Vec<u8>>,
    rsa: Vec<u8>,
    cms: Vec<u8>,
    calls: RefCell<Vec<(&'static str, Vec<u8>)>>,
}

impl FakeSigner {
    fn new(rsa: usize, cms: usize) -> Self {
        let certificates = vec![vec![0x30; 100], vec![0x31; 58], vec![0x32; 57]];
        Self { certificates, rsa: vec![1; rsa], cms: vec![2; cms], calls: RefCell::default() }
    }
}

impl Signer for FakeSigner {
    fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }
    fn rsa_signature_len(&self) -> usize {
        256
    }
    fn cms_slot_len(&self) -> usize {
        crate::xar::CMS_SLOT_LEN
    }
    fn sign_rsa(&self, toc_digest: &[u8]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        self.calls.borrow_mut().push(("RSA", toc_digest.to_vec()));
        Ok(self.rsa.clone())
    }
    fn sign_cms(&self, toc_digest: &[u8]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        self.calls.borrow_mut().push(("CMS", toc_digest.to_vec()));
        Ok(self.cms.clone())
    }
}

fn archive(members: &[Member], signer: Option<&dyn Signer>) -> Result<(Written, Vec<u8>), XarError> {
    let mut out = Vec::new();
    let written = write(members, 0, signer, &mut Cursor::new(Vec::new()), &mut out)?;
    assert_eq!(written.size, out.len() as u64);
    Ok((written, out))
}

fn toc_len(archive: &[u8]) -> usize {
    u64::from_be_bytes(archive[8..16].try_into().unwrap()) as usize
}

#[test]
fn the_heap_starts_with_the_digest_and_the_signatures() {
    let signer = FakeSigner::new(256, 9216);
    let members = [Member::compressed("a", b"hello")];
    let (written, bytes) = archive(&members, Some(&signer)).unwrap();
    let heap = HEADER_LEN + toc_len(&bytes);
    assert_eq!(Sha1::digest(&bytes[HEADER_LEN..heap]).as_slice(), written.toc_digest);
    assert_eq!(bytes[heap..heap + 20], written.toc_digest);
    assert_eq!(bytes[heap + 20..heap + 276], [1; 256]);
    assert_eq!(bytes[heap + 276..heap + 9492], [2; 9216]);
    assert_eq!(bytes[heap + 9492..], deflate::zlib(b"hello"));
    let digest = written.toc_digest.to_vec();
    assert_eq!(signer.calls.take(), [("RSA", digest.clone()), ("CMS", digest)]);
}

#[test]
fn a_shorter_cms_signature_is_padded_with_zeros() {
    let (_, bytes) = archive(&[], Some(&FakeSigner::new(256, 9215))).unwrap();
    assert_eq!(bytes[bytes.len() - 2..], [2, 0]);
}

#[test]
fn signatures_that_do_not_fit_are_refused() {
    let too_long = archive(&[], Some(&FakeSigner::new(256, 9217)));
    assert!(matches!(too_long, Err(XarError::CmsTooLong { slot: 9216, actual: 9217 })));
    for length in [255, 257] {
        let wrong = archive(&[], Some(&FakeSigner::new(length, 1)));
        assert!(matches!(wrong, Err(XarError::RsaLength { expected: 256, actual }) if actual == length));
    }
    let nobody = FakeSigner { certificates: Vec::new(), ..FakeSigner::new(256, 1) };
    assert!(matches!(archive(&[], Some(&nobody)), Err(XarError::NoCertificate)));
}

#[test]
fn names_are_checked_at_every_depth() {
    for name in ["", ".", "..", "a/b", "a\0", "a\n", "\u{ffff}"] {
        let inner = Member::compressed(name, b"");
        let error = archive(&[Member::directory("folder", vec![inner])], None).unwrap_err();
        assert!(matches!(error, XarError::InvalidName { .. }), "{name:?}");
    }
    let twice = [Member::compressed("a", b""), Member::directory("a", Vec::new())];
    assert!(matches!(archive(&twice, None), Err(XarError::DuplicateName { .. })));
}

#[test]
fn stored_members_come_from_the_scratch_space() {
    let mut spool = Cursor::new(b"..payload".to_vec());
    let spooled = Spooled { start: 2, length: 7, digest: Sha1::digest(b"payload").into() };
    let mut out = Vec::new();
    write(&[Member::stored("Payload", spooled)], 0, None, &mut spool, &mut out).unwrap();
    assert!(out.ends_with(b"payload"));
    let missing = Spooled { start: 2, length: 8, digest: [0; 20] };
    let error =
        write(&[Member::stored("Payload", missing)], 0, None, &mut spool, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, XarError::Spool { name, .. } if name == "Payload"));
}

/// The whole TOC, so that a change of any element shows.
#[test]
fn the_toc_as_text() {
    let signer = FakeSigner { certificates: vec![vec![0; 58]], ..FakeSigner::new(256, 1) };
    let file = Member::compressed("a & b", b"hello");
    let members = [Member::directory("x.pkg", vec![file]), Member::compressed("Distribution", b"")];
    let (_, bytes) = archive(&members, Some(&signer)).unwrap();
    let mut toc = String::new();
    flate2::read::ZlibDecoder::new(&bytes[HEADER_LEN..]).read_to_string(&mut toc).unwrap();
    assert_eq!(toc, include_str!("write_tests_toc.xml"));
}
