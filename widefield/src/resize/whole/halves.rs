//! Half as many rows and columns.

use super::pairs;
use super::source::Source;
use crate::number::narrow;
use crate::resize::passes;
use crate::resize::weights::Weights;

/// Pixels that the first output of an axis takes, and the last one.
const AT_END: usize = 3;

/// Resizes frames to half their size, two rows at a time.
///
/// Row `y` of the result takes the rows `2y - 1 .. 2y + 3` with the weights 1, 3, 3, 1. So the rows `2y + 1` and
/// `2y + 2` complete it and begin the next one, and nothing but the begun row is kept.
#[derive(Clone, Debug)]
pub(in crate::resize) struct Halves {
    /// Rows that the source writes.
    rows: Vec<u16>,
    /// What the rows so far add to the next row of the result.
    begun: Vec<i32>,
    outline: Outline,
}

impl Halves {
    /// If the ends have the weights that belong to those in between.
    pub(super) fn new(horizontal: &Weights, vertical: &Weights) -> Option<Self> {
        Some(Self {
            rows: Vec::new(),
            begun: vec![0; horizontal.len()],
            outline: Outline {
                left: End::first(horizontal)?,
                right: End::last(horizontal)?,
                upper: End::first(vertical)?,
                lower: End::last(vertical)?,
                edges: Vec::new(),
                border: Vec::new(),
            },
        })
    }

    /// See [`super::Whole::frame`].
    pub(super) fn frame<S: Source>(
        &mut self,
        mut source: S,
        out: &mut [f32],
    ) -> Result<usize, S::Error> {
        let Self {
            rows: buffer,
            begun,
            outline,
        } = self;
        let half = begun.len();
        let (width, height) = (2 * half, out.len() / half * 2);
        outline.edges.clear();
        outline.border.clear();
        let (mut first, mut cleared) = (0, 0);
        while first < height {
            // The first row comes along with the pairs behind it, the last one with those before it.
            let end = first.saturating_add(S::AT_A_TIME.saturating_add(usize::from(first == 0)));
            let end = if end < height - 1 { end } else { height };
            let window = source.rows(first..end, width, buffer)?;
            cleared += window.cleared;
            let place = |y: usize| window.start + (y - first) * width;
            for y in first..end {
                outline.add(y, &window.pixels[place(y)..][..width]);
                // With the row above, unless both belong to the rows at the edge.
                if y > 0 && y % 2 == 0 {
                    let before = place(y - 1);
                    let rows = &window.pixels[before - 1..=before + 2 * width];
                    let out = &mut out[(y / 2 - 1) * half..][..half];
                    let (a, b) = (&rows[..width + 2], &rows[width..]);
                    match S::FAR {
                        true => pairs::pair::<true>(a, b, begun, out),
                        false => pairs::pair::<false>(a, b, begun, out),
                    }
                    outline.inner(y / 2 - 1, out);
                }
            }
            first = end;
        }
        outline.border(&outline.upper, 0, &mut out[..half]);
        outline.border(&outline.lower, AT_END, &mut out[(height / 2 - 1) * half..]);
        Ok(cleared)
    }
}

/// What the edges of the frame touch.
#[derive(Clone, Debug)]
struct Outline {
    left: End,
    right: End,
    upper: End,
    lower: End,
    /// First and last pixel of all rows after the pass along rows.
    edges: Vec<[f32; 2]>,
    /// The upper and the lower rows after the pass along rows, for the first and the last row of the result.
    border: Vec<f32>,
}

/// The weights of the first or the last output of an axis.
#[derive(Clone, Copy, Debug)]
struct End {
    start: usize,
    weights: [f64; AT_END],
}

impl End {
    fn first(weights: &Weights) -> Option<Self> {
        Self::at(0, 0, weights)
    }

    fn last(weights: &Weights) -> Option<Self> {
        let last = weights.len() - 1;
        Self::at(last, 2 * weights.len() - AT_END, weights)
    }

    fn at(x: usize, expected: usize, weights: &Weights) -> Option<Self> {
        let (start, weights) = weights.get(x);
        let weights = weights.try_into().ok()?;
        (start == expected).then_some(Self { start, weights })
    }

    #[inline(always)]
    fn of(&self, values: [f64; AT_END]) -> f32 {
        let [a, b, c] = values;
        let [u, v, w] = self.weights;
        narrow(a * u + b * v + c * w)
    }
}

impl Outline {
    /// Takes row `y` of a frame, after those above it.
    #[inline(always)]
    fn add(&mut self, y: usize, row: &[u16]) {
        if let ([a, b, c, ..], [.., d, e, f]) = (row, row) {
            self.edges.push([
                self.left.of([a, b, c].map(|&pixel| pixel.into())),
                self.right.of([d, e, f].map(|&pixel| pixel.into())),
            ]);
        }
        if y < AT_END || y >= self.lower.start {
            self.border.extend(sums(row));
        }
    }

    /// Writes the ends of row `y` of the result, unless it is the first one, which comes later as a whole.
    #[inline(always)]
    fn inner(&self, y: usize, out: &mut [f32]) {
        let rows = (2 * y).wrapping_sub(1)..2 * y + 3;
        if let (Some([a, b, c, d]), [left, .., right]) = (self.edges.get(rows), out) {
            let sum = |i: usize| {
                let [a, b, c, d] = [a[i], b[i], c[i], d[i]].map(f64::from);
                narrow(a * 0.125 + b * 0.375 + c * 0.375 + d * 0.125)
            };
            (*left, *right) = (sum(0), sum(1));
        }
    }

    /// Writes the first or the last row of the result, from the rows of the border from `start` on.
    fn border(&self, end: &End, start: usize, out: &mut [f32]) {
        passes::along_columns(&self.border, out.len(), start, &end.weights, out);
        if let (Some([a, b, c]), [left, .., right]) =
            (self.edges.get(end.start..end.start + AT_END), out)
        {
            let sum = |i: usize| end.of([a[i], b[i], c[i]].map(f64::from));
            (*left, *right) = (sum(0), sum(1));
        }
    }
}

/// Sums along a row, but those at its ends, which get others.
fn sums(row: &[u16]) -> impl Iterator<Item = f32> {
    let inner = row[1..].windows(4).step_by(2).map(|pixels| {
        let sum: u32 = pixels
            .iter()
            .zip([1, 3, 3, 1])
            .map(|(&pixel, weight)| weight * u32::from(pixel))
            .sum();
        sum as f32 * (1.0 / 8.0)
    });
    std::iter::once(0.0).chain(inner).chain([0.0])
}
