//! What motion makes of dF/F.

use crate::Error;
use crate::error::same_shape;
use crate::percentiles::percentile;
use ndarray::ArrayView2;

/// |dF/F| that a shift of one pixel makes of a still picture: median and 99th percentile over the kept pixels, as shares.
///
/// `fluorescence` `(y, x)` is in counts above background. A small shift changes a pixel by its slope, so |dF/F| is
/// |gradient| / F; averaged (root mean square) over the directions of the shift, that over the square root of 2. In
/// proportion to shifts up to about the width of a vessel.
///
/// Slopes are central differences to neighbours that are kept, too. Pixels of which none is known, or which are not
/// above 0, do not count; `None` if no pixel counts.
///
/// ```
/// use ndarray::Array2;
/// use widefield::motion::dff_per_px;
///
/// // Light that grows by 1 % of its value at the middle from pixel to pixel.
/// let light = Array2::from_shape_fn((9, 101), |(_, x)| 1000.0 + 10.0 * (x as f64 - 50.0));
/// let [median, _] = dff_per_px(light.view(), light.mapv(|_| true).view())?.expect("slopes");
/// assert!((median - 0.01 / 2.0_f64.sqrt()).abs() < 1e-4);
/// # Ok::<(), widefield::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if they differ in shape.
pub fn dff_per_px(
    fluorescence: ArrayView2<'_, f64>,
    kept: ArrayView2<'_, bool>,
) -> Result<Option<[f64; 2]>, Error> {
    same_shape("mask", fluorescence.shape(), kept.shape())?;
    let at = |place: (usize, usize)| {
        let known = kept.get(place).is_some_and(|kept| *kept);
        known.then(|| fluorescence[place])
    };
    let (height, width) = fluorescence.dim();
    let mut shares = Vec::new();
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            let slope = |before, after| Some((at(after)? - at(before)?) / 2.0);
            let gradient = at((y, x)).and_then(|f| {
                let down = slope((y - 1, x), (y + 1, x))?;
                let right = slope((y, x - 1), (y, x + 1))?;
                Some(down.hypot(right) / f).filter(|_| f > 0.0)
            });
            shares.extend(gradient.filter(|share| share.is_finite()));
        }
    }
    let of = |p| {
        percentile(
            shares.iter().map(|share| share / std::f64::consts::SQRT_2),
            p,
        )
    };
    Ok(of(50.0).zip(of(99.0)).map(<[f64; 2]>::from))
}
