//! What several test files need.

use ndarray::{Array3, ArrayView3, ArrayViewMut3};
use std::ops::Range;
use widefield::{Error, MovieSource};

/// A movie that has to be read, as if it lay in a file.
pub(crate) struct OnDisk(pub(crate) Array3<f32>);

impl MovieSource for OnDisk {
    fn dim(&self) -> (usize, usize, usize) {
        self.0.dim()
    }

    fn frames_into(&self, frames: Range<usize>, out: ArrayViewMut3<'_, f32>) -> Result<(), Error> {
        let view: ArrayView3<'_, f32> = self.0.view();
        view.frames_into(frames, out)
    }

    fn rows_into(&self, rows: Range<usize>, out: ArrayViewMut3<'_, f32>) -> Result<(), Error> {
        self.0.view().rows_into(rows, out)
    }
}

/// Runs with a pool of so many threads.
pub(crate) fn in_pool<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(run)
}
