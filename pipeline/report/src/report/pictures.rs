//! What the report shows of a trial, gathered while the trial is processed and kept beside its outputs.
//!
//! A later run that finds the trial finished does not open its movie again, so what the page needs stands in
//! `report/<file>.json` of the output place: a few curves, and images of at most [`LONGEST`] pixels as 8-bit PNG.

use super::png;
use ndarray::{Array2, Array3, ArrayView2, Axis};
use serde::{Deserialize, Serialize};
use widefield::motion::Shift;
use widefield::quality;
use widefield::render::{self, Scale};
use widefield::{BackgroundLevel, Mask, Size, Subtract};
use widefield_pipeline::Observer;
use widefield_pipeline::consumer::{Seen, Watch, Watched};
use widefield_pipeline::step::{Cause, StepError};

/// Longest side of a kept image, pixels.
pub(crate) const LONGEST: usize = 192;

/// Curves and images of one trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Pictures {
    /// Width and height of the resized movie.
    pub(crate) size: [usize; 2],
    /// First frame, counts.
    pub(crate) first: Option<Picture>,
    /// Mean over frames, counts.
    pub(crate) mean: Option<Picture>,
    /// Maximum over frames, counts.
    pub(crate) max: Option<Picture>,
    /// Peak dF/F of each pixel.
    pub(crate) peak: Option<Picture>,
    /// Kept pixels at full size: a PNG of one bit a pixel, base64.
    pub(crate) mask: Option<String>,
    /// Mean dF/F of the kept pixels, per frame.
    pub(crate) trace: Vec<Option<f32>>,
    /// Density of pixel means per count, at multiples of `density_step` counts.
    pub(crate) density: Vec<f32>,
    pub(crate) density_step: f64,
    /// The row of the smoothed frame through the middle of the fit, and the fit there, counts.
    pub(crate) profile: Option<Profile>,
    /// From each frame to the next, milliseconds.
    pub(crate) intervals_ms: Vec<f32>,
    /// Frames whose motion could be told, and how far down and right of the reference they lie, pixels.
    pub(crate) shifts: Vec<(usize, [f32; 2])>,
}

/// A small image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Picture {
    /// Value of shade 0.
    pub(crate) low: f32,
    /// Value of shade 254; shade 255 is NaN.
    pub(crate) high: f32,
    /// 8-bit grey PNG, base64.
    png: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) row: usize,
    pub(crate) smoothed: Vec<f32>,
    pub(crate) fit: Vec<f32>,
}

#[expect(clippy::cast_possible_truncation, reason = "drawn, not computed with")]
fn narrow(value: f64) -> f32 {
    value as f32
}

impl Picture {
    /// The image at most [`LONGEST`] pixels long, between its 0.5th and 99.5th percentile.
    fn of(image: ArrayView2<'_, f32>) -> Option<Self> {
        let small = render::reduce(image, LONGEST);
        let scale = Scale::from_percentiles(small.view(), 0.5, 99.5)?;
        let shades = render::shades(small.view(), scale, u8::MAX);
        Some(Self {
            low: scale.low,
            high: scale.high,
            png: png::base64(&png::grey(&shades)),
        })
    }

    /// The image again, to 1 of 255 steps.
    pub(super) fn image(&self) -> Option<Array2<f32>> {
        let shades = png::read(&png::from_base64(&self.png)?)?;
        let step = (self.high - self.low) / 254.0;
        Some(shades.mapv(|shade| match shade {
            u8::MAX => f32::NAN,
            shade => self.low + step * f32::from(shade),
        }))
    }
}

impl Pictures {
    /// Kept pixels at full size.
    pub(crate) fn kept(&self) -> Option<Array2<bool>> {
        let shades = png::read(&png::from_base64(self.mask.as_ref()?)?)?;
        Some(shades.mapv(|shade| shade > 0))
    }

    /// The smoothed image that was fitted, along the row through the middle of the fit.
    pub(crate) fn fit(&mut self, image: ArrayView2<'_, f64>, sd_px: f64, level: &BackgroundLevel) {
        let Some(fit) = &level.fit else { return };
        let last = image.nrows().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the rows"
        )]
        let row = fit.y0.round().clamp(0.0, last as f64) as usize;
        let Ok(smoothed) = quality::smoothed_row(image, sd_px, row) else {
            return;
        };
        let model = |x: usize| narrow(fit.value(x as f64, row as f64));
        self.profile = Some(Profile {
            row,
            fit: (0..smoothed.len()).map(model).collect(),
            smoothed: smoothed.into_iter().map(narrow).collect(),
        });
    }

    pub(crate) fn mask(&mut self, mask: &Mask) {
        self.mask = Some(png::base64(&png::bits(&mask.kept().to_owned())));
        self.density = mask.density().iter().map(|d| narrow(*d)).collect();
        self.density_step = mask.grid_step();
    }
}

/// Shifts that are to be believed, in thousandths of a pixel, which take few letters.
fn told(shifts: &[(usize, Shift)]) -> Vec<(usize, [f32; 2])> {
    let px = |value: f64| narrow((1e3 * value).round() / 1e3);
    let told = shifts.iter().filter(|(_, shift)| shift.flag.is_none());
    told.map(|(frame, shift)| (*frame, [shift.dy_px, shift.dx_px].map(px)))
        .collect()
}

/// Gathers the pictures of one trial.
pub(super) struct Gather {
    pictures: Pictures,
    smoothing_sd_px: f64,
}

impl Gather {
    /// With the first frame of a movie.
    pub(super) fn new(trial: &Watched<'_>) -> Result<Self, Cause> {
        let (_, height, width) = trial.movie.dim();
        let mut first = Array3::zeros((1, height, width));
        trial.movie.frames_into(0..1, first.view_mut())?;
        let background = trial.config.analysis.background.method;
        let smoothing_sd_px = background.smoothing_sd_px(Size { width, height });
        Ok(Self {
            pictures: Pictures {
                size: [width, height],
                first: Picture::of(first.index_axis(Axis(0), 0)),
                ..Pictures::default()
            },
            smoothing_sd_px: smoothing_sd_px.unwrap_or_default(),
        })
    }
}

impl Observer for Gather {
    type Error = StepError;

    fn background(
        &mut self,
        image: ArrayView2<'_, f64>,
        level: &BackgroundLevel,
        _: &Subtract,
    ) -> Result<(), StepError> {
        self.pictures.fit(image, self.smoothing_sd_px, level);
        Ok(())
    }

    fn mask(&mut self, mask: &Mask, _: bool) -> Result<(), StepError> {
        self.pictures.mask(mask);
        Ok(())
    }
}

impl Watch for Gather {
    fn finish(self: Box<Self>, seen: &Seen<'_>) -> Result<Vec<u8>, Cause> {
        let mut pictures = self.pictures;
        pictures.shifts = told(seen.shifts);
        pictures.intervals_ms = seen.intervals_s.iter().map(|s| narrow(1e3 * s)).collect();
        if let Some(summary) = seen.summary {
            let value = |v: &f64| v.is_finite().then_some(narrow(*v));
            pictures.trace = summary.trace.iter().map(value).collect();
            pictures.mean = Picture::of(summary.mean.mapv(narrow).view());
            pictures.max = Picture::of(summary.max.view());
            pictures.peak = Picture::of(summary.peak.view());
        }
        Ok(serde_json::to_vec(&pictures)?)
    }
}

#[cfg(test)]
impl Pictures {
    /// Images of pure noise, which no compression makes small.
    pub(crate) fn noise(side: usize) -> Self {
        let noise = Array2::from_shape_fn((side, side), |(y, x)| {
            let mut z = (y * side + x) as u64;
            z = z.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (z >> 40) as f32
        });
        let picture = Picture::of(noise.view());
        let moved = |t: usize| [0.37 * (t % 7) as f32, -0.61 * (t % 5) as f32];
        Self {
            size: [side, side],
            first: picture.clone(),
            mean: picture.clone(),
            max: picture.clone(),
            peak: picture,
            trace: vec![Some(0.01); 200],
            shifts: (0..200).map(|t| (t, moved(t))).collect(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use widefield::motion::Flag;

    #[test]
    fn an_image_comes_back_to_a_step() {
        let image =
            Array2::from_shape_fn(
                (300, 400),
                |(y, x)| {
                    if y < 10 { f32::NAN } else { (x + y) as f32 }
                },
            );
        let picture = Picture::of(image.view()).expect("finite pixels");
        let text = serde_json::to_string(&picture).expect("JSON");
        let again: Picture = serde_json::from_str(&text).expect("JSON");
        let read = again.image().expect("PNG");
        let small = render::reduce(image.view(), LONGEST);
        assert_eq!(read.dim(), (144, 192));
        let step = (picture.high - picture.low) / 254.0;
        for (a, b) in read.iter().zip(&small) {
            let clamped = b.clamp(picture.low, picture.high);
            assert!(a.is_nan() == b.is_nan());
            assert!(b.is_nan() || (a - clamped).abs() <= 0.51 * step, "{a} {b}");
        }
        let broken = Picture {
            png: "no PNG".into(),
            ..picture
        };
        assert!(broken.image().is_none());
    }

    #[test]
    fn shifts_that_could_not_be_told_are_left_out() {
        let mut lost = Shift::from_px(9.0, 9.0);
        lost.flag = Some(Flag::Weak);
        let shifts = [
            (0, Shift::from_px(0.123_456, -2.0)),
            (10, lost),
            (20, Shift::from_px(1.0, 0.0)),
        ];
        let told = told(&shifts);
        assert_eq!(told, [(0, [0.123, -2.0]), (20, [1.0, 0.0])]);
        let text = serde_json::to_string(&told).expect("JSON");
        assert_eq!(text, "[[0,[0.123,-2.0]],[20,[1.0,0.0]]]");
    }

    #[test]
    fn parts_without_shifts_are_still_read() {
        let mut part = serde_json::to_value(Pictures::noise(8)).expect("JSON");
        let shifts = part.as_object_mut().and_then(|p| p.remove("shifts"));
        assert!(shifts.is_some());
        let read: Pictures = serde_json::from_value(part).expect("a part");
        assert!(read.shifts.is_empty() && read.trace.len() == 200);
    }

    #[test]
    fn a_mask_comes_back_whole() {
        let kept = Array2::from_shape_fn((13, 21), |(y, x)| (y * x) % 3 == 0);
        let mut pictures = Pictures::default();
        pictures.mask(&Mask::from_kept(kept.clone()));
        let text = serde_json::to_string(&pictures).expect("JSON");
        let again: Pictures = serde_json::from_str(&text).expect("JSON");
        assert_eq!(again.kept(), Some(kept));
        assert_eq!(Pictures::default().kept(), None);
    }
}
