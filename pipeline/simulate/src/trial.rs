//! What happens in each trial.

use super::{Error, Kind, Scene, Session};
use jiff::civil::DateTime;
use jiff::{SignedDuration, ToSpan};
use widefield_behaviour::Decision;
use widefield_behaviour::write::Timing;
use widefield_experiment::Answer;

/// Start of the first trial.
const FIRST: DateTime = jiff::civil::datetime(2017, 2, 14, 10, 22, 33, 250_000_000);
pub(super) const PREFIX: &str = "20170214_";

/// What happens in one trial.
pub(super) struct Trial {
    pub(super) file: String,
    pub(super) start: DateTime,
    /// Seconds after the first frame.
    pub(super) onset_s: f64,
    /// The onset after that of the log's usual timing; 0 without jitter, whatever the pixels show.
    pub(super) delay: SignedDuration,
    pub(super) stimulus: usize,
    pub(super) decision: Decision,
    pub(super) reaction: SignedDuration,
    /// A number that has nothing to do with the trial, as tables of labs have some.
    pub(super) weight_g: f64,
}

/// When the stimuli may come, in milliseconds, which is what logs have.
#[derive(Clone, Copy)]
struct Onsets {
    /// The usual onset, after that of the log's usual timing.
    delay_ms: i64,
    /// How much earlier or later it may be.
    jitter_ms: i64,
}

impl Onsets {
    /// Onset in seconds, and delay of the log, `late_ms` after the earliest one.
    fn of(self, late_ms: i64) -> (f64, SignedDuration) {
        let delay_ms = self.delay_ms - self.jitter_ms + late_ms;
        let onset_ms = i64::from(Timing::default().texture_ms) + delay_ms;
        let onset_s = onset_ms as f64 / 1000.0;
        (onset_s, SignedDuration::from_millis(delay_ms))
    }
}

impl Session {
    /// `None` without jitter.
    fn onsets(&self, scene: &Scene) -> Option<Onsets> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "milliseconds below 1e6 s each"
        )]
        let ms = |s: f64| (s * 1000.0).round() as i64;
        self.jittered().then(|| Onsets {
            delay_ms: ms(-scene.first_frame_s) - i64::from(Timing::default().texture_ms),
            jitter_ms: ms(self.onset_jitter_s),
        })
    }

    /// Whether the onsets of trials differ.
    pub(super) fn jittered(&self) -> bool {
        self.onset_jitter_s != 0.0
    }

    /// Whether there can be such onsets.
    pub(super) fn check_jitter(&self, scene: &Scene) -> Result<(), Error> {
        let jitter_s = self.onset_jitter_s;
        let wrong = |why: String| {
            Err(Error::Simulate(format!(
                "onset_jitter_s is {jitter_s}{why}"
            )))
        };
        if !(0.0..=1e6).contains(&jitter_s) {
            return wrong(", it must be from 0 to 1000000".into());
        }
        let Some(onsets) = self.onsets(scene) else {
            return Ok(());
        };
        let usual = Timing::default();
        let earliest_ms = onsets.delay_ms - onsets.jitter_ms;
        match self.kind {
            Kind::Spontaneous => wrong(", and spontaneous recordings have no onsets".into()),
            Kind::Trials if earliest_ms + i64::from(usual.cue_ms) < 0 => {
                let (onset_s, _) = onsets.of(0);
                let cue_s = f64::from(usual.texture_ms - usual.cue_ms) / 1000.0;
                wrong(format!(
                    ": a stimulus {onset_s} s after the first frame has its cue, {cue_s} s earlier, before the trial"
                ))
            }
            _ => Ok(()),
        }
    }

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
        let onsets = self.onsets(scene);
        let (onset_s, delay) = match onsets {
            Some(onsets) => {
                onsets.of(draw(4, 2 * onsets.jitter_ms.unsigned_abs() + 1).cast_signed())
            }
            None => (0.0 - scene.first_frame_s, SignedDuration::ZERO),
        };
        // However late a stimulus, its trial ends before the next.
        let latest_ms = onsets.map_or(0, |onsets| (onsets.delay_ms + onsets.jitter_ms).max(0));
        let duration_s = scene.frames as f64 / scene.sample_rate_hz;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "milliseconds of a recording"
        )]
        let every = 17_000_i64.max((duration_s * 1000.0) as i64 + 5_000) + latest_ms;
        let after = every * i64::from(index) + draw(2, 256).cast_signed();
        let start = FIRST.saturating_add(after.milliseconds());
        Trial {
            file: match self.kind {
                Kind::Trials => format!("{PREFIX}{}_{}", start.strftime("%H%M%S"), index + 1),
                Kind::Csv | Kind::Spontaneous => format!("rec-{:06}.dcimg", index + 1),
            },
            start,
            onset_s,
            delay,
            stimulus,
            decision,
            reaction: SignedDuration::from_millis(300 + draw(3, 1000).cast_signed()),
            weight_g: 21.0 + draw(5, 10) as f64 / 10.0,
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
