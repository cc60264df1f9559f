//! Least-squares fit of a rotated 2-D Gaussian on an offset.

mod problem;

use crate::Error;
use crate::number::count;
use levenberg_marquardt::{LevenbergMarquardt, TerminationReason};
use ndarray::ArrayView2;
use problem::{N, OFFSET, Parameters, Problem};
use std::borrow::Cow;

/// A rotated Gaussian on an offset, `offset + amplitude exp(-(a dx^2 + 2 b dx dy + c dy^2))`.
///
/// `dx = x - x0` counts columns, `dy = y - y0` rows of the frame, both from 0, and
///
/// ```text
/// a =  cos^2(theta) / (2 sigma_x^2) + sin^2(theta) / (2 sigma_y^2)
/// b = -sin(2 theta) / (4 sigma_x^2) + sin(2 theta) / (4 sigma_y^2)
/// c =  sin^2(theta) / (2 sigma_x^2) + cos^2(theta) / (2 sigma_y^2)
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct GaussianFit {
    /// Height above the offset, counts.
    pub amplitude: f64,
    /// Column of the centre, pixels.
    pub x0: f64,
    /// Row of the centre, pixels.
    pub y0: f64,
    /// Standard deviation along the first axis, pixels, above 0. At `theta = 0` that is along a row.
    pub sigma_x: f64,
    /// Standard deviation along the second axis, pixels, above 0.
    pub sigma_y: f64,
    /// Angle of the first axis against the rows in radians, above -pi/2, at most pi/2; a positive one
    /// turns it towards smaller row numbers, counterclockwise as the frame is shown.
    pub theta: f64,
    /// Counts far away from the centre.
    pub offset: f64,
    /// How often the model was computed.
    pub evaluations: usize,
    /// Root of the mean squared difference between model and image, counts.
    pub residual_rms: f64,
}

impl GaussianFit {
    /// Fits all pixels of an image `(y, x)`.
    ///
    /// Starts at amplitude = maximum, offset = minimum, centre (W/2, H/2), sigmas W/10 and H/10 but at
    /// least 1, angle 0. Levenberg-Marquardt as in MINPACK `lmder` (Moré 1978), analytic derivatives.
    /// The same for any number of threads.
    ///
    /// ```
    /// // 90 counts high around column 15, row 16, variance 25 px^2, on 10 counts.
    /// let image = ndarray::Array2::from_shape_fn((32, 32), |(y, x)| {
    ///     10.0 + 90.0 * (-((x as f64 - 15.0).powi(2) + (y as f64 - 16.0).powi(2)) / 50.0).exp()
    /// });
    /// let fit = widefield::GaussianFit::from_image(image.view())?;
    /// assert!((fit.offset - 10.0).abs() < 1e-9);
    /// assert!((fit.amplitude - 90.0).abs() < 1e-9);
    /// assert!((fit.x0 - 15.0).abs() < 1e-9 && (fit.y0 - 16.0).abs() < 1e-9);
    /// assert!((fit.sigma_x - 5.0).abs() < 1e-9 && (fit.sigma_y - 5.0).abs() < 1e-9);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Empty`] or [`Error::TooFewPixels`] below 7 pixels, [`Error::NotFinite`] if a pixel is
    /// NaN or infinite, [`Error::ZeroVariance`] if all are equal, [`Error::NotConverged`] if no minimum
    /// is found.
    pub fn from_image(image: ArrayView2<'_, f64>) -> Result<Self, Error> {
        Self::with(image, None)
    }

    /// The same with the offset held at a number of counts: the other six parameters are fitted.
    ///
    /// ```
    /// # let image = ndarray::Array2::from_shape_fn((32, 32), |(y, x)| {
    /// #     10.0 + 90.0 * (-((x as f64 - 15.0).powi(2) + (y as f64 - 16.0).powi(2)) / 50.0).exp()
    /// # });
    /// let fit = widefield::GaussianFit::from_image_with_offset(image.view(), 10.0)?;
    /// assert!(fit.offset == 10.0 && (fit.amplitude - 90.0).abs() < 1e-9);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`GaussianFit::from_image`], and [`Error::Parameter`] if the offset is not finite.
    pub fn from_image_with_offset(image: ArrayView2<'_, f64>, offset: f64) -> Result<Self, Error> {
        if !offset.is_finite() {
            return Err(Error::Parameter {
                name: "offset",
                value: offset,
                expected: "a finite number of counts",
            });
        }
        Self::with(image, Some(offset))
    }

    fn with(image: ArrayView2<'_, f64>, offset: Option<f64>) -> Result<Self, Error> {
        check(image)?;
        let image = image.as_standard_layout();
        let (height, width) = image.dim();
        let pixels = image.as_slice().unwrap_or_default();
        let unit = unit(pixels);
        let scaled: Cow<'_, [f64]> = match unit {
            1.0 => pixels.into(),
            _ => pixels.iter().map(|pixel| pixel / unit).collect(),
        };
        let mut from = start(&scaled, width, height);
        if let Some(offset) = offset {
            from[OFFSET] = offset / unit;
        }
        let problem = Problem::new(&scaled, width, from, offset.is_some());
        let (problem, report) = LevenbergMarquardt::new().minimize(problem);
        let converged = match &report.termination {
            // At the minimum as far as rounding lets one see.
            TerminationReason::NoImprovementPossible(_) => true,
            reason => reason.was_successful(),
        };
        let mut fit = problem.fit(unit, report.number_of_evaluations);
        // Held, but for the rounding of the unit.
        fit.offset = offset.unwrap_or(fit.offset);
        if !converged || !fit.is_usable() {
            let reason = format!("{:?}", report.termination);
            return Err(Error::NotConverged {
                evaluations: fit.evaluations,
                reason,
            });
        }
        Ok(fit)
    }

    /// The model at column `x`, row `y`.
    ///
    /// ```
    /// # let image = ndarray::Array2::from_shape_fn((32, 32), |(y, x)| {
    /// #     10.0 + 90.0 * (-((x as f64 - 15.0).powi(2) + (y as f64 - 16.0).powi(2)) / 50.0).exp()
    /// # });
    /// let fit = widefield::GaussianFit::from_image(image.view())?;
    /// assert!((fit.value(fit.x0, fit.y0) - (fit.offset + fit.amplitude)).abs() < 1e-12);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    pub fn value(&self, x: f64, y: f64) -> f64 {
        let [a, b, c] = shape(self.sigma_x, self.sigma_y, self.theta);
        let (dx, dy) = (x - self.x0, y - self.y0);
        self.offset + self.amplitude * (-(a * dx * dx + 2.0 * b * dx * dy + c * dy * dy)).exp()
    }

    fn is_usable(&self) -> bool {
        [
            self.amplitude,
            self.x0,
            self.y0,
            self.theta,
            self.offset,
            self.residual_rms,
        ]
        .iter()
        .all(|value| value.is_finite())
            && [self.sigma_x, self.sigma_y]
                .iter()
                .all(|sigma| sigma.is_finite() && *sigma > 0.0)
    }
}

const WHAT: &str = "image of the background";

/// Whether there are pixels and all are numbers; the first.
pub(super) fn check_pixels(image: ArrayView2<'_, f64>) -> Result<f64, Error> {
    let Some(&first) = image.first() else {
        return Err(Error::Empty { what: WHAT });
    };
    if let Some(((y, x), &value)) = image.indexed_iter().find(|(_, value)| !value.is_finite()) {
        return Err(Error::NotFinite {
            what: WHAT,
            y,
            x,
            value,
        });
    }
    Ok(first)
}

/// Whether an image can be fitted at all.
pub(super) fn check(image: ArrayView2<'_, f64>) -> Result<(), Error> {
    let first = check_pixels(image)?;
    if image.len() < N {
        return Err(Error::TooFewPixels {
            what: WHAT,
            needed: N,
            found: image.len(),
        });
    }
    if image.iter().all(|&value| value == first) {
        return Err(Error::ZeroVariance {
            what: WHAT,
            value: first,
        });
    }
    Ok(())
}

/// What to divide the pixels by so that squares of their differences neither overflow nor vanish: 1 for
/// all values of f32, else the power of two below the largest.
fn unit(pixels: &[f64]) -> f64 {
    let largest = pixels
        .iter()
        .fold(0.0_f64, |largest, pixel| largest.max(pixel.abs()));
    if (1e-100..1e100).contains(&largest) {
        return 1.0;
    }
    largest.log2().floor().max(-1000.0).exp2()
}

fn start(pixels: &[f64], width: usize, height: usize) -> Parameters {
    let (width, height) = (count(width), count(height));
    let max = pixels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let min = pixels.iter().copied().fold(f64::INFINITY, f64::min);
    [
        max,
        width / 2.0,
        height / 2.0,
        (width / 10.0).max(1.0),
        (height / 10.0).max(1.0),
        0.0,
        min,
    ]
    .into()
}

/// The coefficients a, b, c of the exponent.
fn shape(sigma_x: f64, sigma_y: f64, theta: f64) -> [f64; 3] {
    let (sin, cos) = theta.sin_cos();
    let (p, q) = (0.5 / (sigma_x * sigma_x), 0.5 / (sigma_y * sigma_y));
    [
        cos * cos * p + sin * sin * q,
        sin * cos * (q - p),
        sin * sin * p + cos * cos * q,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::direct;
    use ndarray::{Array2, s};

    /// A Gaussian that needs all seven parameters.
    fn image(width: usize, height: usize) -> (Array2<f64>, [f64; 7]) {
        let (w, h) = (count(width), count(height));
        let parameters = [900.0, 0.47 * w, 0.58 * h, 0.21 * w, 0.13 * h, 0.3, 60.0];
        let [a, b, c] = shape(parameters[3], parameters[4], parameters[5]);
        let image = Array2::from_shape_fn((height, width), |(y, x)| {
            let (dx, dy) = (count(x) - parameters[1], count(y) - parameters[2]);
            60.0 + 900.0 * (-(a * dx * dx + 2.0 * b * dx * dy + c * dy * dy)).exp()
        });
        (image, parameters)
    }

    /// What no Gaussian fits exactly.
    fn texture(y: usize, x: usize) -> f64 {
        count((x * 7919 + y * 104_729 + x * y) % 101)
    }

    fn textured(width: usize, height: usize) -> Array2<f64> {
        let mut image = image(width, height).0;
        image
            .indexed_iter_mut()
            .for_each(|((y, x), pixel)| *pixel += texture(y, x));
        image
    }

    fn parameters(fit: &GaussianFit) -> [f64; 7] {
        [
            fit.amplitude,
            fit.x0,
            fit.y0,
            fit.sigma_x,
            fit.sigma_y,
            fit.theta,
            fit.offset,
        ]
    }

    #[test]
    fn an_exact_gaussian_gives_its_parameters() {
        for (width, height) in [(64, 64), (320, 120), (120, 320), (37, 50)] {
            let (image, expected) = image(width, height);
            let fit = GaussianFit::from_image(image.view()).unwrap();
            // Turning by a quarter and swapping the sigmas is the same Gaussian.
            let swapped = (fit.theta - 0.3).abs() > 0.1;
            let mut found = parameters(&fit);
            if swapped {
                found.swap(3, 4);
                found[5] += std::f64::consts::FRAC_PI_2;
            }
            for (value, expected) in found.iter().zip(expected) {
                assert!(
                    (value - expected).abs() < 1e-9 * expected,
                    "{width} x {height}: {value} and {expected}"
                );
            }
            assert!(fit.residual_rms < 1e-10);
        }
    }

    #[test]
    fn a_residual_per_pixel_ends_at_the_same_minimum() {
        for (width, height) in [(48, 48), (30, 61)] {
            let image = textured(width, height);
            let fit = GaussianFit::from_image(image.view()).unwrap();
            let from = start(image.as_slice().unwrap(), width, height).data.0[0];
            let (slow, converged) = direct::gaussian_fit(image.view(), from);
            assert!(converged);
            assert!((fit.offset - slow[6]).abs() < 1e-9 * fit.amplitude);
            assert!((fit.amplitude - slow[0]).abs() < 1e-9 * fit.amplitude);
            assert!((fit.sigma_x - slow[3].abs()).abs() < 1e-8 * fit.sigma_x);
        }
    }

    #[test]
    fn a_window_with_hard_edges_still_ends_at_the_minimum() {
        let window = Array2::from_shape_fn((128, 128), |(y, x)| {
            let inside = (count(y) - 64.0).hypot(count(x) - 60.0) < 50.0;
            if inside { 30_000.0 } else { 100.0 }
        });
        let fit = GaussianFit::from_image(window.view()).unwrap();
        let from = start(window.as_slice().unwrap(), 128, 128).data.0[0];
        let (slow, converged) = direct::gaussian_fit(window.view(), from);
        assert!(converged && fit.offset < -20_000.0);
        assert!((fit.offset - slow[6]).abs() < 1e-8 * fit.amplitude);
    }

    #[test]
    fn the_model_at_a_pixel_is_what_was_fitted() {
        let (image, _) = image(40, 30);
        let fit = GaussianFit::from_image(image.view()).unwrap();
        assert!((fit.value(3.0, 17.0) - image[(17, 3)]).abs() < 1e-9);
    }

    #[test]
    fn scale_and_layout_do_not_matter() {
        let image = textured(40, 30);
        let fit = GaussianFit::from_image(image.view()).unwrap();
        for scale in [1e-300, 1e-200, 1e200, 1e300] {
            let scaled = GaussianFit::from_image((&image * scale).view()).unwrap();
            let offset = scaled.offset / scale;
            assert!(
                (offset - fit.offset).abs() < 1e-9 * fit.amplitude,
                "{scale:e}"
            );
            let rms = scaled.residual_rms / scale;
            assert!((rms - fit.residual_rms).abs() < 1e-9 * fit.residual_rms);
        }
        let mut larger = Array2::zeros((60, 80));
        larger.slice_mut(s![..;2, ..;2]).assign(&image);
        assert_eq!(
            GaussianFit::from_image(larger.slice(s![..;2, ..;2])).unwrap(),
            fit
        );
    }

    #[test]
    fn a_single_row_has_an_offset_and_noise_no_fit() {
        let row = image(64, 1).0;
        assert!((GaussianFit::from_image(row.view()).unwrap().offset - 60.0).abs() < 1e-6);
        let noise =
            Array2::from_shape_fn((64, 64), |(y, x)| count((x * 7919 + y * 104_729) % 1013));
        let error = GaussianFit::from_image(noise.view()).unwrap_err();
        assert!(
            matches!(
                error,
                Error::NotConverged {
                    evaluations: 800,
                    ..
                }
            ),
            "{error}"
        );
    }
}
