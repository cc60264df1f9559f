//! A trial in the size that the steps after resizing work on, with the truth in that size.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};
use widefield::simulate::{Config, Session, Trial};
use widefield::{Resize, Size, Subtract};

use crate::Input;

/// A resized trial. Every step gets what is true before it, so variants of one step are not
/// judged by what another step did: the true background is subtracted, the true brain kept.
#[derive(Debug)]
pub struct Small {
    /// The same scene, drawn in the small size.
    session: Session,
    movie: Array3<f32>,
    mean: Array2<f64>,
    subtract: Subtract,
}

impl Input {
    /// The trial resized to `side` x `side` px by the default filter.
    ///
    /// # Panics
    /// If `side` is 0.
    #[must_use]
    pub fn small(&self, side: usize) -> Small {
        let size = Size {
            width: side,
            height: side,
        };
        let config = Config {
            size,
            ..self.session().config().clone()
        };
        let session = Session::new(config, 1).expect("a side of at least one pixel");
        let movie = self.raw().mapv(f32::from);
        let movie = Resize::Triangle
            .movie(movie.view(), size)
            .expect("sides of at least one pixel");
        let subtract = Subtract {
            background: self.trial().truth().background_counts,
            clamp_negative: true,
        };
        let mean = subtract.mean(movie.view()).expect("at least one frame");
        Small {
            session,
            movie,
            mean,
            subtract,
        }
    }
}

impl Small {
    /// Width and height.
    #[must_use]
    pub fn size(&self) -> Size {
        self.session.config().size
    }

    /// The frames `(t, y, x)`, counts.
    #[must_use]
    pub fn movie(&self) -> ArrayView3<'_, f32> {
        self.movie.view()
    }

    /// Frame 0 `(y, x)`, counts, which the background is estimated from.
    #[must_use]
    pub fn first_frame(&self) -> ArrayView2<'_, f32> {
        self.movie.index_axis(Axis(0), 0)
    }

    /// The mean over frames `(y, x)`, counts above the true background.
    #[must_use]
    pub fn mean(&self) -> ArrayView2<'_, f64> {
        self.mean.view()
    }

    /// Subtracts the true background.
    #[must_use]
    pub fn subtract(&self) -> &Subtract {
        &self.subtract
    }

    /// `true` where a pixel `(y, x)` is brain.
    #[must_use]
    pub fn brain(&self) -> ArrayView2<'_, bool> {
        self.session.truth().brain.view()
    }

    /// The simulation in this size, for what is true about the frames.
    #[must_use]
    pub fn trial(&self) -> Trial<'_> {
        self.session.trial(0, 0, true)
    }

    /// The noiseless frames `(t, y, x)` to be expected in this size, counts.
    #[must_use]
    pub fn expected(&self) -> Array3<f32> {
        let trial = self.trial();
        let mut out = Array3::zeros(self.movie.raw_dim());
        for (t, frame) in out.axis_iter_mut(Axis(0)).enumerate() {
            trial.expected_frame_into(t, frame);
        }
        out
    }

    /// The true dF/F `(t, y, x)`.
    #[must_use]
    pub fn true_dff(&self) -> Array3<f32> {
        let trial = self.trial();
        let mut out = Array3::zeros(self.movie.raw_dim());
        for (t, frame) in out.axis_iter_mut(Axis(0)).enumerate() {
            trial.dff_frame_into(t, frame);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use widefield::simulate::Light;

    /// The truth in the small size is what resizing the large one gives, but for the noise.
    #[test]
    fn both_sizes_show_the_same_scene() {
        let input = Input::new(128, 80, Light::Gaussian);
        let small = input.small(64);
        let difference = &small.movie() - &small.expected();
        let bias = difference.mean().unwrap();
        assert!(bias.abs() < 0.5, "{bias} counts");
        let rms = (difference.mapv(|d| d * d).mean().unwrap()).sqrt();
        assert!(rms < 40.0, "{rms} counts");
        let large = input.trial();
        let peak = small.true_dff().fold(0.0_f32, |a, &b| a.max(b));
        let area = &input.session().truth().areas[0][0];
        let [y, x] = area.centre_pixel();
        let centre = (0..80).map(|t| large.dff(t, y, x)).fold(0.0, f64::max);
        assert!(
            (f64::from(peak) / centre - 1.0).abs() < 0.1,
            "{peak}, {centre}"
        );
    }
}
