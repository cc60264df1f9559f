//! One zlib stream, compressed in pieces on several threads.
//!
//! Each piece is deflated by itself and ends at a byte boundary (an empty stored
//! block, zlib's sync flush), so pieces can follow each other in one stream. Their size is
//! fixed: the bytes depend neither on threads nor on how the data arrive. Level 1 is the
//! crate's own; above it the compressor is `miniz_oxide` itself and not `flate2`, behind which
//! another crate of the same build may put another engine, with other bytes.

use std::io::{self, Write};

use miniz_oxide::deflate::core::CompressorOxide;
use miniz_oxide::deflate::stream;
use miniz_oxide::{DataFormat, MZFlush};
use rayon::prelude::*;

use crate::Precision;
use crate::deflate::{Deflater, Distance, adler32, combine};

const PIECE: usize = 1 << 18;
/// Most pieces compressed at once, which bounds the memory.
const BATCH: usize = 16;

/// Compresses what is written to it into `out`.
#[derive(Debug)]
pub(super) struct ZlibStream<W> {
    out: W,
    level: u8,
    /// Bytes of a number.
    distance: Distance,
    /// What is not compressed yet.
    waiting: Vec<u8>,
    /// One for each piece of a batch, so that their buffers serve all batches. Two for each thread keep all busy;
    /// more would only leave the cache before they are written.
    deflaters: Vec<Deflater>,
    adler: u32,
    started: bool,
}

impl<W: Write> ZlibStream<W> {
    /// For numbers of `precision`, with deflate `level` 1 to 9.
    pub(super) fn new(out: W, level: u8, precision: Precision) -> Self {
        let batch = (2 * rayon::current_num_threads()).min(BATCH);
        ZlibStream {
            out,
            level,
            distance: match precision {
                Precision::F32 => Distance::Four,
                Precision::F64 => Distance::Eight,
            },
            waiting: Vec::new(),
            deflaters: (0..batch).map(|_| Deflater::default()).collect(),
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
        if self.waiting.len() >= self.deflaters.len() * PIECE {
            self.compress()
        } else {
            Ok(())
        }
    }

    /// Ends the stream and returns what it was written to.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.compress()?;
        let mut deflater = Deflater::default();
        let (last, adler) = deflate(
            &mut deflater,
            &self.waiting,
            self.level,
            self.distance,
            MZFlush::Finish,
        )?;
        let adler = combine(self.adler, adler, self.waiting.len());
        self.out
            .write_all(last.as_deref().unwrap_or(deflater.as_slice()))?;
        self.out.write_all(&adler.to_be_bytes())?;
        Ok(self.out)
    }

    /// Compresses all whole pieces that wait.
    fn compress(&mut self) -> io::Result<()> {
        if !self.started {
            self.out.write_all(&[0x78, 0x01])?;
            self.started = true;
        }
        let (level, distance) = (self.level, self.distance);
        let whole = self.waiting.len() / PIECE * PIECE;
        for batch in self.waiting[..whole].chunks(self.deflaters.len() * PIECE) {
            let pieces: Vec<_> = batch
                .par_chunks(PIECE)
                .zip(&mut self.deflaters)
                .map(|(piece, deflater)| deflate(deflater, piece, level, distance, MZFlush::Sync))
                .collect::<io::Result<_>>()?;
            for ((found, adler), deflater) in pieces.into_iter().zip(&self.deflaters) {
                self.out
                    .write_all(found.as_deref().unwrap_or(deflater.as_slice()))?;
                self.adler = combine(self.adler, adler, PIECE);
            }
        }
        self.waiting.drain(..whole);
        Ok(())
    }
}

/// Raw deflate of one piece, which the deflater then holds unless it is returned, and its Adler-32.
fn deflate(
    deflater: &mut Deflater,
    bytes: &[u8],
    level: u8,
    distance: Distance,
    end: MZFlush,
) -> io::Result<(Option<Vec<u8>>, u32)> {
    if level > 1 {
        return Ok((Some(search(bytes, level, end)?), adler32(bytes)));
    }
    deflater.clear();
    let last = end == MZFlush::Finish;
    deflater.deflate(bytes, distance, last);
    if last {
        deflater.align();
    } else {
        deflater.flush();
    }
    Ok((None, adler32(bytes)))
}

/// One piece by a search for repetitions.
fn search(bytes: &[u8], level: u8, end: MZFlush) -> io::Result<Vec<u8>> {
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
            return Ok(out);
        }
        out.resize(made + (1 << 16), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(bytes: &[u8], block: usize, level: u8) -> Vec<u8> {
        let mut stream = ZlibStream::new(Vec::new(), level, Precision::F32);
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
}
