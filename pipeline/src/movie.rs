//! Movies gone through block by block: to look at, and to rewrite.

use crate::recording::MovieStore;
use crate::step::{Apply, Cause, Clip, Context};
use ndarray::{Array3, ArrayView3, Axis, s};
use std::ops::Range;
use widefield::MovieSource;

/// Calls `see` with all of `frames`, which must exist, in order, at most `length` at a time, and with the number of the
/// first; `unread` says what it means that frames cannot be read.
pub(crate) fn each_block<E>(
    movie: &dyn MovieSource,
    frames: Range<usize>,
    length: usize,
    unread: impl Fn(widefield::Error) -> E,
    mut see: impl FnMut(usize, ArrayView3<'_, f32>) -> Result<(), E>,
) -> Result<(), E> {
    let length = length.max(1);
    if let Some(movie) = movie.in_memory() {
        let part = movie.slice(s![frames.clone(), .., ..]);
        let blocks = part.axis_chunks_iter(Axis(0), length);
        return frames
            .step_by(length)
            .zip(blocks)
            .try_for_each(|(first, block)| see(first, block));
    }
    let (_, height, width) = movie.dim();
    let mut buffer = Array3::zeros((length.min(frames.len()), height, width));
    for start in frames.clone().step_by(length) {
        let part = start..frames.end.min(start + length);
        let mut block = buffer.slice_mut(s![..part.len(), .., ..]);
        movie.frames_into(part, block.view_mut()).map_err(&unread)?;
        see(start, block.view())?;
    }
    Ok(())
}

/// Lets a transform that has looked at a movie rewrite it block by block. It sees the frames around a block as they were
/// before.
///
/// # Errors
/// Those of the transform, and of the movie.
pub fn rewrite(
    movie: &mut dyn MovieStore,
    clip: &Clip,
    context: Context,
    apply: &dyn Apply,
) -> Result<(), Cause> {
    let (frames, height, width) = movie.dim();
    let block = clip.block.min(frames);
    let mut out = Array3::zeros((block, height, width));
    // Frames before the block, which have been rewritten by then.
    let mut before = Array3::zeros((0, height, width));
    for start in (0..frames).step_by(block.max(1)) {
        let end = frames.min(start + block);
        let at = before.len_of(Axis(0));
        let read = start..frames.min(end.saturating_add(context.after));
        let mut around = Array3::zeros((at + read.len(), height, width));
        around.slice_mut(s![..at, .., ..]).assign(&before);
        movie.frames_into(read, around.slice_mut(s![at.., .., ..]))?;
        let mut out = out.slice_mut(s![..end - start, .., ..]);
        apply.apply(start, around.view(), at, out.view_mut())?;
        movie.write(start, out.view())?;
        let keep = context.before.min(end);
        let behind = at + end - start;
        before = around
            .slice(s![behind - keep.min(behind)..behind, .., ..])
            .to_owned();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Movie;

    fn filled(dim: (usize, usize, usize)) -> (Array3<f32>, Movie) {
        let whole = Array3::from_shape_fn(dim, |(t, y, x)| (t * 100 + y * 10 + x) as f32 * 0.37);
        let mut disk = Movie::on_disk(dim, &std::env::temp_dir()).expect("scratch");
        disk.write(0, whole.view()).expect("write");
        (whole, disk)
    }

    #[test]
    fn blocks_are_those_of_memory_and_of_a_file() {
        let (whole, disk) = filled((11, 5, 7));
        let memory = Movie::Memory(whole.clone());
        for length in [1, 3, 50] {
            for movie in [&memory, &disk] {
                let mut next = 2;
                each_block(
                    movie,
                    2..9,
                    length,
                    |error| error,
                    |first, block| {
                        let end = first + block.len_of(Axis(0));
                        assert_eq!(first, next);
                        assert_eq!(block, whole.slice(s![first..end, .., ..]));
                        next = end;
                        Ok(())
                    },
                )
                .expect("read");
                assert_eq!(next, 9);
            }
        }
    }
}
