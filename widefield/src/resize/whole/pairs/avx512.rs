//! Two rows to one by multiplications that add up neighbours, 16 outputs at a time.
#![expect(
    unsafe_code,
    reason = "loads and stores of these registers; the compiler does not find the instructions, which save a sixth \
              of the time of a frame"
)]

use crate::ahead;
use std::arch::x86_64::*;

/// Outputs of one step.
const LANES: usize = 16;

/// As [`super::plain`], if the processor can and the rows are as long as they should be; otherwise nothing happens
/// and the result is false.
#[inline]
pub(super) fn pair<const AHEAD: bool>(
    a: &[u16],
    b: &[u16],
    begun: &mut [i32],
    out: &mut [f32],
) -> bool {
    let able = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni");
    let n = out.len();
    if !able || begun.len() != n || a.len() < 2 * n + 2 || b.len() < 2 * n + 2 {
        return false;
    }
    // SAFETY: the processor has the features, and the slices have the lengths that are asked for, just checked.
    unsafe { steps::<AHEAD>(a, b, begun, out) };
    true
}

/// # Safety
/// `begun` must be as long as `out`, `a` and `b` at least twice as long and two more.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn steps<const AHEAD: bool>(a: &[u16], b: &[u16], begun: &mut [i32], out: &mut [f32]) {
    let n = out.len();
    for x in (0..n).step_by(LANES) {
        let lanes: __mmask16 = if n - x < LANES {
            (1 << (n - x)) - 1
        } else {
            !0
        };
        // Between the sums, as the processor has room for few requests at once. What is written comes from memory first.
        ahead::want(&out[x..]);
        if AHEAD {
            [a, b].iter().for_each(|row| ahead::want(&row[2 * x..]));
        }
        // SAFETY: lane `i` of the loads, only read or written where `x + i < n`, is the pixels `2 (x + i)` and the next
        // one, or two pixels further on, so at most pixel `2 n + 1`, and number `x + i` of `begun` and `out`.
        unsafe {
            let load = |row: &[u16], place: usize| {
                let pairs = _mm512_maskz_loadu_epi32(lanes, row.as_ptr().add(place).cast());
                _mm512_xor_si512(pairs, _mm512_set1_epi16(i16::MIN))
            };
            let begun = begun.as_mut_ptr().add(x);
            let (done, next) = sums(
                [load(a, 2 * x), load(a, 2 * x + 2)],
                [load(b, 2 * x), load(b, 2 * x + 2)],
                _mm512_maskz_loadu_epi32(lanes, begun),
            );
            _mm512_mask_storeu_epi32(begun, lanes, next);
            let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(done), _mm512_set1_ps(1.0 / 64.0));
            _mm512_mask_storeu_ps(out.as_mut_ptr().add(x), lanes, scaled);
        }
    }
}

/// What is complete with two rows, and what they begin.
///
/// Every lane holds two pixels less 2^15, which makes them signed numbers of 16 bits. The weights of either row for one
/// result are 8 or 24 together, so that 32 times 2^15 has to be added to what two rows bring.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn sums(a: [__m512i; 2], b: [__m512i; 2], begun: __m512i) -> (__m512i, __m512i) {
    /// Weights of the first and the second pixel of a lane.
    const fn weights(first: i32, second: i32) -> i32 {
        second << 16 | first
    }
    let [one_three, three_one] = [weights(1, 3), weights(3, 1)].map(|w| _mm512_set1_epi32(w));
    let [three_nine, nine_three] = [weights(3, 9), weights(9, 3)].map(|w| _mm512_set1_epi32(w));
    let bias = _mm512_set1_epi32(32 << 15);
    let done = _mm512_dpwssd_epi32(begun, a[0], three_nine);
    let done = _mm512_dpwssd_epi32(done, a[1], nine_three);
    let done = _mm512_dpwssd_epi32(done, b[0], one_three);
    let done = _mm512_dpwssd_epi32(done, b[1], three_one);
    let next = _mm512_dpwssd_epi32(bias, a[0], one_three);
    let next = _mm512_dpwssd_epi32(next, a[1], three_one);
    let next = _mm512_dpwssd_epi32(next, b[0], three_nine);
    let next = _mm512_dpwssd_epi32(next, b[1], nine_three);
    (_mm512_add_epi32(done, bias), next)
}
