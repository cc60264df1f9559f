//! Image operators of widefield calcium imaging: arrays in, arrays out.
//!
//! A camera looks at the whole cortex through the skull while neurons report their activity as
//! fluorescence. What one wants per trial is dF/F, the relative change against a baseline, of the pixels
//! that are brain. On the way there the frames are resized, the light that is no fluorescence is taken off
//! and the dark surround is masked. Each of these steps is an operator of its own here; choices are values,
//! so that variants can be walked over and written down.
//!
//! # From counts to dF/F
//!
//! ```
//! use ndarray::{Array3, Axis};
//! use widefield::{Background, Baseline, DeltaF, Resize, Segmentation, Size, Subtract, invalid};
//!
//! // 20 frames of 64 x 64 px: a bright round window on an offset of 100 counts, where the light
//! // rises by 10 % in frame 15. One pixel is beyond anything light can do.
//! let mut counts = Array3::from_shape_fn((20, 64, 64), |(t, y, x)| {
//!     let (dx, dy) = (x as f64 - 32.0, y as f64 - 32.0);
//!     let brain = 4000.0 * (-(dx * dx + dy * dy) / 128.0).exp();
//!     (100.0 + if t == 15 { 1.1 * brain } else { brain }).round() as u16
//! });
//! counts[(3, 10, 10)] = 65_000;
//!
//! // Clear what is no light, and halve the size while converting to f32.
//! let mut movie = Array3::zeros((20, 32, 32));
//! let size = |width, height| Size { width, height };
//! let mut resizer = Resize::Triangle.resizer(size(64, 64), size(32, 32))?;
//! for (mut frame, small) in counts.axis_iter_mut(Axis(0)).zip(movie.axis_iter_mut(Axis(0))) {
//!     invalid::clear(frame.view_mut(), 60_000);
//!     resizer.frame_u16_into(frame.view(), small)?;
//! }
//!
//! // Background of the first frame; fluorescence is what lies above it.
//! let level = Background::GaussianFit { smoothing_sd_px: Some(1.0) }.estimate(movie.index_axis(Axis(0), 0))?;
//! let subtract = Subtract { background: level.value, clamp_negative: true };
//! assert!((level.value - 100.0).abs() < 1.0);
//!
//! // Dark pixels are masked, dF/F is relative to the mean of frames 9, 10 and 11.
//! let mask = Segmentation::DensityCutoff { density_cutoff: 0.0005 }.mask(subtract.mean(movie.view())?.view())?;
//! let mut clean = subtract.movie(movie.view());
//! mask.apply(clean.view_mut())?;
//! let dff = DeltaF::new(Baseline::frames(9..12)).compute(clean.view())?;
//! assert!((dff.values[(15, 16, 16)] - 0.1).abs() < 0.001);
//! assert!(dff.values[(15, 0, 0)].is_nan());
//! # Ok::<(), widefield::Error>(())
//! ```
//!
//! # Movies larger than memory
//!
//! [`Resizer`], [`MeanImage`] and [`dff::normalise_into`] take frames or blocks of frames;
//! [`Baseline::estimate`] and [`DeltaF::prepare`] read whatever is a [`MovieSource`], [`Normaliser`] turns its
//! blocks into dF/F. Any blocks give the bits that the whole movie gives.
//!
//! # Conventions
//!
//! * Frames are `(y, x)`, movies `(t, y, x)`, row 0 at the top as the camera delivers them. Counts of
//!   frames, rows and columns start at 0, ranges are half-open.
//! * Movies are f32, sums and images made of them f64. [`Size`] and coordinates of a fit say width or
//!   column first, shapes of arrays say rows first.
//! * NaN marks masked pixels. Operators pass it on; those that estimate something from a whole image
//!   refuse it with [`Error::NotFinite`].
//! * Work is spread over the threads of the current rayon pool. No result depends on their number, bit for
//!   bit.
//! * Nothing panics on any input, prints or touches files.
//!
//! # For readers of NumPy and MATLAB
//!
//! | NumPy, SciPy, Pillow | MATLAB | here |
//! | --- | --- | --- |
//! | `Image.fromarray(f).resize((w, h), BILINEAR)` | `imresize(f, [h w], "bilinear")`, not to the bit | [`Resize::Triangle`] |
//! | `gaussian_filter(f, sd)` | `imgaussfilt(f, sd, Padding="symmetric", FilterSize=2*floor(4*sd+0.5)+1)` | [`smooth::gaussian`] |
//! | `-phase_cross_correlation(r, f, normalization=None)[0]` of skimage | `dftregistration`, other sign | [`motion::Reference::shifts`], in a band of sizes |
//! | `curve_fit(gaussian, xy, f.ravel(), p0)` | `lsqcurvefit` | [`GaussianFit::from_image`] |
//! | `gaussian_kde(m.ravel())(linspace(0, m.max(), 500))` | `ksdensity`, other bandwidth | [`segment::density::Density`] |
//! | `(f - f0) / f0` | `(f - f0) ./ f0` | [`DeltaF`] |
//! | `np.nanmean(trials, 0)`, `np.isfinite(trials).sum(0)` | `mean(trials, 4, "omitnan")` | [`Average`] |
//! | `scipy.ndimage.mean(f, labels, index)` | `regionprops(labels, f, "MeanIntensity")` | [`Areas::means`] |
//! | `np.corrcoef(f[t - 10 : t + 10], seed[t - 10 : t + 10])` | `corrcoef` of the same frames | [`correlation::running`] |
//! | `np.linalg.lstsq(dummies, cells)` | `dummies \ cells` | [`glm::Glm`] |
//! | `roc_auc_score(group, f)` of scikit-learn | `perfcurve` | [`auc::auc`] |
//! | `f[9:12].mean(0)` | `mean(f(:, :, 10:12), 3)` | [`Baseline::frames`]`(9..12)` |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod ahead;
pub mod areas;
pub mod auc;
pub mod average;
pub mod background;
pub mod baseline;
pub mod correlation;
pub mod dff;
#[cfg(any(test, feature = "direct"))]
pub mod direct;
mod error;
pub mod glm;
pub mod invalid;
mod mean_image;
#[cfg(feature = "motion")]
pub mod motion;
mod normaliser;
mod number;
pub mod percentiles;
pub mod quality;
pub mod reference;
pub mod render;
pub mod resize;
pub mod segment;
pub mod session;
mod simd;
#[cfg(feature = "simulate")]
pub mod simulate;
pub mod smooth;
mod source;
mod subtract;
mod time;

pub use areas::Areas;
pub use average::Average;
pub use background::gaussian_fit::GaussianFit;
pub use background::{Background, BackgroundLevel};
pub use baseline::{Baseline, F0};
pub use dff::{DeltaF, Denominator, Dff, Quantity};
pub use error::{Cause, Error};
pub use mean_image::MeanImage;
/// The crate of the arrays in signatures.
pub use ndarray;
pub use normaliser::Normaliser;
pub use resize::{Resize, Resizer, Size};
pub use segment::{Mask, Segmentation};
pub use source::MovieSource;
pub use subtract::Subtract;
pub use time::TimeAxis;

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
