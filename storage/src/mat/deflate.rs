//! One zlib stream, compressed in pieces on several threads.
//!
//! Each piece is deflated by itself and ends at a byte boundary (an empty stored
//! block, zlib's sync flush), so pieces can follow each other in one stream. Their size is
//! fixed: the bytes depend neither on threads nor on how the data arrive. Level 1 is the
//! own of `widefield-deflate`; above it the compressor is `miniz_oxide` itself and not `flate2`, behind which
//! another crate of the same build may put another engine, with other bytes.

use std::io::{self, Write};

use miniz_oxide::deflate::core::CompressorOxide;
use miniz_oxide::deflate::stream;
use miniz_oxide::{DataFormat, MZFlush};
use rayon::prelude::*;
use widefield_deflate::{Deflater, Distance, adler32, adler32_combine};

use crate::movie_file::{Layout, damaged};
use crate::{Error, Precision};

const PIECE: usize = 1 << 18;
/// Most pieces compressed at once, which bounds the memory.
const BATCH: usize = 16;

/// Why a stream could not be written.
#[derive(Debug)]
pub(super) enum StreamError {
    Io(io::Error),
    /// A piece does not inflate to what it was made of.
    Damaged,
}

impl From<io::Error> for StreamError {
    fn from(error: io::Error) -> Self {
        StreamError::Io(error)
    }
}

impl StreamError {
    /// The error of `object`, while `doing` something to it.
    pub(super) fn of(self, object: &str, doing: &'static str) -> Error {
        match self {
            StreamError::Io(error) => Error::io(object, doing, error),
            StreamError::Damaged => damaged(object),
        }
    }
}

/// Compresses what is written to it into `out`.
#[derive(Debug)]
pub(super) struct ZlibStream<W> {
    out: W,
    how: How,
    /// What is not compressed yet.
    waiting: Vec<u8>,
    /// One for each piece of a batch, so that their buffers serve all batches. Two for each thread keep all busy;
    /// more would only leave the cache before they are written.
    deflaters: Vec<Deflater>,
    adler: u32,
    started: bool,
}

/// How pieces are compressed.
#[derive(Clone, Copy, Debug)]
struct How {
    /// 1 to 9.
    level: u8,
    /// Bytes of a number.
    distance: Distance,
    /// Whether each piece is inflated and compared.
    verify: bool,
    #[cfg(test)]
    damage: bool,
}

impl<W: Write> ZlibStream<W> {
    /// For the numbers of a layout that is to be compressed.
    pub(super) fn new(out: W, layout: &Layout) -> Self {
        let batch = (2 * rayon::current_num_threads()).min(BATCH);
        ZlibStream {
            out,
            how: How {
                level: layout.compression,
                distance: match layout.precision {
                    Precision::F32 => Distance::Four,
                    Precision::F64 => Distance::Eight,
                },
                verify: layout.verify,
                #[cfg(test)]
                damage: layout.damage,
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
    pub(super) fn pump(&mut self) -> Result<(), StreamError> {
        if self.waiting.len() >= self.deflaters.len() * PIECE {
            self.compress()
        } else {
            Ok(())
        }
    }

    /// Ends the stream and returns what it was written to.
    pub(super) fn finish(mut self) -> Result<W, StreamError> {
        self.compress()?;
        let mut deflater = Deflater::default();
        let last = self
            .how
            .deflate(&mut deflater, &self.waiting, MZFlush::Finish)?;
        let adler = adler32_combine(self.adler, last.adler, self.waiting.len());
        self.out.write_all(last.bytes(&deflater))?;
        self.out.write_all(&adler.to_be_bytes())?;
        Ok(self.out)
    }

    /// Compresses all whole pieces that wait.
    fn compress(&mut self) -> Result<(), StreamError> {
        if !self.started {
            self.out.write_all(&[0x78, 0x01])?;
            self.started = true;
        }
        let how = self.how;
        let whole = self.waiting.len() / PIECE * PIECE;
        for batch in self.waiting[..whole].chunks(self.deflaters.len() * PIECE) {
            let pieces: Vec<Piece> = batch
                .par_chunks(PIECE)
                .zip(&mut self.deflaters)
                .map(|(piece, deflater)| how.deflate(deflater, piece, MZFlush::Sync))
                .collect::<Result<_, StreamError>>()?;
            for (piece, deflater) in pieces.iter().zip(&self.deflaters) {
                self.out.write_all(piece.bytes(deflater))?;
                self.adler = adler32_combine(self.adler, piece.adler, PIECE);
            }
        }
        self.waiting.drain(..whole);
        Ok(())
    }
}

/// Raw deflate of one piece, and the Adler-32 of what was compressed.
struct Piece {
    /// Nothing if the deflater holds it.
    own: Option<Vec<u8>>,
    adler: u32,
}

impl Piece {
    fn bytes<'a>(&'a self, deflater: &'a Deflater) -> &'a [u8] {
        self.own.as_deref().unwrap_or(deflater.as_slice())
    }
}

impl How {
    fn deflate(
        self,
        deflater: &mut Deflater,
        plain: &[u8],
        end: MZFlush,
    ) -> Result<Piece, StreamError> {
        let adler = adler32(plain);
        let last = end == MZFlush::Finish;
        let own = if self.level > 1 {
            Some(search(plain, self.level, end)?)
        } else {
            deflater.clear();
            deflater.deflate(plain, self.distance, last);
            if last {
                deflater.align();
            } else {
                deflater.flush();
            }
            None
        };
        #[cfg_attr(not(test), expect(unused_mut, reason = "tests damage it"))]
        let mut piece = Piece { own, adler };
        #[cfg(test)]
        if self.damage {
            let mut bytes = piece.bytes(deflater).to_vec();
            crate::movie_file::damage(&mut bytes);
            piece.own = Some(bytes);
        }
        if self.verify && !inflates_to(piece.bytes(deflater), plain, last, adler) {
            return Err(StreamError::Damaged);
        }
        Ok(piece)
    }
}

/// Whether a piece inflates to what it was made of, as another decoder reads it.
fn inflates_to(piece: &[u8], plain: &[u8], last: bool, adler: u32) -> bool {
    // A piece within the stream ends with an empty block; an empty last one makes it a stream.
    let end: &[u8] = if last { &[] } else { &[1, 0, 0, 0xff, 0xff] };
    let stream = [&[0x78, 0x01], piece, end, &adler.to_be_bytes()].concat();
    miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(&stream, plain.len())
        .is_ok_and(|found| found == plain)
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
        let layout = Layout {
            compression: level,
            ..Layout::new([1, 1, 1])
        };
        let mut stream = ZlibStream::new(Vec::new(), &layout);
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
