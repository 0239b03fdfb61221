use std::convert::Infallible;
use std::io::Read;

use super::*;

/// Bytes that neither repeat nor are random.
fn sample(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            b"the quick brown fox jumps "[(state >> 24) as usize % 26]
        })
        .collect()
}

/// Compresses, `step` bytes at a time.
fn compress_bytes(bytes: &[u8], step: usize) -> Vec<u8> {
    let mut rest = bytes;
    let mut out = Vec::new();
    let totals = compress::<Infallible>(
        |buffer| {
            let count = buffer.len().min(rest.len()).min(step);
            buffer[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            Ok(count)
        },
        |part| {
            out.extend_from_slice(part);
            Ok(())
        },
    )
    .unwrap();
    assert_eq!(totals, Totals { plain: bytes.len() as u64, compressed: out.len() as u64 });
    out
}

fn with_threads(threads: usize, work: impl FnOnce() -> Vec<u8> + Send) -> Vec<u8> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn one_member_holds_it_all_at_every_boundary() {
    for length in
        [0, 1, WINDOW, BLOCK - 1, BLOCK, BLOCK + 1, BATCH * BLOCK, BATCH * BLOCK + 1, 2 * BATCH * BLOCK]
    {
        let plain = sample(length);
        let compressed = compress_bytes(&plain, usize::MAX);
        let mut decoder = flate2::bufread::GzDecoder::new(compressed.as_slice());
        let mut read_back = Vec::new();
        decoder.read_to_end(&mut read_back).unwrap();
        assert!(read_back == plain, "{length} bytes");
        assert!(decoder.into_inner().is_empty(), "a second member after {length} bytes");
    }
}

#[test]
fn the_header_names_no_time_and_unix() {
    let compressed = compress_bytes(b"x", 1);
    assert_eq!(compressed[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
}

#[test]
fn bytes_depend_neither_on_threads_nor_on_how_much_is_read_at_a_time() {
    let plain = sample(BATCH * BLOCK + 3 * BLOCK + 17);
    let one = with_threads(1, || compress_bytes(&plain, usize::MAX));
    assert!(one == with_threads(5, || compress_bytes(&plain, usize::MAX)));
    assert!(one == with_threads(3, || compress_bytes(&plain, 4093)));
}

#[test]
fn content_that_does_not_compress_survives() {
    let mut state = 7u64;
    let plain: Vec<u8> = (0..3 * BLOCK)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 56) as u8
        })
        .collect();
    let compressed = compress_bytes(&plain, usize::MAX);
    assert!(compressed.len() < plain.len() + 100, "{} bytes", compressed.len());
    let mut read_back = Vec::new();
    flate2::bufread::GzDecoder::new(compressed.as_slice()).read_to_end(&mut read_back).unwrap();
    assert!(read_back == plain);
}
