//! Everything a least-squares step of the Gaussian model needs, in one pass over the image.
//!
//! All derivatives of the model are sums of `e u^i v^j` with `i + j <= 2` and a constant, where `e` is
//! the Gaussian and `u`, `v` the distance from its centre in sigmas. So the products the normal
//! equations need are sums of 15 moments `e^2 u^i v^j`, 6 moments `e u^i v^j` and as many of the
//! residual. Along a row `v` is constant, which leaves 13 sums per pixel instead of 36.

use crate::number::count;
use crate::simd::exp;
use multiversion::multiversion;
use rayon::prelude::*;

/// Pixels that are summed side by side.
const LANES: usize = 8;

/// Rows of one task. Fixed, so that sums are formed in the same order on any number of threads.
const BAND: usize = 16;

/// Powers `(i, j)` of `u^i v^j` in the order the basis functions are numbered.
pub(super) const POWERS: [(usize, usize); 6] = [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)];

/// Exponent of the model: `e = exp(-(a dx^2 + 2 b dx dy + c dy^2))` around `(x0, y0)`, and the scales
/// of `u = dx / scale_x`, `v = dy / scale_y`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bell {
    pub(super) x0: f64,
    pub(super) y0: f64,
    pub(super) a: f64,
    pub(super) b: f64,
    pub(super) c: f64,
    pub(super) scale_x: f64,
    pub(super) scale_y: f64,
}

/// Sums over the image, with residual `r = offset + amplitude e - value`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    /// `sum e^2 u^i v^j` at `[i][j]`, `i + j <= 4`.
    pub(super) bell_squared: [[f64; 5]; 5],
    /// `sum e u^i v^j` at `[i][j]`, `i + j <= 2`.
    pub(super) bell: [[f64; 3]; 3],
    /// `sum r e u^i v^j` at `[i][j]`, `i + j <= 2`.
    pub(super) residual_bell: [[f64; 3]; 3],
    /// `sum r`.
    pub(super) residual: f64,
    /// `sum r^2`.
    pub(super) residual_squared: f64,
}

/// Sums of one row, in the order `e^2 u^0..4`, `e u^0..2`, `r e u^0..2`, `r`, `r^2`.
type RowSums = [f64; 13];

impl Moments {
    /// Of an image whose rows have `width` pixels.
    pub(super) fn of(
        image: &[f64],
        width: usize,
        bell: &Bell,
        amplitude: f64,
        offset: f64,
    ) -> Self {
        let band = |(i, rows): (usize, &[f64])| {
            let mut moments = Self::default();
            for (y, row) in rows.chunks_exact(width).enumerate() {
                let dy = count(i * BAND + y) - bell.y0;
                moments.add_row(
                    &row_sums(row, dy, bell, amplitude, offset),
                    dy / bell.scale_y,
                );
            }
            moments
        };
        let bands: Vec<Self> = image
            .par_chunks(BAND * width)
            .enumerate()
            .map(band)
            .collect();
        bands
            .iter()
            .fold(Self::default(), |sum, band| sum.plus(band))
    }

    fn add_row(&mut self, sums: &RowSums, v: f64) {
        let mut power = 1.0;
        for j in 0..5 {
            for (moment, sum) in self.bell_squared.iter_mut().zip(&sums[..5 - j]) {
                moment[j] += sum * power;
            }
            for (moment, sum) in self
                .bell
                .iter_mut()
                .zip(&sums[5..8])
                .take(3_usize.saturating_sub(j))
            {
                moment[j] += sum * power;
            }
            for (moment, sum) in self
                .residual_bell
                .iter_mut()
                .zip(&sums[8..11])
                .take(3_usize.saturating_sub(j))
            {
                moment[j] += sum * power;
            }
            power *= v;
        }
        self.residual += sums[11];
        self.residual_squared += sums[12];
    }

    fn plus(mut self, other: &Self) -> Self {
        let add = |sums: &mut [f64], others: &[f64]| {
            sums.iter_mut()
                .zip(others)
                .for_each(|(sum, other)| *sum += other)
        };
        add(
            self.bell_squared.as_flattened_mut(),
            other.bell_squared.as_flattened(),
        );
        add(self.bell.as_flattened_mut(), other.bell.as_flattened());
        add(
            self.residual_bell.as_flattened_mut(),
            other.residual_bell.as_flattened(),
        );
        self.residual += other.residual;
        self.residual_squared += other.residual_squared;
        self
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq", "x86_64+avx2"))]
fn row_sums(row: &[f64], dy: f64, bell: &Bell, amplitude: f64, offset: f64) -> RowSums {
    let mut sums = [[0.0; LANES]; 13];
    let (pieces, rest) = row.as_chunks::<LANES>();
    for (i, piece) in pieces.iter().enumerate() {
        add_piece(
            &mut sums,
            piece,
            count(i * LANES),
            dy,
            bell,
            amplitude,
            offset,
            [1.0; LANES],
        );
    }
    if !rest.is_empty() {
        let mut piece = [0.0; LANES];
        let mut present = [0.0; LANES];
        piece[..rest.len()].copy_from_slice(rest);
        present[..rest.len()].fill(1.0);
        add_piece(
            &mut sums,
            &piece,
            count(row.len() - rest.len()),
            dy,
            bell,
            amplitude,
            offset,
            present,
        );
    }
    sums.map(|lanes| lanes.iter().sum())
}

/// Adds `LANES` pixels from column `first` on; those whose `present` is 0 add nothing.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a part of one loop")]
fn add_piece(
    sums: &mut [[f64; LANES]; 13],
    piece: &[f64; LANES],
    first: f64,
    dy: f64,
    bell: &Bell,
    amplitude: f64,
    offset: f64,
    present: [f64; LANES],
) {
    let inverse_scale = 1.0 / bell.scale_x;
    for lane in 0..LANES {
        let dx = first + count(lane) - bell.x0;
        let exponent = (bell.a * dx + 2.0 * bell.b * dy) * dx + bell.c * dy * dy;
        let e = exp(-exponent) * present[lane];
        let r = (offset + amplitude * e - piece[lane]) * present[lane];
        let u = dx * inverse_scale;
        let eu = e * u;
        let euu = eu * u;
        sums[0][lane] += e * e;
        sums[1][lane] += e * eu;
        sums[2][lane] += eu * eu;
        sums[3][lane] += eu * euu;
        sums[4][lane] += euu * euu;
        sums[5][lane] += e;
        sums[6][lane] += eu;
        sums[7][lane] += euu;
        sums[8][lane] += r * e;
        sums[9][lane] += r * eu;
        sums[10][lane] += r * euu;
        sums[11][lane] += r;
        sums[12][lane] += r * r;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_equal_their_definitions() {
        // 19 columns: two whole pieces and a rest. 35 rows: two whole bands and a rest.
        let (width, height) = (19, 35);
        let image: Vec<f64> = (0..width * height).map(|i| count(i * 7 % 31)).collect();
        let bell = Bell {
            x0: 8.3,
            y0: 15.1,
            a: 0.02,
            b: 0.005,
            c: 0.01,
            scale_x: 5.0,
            scale_y: 7.0,
        };
        let (amplitude, offset) = (12.0, 3.0);
        let moments = Moments::of(&image, width, &bell, amplitude, offset);
        let expected = |f: &dyn Fn(f64, f64, f64, f64) -> f64| -> f64 {
            (0..width * height)
                .map(|i| {
                    let (dx, dy) = (count(i % width) - bell.x0, count(i / width) - bell.y0);
                    let e = (-(bell.a * dx * dx + 2.0 * bell.b * dx * dy + bell.c * dy * dy)).exp();
                    f(
                        e,
                        dx / bell.scale_x,
                        dy / bell.scale_y,
                        offset + amplitude * e - image[i],
                    )
                })
                .sum()
        };
        let close = |value: f64, expected: f64| {
            assert!((value - expected).abs() < 1e-9, "{value} and {expected}")
        };
        close(
            moments.bell_squared[3][1],
            expected(&|e, u, v, _| e * e * u.powi(3) * v),
        );
        close(
            moments.bell_squared[0][4],
            expected(&|e, _, v, _| e * e * v.powi(4)),
        );
        close(
            moments.bell_squared[2][2],
            expected(&|e, u, v, _| e * e * u * u * v * v),
        );
        close(moments.bell[1][1], expected(&|e, u, v, _| e * u * v));
        close(
            moments.residual_bell[0][2],
            expected(&|e, _, v, r| r * e * v * v),
        );
        close(
            moments.residual_bell[2][0],
            expected(&|e, u, _, r| r * e * u * u),
        );
        close(moments.residual, expected(&|_, _, _, r| r));
        close(moments.residual_squared, expected(&|_, _, _, r| r * r));
    }
}
