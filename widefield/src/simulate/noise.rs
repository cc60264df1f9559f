//! Normal noise that is cheap enough for every pixel of a movie and the same on every machine.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// Bits that choose an entry of the table.
const BITS: u32 = 12;
const ENTRIES: usize = 1 << BITS;
const LAST: u32 = (1 << BITS) - 1;

/// Standard normal numbers from 24 random bits: the sum of two entries of a table of normal
/// quantiles, scaled to unit variance.
///
/// The 4096 quantiles alone would repeat and end at 3.7 sd; the sum takes about 8 million values
/// and ends at 5.2 sd. Its mean and skewness are 0, its variance 1 and its kurtosis 3 to within 0.01.
/// Only additions, products and square roots make the table, which IEEE 754 rounds alike
/// everywhere; a library's `ln` or `cos` would not be the same on every platform.
#[derive(Clone)]
pub(super) struct Normal {
    table: Box<[f32; ENTRIES]>,
}

impl Normal {
    pub(super) fn new() -> Self {
        // The quantile z(p) obeys dz/dp = sqrt(2 pi) exp(z^2 / 2) =: w and dw/dp = z w^2. Runge-Kutta
        // from p = 1/2, where z = 0, visits the quantiles in the middle of each 1/4096.
        const STEPS: u32 = 8;
        let h = 1.0 / (ENTRIES as f64) / 2.0 / f64::from(STEPS);
        let (mut z, mut w) = (0.0_f64, std::f64::consts::TAU.sqrt());
        let mut advance = |steps: u32| {
            for _ in 0..steps {
                let (z1, w1) = (w, z * w * w);
                let (za, wa) = (z + h / 2.0 * z1, w + h / 2.0 * w1);
                let (z2, w2) = (wa, za * wa * wa);
                let (zb, wb) = (z + h / 2.0 * z2, w + h / 2.0 * w2);
                let (z3, w3) = (wb, zb * wb * wb);
                let (zc, wc) = (z + h * z3, w + h * w3);
                let (z4, w4) = (wc, zc * wc * wc);
                z += h / 6.0 * (z1 + 2.0 * (z2 + z3) + z4);
                w += h / 6.0 * (w1 + 2.0 * (w2 + w3) + w4);
            }
            z
        };
        let half: Vec<f64> = (0..ENTRIES / 2)
            .map(|k| advance(if k == 0 { STEPS } else { 2 * STEPS }))
            .collect();
        let variance = half.iter().map(|z| z * z).sum::<f64>() / half.len() as f64;
        // Two entries are added, so each carries half of the variance.
        let scale = (0.5 / variance).sqrt();
        let mut table = Box::new([0.0; ENTRIES]);
        for (k, z) in half.iter().enumerate() {
            let value = single(z * scale);
            table[ENTRIES / 2 + k] = value;
            table[ENTRIES / 2 - 1 - k] = -value;
        }
        Self { table }
    }

    /// The normal number that the lowest and the 12 highest bits of `bits` stand for.
    #[inline]
    pub(super) fn value(&self, bits: u32) -> f32 {
        self.table[(bits & LAST) as usize] + self.table[(bits >> (32 - BITS)) as usize]
    }
}

/// Independent random numbers for each trial and frame of a session, whatever the order in which they are asked for.
#[derive(Clone)]
pub(super) struct Streams {
    start: ChaCha8Rng,
}

impl Streams {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            start: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// What decides the anatomy.
    pub(super) fn scene(&self) -> Random {
        self.stream(u64::MAX)
    }

    /// What all frames of a trial share.
    pub(super) fn trial(&self, index: usize) -> Random {
        self.stream(((index as u64) << 32) | u64::from(u32::MAX))
    }

    /// The pixel noise of a frame; `frame` is below `u32::MAX` by validation of the frame number.
    pub(super) fn frame(&self, index: usize, frame: usize) -> Random {
        self.stream(((index as u64) << 32) | (frame as u64 & u64::from(u32::MAX)))
    }

    /// The steps of the head between trials.
    pub(super) fn steps(&self) -> Random {
        self.scene().behind()
    }

    /// What decides the head's motion over a trial.
    pub(super) fn trial_motion(&self, index: usize) -> Random {
        self.trial(index).behind()
    }

    /// What decides where the head is in one frame of a trial.
    pub(super) fn frame_motion(&self, index: usize, frame: usize) -> Random {
        self.frame(index, frame).behind()
    }

    fn stream(&self, stream: u64) -> Random {
        let mut rng = self.start.clone();
        rng.set_stream(stream);
        Random { rng }
    }
}

/// One stream of random numbers.
pub(super) struct Random {
    rng: ChaCha8Rng,
}

impl Random {
    /// The same stream 2^32 words later, where nothing else draws from it: a frame has 2^26 pixels at most.
    fn behind(mut self) -> Self {
        self.rng.set_word_pos(1 << 32);
        self
    }

    /// Fills `bits` with random numbers.
    #[inline]
    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        self.rng.fill_bytes(bytes);
    }

    /// Uniform in [`low`, `high`).
    pub(super) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        let unit = (self.rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        low + (high - low) * unit
    }

    /// One of 0..`n`, about alike often; 0 if `n` is.
    pub(super) fn below(&mut self, n: usize) -> usize {
        let drawn = self.rng.next_u64() % (n as u64).max(1);
        usize::try_from(drawn).unwrap_or(0)
    }

    /// Standard normal.
    pub(super) fn normal(&mut self, normal: &Normal) -> f64 {
        f64::from(normal.value(self.rng.next_u32()))
    }
}

/// Rounds to single precision.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to f32 is the purpose"
)]
pub(super) fn single(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_normal_distribution() {
        let normal = Normal::new();
        let quantile = |p: f64| {
            // Scaled back; entry k stands for p = (k + 1/2) / 4096.
            let at = p * ENTRIES as f64 - 0.5;
            let low = (0..ENTRIES)
                .rfind(|&k| k as f64 <= at)
                .expect("p of an entry");
            let [a, b] = [low, low + 1].map(|k| f64::from(normal.table[k]));
            (a + (b - a) * (at - low as f64)) * 2.0_f64.sqrt()
        };
        // Tabulated quantiles; unit variance of the table moves them by 0.05 %.
        for (p, z) in [
            (0.5, 0.0),
            (0.841_344_746, 1.0),
            (0.975, 1.959_963_985),
            (0.998_650_102, 3.0),
            (0.025, -1.959_963_985),
        ] {
            let got = quantile(p);
            assert!((got - z).abs() < 2e-3 * z.abs().max(0.5), "{p}: {got} {z}");
        }
    }

    #[test]
    fn all_sums_have_the_moments_of_the_normal_distribution() {
        let normal = Normal::new();
        // The two entries are independent, so moments of the sum follow from those of an entry.
        let moment = |k: i32| {
            normal
                .table
                .iter()
                .map(|&z| f64::from(z).powi(k))
                .sum::<f64>()
                / ENTRIES as f64
        };
        let (m2, m4) = (moment(2), moment(4));
        assert!(moment(1).abs() < 1e-9 && moment(3).abs() < 1e-9);
        assert!((2.0 * m2 - 1.0).abs() < 1e-6);
        let kurtosis = 2.0 * m4 + 6.0 * m2 * m2;
        assert!((kurtosis - 3.0).abs() < 0.01, "{kurtosis}");
        let largest = 2.0 * normal.table[ENTRIES - 1];
        assert!((5.0..5.5).contains(&largest), "{largest}");
    }

    #[test]
    fn streams_do_not_depend_on_each_other() {
        let streams = Streams::new(7);
        let draw = |mut random: Random| {
            let mut bytes = [0; 64];
            random.fill(&mut bytes);
            bytes
        };
        let first = draw(streams.frame(3, 5));
        draw(streams.frame(0, 0));
        assert_eq!(draw(streams.frame(3, 5)), first);
        for other in [
            streams.frame(5, 3),
            streams.frame(3, 6),
            streams.trial(3),
            streams.scene(),
            streams.frame_motion(3, 5),
            streams.frame_motion(3, 6),
            streams.trial_motion(3),
            streams.steps(),
            Streams::new(8).frame(3, 5),
        ] {
            assert_ne!(draw(other), first);
        }
    }
}
