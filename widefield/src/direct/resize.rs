//! Resizing by definition, pixel by pixel.

use crate::Size;
use crate::number::{count, index, narrow};
use ndarray::{Array2, ArrayView2, s};

/// Resize by the triangle filter, see [`crate::Resize::Triangle`]; `(y, x)`, sides of at least 1.
pub fn resize_triangle(frame: ArrayView2<'_, f32>, to: Size) -> Array2<f32> {
    filtered(frame, to, 1.0, |x| (1.0 - x.abs()).max(0.0))
}

/// Resize by the box filter, see [`crate::Resize::Box`]; `(y, x)`, sides of at least 1.
pub fn resize_box(frame: ArrayView2<'_, f32>, to: Size) -> Array2<f32> {
    let inside = |x: f64| x > -0.5 && x <= 0.5;
    filtered(frame, to, 0.5, |x| f64::from(u8::from(inside(x))))
}

/// Resize by the windowed sinc, see [`crate::Resize::Lanczos3`]; `(y, x)`, sides of at least 1.
pub fn resize_lanczos3(frame: ArrayView2<'_, f32>, to: Size) -> Array2<f32> {
    let sinc = |x: f64| match x * std::f64::consts::PI {
        0.0 => 1.0,
        x => x.sin() / x,
    };
    let inside = |x: f64| (-3.0..3.0).contains(&x);
    filtered(frame, to, 3.0, |x| {
        f64::from(u8::from(inside(x))) * (sinc(x) * sinc(x / 3.0))
    })
}

/// Both passes with a filter that reaches `support` pixels.
fn filtered(
    frame: ArrayView2<'_, f32>,
    to: Size,
    support: f64,
    filter: impl Fn(f64) -> f64 + Copy,
) -> Array2<f32> {
    let between = rows(frame, to.width, support, filter);
    rows(between.t(), to.height, support, filter).reversed_axes()
}

fn rows(
    frame: ArrayView2<'_, f32>,
    n_out: usize,
    support: f64,
    filter: impl Fn(f64) -> f64,
) -> Array2<f32> {
    let n_in = frame.ncols();
    if n_in == n_out {
        return frame.to_owned();
    }
    let scale = count(n_in) / count(n_out);
    let pixel = scale.max(1.0);
    Array2::from_shape_fn((frame.nrows(), n_out), |(y, x)| {
        let centre = (count(x) + 0.5) * scale;
        let start = index(centre - support * pixel + 0.5);
        let end = index(centre + support * pixel + 0.5).min(n_in);
        let weight = |i: usize| filter((count(i) - centre + 0.5) * (1.0 / pixel));
        let total: f64 = (start..end).map(weight).sum();
        narrow(
            (start..end)
                .map(|i| f64::from(frame[(y, i)]) * (weight(i) / total))
                .sum(),
        )
    })
}

/// The pixel under the middle of each output pixel, see [`crate::Resize::Nearest`]; `(y, x)`, sides of at
/// least 1.
pub fn resize_nearest(frame: ArrayView2<'_, f32>, to: Size) -> Array2<f32> {
    let place = |i: usize, n_in: usize, n_out: usize| {
        let step = count(n_in) / count(n_out);
        index((0..i).fold(step * 0.5, |place, _| place + step))
    };
    Array2::from_shape_fn((to.height, to.width), |(y, x)| {
        let y = place(y, frame.nrows(), to.height);
        frame[(y, place(x, frame.ncols(), to.width))]
    })
}

/// Mean of every block of `rows` times `columns` pixels `(y, x)`, see [`crate::Resize::Binning`].
pub fn bins(frame: ArrayView2<'_, f32>, rows: usize, columns: usize) -> Array2<f32> {
    let dim = (frame.nrows() / rows, frame.ncols() / columns);
    Array2::from_shape_fn(dim, |(y, x)| {
        let (y, x) = (y * rows, x * columns);
        let block = frame.slice(s![y..y + rows, x..x + columns]);
        narrow(block.mapv(f64::from).sum() / count(rows * columns))
    })
}
