//! Shifts of some frames of a movie, as cheaply as serves to judge it.

use super::{Reference, Rigid, Shift};
use crate::error::same_shape;
use crate::number::count;
use crate::{Error, MovieSource, Resize, Resizer, Size};
use ndarray::{Array2, Array3, ArrayView2, Axis, s};

/// Images whose sides are smaller are compared as they are: halved, too little would be left of them.
const HALVED: usize = 256;

/// Compares every so many-th frame of movies with an image, both halved if they are large; made by [`Rigid::sampled`].
#[derive(Clone, Debug)]
pub struct Sampled {
    reference: Reference,
    resizer: Resizer,
    every: usize,
}

impl Rigid {
    /// Prepares an image `(y, x)` that every `every`-th frame of movies is compared with, from frame 0 on. Where both sides have
    /// 256 px or more, image and frames are halved first: about half the time; of
    /// simulated movies of 256 px with responses of 10 % and a fixed pattern of 1 % they are told to 0.04 to 0.10 px (rms) then, whole
    /// to 0.01 px.
    ///
    /// ```
    /// use ndarray::Array3;
    /// use widefield::motion::Rigid;
    ///
    /// // A spot that moves down by half a pixel from frame to frame.
    /// let movie = Array3::from_shape_fn((25, 64, 64), |(t, y, x)| {
    ///     let (y, x) = (y as f32 - 24.0 - 0.5 * t as f32, x as f32 - 32.0);
    ///     100.0 + 900.0 * (-(y * y + x * x) / 8.0).exp()
    /// });
    /// let sampled = Rigid::default().sampled(movie.index_axis(ndarray::Axis(0), 0), 10)?;
    /// let shifts = sampled.shifts(&movie.view(), 16)?;
    /// let frames: Vec<usize> = shifts.iter().map(|(frame, _)| *frame).collect();
    /// assert_eq!(frames, [0, 10, 20]);
    /// assert!((shifts[1].1.dy_px - 5.0).abs() < 0.1);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Rigid::reference`]; [`Error::Parameter`] if `every` is 0.
    pub fn sampled(&self, image: ArrayView2<'_, f32>, every: usize) -> Result<Sampled, Error> {
        if every == 0 {
            return Err(Error::Parameter {
                name: "every",
                value: 0.0,
                expected: "1 or more",
            });
        }
        let (height, width) = image.dim();
        let half = |side: usize| {
            if height.min(width) < HALVED {
                side
            } else {
                side / 2
            }
        };
        let to = Size {
            width: half(width),
            height: half(height),
        };
        let mut resizer = Resize::Box.resizer(Size { width, height }, to)?;
        let mut halved = Array2::zeros((to.height, to.width));
        resizer.frame_into(image, halved.view_mut())?;
        Ok(Sampled {
            reference: self.reference(halved.view())?,
            resizer,
            every,
        })
    }
}

impl Sampled {
    /// The frames that are compared, and their shifts in pixels of the movie. So many frames are held at a time; any number
    /// gives the same bits.
    ///
    /// # Errors
    /// [`Error::Shape`] if frames have another shape than the image; those of the movie.
    pub fn shifts(
        &self,
        movie: &dyn MovieSource,
        at_a_time: usize,
    ) -> Result<Vec<(usize, Shift)>, Error> {
        let (frames, height, width) = movie.dim();
        let (from, to) = (self.resizer.input_size(), self.resizer.output_size());
        same_shape("frame", &[from.height, from.width], &[height, width])?;
        let mut resizer = self.resizer.clone();
        let sampled: Vec<usize> = (0..frames).step_by(self.every).collect();
        let mut shifts = Vec::with_capacity(sampled.len());
        let mut frame = Array3::zeros((1, height, width));
        let at_a_time = at_a_time.clamp(1, sampled.len().max(1));
        let mut some = Array3::zeros((at_a_time, to.height, to.width));
        for part in sampled.chunks(at_a_time) {
            for (&t, out) in part.iter().zip(some.outer_iter_mut()) {
                movie.frames_into(t..t + 1, frame.view_mut())?;
                resizer.frame_into(frame.index_axis(Axis(0), 0), out)?;
            }
            let found = self
                .reference
                .shifts(some.slice(s![..part.len(), .., ..]))?;
            shifts.extend(part.iter().copied().zip(found));
        }
        for (_, shift) in &mut shifts {
            shift.dy_px *= count(height) / count(to.height);
            shift.dx_px *= count(width) / count(to.width);
        }
        Ok(shifts)
    }
}
