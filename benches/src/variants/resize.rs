//! Camera counts to a smaller movie.

use fast_image_resize as fir;
use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayView3, Axis, Zip};
use widefield::{Resize, Size, direct};

use super::{Failure, Variant};

/// Resizes a movie `(t, y, x)` of camera counts.
pub type Run = fn(ArrayView3<'_, u16>, Size) -> Result<Array3<f32>, Failure>;

/// Ways to resize. Differences are in counts.
pub const VARIANTS: &[Variant<Run>] = &[
    Variant {
        name: "triangle",
        run: |movie, to| each(Resize::Triangle, movie, to),
        within: Some(0.0),
        slow: false,
    },
    Variant {
        name: "triangle_by_rows",
        run: by_rows,
        within: Some(0.0),
        slow: false,
    },
    Variant {
        name: "triangle_from_f32",
        run: triangle_from_f32,
        within: Some(0.0),
        slow: false,
    },
    Variant {
        name: "fast_image_resize",
        run: fast_image_resize,
        within: Some(0.02),
        slow: false,
    },
    Variant {
        name: "binning",
        run: |movie, to| each(Resize::Binning, movie, to),
        within: None,
        slow: false,
    },
    Variant {
        name: "box",
        run: |movie, to| each(Resize::Box, movie, to),
        within: None,
        slow: false,
    },
    Variant {
        name: "lanczos3",
        run: |movie, to| each(Resize::Lanczos3, movie, to),
        within: None,
        slow: false,
    },
    Variant {
        name: "nearest",
        run: |movie, to| each(Resize::Nearest, movie, to),
        within: None,
        slow: false,
    },
    Variant {
        name: "direct",
        run: by_definition,
        within: Some(0.0),
        slow: true,
    },
];

/// The triangle filter by its definition.
#[must_use]
pub fn reference(movie: ArrayView3<'_, u16>, to: Size) -> Array3<f32> {
    let mut out = Array3::zeros((movie.len_of(Axis(0)), to.height, to.width));
    out.axis_iter_mut(Axis(0))
        .into_par_iter()
        .zip(movie.axis_iter(Axis(0)))
        .for_each(|(mut out, frame)| {
            let frame = frame.mapv(f32::from);
            out.assign(&direct::resize_triangle(frame.view(), to));
        });
    out
}

fn by_definition(movie: ArrayView3<'_, u16>, to: Size) -> Result<Array3<f32>, Failure> {
    Ok(reference(movie, to))
}

/// Counts go into the filter as they are, a frame at a time.
fn each(resize: Resize, movie: ArrayView3<'_, u16>, to: Size) -> Result<Array3<f32>, Failure> {
    let (n, height, width) = movie.dim();
    let resizer = resize.resizer(Size { width, height }, to)?;
    let mut out = Array3::zeros((n, to.height, to.width));
    out.axis_iter_mut(Axis(0))
        .into_par_iter()
        .zip(movie.axis_iter(Axis(0)))
        .try_for_each_init(
            || resizer.clone(),
            |resizer, (out, frame)| resizer.frame_u16_into(frame, out),
        )?;
    Ok(out)
}

/// What the job does: one row after the other, invalid counts cleared.
fn by_rows(movie: ArrayView3<'_, u16>, to: Size) -> Result<Array3<f32>, Failure> {
    let (n, height, width) = movie.dim();
    let resizer = Resize::Triangle.resizer(Size { width, height }, to)?;
    let mut out = Array3::zeros((n, to.height, to.width));
    out.axis_iter_mut(Axis(0))
        .into_par_iter()
        .zip(movie.axis_iter(Axis(0)))
        .try_for_each_init(
            || resizer.clone(),
            |resizer, (out, frame)| -> Result<(), Failure> {
                let source = |y: usize, row: &mut [u16]| {
                    let stored = frame.row(y);
                    row.copy_from_slice(stored.to_slice().ok_or("rows lie apart")?);
                    Ok::<(), Failure>(())
                };
                resizer.rows_u16_into(60_000, source, out)?;
                Ok(())
            },
        )?;
    Ok(out)
}

/// The whole movie to f32 first.
fn triangle_from_f32(movie: ArrayView3<'_, u16>, to: Size) -> Result<Array3<f32>, Failure> {
    let mut wide = Array3::zeros(movie.raw_dim());
    Zip::from(&mut wide)
        .and(movie)
        .par_for_each(|wide, &count| *wide = f32::from(count));
    Ok(Resize::Triangle.movie(wide.view(), to)?)
}

/// The crate of that name, bilinear convolution of f32 frames.
fn fast_image_resize(movie: ArrayView3<'_, u16>, to: Size) -> Result<Array3<f32>, Failure> {
    let (n, height, width) = movie.dim();
    let side = |n: usize| u32::try_from(n);
    let (width, height) = (side(width)?, side(height)?);
    let (to_width, to_height) = (side(to.width)?, side(to.height)?);
    let options = fir::ResizeOptions::new()
        .resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Bilinear));
    let mut out = Array3::zeros((n, to.height, to.width));
    out.axis_iter_mut(Axis(0))
        .into_par_iter()
        .zip(movie.axis_iter(Axis(0)))
        .try_for_each_init(
            || (fir::Resizer::new(), Vec::<f32>::new()),
            |(resizer, wide), (mut out, frame)| -> Result<(), Failure> {
                wide.clear();
                wide.extend(frame.iter().map(|&count| f32::from(count)));
                let bytes: &[u8] = bytemuck::cast_slice(wide);
                let from = fir::images::ImageRef::new(width, height, bytes, fir::PixelType::F32)?;
                let out = out.as_slice_mut().ok_or("frames lie apart")?;
                let out: &mut [u8] = bytemuck::cast_slice_mut(out);
                let mut to = fir::images::Image::from_slice_u8(
                    to_width,
                    to_height,
                    out,
                    fir::PixelType::F32,
                )?;
                Ok(resizer.resize(&from, &mut to, &options)?)
            },
        )?;
    Ok(out)
}
