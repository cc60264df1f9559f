//! Numbers of things as f64 and back.

/// A number of pixels, frames or points; exact below 2^53.
#[inline(always)]
#[expect(clippy::cast_precision_loss, reason = "no array has 2^53 elements")]
pub(crate) fn count(n: usize) -> f64 {
    n as f64
}

/// Whole part of a number; 0 for negative ones and NaN, the largest index beyond it.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, which is what is meant"
)]
pub(crate) fn index(x: f64) -> usize {
    x as usize
}

/// Rounds to the nearest f32.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "f32 is the type of movies")]
pub(crate) fn narrow(x: f64) -> f32 {
    x as f32
}
