//! What tests and fuzzing put streams to: all decoders, processors with and without vectors.

use widefield_deflate::{Deflater, Distance, adler32, adler32_combine, shuffle};

pub(crate) const DISTANCES: [Distance; 4] = [
    Distance::Byte,
    Distance::Two,
    Distance::Four,
    Distance::Eight,
];

/// What one decoder makes of a zlib stream whose plain length is known.
type Decoder = fn(stream: &[u8], plain: usize) -> Result<Vec<u8>, String>;

const DECODERS: [(&str, Decoder); 3] = [
    ("miniz_oxide", |stream, plain| {
        miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(stream, plain)
            .map_err(|error| error.to_string())
    }),
    ("libdeflate", |stream, plain| {
        let mut bytes = vec![0; plain];
        let length = libdeflater::Decompressor::new()
            .zlib_decompress(stream, &mut bytes)
            .map_err(|error| error.to_string())?;
        bytes.truncate(length);
        Ok(bytes)
    }),
    ("zlib-rs", |stream, plain| {
        // Without room for one byte it does not look at the stream.
        let mut bytes = vec![0; plain.max(1)];
        let config = zlib_rs::InflateConfig::default();
        let (found, code) = zlib_rs::decompress_slice(&mut bytes, stream, config);
        match code {
            zlib_rs::ReturnCode::Ok => Ok(found.to_vec()),
            code => Err(format!("{code:?}")),
        }
    }),
];

/// All decoders get the bytes back, and no more.
fn inflate(stream: &[u8], plain: &[u8]) {
    for (name, decoder) in DECODERS {
        match decoder(stream, plain.len()) {
            Ok(found) => assert!(found == plain, "{name}: other bytes, of {}", plain.len()),
            Err(error) => panic!("{name}: {error}, {} bytes", plain.len()),
        }
    }
}

/// A zlib stream of pieces, each of which may be flushed; the raw deflate in it.
pub(crate) fn check_stream(parts: &[(&[u8], Distance, bool)]) -> Vec<u8> {
    let raw = |mut deflater: Deflater| {
        for (at, &(part, distance, flush)) in parts.iter().enumerate() {
            let last = at + 1 == parts.len();
            deflater.deflate(part, distance, last);
            if flush && !last {
                deflater.flush();
            }
        }
        deflater.align();
        deflater.as_slice().to_vec()
    };
    let stream = raw(Deflater::new());
    assert!(stream == raw(Deflater::portable()), "portable code differs");
    let plain: Vec<u8> = parts.iter().flat_map(|(part, ..)| *part).copied().collect();
    let sum = parts.iter().fold(1, |sum, (part, ..)| {
        adler32_combine(sum, adler32(part), part.len())
    });
    let framed = [&[0x78, 0x01], &stream[..], &sum.to_be_bytes()].concat();
    inflate(&framed, &plain);
    stream
}

/// Whole streams of `numbers`, shuffled and as they are.
pub(crate) fn check_planes(numbers: &[u8], size: usize) {
    let mut planes = vec![0; numbers.len()];
    shuffle(numbers, size, &mut planes);
    let (mut deflater, mut portable) = (Deflater::new(), Deflater::portable());
    inflate(deflater.zlib_planes(&planes, size), &planes);
    assert!(deflater.as_slice() == portable.zlib_planes(&planes, size));
    for distance in DISTANCES {
        // Kept from stream to stream.
        inflate(deflater.zlib(numbers, distance), numbers);
        assert!(deflater.as_slice() == portable.zlib(numbers, distance));
    }
}
