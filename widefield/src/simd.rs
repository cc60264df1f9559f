//! An exponential that compilers can turn into vector instructions.

/// Below this the exponential is taken as the exponential of this, 3.3e-308.
const LOWEST: f64 = -708.0;

/// `exp(x)` for `x <= 0`, relative error below 4e-16 for `x >= -708`, 3.3e-308 below that; NaN stays NaN.
///
/// No branch and no call, so a loop over it becomes vector code. Cody-Waite reduction
/// `x = k ln 2 + r` with `ln 2` in two parts, then the Taylor polynomial of degree 13 on
/// `|r| <= ln 2 / 2`, whose remainder is below 5e-18.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    /// 1.5 x 2^52: adding it rounds to the nearest integer, which then stands in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// ln 2 cut to 32 bits, so that its product with a whole number below 2^20 is exact.
    const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
    let x = if x < LOWEST { LOWEST } else { x };
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = x - k * LN_2_HIGH - k * LN_2_LOW;
    // Pairs, then pairs of pairs: short chains that a processor works on side by side.
    let (r2, low) = (r * r, 1.0 + r);
    let (r4, r8) = (r2 * r2, r2 * r2 * (r2 * r2));
    let polynomial = low
        + (1.0 / 2.0 + r * (1.0 / 6.0)) * r2
        + ((1.0 / 24.0 + r * (1.0 / 120.0)) + (1.0 / 720.0 + r * (1.0 / 5040.0)) * r2) * r4
        + (((1.0 / 40_320.0 + r * (1.0 / 362_880.0))
            + (1.0 / 3_628_800.0 + r * (1.0 / 39_916_800.0)) * r2)
            + (1.0 / 479_001_600.0 + r * (1.0 / 6_227_020_800.0)) * r4)
            * r8;
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    polynomial * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_the_standard_library() {
        let mut worst = 0.0_f64;
        for i in 0..=1_000_000 {
            let x = -f64::from(i) * 7.07e-4;
            worst = worst.max((exp(x) / x.exp() - 1.0).abs());
        }
        // One unit in the last place is 2.2e-16; both sides may be off by half of one and more.
        assert!(worst < 5e-16, "{worst:e}");
    }

    #[test]
    fn exp_of_zero_is_one_and_nothing_is_below_the_lowest() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1e6), exp(-708.0));
        assert!(exp(f64::NAN).is_nan());
    }
}
