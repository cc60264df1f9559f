//! `experiment.toml`: how the session is to be processed.

use super::{Scene, Session, labels::LOG, trial::PREFIX};
use std::fmt::Write as _;
use widefield_experiment::Answer;

impl Session {
    /// A description that suits the size: the notebook's values at 256 x 256, scaled elsewhere.
    pub(super) fn experiment(&self, scene: &Scene) -> String {
        let (w, h) = (scene.size.width, scene.size.height);
        let longest = w.max(h).max(256);
        let resized = [w, h].map(|n| ((n * 256 + longest / 2) / longest).max(1));
        let resolution = match resized == [w, h] {
            true => String::new(),
            false => format!(
                "resolution = [{}, {}]         # width, height\n",
                resized[0], resized[1]
            ),
        };
        let baseline = if scene.frames >= 12 {
            [9, 12]
        } else {
            [0, scene.frames.min(3)]
        };
        let mut text = format!(
            "# A simulated session; truth.json says what is in it.\n\n[data]\nprefix = \"{PREFIX}\"\nbehaviour_log = \"{LOG}\"\n\n\
             [experiment]\nsample_rate_hz = {:?}\nfirst_frame_s = {:?}\n\n\
             [experiment.events]\ncue_s = -1.9\ntexture_in_s = 0.0\ntexture_out_s = 2.0\nresponse_s = 4.9\n",
            scene.sample_rate_hz, scene.first_frame_s
        );
        for stimulus in &self.stimuli {
            let decision = match stimulus.decision {
                Answer::Go => "Go",
                Answer::NoGo => "No Go",
            };
            let name = toml::Value::String(stimulus.name.clone());
            let _ = write!(
                text,
                "\n[[experiment.stimulus]]\nname = {name}\ndecision = \"{decision}\"\n"
            );
            if let Some(condition) = &stimulus.condition {
                let _ = writeln!(
                    text,
                    "condition = {}",
                    toml::Value::String(condition.clone())
                );
            }
        }
        let _ = write!(
            text,
            "\n[analysis]\n{resolution}\n\
             [analysis.baseline]\nframes = [{}, {}]               # the first, and the one after the last\n",
            baseline[0], baseline[1]
        );
        text
    }
}
