//! Frames in order, some at a time.

use super::{BytesIn, Opened, Parts, Recording, RecordingError};
use bytes::Bytes;
use dcimg::{Frame, Pieces};
use std::ops::Range;
use widefield_storage::{Ahead, Fetch};

/// The frames of a recording, front to back, every byte once.
#[derive(Debug)]
pub struct Blocks<'a> {
    recording: &'a Recording,
    /// The tables of a packed file's footer, which come behind all frames.
    tables: Parts,
    frames_in: FramesIn<'a>,
    next: usize,
    length: usize,
}

#[derive(Debug)]
enum FramesIn<'a> {
    File(&'a Opened),
    /// A block at a time, asked for ahead.
    Store(Fetch),
}

/// Some consecutive frames.
#[derive(Debug)]
pub struct Block<'a> {
    recording: &'a Recording,
    tables: &'a Parts,
    frames: Range<usize>,
    bytes: BlockBytes<'a>,
}

#[derive(Debug)]
enum BlockBytes<'a> {
    /// Read frame by frame where they are decoded, which keeps them in the cache.
    In(&'a Opened),
    /// All at once, and where they begin.
    Here(u64, Bytes),
}

impl Recording {
    /// Goes through the frames, `length` (at least 1) at a time. From a store the blocks to come are on their way
    /// within `ahead` while one is worked on.
    ///
    /// # Errors
    /// [`RecordingError`] if the tables of the footer cannot be read.
    pub fn blocks(&self, length: usize, ahead: Ahead) -> Result<Blocks<'_>, RecordingError> {
        let frames = self.layout.frames();
        let length = length.max(1);
        let tables = self.read(self.table_ranges()?)?;
        let frames_in = match &self.source.bytes_in {
            BytesIn::File(opened) => FramesIn::File(opened),
            BytesIn::Store(object) => {
                let starts = (0..frames).step_by(length);
                let ranges = starts.map(|start| self.range(start..frames.min(start + length)));
                let ranges: Result<Vec<_>, _> = ranges.collect();
                FramesIn::Store(object.fetch(ranges?, ahead)?)
            }
        };
        Ok(Blocks {
            recording: self,
            tables,
            frames_in,
            next: 0,
            length,
        })
    }

    /// Bytes of the tables in the footer, which are read before the frames.
    ///
    /// # Errors
    /// [`RecordingError`] if the headers place frames where there is nothing.
    pub fn table_bytes(&self) -> Result<u64, RecordingError> {
        let ranges = self.table_ranges()?;
        Ok(ranges.iter().map(|range| range.end - range.start).sum())
    }

    fn table_ranges(&self) -> Result<Vec<Range<u64>>, RecordingError> {
        let mut ranges = self.frame_ranges(0..self.layout.frames())?;
        ranges.drain(..ranges.len().min(1));
        Ok(ranges)
    }

    /// Where frames (at least one) lie, without what the tables say of them.
    fn range(&self, frames: Range<usize>) -> Result<Range<u64>, RecordingError> {
        let ranges = self.frame_ranges(frames)?;
        Ok(ranges.into_iter().next().unwrap_or(0..0))
    }
}

impl Blocks<'_> {
    /// The next frames; `None` behind the last one.
    ///
    /// # Errors
    /// [`RecordingError`] where the recording changed while those before were read, or a store does not give more.
    pub fn next_block(&mut self) -> Option<Result<Block<'_>, RecordingError>> {
        if let Err(changed) = self.recording.source.unchanged() {
            return Some(Err(changed));
        }
        let start = self.next;
        let end = self.recording.layout.frames().min(start + self.length);
        self.next = end;
        (start < end).then(|| self.block(start..end))
    }

    fn block(&mut self, frames: Range<usize>) -> Result<Block<'_>, RecordingError> {
        let bytes = match &mut self.frames_in {
            FramesIn::File(opened) => BlockBytes::In(opened),
            FramesIn::Store(coming) => {
                let start = self.recording.range(frames.clone())?.start;
                // As many ranges were asked for as there are blocks.
                let bytes = coming.next().transpose()?.unwrap_or_default();
                BlockBytes::Here(start, bytes)
            }
        };
        Ok(Block {
            recording: self.recording,
            tables: &self.tables,
            frames,
            bytes,
        })
    }
}

impl Block<'_> {
    /// Which frames these are.
    #[must_use]
    pub fn frames(&self) -> Range<usize> {
        self.frames.clone()
    }

    /// Gives frame `index` to `then`; its bytes go through `buffer` where they lie in a file.
    ///
    /// # Errors
    /// [`RecordingError`] if its bytes cannot be read; those of `then`.
    pub fn frame<T, E: From<RecordingError>>(
        &self,
        index: usize,
        buffer: &mut Vec<u8>,
        then: impl FnOnce(Frame<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let recording = self.recording;
        let mut pieces = Pieces::new(recording.source.bytes);
        match &self.bytes {
            BlockBytes::In(opened) => {
                let range = recording.range(index..index.saturating_add(1))?;
                let start = range.start;
                recording.source.read_into(opened, range, buffer)?;
                pieces.add(start, buffer);
            }
            BlockBytes::Here(start, bytes) => pieces.add(*start, bytes),
        }
        for (start, table) in self.tables {
            pieces.add(*start, table);
        }
        let frame = recording.layout.movie(&pieces).frame(index);
        then(frame.map_err(|error| recording.source.format(error))?)
    }

    /// Names the recording in an error of its frame.
    #[must_use]
    pub fn format(&self, error: dcimg::Error) -> RecordingError {
        self.recording.source.format(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::path::{Path, PathBuf};
    use std::time::SystemTime;
    use widefield_storage::{ErrorKind, Place};

    const FRAMES: usize = 6;

    fn movie(path: &Path) {
        let mut file = std::io::Cursor::new(Vec::new());
        let spec = dcimg::write::Spec::packed(8, 8);
        let mut writer = dcimg::write::Writer::new(&mut file, &spec).expect("writer");
        for _ in 0..FRAMES {
            let frame = ndarray::Array2::from_elem((8, 8), 7_u16);
            writer
                .push(frame.view(), dcimg::Stamp::default())
                .expect("frame");
        }
        writer.finish().expect("finish");
        std::fs::write(path, file.into_inner()).expect("write");
    }

    /// Frames that came before an error, and the error.
    fn read(folder: &Path, after: usize, change: impl FnOnce(PathBuf)) -> (usize, RecordingError) {
        let path = folder.join("movie");
        movie(&path);
        let place = Place::open(&folder.display().to_string()).expect("place");
        let recording = Recording::open(&place, "movie").expect("recording");
        let mut blocks = recording.blocks(2, Ahead::default()).expect("blocks");
        let (mut seen, mut change) = (0, Some(change));
        loop {
            if seen == after
                && let Some(change) = change.take()
            {
                change(path.clone());
            }
            let block = blocks.next_block().expect("no end before the error");
            let block = match block {
                Ok(block) => block,
                Err(error) => return (seen, error),
            };
            for index in block.frames() {
                let whole = |_: Frame<'_>| Ok::<_, RecordingError>(());
                match block.frame(index, &mut Vec::new(), whole) {
                    Ok(()) => seen += 1,
                    Err(error) => return (seen, error),
                }
            }
        }
    }

    fn is_changed(error: &RecordingError) -> bool {
        matches!(error, RecordingError::Storage(e) if e.kind() == ErrorKind::Changed)
    }

    #[test]
    fn a_movie_that_changes_while_it_is_read_is_an_error() {
        let folder = tempfile::tempdir().expect("folder");
        let append = |path: PathBuf| {
            let file = std::fs::File::options().append(true).open(path);
            file.and_then(|mut f| f.write_all(b"more")).expect("append");
        };
        let touch = |path: PathBuf| {
            let file = std::fs::File::options()
                .write(true)
                .open(path)
                .expect("open");
            file.set_modified(SystemTime::UNIX_EPOCH).expect("time");
        };
        let replace = |path: PathBuf| {
            let new = path.with_extension("new");
            movie(&new);
            let time = path.metadata().and_then(|m| m.modified()).expect("time");
            let file = std::fs::File::options()
                .write(true)
                .open(&new)
                .expect("open");
            file.set_modified(time).expect("time");
            std::fs::rename(new, path).expect("rename");
        };
        let remove = |path: PathBuf| std::fs::remove_file(path).expect("remove");
        // Also behind the last frame.
        for after in [0, 2, FRAMES] {
            let changes: [&dyn Fn(PathBuf); 4] = [&append, &touch, &replace, &remove];
            for (i, change) in changes.iter().enumerate() {
                let (seen, error) = read(folder.path(), after, change);
                assert!(is_changed(&error), "{i}: {error}");
                assert_eq!(seen, after, "{i}");
            }
        }
    }

    #[test]
    fn one_that_becomes_shorter_within_a_block_has_changed() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("movie");
        movie(&path);
        let place = Place::open(&folder.path().display().to_string()).expect("place");
        let recording = Recording::open(&place, "movie").expect("recording");
        let mut blocks = recording.blocks(FRAMES, Ahead::default()).expect("blocks");
        let block = blocks.next_block().expect("frames").expect("block");
        std::fs::File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_len(600))
            .expect("cut");
        let whole = |_: Frame<'_>| Ok::<_, RecordingError>(());
        let last = block.frame(FRAMES - 1, &mut Vec::new(), whole);
        assert!(is_changed(&last.expect_err("cut")));
    }
}
