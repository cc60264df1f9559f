//! Two rows of counts to one row of half the width.

use crate::ahead;
use multiversion::multiversion;

/// Adds two rows of counts to a row of the result, which is complete then, and to the next one.
///
/// Output `x` takes the pixels `2x .. 2x + 4` of `a` and `b`, which begin with the pixel before the first one of the
/// row, with the weights 1, 3, 3, 1. Of these sums `begun + 3 a + b` over 64 goes to `out`, and `begun` becomes
/// `a + 3 b`.
///
/// What lies behind `out` is asked for meanwhile, and with `AHEAD` what lies behind the rows.
#[inline(always)]
pub(super) fn pair<const AHEAD: bool>(a: &[u16], b: &[u16], begun: &mut [i32], out: &mut [f32]) {
    out.chunks(ahead::LINE / size_of::<f32>())
        .for_each(ahead::want);
    if AHEAD {
        let line = ahead::LINE / size_of::<u16>();
        a.chunks(line).chain(b.chunks(line)).for_each(ahead::want);
    }
    plain(a, b, begun, out);
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn plain(a: &[u16], b: &[u16], begun: &mut [i32], out: &mut [f32]) {
    let n = out.len();
    // Pairs rather than single pixels: a pair is one vector lane of 32 bits, taken apart by shifts.
    let (a, b) = (a.as_chunks::<2>().0, b.as_chunks::<2>().0);
    let (a, a_next, b, b_next) = (&a[..n], &a[1..=n], &b[..n], &b[1..=n]);
    let begun = &mut begun[..n];
    for x in 0..n {
        let a = sum(a[x], a_next[x]);
        let b = sum(b[x], b_next[x]);
        let both = a + b;
        out[x] = (begun[x] + both + 2 * a) as f32 * (1.0 / 64.0);
        begun[x] = both + 2 * b;
    }
}

#[inline(always)]
fn sum([a, b]: [u16; 2], [c, d]: [u16; 2]) -> i32 {
    i32::from(a) + 3 * (i32::from(b) + i32::from(c)) + i32::from(d)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the largest counts among them.
    #[test]
    fn equal_to_the_formula_for_any_width() {
        for n in (1..70).chain([256]) {
            let row = |seed: usize| -> Vec<u16> {
                let hash = |i: usize| (i + seed).wrapping_mul(0x9e37_79b9) >> 7;
                (0..2 * n + 2)
                    .map(|i| match hash(i) % 5 {
                        0 => u16::MAX,
                        1 => 0,
                        _ => (hash(i) % 65_536).try_into().unwrap(),
                    })
                    .collect()
            };
            let (a, b) = (row(n), row(3 * n + 1));
            let before: Vec<i32> = row(7).iter().map(|&sum| 4 * i32::from(sum)).collect();
            for way in [pair::<false>, pair::<true>] {
                let (mut begun, mut out) = (before[..n].to_vec(), vec![0.0; n]);
                way(&a, &b, &mut begun, &mut out);
                for x in 0..n {
                    let along = |row: &[u16]| -> i32 {
                        let terms = row[2 * x..].iter().zip([1, 3, 3, 1]);
                        terms
                            .map(|(&pixel, weight)| weight * i32::from(pixel))
                            .sum()
                    };
                    let (a, b) = (along(&a), along(&b));
                    assert_eq!(out[x], (before[x] + 3 * a + b) as f32 / 64.0, "{n} {x}");
                    assert_eq!(begun[x], a + 3 * b, "{n} {x}");
                }
            }
        }
    }
}
