//! Any sizes and numbers: both passes with f64 sums.

use super::passes;
use super::weights::Weights;
use std::sync::Arc;

/// Resizes frames along rows, then along columns; an axis without weights stays as it is.
#[derive(Clone, Debug)]
pub(super) struct Weighted {
    pub(super) horizontal: Option<Arc<Weights>>,
    pub(super) vertical: Option<Arc<Weights>>,
    /// Rows of the frame after the pass along rows, each as long as those that come out.
    rows: Vec<f32>,
    columns: Vec<[f64; passes::ROWS]>,
}

impl Weighted {
    pub(super) fn new(horizontal: Option<Arc<Weights>>, vertical: Option<Arc<Weights>>) -> Self {
        Self {
            horizontal,
            vertical,
            rows: Vec::new(),
            columns: Vec::new(),
        }
    }

    /// Resizes a frame with rows of `width` pixels into one with rows of `to_width`.
    pub(super) fn frame<T: Copy + Into<f32> + Into<f64>>(
        &mut self,
        frame: &[T],
        width: usize,
        out: &mut [f32],
        to_width: usize,
    ) {
        self.along_rows(frame, width, to_width);
        for (y, out) in out.chunks_exact_mut(to_width).enumerate() {
            match &self.vertical {
                Some(weights) => {
                    let (start, weights) = weights.get(y);
                    passes::along_columns(&self.rows, to_width, start, weights, out);
                }
                None => out.copy_from_slice(&self.rows[y * to_width..][..to_width]),
            }
        }
    }

    fn along_rows<T: Copy + Into<f32> + Into<f64>>(
        &mut self,
        frame: &[T],
        width: usize,
        to_width: usize,
    ) {
        self.rows.resize(frame.len() / width * to_width, 0.0);
        let Some(weights) = &self.horizontal else {
            self.rows
                .iter_mut()
                .zip(frame)
                .for_each(|(row, &value)| *row = value.into());
            return;
        };
        let blocks = frame.chunks(passes::ROWS * width);
        for (block, out) in blocks.zip(self.rows.chunks_mut(passes::ROWS * to_width)) {
            passes::along_rows(block, width, weights, &mut self.columns, out);
        }
    }
}
