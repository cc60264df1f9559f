//! The image that frames are compared with, and the comparison.

use super::{Flag, Rigid, Shift, peak};
use crate::Error;
use crate::error::same_shape;
use crate::number::{count, narrow};
use multiversion::multiversion;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, ArrayView3, Axis};
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftPlanner};
use std::f64::consts::{PI, TAU};
use std::fmt;
use std::sync::Arc;

/// An image that frames are compared with; made by [`Rigid::reference`]. A clone shares what was prepared.
#[derive(Clone)]
pub struct Reference {
    prepared: Arc<Prepared>,
}

struct Prepared {
    dim: (usize, usize),
    /// Frequencies of a row: half of the spectrum, the other half mirrors it.
    frequencies: usize,
    /// Largest shift that is searched, pixels in y and in x.
    reach: [usize; 2],
    lowest_peak: f64,
    window: [Vec<f32>; 2],
    along_x: Arc<dyn RealToComplex<f32>>,
    along_y: Arc<dyn Fft<f32>>,
    back_y: Arc<dyn Fft<f32>>,
    back_x: Arc<dyn ComplexToReal<f32>>,
    /// What a frame's spectrum is multiplied with: for each frequency along x those along y.
    spectrum: Vec<Complex32>,
    /// Share of the power that counts, in the same order.
    power: Vec<f32>,
}

/// Memory for one frame after the other.
struct Scratch {
    row: Vec<f32>,
    /// All rows of a frame in frequencies along x.
    rows: Vec<Complex32>,
    /// Some columns of them.
    columns: Vec<Complex32>,
    /// The rows of the correlation that are searched, in frequencies along x.
    searched: Vec<Complex32>,
    correlation: Array2<f32>,
    fft: Vec<Complex32>,
}

/// Columns that are gone through together: a line of the cache.
const TOGETHER: usize = 8;

/// Sides from here on are long enough to do without the lowest three frequencies.
const STRIPED: usize = 64;

/// From this share of the highest peak on, another one may as well be it.
const SAME: f64 = 0.9;

impl Reference {
    pub(super) fn new(rigid: &Rigid, image: ArrayView2<'_, f32>) -> Result<Self, Error> {
        let what = "reference";
        let (height, width) = image.dim();
        if image.is_empty() {
            return Err(Error::Empty { what });
        }
        if let Some(((y, x), &value)) = image.indexed_iter().find(|(_, value)| !value.is_finite()) {
            return Err(Error::NotFinite {
                what,
                y,
                x,
                value: f64::from(value),
            });
        }
        let mut prepared = Prepared::new(rigid, (height, width));
        let mut spectrum = Vec::with_capacity(prepared.power.len());
        let mut scratch = Scratch::new(&prepared);
        prepared.along_rows(&mut scratch, image);
        let mut energy = 0.0;
        for first in (0..prepared.frequencies).step_by(TOGETHER) {
            energy += prepared.along_columns(&mut scratch, first);
            spectrum.extend_from_slice(&scratch.columns);
        }
        let value = f64::from(image[(0, 0)]);
        if !energy.is_finite() {
            return Err(Error::Parameter {
                name: what,
                value,
                expected: "counts that can be squared and added up in f32",
            });
        }
        if energy <= 0.0 {
            return Err(Error::ZeroVariance { what, value });
        }
        let scale = narrow(1.0 / energy.sqrt());
        for (value, power) in spectrum.iter_mut().zip(&prepared.power) {
            *value = value.conj() * power * scale;
        }
        prepared.spectrum = spectrum;
        Ok(Self {
            prepared: Arc::new(prepared),
        })
    }

    /// Height and width of the frames it can be compared with.
    pub fn dim(&self) -> (usize, usize) {
        self.prepared.dim
    }

    /// The shift of every frame of `(t, y, x)` in counts of any scale, frames in parallel; none of a movie without frames.
    ///
    /// Frames that cannot be compared are flagged, with a shift of 0 if they are NaN somewhere or blank, otherwise with
    /// the one that was found; [`interpolate`](super::interpolate) replaces it.
    ///
    /// # Errors
    /// [`Error::Shape`] if the frames have another shape than the reference.
    pub fn shifts(&self, movie: ArrayView3<'_, f32>) -> Result<Vec<Shift>, Error> {
        let prepared = &*self.prepared;
        let (height, width) = prepared.dim;
        same_shape("frame", &[height, width], &movie.shape()[1..])?;
        let frames = movie.axis_iter(Axis(0)).into_par_iter().map_init(
            || Scratch::new(prepared),
            |scratch, frame| prepared.shift(scratch, frame),
        );
        Ok(frames.collect())
    }

    /// The shift of one frame `(y, x)`, as [`Reference::shifts`], which keeps its memory from frame to frame.
    ///
    /// # Errors
    /// As [`Reference::shifts`].
    pub fn shift(&self, frame: ArrayView2<'_, f32>) -> Result<Shift, Error> {
        let prepared = &*self.prepared;
        let (height, width) = prepared.dim;
        same_shape("frame", &[height, width], frame.shape())?;
        Ok(prepared.shift(&mut Scratch::new(prepared), frame))
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Prepared { dim, reach, .. } = &*self.prepared;
        f.debug_struct("Reference")
            .field("dim", dim)
            .field("reach", reach)
            .finish_non_exhaustive()
    }
}

impl Scratch {
    fn new(prepared: &Prepared) -> Self {
        let Prepared {
            dim: (height, width),
            frequencies,
            ..
        } = *prepared;
        let [rows, columns] = prepared.reach.map(|reach| 2 * reach + 1);
        let longest = [
            prepared.along_x.get_scratch_len(),
            prepared.along_y.get_inplace_scratch_len(),
            prepared.back_y.get_inplace_scratch_len(),
            prepared.back_x.get_scratch_len(),
        ];
        let complex = |n: usize| vec![Complex32::ZERO; n];
        Self {
            row: vec![0.0; width],
            rows: complex(height * frequencies),
            columns: complex(TOGETHER * height),
            searched: complex(rows * frequencies),
            correlation: Array2::zeros((rows, columns)),
            fft: complex(longest.into_iter().max().unwrap_or(0)),
        }
    }
}

impl Prepared {
    fn new(rigid: &Rigid, (height, width): (usize, usize)) -> Self {
        let mut real = RealFftPlanner::new();
        let mut complex = FftPlanner::new();
        let frequencies = width / 2 + 1;
        let pixel = count(height.max(width)) / 512.0;
        let power = |fy: f64, fx: f64| {
            let passes = |sd: f64| (-2.0 * (PI * sd * pixel).powi(2) * (fy * fy + fx * fx)).exp();
            (passes(rigid.band_px.0) - passes(rigid.band_px.1)).powi(2)
        };
        // Gains of whole rows and columns of the sensor lie on the axes, as wide as the window makes them.
        let on_axis = |k: usize, n: usize| n >= STRIPED && k.min(n - k) <= 1;
        let columns = (0..frequencies).flat_map(|x| {
            let fx = count(x) / count(width);
            (0..height).map(move |y| match on_axis(x, width) || on_axis(y, height) {
                true => 0.0,
                false => narrow(power(count(y.min(height - y)) / count(height), fx)),
            })
        });
        // One place more, for the neighbours of the last one.
        let reach = rigid.reach_px((height, width)) + 1;
        Self {
            dim: (height, width),
            frequencies,
            reach: [height, width].map(|side| reach.min((side - 1) / 2)),
            lowest_peak: rigid.lowest_peak,
            window: [hann(height), hann(width)],
            along_x: real.plan_fft_forward(width),
            along_y: complex.plan_fft_forward(height),
            back_y: complex.plan_fft_inverse(height),
            back_x: real.plan_fft_inverse(width),
            spectrum: Vec::new(),
            power: columns.collect(),
        }
    }

    /// Rows of an image, its mean taken off, under the window, in frequencies along x. Whether all pixels are finite;
    /// otherwise nothing is done.
    fn along_rows(&self, scratch: &mut Scratch, image: ArrayView2<'_, f32>) -> bool {
        let image = image.as_standard_layout();
        let pixels = image.as_slice().unwrap_or_default();
        let mean = mean(pixels);
        if !mean.is_finite() {
            return false;
        }
        let rows = pixels.chunks_exact(self.dim.1).zip(&self.window[0]);
        for ((row, &weight), out) in rows.zip(scratch.rows.chunks_exact_mut(self.frequencies)) {
            under_window(row, mean, &self.window[1], weight, &mut scratch.row);
            // Fails for other lengths only.
            let _ = self
                .along_x
                .process_with_scratch(&mut scratch.row, out, &mut scratch.fft);
        }
        true
    }

    /// Up to [`TOGETHER`] columns from `first` on in frequencies along y, and their power that counts in the whole spectrum.
    fn along_columns(&self, scratch: &mut Scratch, first: usize) -> f64 {
        let (height, width) = self.dim;
        let n = TOGETHER.min(self.frequencies - first);
        scratch.columns.resize(n * height, Complex32::ZERO);
        for (y, row) in scratch.rows.chunks_exact(self.frequencies).enumerate() {
            for (i, &value) in row[first..first + n].iter().enumerate() {
                scratch.columns[i * height + y] = value;
            }
        }
        self.along_y
            .process_with_scratch(&mut scratch.columns, &mut scratch.fft);
        let columns = scratch.columns.chunks_exact(height);
        let powers = self.power[first * height..].chunks_exact(height);
        let each = columns
            .zip(powers)
            .zip(first..)
            .map(|((column, power), x)| {
                // The mirrored half has the others once more.
                let times = if x == 0 || 2 * x == width { 1.0 } else { 2.0 };
                times * energy(column, power)
            });
        each.sum()
    }

    fn shift(&self, scratch: &mut Scratch, frame: ArrayView2<'_, f32>) -> Shift {
        let (height, width) = self.dim;
        let frequencies = self.frequencies;
        if !self.along_rows(scratch, frame) {
            return Shift::flagged(Flag::NotFinite);
        }
        let mut power = 0.0;
        for first in (0..frequencies).step_by(TOGETHER) {
            power += self.along_columns(scratch, first);
            multiply(&mut scratch.columns, &self.spectrum[first * height..]);
            self.back_y
                .process_with_scratch(&mut scratch.columns, &mut scratch.fft);
            let rows = scratch.searched.chunks_exact_mut(frequencies);
            for (row, out) in rows.enumerate() {
                let y = (row + height - self.reach[0]) % height;
                let values = scratch.columns[y..].iter().step_by(height);
                for (out, &value) in out[first..].iter_mut().zip(values) {
                    *out = value;
                }
            }
        }
        if !power.is_finite() {
            return Shift::flagged(Flag::NotFinite);
        }
        if power <= 0.0 {
            return Shift::flagged(Flag::Blank);
        }
        let scale = narrow(1.0 / power.sqrt());
        let rows = scratch.searched.chunks_exact_mut(frequencies);
        for (row, mut out) in rows.zip(scratch.correlation.rows_mut()) {
            // What rounding leaves there is refused.
            row[0].im = 0.0;
            if width.is_multiple_of(2) {
                row[frequencies - 1].im = 0.0;
            }
            let _ = self
                .back_x
                .process_with_scratch(row, &mut scratch.row, &mut scratch.fft);
            for (x, value) in out.iter_mut().enumerate() {
                *value = scratch.row[(x + width - self.reach[1]) % width] * scale;
            }
        }
        let Some(peak) = peak::find(scratch.correlation.view()) else {
            return Shift::flagged(Flag::NotFinite);
        };
        let flag = if peak.at_limit {
            Some(Flag::AtLimit)
        } else if peak.height < self.lowest_peak || peak.second > SAME * peak.height {
            Some(Flag::Weak)
        } else {
            None
        };
        Shift {
            dy_px: peak.place[0],
            dx_px: peak.place[1],
            peak: peak.height,
            second_peak: peak.second,
            flag,
        }
    }
}

/// Hann window of `n` values, 0 beyond both ends.
fn hann(n: usize) -> Vec<f32> {
    let turn = TAU / count(n + 1);
    (1..=n)
        .map(|i| narrow(0.5 - 0.5 * (turn * count(i)).cos()))
        .collect()
}

/// Values that are added up side by side.
const LANES: usize = 16;

/// Mean of all pixels; no number if one is none, as no sum of f32 is too large for f64.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn mean(pixels: &[f32]) -> f32 {
    let mut sums = [0.0_f64; LANES];
    let (whole, rest) = pixels.as_chunks::<LANES>();
    for values in whole {
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum += f64::from(value);
        }
    }
    for (sum, &value) in sums.iter_mut().zip(rest) {
        *sum += f64::from(value);
    }
    narrow(sums.iter().sum::<f64>() / count(pixels.len()))
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn under_window(row: &[f32], mean: f32, window: &[f32], weight: f32, out: &mut [f32]) {
    for ((out, &value), &window) in out.iter_mut().zip(row).zip(window) {
        *out = (value - mean) * (window * weight);
    }
}

/// Power of frequencies, each with its share.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn energy(values: &[Complex32], shares: &[f32]) -> f64 {
    let mut sums = [0.0_f64; LANES];
    let one = |value: &Complex32, share: f32| {
        f64::from((value.re * value.re + value.im * value.im) * share)
    };
    let (whole, rest) = values.as_chunks::<LANES>();
    let (whole_shares, rest_shares) = shares.as_chunks::<LANES>();
    for (values, shares) in whole.iter().zip(whole_shares) {
        for ((sum, value), &share) in sums.iter_mut().zip(values).zip(shares) {
            *sum += one(value, share);
        }
    }
    for (value, &share) in rest.iter().zip(rest_shares) {
        sums[0] += one(value, share);
    }
    sums.iter().sum()
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn multiply(values: &mut [Complex32], others: &[Complex32]) {
    for (value, other) in values.iter_mut().zip(others) {
        let (re, im) = (value.re, value.im);
        value.re = re * other.re - im * other.im;
        value.im = re * other.im + im * other.re;
    }
}
