//! Tables of variants, one a step. To add one, write a function of the step's type and a line in
//! the table; or, from another crate, put it into [`Tables`]:
//!
//! ```
//! use widefield_benches::variants::{Tables, Variant};
//!
//! let mut tables = Tables { resize: vec![], background: vec![], segment: vec![], dff: vec![], motion: vec![] };
//! tables.background.push(Variant {
//!     name: "darkest",
//!     run: |frame| Ok(frame.iter().copied().fold(f32::INFINITY, f32::min).into()),
//!     within: None,
//!     slow: false,
//! });
//! tables.hold();
//! // widefield_benches::accuracy::print(&tables)?;
//! ```

use crate::{Input, Moving, Scene};
use ndarray::Array3;
use widefield::simulate::Light;

pub mod background;
pub mod dff;
pub mod motion;
pub mod resize;
pub mod segment;

/// What may go wrong in a variant.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// One way to do a step; `F` is the type of its function.
#[derive(Clone, Copy, Debug)]
pub struct Variant<F> {
    /// How benchmarks and tables call it.
    pub name: &'static str,
    /// Does the step.
    pub run: F,
    /// Largest difference to the step's reference, in units of the result, that is forgiven
    /// before timing; `None` for another method, which may differ.
    pub within: Option<f64>,
    /// Too slow for whole movies: timed on fewer frames.
    pub slow: bool,
}

impl<F> Variant<F> {
    /// Fails unless `difference` is within what the variant promises.
    ///
    /// # Panics
    /// If it is not, or is no number.
    pub fn hold(&self, difference: f64) {
        if let Some(within) = self.within {
            assert!(
                difference <= within,
                "{} differs from the reference by {difference:e}, not within {within:e}",
                self.name
            );
        }
    }
}

/// Variants of every step. The default are those of this crate.
#[derive(Clone, Debug)]
pub struct Tables {
    /// Ways to resize.
    pub resize: Vec<Variant<resize::Run>>,
    /// Ways to estimate the background.
    pub background: Vec<Variant<background::Run>>,
    /// Ways to find the brain.
    pub segment: Vec<Variant<segment::Run>>,
    /// Ways to compute dF/F.
    pub dff: Vec<Variant<dff::Run>>,
    /// Ways to measure motion.
    pub motion: Vec<Variant<motion::Run>>,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            resize: resize::VARIANTS.to_vec(),
            background: background::VARIANTS.to_vec(),
            segment: segment::VARIANTS.to_vec(),
            dff: dff::VARIANTS.to_vec(),
            motion: motion::VARIANTS.to_vec(),
        }
    }
}

impl Tables {
    /// Holds all variants to their promises, on a movie small enough for the slow ones.
    ///
    /// # Panics
    /// If one differs from its reference by more than it promises, or fails where the reference does not.
    pub fn hold(&self) {
        for light in [Light::Gaussian, Light::Flat] {
            let input = Input::new(64, 14, light);
            let small = input.small(32);
            let reference = resize::reference(input.raw(), small.size());
            for variant in &self.resize {
                let out = (variant.run)(input.raw(), small.size()).expect("a sound movie");
                variant.hold(largest_difference(&out, &reference));
            }
            let reference = background::reference(small.first_frame());
            for variant in &self.background {
                let level = (variant.run)(small.first_frame());
                // Fast and slow agree also on frames that cannot be fitted.
                match (level, &reference) {
                    (Ok(level), Ok(reference)) => variant.hold((level - reference).abs()),
                    (level, reference) => {
                        let same = level.is_err() == reference.is_err();
                        assert!(same || variant.within.is_none(), "{}", variant.name);
                    }
                }
            }
            let reference = segment::reference(small.mean());
            for variant in &self.segment {
                match (variant.run)(small.mean()) {
                    Ok(kept) => variant.hold(segment::differing(&kept, &reference)),
                    // On so few pixels the density has no dip that another method may need.
                    Err(error) => assert!(variant.within.is_none(), "{}: {error}", variant.name),
                }
            }
            let reference: Array3<f32> =
                dff::reference(small.movie(), small.subtract(), small.brain());
            for variant in &self.dff {
                let dff = (variant.run)(small.movie(), small.subtract(), small.brain())
                    .expect("a sound movie");
                variant.hold(largest_difference(&dff, &reference));
            }
        }
        for scene in [Scene::Mild, Scene::Hard] {
            // Smaller ones leave too few pixels for a vessel to tell it from the sensor's pattern.
            let moving = Moving::new(256, 20, scene);
            let reference = moving.reference();
            for variant in &self.motion {
                let shifts =
                    (variant.run)(reference.view(), moving.movie()).expect("frames with structure");
                let [y, x] = moving.error(&shifts).rms_px;
                variant.hold(y.max(x));
            }
        }
    }
}

/// Largest difference between two results; 0 where both are NaN, infinite where one is or the
/// numbers of values differ.
pub fn largest_difference<'a>(
    a: impl IntoIterator<Item = &'a f32>,
    b: impl IntoIterator<Item = &'a f32>,
) -> f64 {
    let (mut a, mut b) = (a.into_iter(), b.into_iter());
    let mut largest = 0.0_f64;
    loop {
        let difference = match (a.next(), b.next()) {
            (None, None) => return largest,
            (Some(a), Some(b)) if a == b || (a.is_nan() && b.is_nan()) => 0.0,
            (Some(a), Some(b)) => (f64::from(*a) - f64::from(*b)).abs(),
            _ => f64::INFINITY,
        };
        largest = if difference.is_nan() {
            f64::INFINITY
        } else {
            largest.max(difference)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_count_values_that_are_missing_or_no_numbers() {
        let nan = f32::NAN;
        assert_eq!(largest_difference(&[1.0, nan, 3.0], &[1.5, nan, 3.0]), 0.5);
        assert_eq!(largest_difference(&[1.0], &[nan]), f64::INFINITY);
        assert_eq!(largest_difference(&[1.0], &[1.0, 2.0]), f64::INFINITY);
        assert_eq!(largest_difference(&[], &[]), 0.0);
    }

    #[test]
    fn variants_keep_their_promises() {
        Tables::default().hold();
    }
}
