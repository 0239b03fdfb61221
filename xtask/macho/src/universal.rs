//! One file of several images, for several processors. Its layout is in `read.rs`.

use crate::bytes::Numbers;
use crate::image;

/// Images begin at multiples of 16 KiB, as `lipo` has it for Apple silicon.
const ALIGN: u32 = 14;

/// The file of these images. `None` where there is none, one of them is not an image, or they do
/// not fit into 4 GiB.
pub fn universal<T: AsRef<[u8]>>(images: &[T]) -> Option<Vec<u8>> {
    let first = images.first()?.as_ref().len();
    let mut bytes = Vec::with_capacity(first.checked_mul(images.len())?);
    bytes.extend_from_slice(&0xcafe_babe_u32.to_be_bytes());
    bytes.extend_from_slice(&u32::try_from(images.len()).ok()?.to_be_bytes());
    let mut end = bytes.len() + 20 * images.len();
    for image in images.iter().map(AsRef::as_ref) {
        let (_, big_endian) = image::magic(*image.first_chunk()?)?;
        let header = Numbers { bytes: image, big_endian };
        let offset = end.next_multiple_of(1 << ALIGN);
        end = offset.checked_add(image.len())?;
        let (offset, size) = (u32::try_from(offset).ok()?, u32::try_from(image.len()).ok()?);
        u32::try_from(end).ok()?;
        for word in [header.u32(4)?, header.u32(8)?, offset, size, ALIGN] {
            bytes.extend_from_slice(&word.to_be_bytes());
        }
    }
    for image in images {
        bytes.resize(bytes.len().next_multiple_of(1 << ALIGN), 0);
        bytes.extend_from_slice(image.as_ref());
    }
    Some(bytes)
}
