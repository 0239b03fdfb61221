//! A file with one image, or with several for several processors.
//!
//! ```text
//! magic      4   cafebabe, or cafebabf with offsets of 64 bits; all numbers big-endian
//! nfat_arch  4
//! nfat_arch times:
//!   cputype 4, cpusubtype 4, offset 4 (8), size 4 (8), align 4 [, reserved 4]
//! ```
//!
//! Java's classes begin with the same bytes; there, a version of 45 or more is where the
//! number of images would be.
//!
//! Source: xnu, `EXTERNAL_HEADERS/mach-o/fat.h`.

use std::io::{self, Read, Seek};

use crate::bytes::Numbers;
use crate::findings::Findings;
use crate::image::{self, Image};
use crate::input::Input;
use crate::signature::SIGNATURES_MAX;

/// Most images of a file.
pub const IMAGES_MAX: u32 = 44;

const UNIVERSAL: u32 = 0xcafe_babe;
const UNIVERSAL_64: u32 = 0xcafe_babf;

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachO {
    /// Whether it is made for several images, even if it has one.
    pub universal: bool,
    /// The images, in the order of the file.
    pub images: Vec<Image>,
    /// What is wrong with what is around them.
    pub findings: Findings,
}

impl MachO {
    /// Everything that is wrong, with the processor where there are several.
    pub fn faults(&self) -> impl Iterator<Item = String> {
        self.each(|findings| &findings.faults)
    }

    /// Everything that is odd.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.each(|findings| &findings.notes)
    }

    fn each(&self, of: fn(&Findings) -> &Vec<String>) -> impl Iterator<Item = String> {
        let of_images = self.images.iter().flat_map(move |image| {
            of(&image.findings).iter().map(|text| match self.images.len() {
                1 => text.clone(),
                _ => format!("{}: {text}", image.architecture()),
            })
        });
        of(&self.findings).iter().cloned().chain(of_images)
    }
}

/// Whether a file that begins with these bytes (eight are enough) is a Mach-O file.
pub fn is_macho(start: &[u8]) -> bool {
    let Some(first) = start.first_chunk() else { return false };
    image::magic(*first).is_some() || images(start).is_some()
}

/// How many images a file has that is made for several, and whether with 64 bits.
fn images(start: &[u8]) -> Option<(u32, bool)> {
    let numbers = Numbers::big(start);
    let is_64 = match numbers.u32(0)? {
        UNIVERSAL => false,
        UNIVERSAL_64 => true,
        _ => return None,
    };
    Some((numbers.u32(4).filter(|count| (1..=IMAGES_MAX).contains(count))?, is_64))
}

/// Reads a file and checks its signatures. `None` where it is not a Mach-O file, as far as its
/// first bytes and the images say: a collection of object files for several processors is none.
///
/// # Errors
/// Of the input alone.
pub fn read<R: Read + Seek>(input: &mut R) -> io::Result<Option<MachO>> {
    let mut input = Input::new(input)?;
    let start = input.bytes(0, 8, 8)?.unwrap_or_default();
    let Some((count, is_64)) = images(&start) else {
        let image = image::read(&mut input, 0, &mut { SIGNATURES_MAX })?;
        let alone = |image| MachO { universal: false, images: vec![image], findings: Findings::default() };
        return Ok(image.map(alone));
    };
    let entry_size = if is_64 { 32 } else { 20 };
    let table_size = entry_size * u64::from(count);
    let mut file = MachO { universal: true, images: Vec::new(), findings: Findings::default() };
    let Some(table) = input.bytes(8, table_size, table_size)? else {
        file.findings.fault("it ends within the list of its images");
        return Ok(Some(file));
    };
    let mut places = vec![(0, 8 + table_size)];
    let mut is_other = false;
    let mut left = SIGNATURES_MAX;
    for entry in table.chunks(if is_64 { 32 } else { 20 }) {
        let entry = Numbers::big(entry);
        let words = (
            entry.u32(0),
            entry.u32(4),
            entry.word(8, is_64),
            entry.word(if is_64 { 16 } else { 12 }, is_64),
        );
        let (Some(cpu_type), Some(subtype), Some(offset), Some(size)) = words else { continue };
        let end = offset.saturating_add(size);
        // What lies on top of another would be read twice, and by whom depends.
        if places.iter().any(|(start, stop)| offset < *stop && *start < end) {
            file.findings.fault(format!("its image at {offset} lies on top of something else"));
            continue;
        }
        let Some(mut part) = input.part(offset, size) else {
            file.findings.fault(format!("its image at {offset} with {size} bytes goes beyond its end"));
            continue;
        };
        places.push((offset, end));
        match image::read(&mut part, offset, &mut left)? {
            Some(image) => {
                if (image.cpu_type, image.cpu_subtype) != (cpu_type, subtype & 0x00ff_ffff) {
                    let text = format!("its image at {offset} is for another processor than the list says");
                    file.findings.fault(text);
                }
                add(image, &mut file);
            }
            None if part.bytes(0, 8, 8)?.is_some_and(|start| start == b"!<arch>\n") => is_other = true,
            None => file.findings.fault(format!("its image at {offset} is not a program or library")),
        }
    }
    if file.images.is_empty() && is_other && file.findings.is_empty() {
        return Ok(None);
    }
    between(&mut input, places, &mut file.findings)?;
    Ok(Some(file))
}

fn add(image: Image, file: &mut MachO) {
    let same = |one: &Image| (one.cpu_type, one.cpu_subtype) == (image.cpu_type, image.cpu_subtype);
    if file.images.iter().any(same) {
        file.findings.fault(format!("it has two images for {}", image.architecture()));
    }
    file.images.push(image);
}

/// Between images, and behind them, there is nothing.
fn between<R: Read + Seek>(
    input: &mut Input<'_, R>,
    mut places: Vec<(u64, u64)>,
    findings: &mut Findings,
) -> io::Result<()> {
    places.sort_unstable();
    places.push((input.length, input.length));
    for pair in places.windows(2) {
        if !input.is_empty(pair[0].1, pair[1].0)? {
            findings
                .fault(format!("what is at {} belongs to no image, and no signature covers it", pair[0].1));
        }
    }
    Ok(())
}
