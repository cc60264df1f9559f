//! What a trial holds in memory, and how it keeps within its share.

use super::TrialError;
use crate::step::{BLOCK, Held};
use widefield::Size;

/// Bytes a resized pixel takes in images: means, F0, mask, maxima, peaks, and what the fit of the background holds.
const IMAGES: u64 = 64;
/// Buffers of the compressors of one trial, which work side by side: 32 chunks of up to 512 KiB of either HDF5 file,
/// 16 pieces of 256 KiB of MAT and what becomes of them; the rest is those of single threads.
const WRITERS: u64 = 64 << 20;
/// Bytes of what is kept of each frame beside its pixels: stamps, intervals, gaps, shifts, and room in which they grow.
const SEEN: u64 = 256;
/// Raw bytes that one request to a store asks for.
const REQUEST: u64 = 4 << 20;
/// Raw bytes of a trial on their way from a store, where there is room.
const AHEAD: u64 = 64 << 20;

/// Bytes with which a trial whose movie has `file_bytes` bytes runs without a scratch file.
///
/// An upper bound for 16-bit movies that are not enlarged: a trial knows better as soon as it has read the header.
pub(crate) fn needs(file_bytes: u64) -> u64 {
    // Counts of 2 bytes become f32, and blocks of frames go to the files.
    let movie = file_bytes.saturating_mul(2);
    movie.saturating_add(WRITERS).saturating_add(movie / 4)
}

/// The sizes that decide how much a trial holds.
#[derive(Clone, Debug)]
pub(super) struct Sizes {
    pub(super) frames: usize,
    pub(super) camera: Size,
    pub(super) resized: Size,
    /// Bytes of a frame in the file.
    pub(super) stored_frame: u64,
    /// Bytes of the tables in the file's footer.
    pub(super) tables: u64,
    /// Frames that are decoded at a time.
    pub(super) threads: usize,
    /// What the normalisation holds of a movie that is not in memory.
    pub(super) held: Held,
    /// Whether motion is taken away.
    pub(super) registering: bool,
    /// What the transforms hold beside the movie.
    pub(super) rewriting: u64,
    /// Whether the file comes from a store.
    pub(super) remote: bool,
}

/// How a trial keeps within its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Whether the resized movie is kept in memory; otherwise in a scratch file.
    pub(super) in_memory: bool,
    /// Frames that are worked on at a time.
    pub(super) block: usize,
    /// Frames that are read and decoded at a time: from a store, with one request.
    pub(super) request: usize,
    /// Raw bytes that may be on their way.
    pub(super) ahead: u64,
}

impl Sizes {
    /// What to do with `memory` bytes.
    pub(super) fn room(&self, memory: u64) -> Result<Room, TrialError> {
        let in_memory = self.whole() <= memory;
        let fits = |block: &usize| self.holds(in_memory, *block) <= memory;
        let Some(block) = [BLOCK, 4, 1].into_iter().find(fits) else {
            return Err(TrialError::Memory {
                needed: self.least().div_ceil(1 << 20),
                allowed: memory >> 20,
            });
        };
        let request = self.request(block);
        let left = memory - self.holds(in_memory, block);
        Ok(Room {
            in_memory,
            block,
            request,
            ahead: self
                .raw(request)
                .saturating_mul(2)
                .saturating_add(left)
                .min(AHEAD),
        })
    }

    /// Bytes with which a trial runs without a scratch file.
    pub(super) fn whole(&self) -> u64 {
        self.holds(true, BLOCK).saturating_add(WRITERS)
    }

    fn least(&self) -> u64 {
        let blocks = [BLOCK, 4, 1].into_iter();
        let holds = blocks.map(|block| self.holds(false, block));
        holds.min().unwrap_or(u64::MAX)
    }

    /// Frames that are read and decoded at a time, when `block` frames are worked on at a time.
    fn request(&self, block: usize) -> usize {
        if !self.remote {
            return block;
        }
        let frames = (REQUEST / self.stored_frame.max(1)).max(1);
        block.min(usize::try_from(frames).unwrap_or(usize::MAX))
    }

    fn raw(&self, frames: usize) -> u64 {
        (frames as u64).saturating_mul(self.stored_frame)
    }

    /// Most bytes held at a time, without the compressors.
    fn holds(&self, in_memory: bool, block: usize) -> u64 {
        let pixels = area(self.resized);
        let frame = pixels.saturating_mul(4);
        let frames = |n: usize| frame.saturating_mul(n as u64);
        let block = block.min(self.frames);
        let scratch = if in_memory { 0 } else { block };

        // A decoder has the bytes of a frame, its pixels, and its rows after the pass along rows.
        let rows = area(Size {
            width: self.resized.width,
            height: self.camera.height,
        });
        let decoder = self
            .raw(1)
            .saturating_add(area(self.camera).saturating_mul(2))
            .saturating_add(rows.saturating_mul(4));
        let on_the_way = if self.remote {
            self.raw(self.request(block)).saturating_mul(2)
        } else {
            0
        };
        let decoders = decoder.saturating_mul(self.threads.min(block) as u64);
        // Each thread has a whole frame once more, and spectra; besides, some images.
        let registering = match self.registering {
            true => {
                let whole = area(self.camera).saturating_mul(2);
                let each = frames(4)
                    .saturating_add(whole)
                    .saturating_mul(self.threads as u64);
                each.saturating_add(frames(8))
            }
            false => 0,
        };
        let reading = frames(scratch)
            .saturating_add(decoders)
            .saturating_add(registering)
            .saturating_add(on_the_way);

        // The writers of both HDF5 files collect what does not fill a chunk.
        let collected = if block.is_multiple_of(BLOCK) {
            0
        } else {
            2 * BLOCK.min(self.frames)
        };
        // Nothing is copied from a movie in memory.
        let held = if in_memory {
            Held {
                always: self.held.always,
                ..Held::default()
            }
        } else {
            self.held
        };
        let writing = frames(scratch + block + collected).saturating_add(held.normalising);

        let movie = if in_memory { frames(self.frames) } else { 0 };
        let images = pixels.saturating_mul(IMAGES);
        movie
            .saturating_add(images)
            .saturating_add(self.tables)
            .saturating_add(SEEN.saturating_mul(self.frames as u64))
            .saturating_add(held.always)
            .saturating_add(reading.max(self.rewriting).max(held.preparing).max(writing))
    }
}

fn area(size: Size) -> u64 {
    (size.width as u64).saturating_mul(size.height as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::{Clip, Normalise};
    use widefield::baseline::Span;
    use widefield::{Baseline, DeltaF, TimeAxis};

    fn of(baseline: &Baseline, frames: usize, side: usize) -> Held {
        let size = Size {
            width: side,
            height: side,
        };
        let axis = TimeAxis {
            sample_rate_hz: 20.0,
            first_frame_s: 0.0,
        };
        DeltaF::new(baseline.clone()).held(&Clip::new(frames, size, axis), 2)
    }

    fn sizes(frames: usize, side: usize) -> Sizes {
        let camera = Size {
            width: 512,
            height: 512,
        };
        Sizes {
            frames,
            camera,
            resized: Size {
                width: side,
                height: side,
            },
            stored_frame: 2 * 512 * 512 + 32,
            tables: 0,
            threads: 2,
            held: of(&Baseline::frames(9..12), frames, side),
            registering: false,
            rewriting: 0,
            remote: false,
        }
    }

    #[test]
    fn a_movie_that_fits_stays_in_memory_and_a_long_one_does_not() {
        let trial = sizes(200, 256);
        let needed = trial.whole();
        assert!(trial.room(needed).expect("room").in_memory);
        let tight = trial.room(needed - 1).expect("room");
        assert_eq!((tight.in_memory, tight.block), (false, BLOCK));
        // Its length does not matter then.
        let long = sizes(8400, 256);
        assert_eq!(long.room(needed - 1).expect("room"), tight);
        assert!(needs(200 * trial.stored_frame) >= needed);
    }

    #[test]
    fn less_room_means_fewer_frames_at_a_time_down_to_an_error_that_names_the_least() {
        let trial = sizes(420, 256);
        let blocks: Vec<usize> = [24 << 20, 16 << 20, 14 << 20]
            .into_iter()
            .map(|memory| trial.room(memory).expect("room").block)
            .collect();
        assert_eq!(blocks, [BLOCK, BLOCK, BLOCK]);
        let least = trial.least();
        assert!(trial.room(least).is_ok());
        let Err(TrialError::Memory { needed, allowed }) = trial.room(least - 1) else {
            panic!("a byte less than the least is too little");
        };
        assert_eq!(
            (needed, allowed),
            (least.div_ceil(1 << 20), (least - 1) >> 20)
        );
    }

    #[test]
    fn a_baseline_that_follows_the_trace_needs_the_frames_it_looks_at() {
        let mut trial = sizes(8400, 256);
        let memory = trial.least() + (16 << 20);
        trial.held = of(&Baseline::Mean, 8400, 256);
        assert!(trial.room(memory).is_ok());
        let sliding = Baseline::SlidingPercentile {
            percentile: 8.0,
            span: Span::frames(600),
        };
        trial.held = of(&sliding, 8400, 256);
        let Err(TrialError::Memory { needed, .. }) = trial.room(memory) else {
            panic!("600 frames around 150 take 187 MiB, and F0 of these 75 MiB");
        };
        assert!((280..330).contains(&needed), "{needed}");
        assert!(trial.room(needed << 20).is_ok());
    }

    #[test]
    fn numbers_of_a_hostile_header_do_not_overflow() {
        let mut trial = sizes(usize::MAX, 1 << 16);
        trial.stored_frame = u64::MAX;
        trial.tables = u64::MAX;
        trial.remote = true;
        assert!(matches!(
            trial.room(u64::MAX - 1),
            Err(TrialError::Memory { .. })
        ));
    }

    #[test]
    fn requests_to_a_store_are_a_few_mebibytes_within_the_room() {
        let mut trial = sizes(8400, 256);
        trial.remote = true;
        let roomy = trial.room(256 << 20).expect("room");
        assert_eq!((roomy.request, roomy.ahead), (7, AHEAD));
        let least = trial.least();
        let tight = trial.room(least).expect("room");
        assert!(tight.ahead >= 2 * tight.request as u64 * trial.stored_frame);
        assert!(tight.ahead < 16 << 20);
    }
}
