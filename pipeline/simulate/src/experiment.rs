//! `experiment.toml`: how the session is to be processed.

use super::{
    Kind, Scene, Session,
    labels::{LOG, TABLE},
    trial::PREFIX,
};
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
        let frames = if scene.frames >= 12 {
            [9, 12]
        } else {
            [0, scene.frames.min(3)]
        };
        let baseline = match self.kind {
            Kind::Trials | Kind::Csv => format!(
                "frames = [{}, {}]               # the first, and the one after the last\n",
                frames[0], frames[1]
            ),
            Kind::Spontaneous => "method = \"percentile\"\npercentile = 10\n".into(),
        };
        let mut text =
            "# A simulated session; truth.json says what is in it.\n\n[data]\n".to_owned();
        text += &match self.kind {
            Kind::Trials => format!("prefix = \"{PREFIX}\"\nbehaviour_log = \"{LOG}\"\n"),
            Kind::Csv => format!("name = \"rec-{{trial}}\"\ntrials = \"{TABLE}\"\n"),
            Kind::Spontaneous => "name = \"rec-{trial}\"\n".into(),
        };
        let _ = write!(
            text,
            "\n[experiment]\n{}sample_rate_hz = {:?}\n",
            match self.kind {
                Kind::Spontaneous => "kind = \"spontaneous\"\n",
                Kind::Trials if !self.jittered() => "",
                Kind::Trials | Kind::Csv => "align = \"log\"\n",
            },
            scene.sample_rate_hz
        );
        if self.kind != Kind::Spontaneous {
            self.stimuli(&mut text, scene.first_frame_s);
        }
        let _ = write!(
            text,
            "\n[analysis]\n{resolution}\n[analysis.baseline]\n{baseline}"
        );
        text
    }

    fn stimuli(&self, text: &mut String, first_frame_s: f64) {
        let _ = write!(
            text,
            "first_frame_s = {first_frame_s:?}\n\n\
             [experiment.events]\ncue_s = -1.9\ntexture_in_s = 0.0\ntexture_out_s = 2.0\nresponse_s = 4.9\n"
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
    }
}
