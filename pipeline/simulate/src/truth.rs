//! `truth.json`: what is in the pixels.

use super::{Session, Simulated, trial::Trial};
use serde_json::json;
use widefield_behaviour::Decision;

impl Session {
    pub(super) fn truth(&self, simulated: &Simulated, trials: &[Trial]) -> String {
        let scene = simulated.config();
        let areas: Vec<_> = simulated
            .truth()
            .areas
            .iter()
            .map(|areas| {
                let area = |a: &widefield::simulate::Area| {
                    json!({"centre_yx_px": a.centre, "sd_yx_px": a.sd, "peak_dff": a.amplitude, "peak_s": a.peak_s()})
                };
                areas.iter().map(area).collect::<Vec<_>>()
            })
            .collect();
        let conditions: Vec<_> = self
            .stimuli
            .iter()
            .zip(areas)
            .map(|(s, areas)| json!({"stimulus": s.name, "condition": s.condition(), "areas": areas}))
            .collect();
        let trials: Vec<_> = trials
            .iter()
            .map(|t| {
                json!({
                    "file": t.file,
                    "stimulus": self.stimuli[t.stimulus].name,
                    "decision": t.decision.to_string(),
                    "responds": t.decision != Decision::Early,
                })
            })
            .collect();
        let brain = simulated.truth().brain.iter().filter(|&&b| b).count();
        let truth = json!({
            "seed": self.seed,
            "offset_counts": scene.offset_counts,
            "brain_pixels": brain,
            "conditions": conditions,
            "trials": trials,
        });
        format!("{truth:#}\n")
    }
}
