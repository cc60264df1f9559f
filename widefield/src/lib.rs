//! Image operators of widefield calcium imaging: arrays in, arrays out.

pub mod background;
pub mod baseline;
pub mod dff;
pub mod direct;
mod error;
pub mod invalid;
mod mean_image;
pub mod reference;
pub mod resize;
pub mod segment;
pub mod session;
mod simd;
#[cfg(feature = "simulate")]
pub mod simulate;
pub mod smooth;
mod subtract;
mod time;

pub use background::gaussian_fit::GaussianFit;
pub use background::{Background, BackgroundLevel};
pub use baseline::Baseline;
pub use dff::{DeltaF, Dff};
pub use error::Error;
pub use mean_image::MeanImage;
pub use resize::{Resize, Resizer, Size};
pub use segment::{Mask, Segmentation};
pub use subtract::Subtract;
pub use time::TimeAxis;
