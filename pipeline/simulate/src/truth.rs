//! `truth.json`: what is in the pixels.

use super::{Kind, Session, Simulated, trial::Trial};
use serde_json::{Value, json};
use widefield::simulate::{Area, Motion};
use widefield_behaviour::Decision;

impl Session {
    pub(super) fn truth(&self, simulated: &Simulated, trials: &[Trial]) -> String {
        let brain = simulated.truth().brain.iter().filter(|&&b| b).count();
        let mut truth = json!({
            "seed": self.seed,
            "offset_counts": simulated.config().offset_counts,
            "brain_pixels": brain,
        });
        match self.kind {
            Kind::Trials | Kind::Csv => {
                truth["conditions"] = self.conditions(simulated);
                truth["trials"] = self.trials_truth(simulated, trials);
            }
            Kind::Spontaneous => {
                truth["areas"] = areas(simulated);
                truth["recordings"] = recordings(simulated, trials);
            }
        }
        format!("{truth:#}\n")
    }

    fn conditions(&self, simulated: &Simulated) -> Value {
        let areas = simulated
            .truth()
            .areas
            .iter()
            .map(|areas| {
                let area = |a: &Area| {
                    json!({"centre_yx_px": a.centre, "sd_yx_px": a.sd, "peak_dff": a.amplitude, "peak_s": a.peak_s()})
                };
                areas.iter().map(area).collect::<Vec<_>>()
            });
        self.stimuli
            .iter()
            .zip(areas)
            .map(|(s, areas)| json!({"stimulus": s.name, "condition": s.condition(), "areas": areas}))
            .collect()
    }

    fn trials_truth(&self, simulated: &Simulated, trials: &[Trial]) -> Value {
        let trial = |(index, t): (usize, &Trial)| {
            let mut trial = json!({
                "file": t.file,
                "stimulus": self.stimuli[t.stimulus].name,
                "decision": t.decision.to_string(),
                "responds": t.decision != Decision::Early,
            });
            // With a fixed timing experiment.toml says it for all.
            if self.jittered() || self.kind == Kind::Csv {
                trial["onset_s"] = t.onset_s.into();
            }
            tell_shifts(&mut trial, simulated, index);
            trial
        };
        trials.iter().enumerate().map(trial).collect()
    }
}

/// Adds where the head is in each frame of movie `index`, [dy, dx], if it moves at all.
fn tell_shifts(truth: &mut Value, simulated: &Simulated, index: usize) {
    let scene = simulated.config();
    if scene.motion == Motion::default() {
        return;
    }
    // What is shown and when has no say in it. Adding 0 makes 0 of -0.
    let trial = simulated.trial(index, 0, false);
    let rounded = |px: f64| (px * 1e4).round() / 1e4 + 0.0;
    let shifts = (0..scene.frames).map(|t| json!(trial.shift_px(t).map(rounded)));
    truth["shift_yx_px"] = shifts.collect();
}

fn areas(simulated: &Simulated) -> Value {
    let area = |a: &Area| json!({"centre_yx_px": a.centre, "sd_yx_px": a.sd});
    let areas = simulated.truth().areas.iter().flatten();
    areas.map(area).collect()
}

/// What the areas do, by their places in `areas`; times in seconds after the first frame.
fn recordings(simulated: &Simulated, trials: &[Trial]) -> Value {
    let recording = |(index, trial): (usize, &Trial)| {
        let recording = simulated.spontaneous(index);
        let areas: Vec<&Area> = recording.truth().scene.areas.iter().flatten().collect();
        let activations: Vec<Value> = recording
            .activations()
            .iter()
            .map(|a| {
                let peak_s = a.begin_s + areas[a.area].rise_to_peak_s();
                json!({"begin_s": a.begin_s, "peak_s": peak_s, "area": a.area, "peak_dff": a.peak_dff})
            })
            .collect();
        let mut truth = json!({"file": trial.file, "activations": activations});
        tell_shifts(&mut truth, simulated, index);
        truth
    };
    trials.iter().enumerate().map(recording).collect()
}
