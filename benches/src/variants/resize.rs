//! Camera counts to a smaller movie.

use fast_image_resize as fir;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, Zip};
use widefield::{Resize, Size, direct};

use super::{Failure, Variant};

/// Resizes a movie `(t, y, x)` of camera counts.
pub type Run = fn(ArrayView3<'_, u16>, Size) -> Result<Array3<f32>, Failure>;

/// Ways to resize. Differences are in counts.
pub const VARIANTS: &[Variant<Run>] = &[
    Variant {
        name: "triangle",
        run: triangle,
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
        name: "block_mean",
        run: block_mean,
        within: None,
        slow: false,
    },
    Variant {
        name: "nearest",
        run: nearest,
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

/// What the job does: counts go into the filter as they are.
fn triangle(movie: ArrayView3<'_, u16>, to: Size) -> Result<Array3<f32>, Failure> {
    let (n, height, width) = movie.dim();
    let resizer = Resize::Triangle.resizer(Size { width, height }, to)?;
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

/// Mean of the pixels under each new one; whole ratios only.
fn block_mean(movie: ArrayView3<'_, u16>, to: Size) -> Result<Array3<f32>, Failure> {
    let (_, height, width) = movie.dim();
    let (down, across) = (height / to.height, width / to.width);
    if (down * to.height, across * to.width) != (height, width) {
        return Err("the new size does not divide the old one".into());
    }
    let share = 1.0 / f32::from(u16::try_from(down * across)?);
    each(movie, to, |frame| {
        let mut sums = Array2::<u32>::zeros((to.height, to.width));
        for (y, row) in frame.rows().into_iter().enumerate() {
            let mut sums = sums.row_mut(y / down);
            for (sum, block) in sums.iter_mut().zip(row.axis_chunks_iter(Axis(0), across)) {
                *sum += block.iter().map(|&count| u32::from(count)).sum::<u32>();
            }
        }
        sums.mapv(|sum| sum as f32 * share)
    })
}

/// One pixel of those under each new one, the rest is lost.
fn nearest(movie: ArrayView3<'_, u16>, to: Size) -> Result<Array3<f32>, Failure> {
    let (_, height, width) = movie.dim();
    each(movie, to, |frame| {
        Array2::from_shape_fn((to.height, to.width), |(y, x)| {
            let at = |i: usize, from: usize, to: usize| (2 * i + 1) * from / (2 * to);
            f32::from(frame[(at(y, height, to.height), at(x, width, to.width))])
        })
    })
}

fn each(
    movie: ArrayView3<'_, u16>,
    to: Size,
    frame: impl Fn(ArrayView2<'_, u16>) -> Array2<f32> + Sync,
) -> Result<Array3<f32>, Failure> {
    let mut out = Array3::zeros((movie.len_of(Axis(0)), to.height, to.width));
    out.axis_iter_mut(Axis(0))
        .into_par_iter()
        .zip(movie.axis_iter(Axis(0)))
        .for_each(|(mut out, from)| out.assign(&frame(from)));
    Ok(out)
}
