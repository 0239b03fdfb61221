use std::io::Write;

use super::*;

const CONTENT: &[u8] = b"content, content, content, content";

fn budget() -> Budget {
    Budget::new(1 << 20)
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn pbzx(chunks: &[(u64, &[u8])]) -> Vec<u8> {
    let mut out = b"pbzx\0\0\0\0\0\0\0\x40".to_vec();
    for (size, bytes) in chunks {
        out.extend_from_slice(&size.to_be_bytes());
        out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        out.extend_from_slice(bytes);
    }
    out
}

fn read(bytes: &[u8]) -> io::Result<(Vec<u8>, u64, Behind)> {
    let mut unpacker = Unpacker::detect(bytes, budget())?;
    let mut content = Vec::new();
    unpacker.read_to_end(&mut content)?;
    let last = unpacker.last_stream();
    Ok((content, last, unpacker.finish()?.0))
}

#[test]
fn streams_that_follow_each_other_are_one() {
    for pack in [gzip, bzip2] {
        let (one, two) = (pack(CONTENT), pack(b"!"));
        let (content, last, behind) = read(&[one, two].concat()).unwrap();
        assert_eq!(content, [CONTENT, b"!"].concat());
        assert_eq!((last, behind), (CONTENT.len() as u64, Behind::default()));
    }
    let (content, last, behind) = read(CONTENT).unwrap();
    assert_eq!((content.as_slice(), last, behind), (CONTENT, 0, Behind::default()));
}

#[test]
fn what_follows_is_counted() {
    for pack in [gzip, bzip2] {
        for (after, is_content) in [(b"\0\0\0".as_slice(), false), (b"\0x\0", true)] {
            let (content, _, behind) = read(&[&pack(CONTENT), after].concat()).unwrap();
            assert_eq!(content, CONTENT);
            assert_eq!(behind, Behind { length: 3, is_content });
        }
    }
    // A member is one stream.
    let twice = [bzip2(CONTENT), bzip2(CONTENT)].concat();
    let mut one = Unpacker::one(twice.as_slice(), Packing::Bzip2, budget()).unwrap();
    let mut content = Vec::new();
    one.read_to_end(&mut content).unwrap();
    assert_eq!(content, CONTENT);
    assert_eq!(one.finish().unwrap().0.length, bzip2(CONTENT).len() as u64);
}

#[test]
fn pbzx_chunk_by_chunk() {
    let (content, last, behind) = read(&pbzx(&[(3, b"abc"), (0, b""), (2, b"de")])).unwrap();
    assert_eq!((content.as_slice(), last, behind), (b"abcde".as_slice(), 3, Behind::default()));
    assert!(read(&pbzx(&[])).unwrap().0.is_empty());
    for wrong in [
        pbzx(&[(3, b"abcd")]),
        pbzx(&[(0x41, &[0; 0x41])]),
        pbzx(&[(4, b"abc")]),
        pbzx(&[(u64::MAX, b"abc")]),
        [pbzx(&[(3, b"abc")]), b"x".to_vec()].concat(),
        pbzx(&[(3, b"abc")])[..30].to_vec(),
        b"pbzx".to_vec(),
    ] {
        assert!(read(&wrong).is_err(), "{wrong:x?}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    for pack in [gzip, bzip2] {
        let bytes = pack(CONTENT);
        for length in 6..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length}");
        }
    }
}

#[test]
fn an_error_ends_the_stream() {
    let mut bytes = bzip2(CONTENT);
    bytes[20] ^= 1;
    let mut unpacker = Unpacker::detect(bytes.as_slice(), budget()).unwrap();
    for _ in 0..3 {
        assert!(unpacker.read(&mut [0; 9]).is_err());
    }
    assert!(unpacker.finish().is_err());
}

#[test]
fn no_more_is_unpacked_than_the_limit() {
    let bytes = gzip(CONTENT);
    let limit = CONTENT.len() as u64;
    let with =
        |limit| Unpacker::detect(bytes.as_slice(), Budget::new(limit)).unwrap().read_to_end(&mut Vec::new());
    assert!(with(limit).is_ok());
    let error = with(limit - 1).unwrap_err();
    assert!(error.get_ref().unwrap().downcast_ref::<OverBudget>().is_some(), "{error}");
}
