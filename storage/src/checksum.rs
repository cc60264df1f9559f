//! CRC-32C of a file whose bytes were seen on their way there.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// Stretches of a file whose check sums are known, in any order, none over another.
#[derive(Debug, Default)]
pub(crate) struct Known {
    stretches: Vec<Stretch>,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    start: u64,
    end: u64,
    crc: u32,
}

impl Known {
    /// Takes bytes that were written at `start`. Cheapest where those before were the last ones taken.
    pub(crate) fn add(&mut self, start: u64, bytes: &[u8]) {
        let end = start + bytes.len() as u64;
        match self.stretches.last_mut() {
            Some(last) if last.end == start => {
                last.end = end;
                last.crc = crc32c::crc32c_append(last.crc, bytes);
            }
            _ => self.stretches.push(Stretch {
                start,
                end,
                crc: crc32c::crc32c(bytes),
            }),
        }
    }

    /// Length and CRC-32C of a whole file, of which only what is not known is read.
    ///
    /// # Errors
    /// What the system reports, and a file that ends before what is known of it.
    pub(crate) fn whole(mut self, file: &mut File) -> io::Result<(u64, u32)> {
        self.stretches.sort_by_key(|stretch| stretch.start);
        let (mut at, mut crc) = (0, 0);
        for stretch in &self.stretches {
            file.seek(SeekFrom::Start(at))?;
            let (read, found) = read(&mut file.take(stretch.start.saturating_sub(at)), crc)?;
            if at + read != stretch.start {
                return Err(io::Error::other("the file is not as it was written"));
            }
            let length = stretch.end - stretch.start;
            let length = usize::try_from(length).map_err(io::Error::other)?;
            crc = crc32c::crc32c_combine(found, stretch.crc, length);
            at = stretch.end;
        }
        if file.seek(SeekFrom::End(0))? < at {
            return Err(io::Error::other("the file is shorter than it was written"));
        }
        file.seek(SeekFrom::Start(at))?;
        let (read, crc) = read(file, crc)?;
        Ok((at + read, crc))
    }
}

/// Length of what is left to read, and the CRC-32C with it of what was before.
fn read(from: &mut impl Read, mut crc: u32) -> io::Result<(u64, u32)> {
    // Few enough to stay in the cache between the system's copy and the check sum.
    let mut buffer = [0; 1 << 15];
    let mut bytes = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok((bytes, crc)),
            Ok(read) => {
                crc = crc32c::crc32c_append(crc, &buffer[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A file that is written from some place on, front to back, and what is known of it by then.
#[derive(Debug)]
pub(crate) struct Summed {
    file: File,
    at: u64,
    known: Known,
}

impl Summed {
    /// From where the file stands.
    pub(crate) fn new(mut file: File) -> io::Result<Self> {
        let at = file.stream_position()?;
        Ok(Summed {
            file,
            at,
            known: Known::default(),
        })
    }

    /// The file, where it ends, and what is known.
    pub(crate) fn into_parts(self) -> (File, u64, Known) {
        (self.file, self.at, self.known)
    }
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.known.add(self.at, &bytes[..written]);
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: u32) -> Vec<u8> {
        (0..u64::from(length))
            .map(|i| (i * i / 7).to_le_bytes()[0])
            .collect()
    }

    #[test]
    fn what_is_known_and_what_is_read_make_the_whole() {
        let bytes = bytes(100_000);
        let stretches: [&[[usize; 2]]; 6] = [
            &[],
            &[[0, 100_000]],
            &[[136, 50_000], [50_000, 100_000]],
            &[[70_000, 99_999], [10, 11], [11, 40_000]],
            &[[0, 10], [10, 10], [99_000, 100_000]],
            &[[40_000, 40_001]],
        ];
        for stretches in stretches {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            let mut known = Known::default();
            for &[start, end] in stretches {
                known.add(start as u64, &bytes[start..end]);
            }
            let found = known.whole(&mut file).unwrap();
            assert_eq!(found, (100_000, crc32c::crc32c(&bytes)), "{stretches:?}");
        }
    }

    #[test]
    fn a_file_shorter_than_what_was_written_is_an_error() {
        for start in [0, 50, 200] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes(100)).unwrap();
            let mut known = Known::default();
            known.add(start, &bytes(60));
            assert_eq!(known.whole(&mut file).is_err(), start > 0, "{start}");
        }
    }

    #[test]
    fn a_file_written_front_to_back_is_known_from_there_on() {
        let bytes = bytes(5000);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[0; 136]).unwrap();
        let mut summed = Summed::new(file).unwrap();
        bytes
            .chunks(999)
            .for_each(|part| summed.write_all(part).unwrap());
        let (mut file, end, known) = summed.into_parts();
        assert_eq!(end, 5136);
        // What was before may change.
        file.seek(SeekFrom::Start(3)).unwrap();
        file.write_all(b"tag").unwrap();
        let mut all = vec![0; 136];
        all[3..6].copy_from_slice(b"tag");
        all.extend(bytes);
        assert_eq!(
            known.whole(&mut file).unwrap(),
            (5136, crc32c::crc32c(&all))
        );
    }
}
