//! What differs between two descriptions, and which results that touches.

use super::Config;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// A key whose value differs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// With its tables, as `analysis.resolution`.
    pub key: String,
    /// The results it has a say in.
    pub affects: Affects,
}

/// Results that a key has a say in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Affects {
    /// The resized movie.
    pub movie: bool,
    /// dF/F in HDF5.
    pub dff: bool,
    /// dF/F in MAT files.
    pub mat: bool,
    /// Labels and scores.
    pub scores: bool,
}

impl Affects {
    const fn outputs([movie, dff, mat]: [bool; 3]) -> Self {
        Self {
            movie,
            dff,
            mat,
            scores: false,
        }
    }

    /// The results that a key has a say in. A key that is not named here has one in all that is made of pixels.
    #[must_use]
    pub fn of(key: &str) -> Self {
        let below = |table: &str| {
            key.strip_prefix(table)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let report = [
            "data",
            "checks",
            "products",
            "experiment.events",
            "experiment.pixel_um",
        ];
        let steps = [
            "analysis.background",
            "analysis.segmentation",
            "analysis.baseline",
            "analysis.clamp_negative",
        ];
        match key {
            "data.prefix"
            | "data.name"
            | "data.behaviour_log"
            | "data.trials"
            | "data.match"
            | "experiment.stimulus" => Self {
                scores: true,
                ..Self::default()
            },
            "output.movie" => Self::outputs([true, false, false]),
            "output.dff" | "output.dff_scale" => Self::outputs([false, true, false]),
            "output.mat" | "output.mat_scale" => Self::outputs([false, false, true]),
            // What is drawn and judged only is made anew by every run.
            "output.url" | "output.records" | "output.existing" | "output.verify" => {
                Self::default()
            }
            _ if report.into_iter().any(below) => Self::default(),
            _ if steps.into_iter().any(below) => Self::outputs([false, true, true]),
            _ => Self::outputs([true; 3]),
        }
    }
}

impl Config {
    /// The keys whose values differ, in the order of their names, as they would be stored.
    #[must_use]
    pub fn changes(&self, before: &Config) -> Vec<Change> {
        fn compare(key: &str, a: &Value, b: &Value, found: &mut Vec<Change>) {
            let (Some(x), Some(y)) = (a.as_object(), b.as_object()) else {
                if a != b {
                    found.push(Change {
                        key: key.to_owned(),
                        affects: Affects::of(key),
                    });
                }
                return;
            };
            for name in x.keys().chain(y.keys()).collect::<BTreeSet<_>>() {
                let of = |map: &Map<String, Value>| map.get(name).cloned().unwrap_or_default();
                let path = match key {
                    "" => name.clone(),
                    _ => format!("{key}.{name}"),
                };
                compare(&path, &of(x), &of(y), found);
            }
        }
        let value = |config: &Config| serde_json::to_value(config).unwrap_or_default();
        let mut found = Vec::new();
        compare("", &value(before), &value(self), &mut found);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use widefield::Baseline;

    #[test]
    fn a_change_says_which_results_it_touches() {
        let before = Config::new("a_");
        assert!(before.changes(&before).is_empty());
        let mut now = before.clone();
        now.analysis.baseline.method = Baseline::Median;
        now.experiment.pixel_um = Some(20.0);
        now.experiment.events.insert("cue_s".into(), -1.9);
        now.analysis.resolution = Some([64, 64]);
        now.output.mat_scale = super::super::Scale::FOverF0;
        let found = now.changes(&before);
        let of = |key: &str| {
            found
                .iter()
                .find(|change| change.key == key)
                .map(|change| change.affects)
        };
        let dff = Some(Affects::outputs([false, true, true]));
        assert_eq!(of("analysis.baseline.method"), dff);
        assert_eq!(of("analysis.baseline.frames"), dff);
        assert_eq!(of("experiment.pixel_um"), Some(Affects::default()));
        assert_eq!(of("experiment.events.cue_s"), Some(Affects::default()));
        assert_eq!(of("analysis.resolution"), Some(Affects::outputs([true; 3])));
        assert_eq!(
            of("output.mat_scale"),
            Some(Affects::outputs([false, false, true]))
        );
        assert_eq!(found.len(), 6);
        assert_eq!(
            Affects::of("experiment.sample_rate_hz"),
            Affects::outputs([true; 3])
        );
        assert!(Affects::of("experiment.stimulus").scores);
    }
}
