//! What happens in each trial.

use super::{Scene, Session};
use jiff::civil::DateTime;
use jiff::{SignedDuration, ToSpan};
use widefield_behaviour::Decision;
use widefield_experiment::Answer;

/// Start of the first trial.
const FIRST: DateTime = jiff::civil::datetime(2017, 2, 14, 10, 22, 33, 250_000_000);
pub(super) const PREFIX: &str = "20170214_";

/// What happens in one trial.
pub(super) struct Trial {
    pub(super) file: String,
    pub(super) start: DateTime,
    pub(super) stimulus: usize,
    pub(super) decision: Decision,
    pub(super) reaction: SignedDuration,
}

impl Session {
    pub(super) fn trial(&self, scene: &Scene, index: u32) -> Trial {
        let n = self.stimuli.len();
        let draw = |what: u64, below: u64| {
            scramble(self.seed ^ scramble(u64::from(index) << 8 | what)) % below
        };
        // Every stimulus once in each block of n trials, in an order that depends on the block.
        let block = index as usize / n;
        let turn = scramble(self.seed.wrapping_add(block as u64)) % n as u64;
        let stimulus = (index as u64 + turn) % n as u64;
        let stimulus = usize::try_from(stimulus).unwrap_or(0);
        let percent = draw(1, 100);
        let decision = match (self.stimuli[stimulus].decision, percent) {
            (_, 0..8) => Decision::Early,
            (Answer::Go, 8..88) => Decision::Go,
            (Answer::Go, _) => Decision::NoResponse,
            (Answer::NoGo, 8..84) => Decision::NoGo,
            (Answer::NoGo, _) => Decision::InappropriateResponse,
        };
        let duration_s = scene.frames as f64 / scene.sample_rate_hz;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "milliseconds of a recording"
        )]
        let every = 17_000_i64.max((duration_s * 1000.0) as i64 + 5_000);
        let after = every * i64::from(index) + draw(2, 256).cast_signed();
        let start = FIRST.saturating_add(after.milliseconds());
        Trial {
            file: format!("{PREFIX}{}_{}", start.strftime("%H%M%S"), index + 1),
            start,
            stimulus,
            decision,
            reaction: SignedDuration::from_millis(300 + draw(3, 1000).cast_signed()),
        }
    }
}

/// One step of splitmix64: numbers that look random, for the order of trials.
fn scramble(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
