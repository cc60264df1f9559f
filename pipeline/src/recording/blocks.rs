//! Frames in order, some at a time.

use super::{BytesIn, Parts, Recording, RecordingError};
use bytes::Bytes;
use dcimg::{Frame, Pieces};
use std::fs::File;
use std::ops::Range;
use widefield_storage::{Ahead, Fetch};

/// The frames of a recording, front to back, every byte once.
pub(crate) struct Blocks<'a> {
    recording: &'a Recording,
    /// The tables of a packed file's footer, which come behind all frames.
    tables: Parts,
    frames_in: FramesIn<'a>,
    next: usize,
    length: usize,
}

enum FramesIn<'a> {
    File(&'a File),
    /// A block at a time, asked for ahead.
    Store(Fetch),
}

/// Some consecutive frames.
pub(crate) struct Block<'a> {
    recording: &'a Recording,
    tables: &'a Parts,
    frames: Range<usize>,
    bytes: BlockBytes<'a>,
}

enum BlockBytes<'a> {
    /// Read frame by frame where they are decoded, which keeps them in the cache.
    In(&'a File),
    /// All at once, and where they begin.
    Here(u64, Bytes),
}

impl Recording {
    /// Goes through the frames, `length` (at least 1) at a time. From a store the blocks to come are on their way
    /// within `ahead` while one is worked on.
    ///
    /// # Errors
    /// [`RecordingError`] if the tables of the footer cannot be read.
    pub(crate) fn blocks(&self, length: usize, ahead: Ahead) -> Result<Blocks<'_>, RecordingError> {
        let frames = self.layout.frames();
        let length = length.max(1);
        let tables = self.read(self.table_ranges()?)?;
        let frames_in = match &self.source.bytes_in {
            BytesIn::File(file) => FramesIn::File(file),
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
    pub(crate) fn table_bytes(&self) -> Result<u64, RecordingError> {
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
    pub(crate) fn next(&mut self) -> Option<Result<Block<'_>, RecordingError>> {
        let start = self.next;
        let end = self.recording.layout.frames().min(start + self.length);
        self.next = end;
        (start < end).then(|| self.block(start..end))
    }

    fn block(&mut self, frames: Range<usize>) -> Result<Block<'_>, RecordingError> {
        let bytes = match &mut self.frames_in {
            FramesIn::File(file) => BlockBytes::In(file),
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
    pub(crate) fn frames(&self) -> Range<usize> {
        self.frames.clone()
    }

    /// Gives frame `index` to `then`; its bytes go through `buffer` where they lie in a file.
    pub(crate) fn frame<T, E: From<RecordingError>>(
        &self,
        index: usize,
        buffer: &mut Vec<u8>,
        then: impl FnOnce(Frame<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let recording = self.recording;
        let mut pieces = Pieces::new(recording.source.bytes);
        match &self.bytes {
            BlockBytes::In(file) => {
                let range = recording.range(index..index.saturating_add(1))?;
                let start = range.start;
                recording.source.read_into(file, range, buffer)?;
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
    pub(crate) fn format(&self, error: dcimg::Error) -> RecordingError {
        self.recording.source.format(error)
    }
}
