//! One zlib stream, compressed in pieces on several threads.
//!
//! Each piece is deflated by itself and ends at a byte boundary (an empty stored
//! block, zlib's sync flush), so pieces can follow each other in one stream. Their size is
//! fixed: the bytes depend neither on threads nor on how the data arrive. The compressor is
//! `miniz_oxide` itself and not `flate2`, behind which another crate of the same build may put
//! another engine, with other bytes and at level 1 larger ones than the data.

use std::io::{self, Write};

use miniz_oxide::deflate::core::CompressorOxide;
use miniz_oxide::deflate::stream;
use miniz_oxide::{DataFormat, MZFlush};
use rayon::prelude::*;

const PIECE: usize = 1 << 20;
/// Pieces compressed at once, which bounds the memory.
const BATCH: usize = 16;
const MODULUS: u32 = 65521;

/// Compresses what is written to it into `out`.
#[derive(Debug)]
pub(super) struct ZlibStream<W> {
    out: W,
    level: u8,
    /// What is not compressed yet.
    waiting: Vec<u8>,
    adler: u32,
    started: bool,
}

impl<W: Write> ZlibStream<W> {
    /// With deflate `level` 1 to 9.
    pub(super) fn new(out: W, level: u8) -> Self {
        ZlibStream {
            out,
            level,
            waiting: Vec::new(),
            adler: 1,
            started: false,
        }
    }

    /// Room for bytes to be appended; call [`ZlibStream::pump`] now and then.
    pub(super) fn waiting(&mut self) -> &mut Vec<u8> {
        &mut self.waiting
    }

    /// Compresses what waits, once it is enough.
    pub(super) fn pump(&mut self) -> io::Result<()> {
        if self.waiting.len() >= BATCH * PIECE {
            self.compress()
        } else {
            Ok(())
        }
    }

    /// Ends the stream and returns what it was written to.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.compress()?;
        let (last, adler) = deflate(&self.waiting, self.level, MZFlush::Finish)?;
        let adler = combine(self.adler, adler, self.waiting.len());
        self.out.write_all(&last)?;
        self.out.write_all(&adler.to_be_bytes())?;
        Ok(self.out)
    }

    /// Compresses all whole pieces that wait.
    fn compress(&mut self) -> io::Result<()> {
        if !self.started {
            self.out.write_all(&[0x78, 0x01])?;
            self.started = true;
        }
        let whole = self.waiting.len() / PIECE * PIECE;
        for batch in self.waiting[..whole].chunks(BATCH * PIECE) {
            let pieces: Vec<_> = batch
                .par_chunks(PIECE)
                .map(|piece| deflate(piece, self.level, MZFlush::Sync))
                .collect::<io::Result<_>>()?;
            for (bytes, adler) in pieces {
                self.out.write_all(&bytes)?;
                self.adler = combine(self.adler, adler, PIECE);
            }
        }
        self.waiting.drain(..whole);
        Ok(())
    }
}

/// Raw deflate of one piece, and its Adler-32.
fn deflate(bytes: &[u8], level: u8, end: MZFlush) -> io::Result<(Vec<u8>, u32)> {
    let mut compressor = CompressorOxide::default();
    compressor.set_format_and_level(DataFormat::Raw, level);
    let mut out = vec![0; bytes.len() + bytes.len() / 16 + 64];
    let (mut taken, mut made) = (0, 0);
    loop {
        let step = stream::deflate(&mut compressor, &bytes[taken..], &mut out[made..], end);
        step.status
            .map_err(|error| io::Error::other(format!("deflate: {error:?}")))?;
        taken += step.bytes_consumed;
        made += step.bytes_written;
        // Room left over means that nothing is held back.
        if made < out.len() {
            out.truncate(made);
            return Ok((out, adler32(bytes)));
        }
        out.resize(made + (1 << 16), 0);
    }
}

/// Adler-32 of `bytes`, RFC 1950.
fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1, 0);
    // The most bytes before the sums can pass 2^32.
    for run in bytes.chunks(5552) {
        for &byte in run {
            a += u32::from(byte);
            b += a;
        }
        a %= MODULUS;
        b %= MODULUS;
    }
    b << 16 | a
}

/// Adler-32 of two runs of bytes from that of each and the length of the second.
fn combine(first: u32, second: u32, length: usize) -> u32 {
    let modulus = u64::from(MODULUS);
    let (a1, b1) = (u64::from(first & 0xffff), u64::from(first >> 16));
    let (a2, b2) = (u64::from(second & 0xffff), u64::from(second >> 16));
    // The second sum began at a = 1 instead of a1, and at b = 0 instead of b1.
    let a = (a1 + a2 + modulus - 1) % modulus;
    let b = (b1 + b2 + (length as u64 % modulus) * ((a1 + modulus - 1) % modulus)) % modulus;
    u32::try_from(b << 16 | a).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(bytes: &[u8], block: usize, level: u8) -> Vec<u8> {
        let mut stream = ZlibStream::new(Vec::new(), level);
        for block in bytes.chunks(block) {
            stream.waiting().extend(block);
            stream.pump().unwrap();
        }
        stream.finish().unwrap()
    }

    fn bytes(length: usize) -> Vec<u8> {
        (0..length as u64)
            .map(|i| (i * i / 7).to_le_bytes()[0])
            .collect()
    }

    #[test]
    fn any_reader_of_zlib_gets_the_bytes_back() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 17 * PIECE + 5] {
            let data = bytes(length);
            for level in [1, 6] {
                let packed = stream(&data, 1 << 22, level);
                let back = miniz_oxide::inflate::decompress_to_vec_zlib(&packed).unwrap();
                assert!(back == data, "{length} bytes, level {level}");
            }
        }
    }

    #[test]
    fn blocks_and_threads_do_not_change_the_bytes() {
        let data = bytes(2 * BATCH * PIECE);
        let whole = stream(&data, data.len(), 1);
        assert!(stream(&data, 1_000_003, 1) == whole);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        assert!(pool.install(|| stream(&data, PIECE, 1)) == whole);
    }

    #[test]
    fn adler_of_parts_equals_that_of_the_whole() {
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        let data = bytes(200_000);
        for cut in [0, 1, 5552, 70_000, 200_000] {
            let (first, second) = data.split_at(cut);
            assert_eq!(
                combine(adler32(first), adler32(second), second.len()),
                adler32(&data)
            );
        }
    }
}
