//! Grey PNG images.

use ndarray::Array2;
use png::{BitDepth, ColorType, Decoder, Transformations};

/// More pixels than any picture of ours has: a damaged file must not take all memory.
const MOST_BYTES: usize = 1 << 28;

/// Pixels of a grey image, one byte each: 0 or 255 where a pixel has one bit. `None` for anything else.
pub(super) fn read(file: &[u8]) -> Option<Array2<u8>> {
    let mut decoder = Decoder::new_with_limits(
        std::io::Cursor::new(file),
        png::Limits { bytes: MOST_BYTES },
    );
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().ok()?;
    let size = reader.output_buffer_size().filter(|n| *n <= MOST_BYTES)?;
    let mut bytes = vec![0; size];
    let frame = reader.next_frame(&mut bytes).ok()?;
    if (frame.color_type, frame.bit_depth) != (ColorType::Grayscale, BitDepth::Eight) {
        return None;
    }
    bytes.truncate(frame.buffer_size());
    let shape = (
        usize::try_from(frame.height).ok()?,
        usize::try_from(frame.width).ok()?,
    );
    Array2::from_shape_vec(shape, bytes).ok()
}
