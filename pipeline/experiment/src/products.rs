//! The keys of `[products]`: what is made of the trials of a session when they are done.

use super::error::{Problem, Rule, ensure};
use super::{Config, Kind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is made of the trials of a session when they are done; by default nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Products {
    /// Averages by condition, and by condition and outcome.
    pub averages: bool,
    /// File of areas: label image, ImageJ ROIs or MAT masks. Their traces are written then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rois: Option<String>,
    /// Means of traces over windows `[from, to)` in seconds, under any names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub windows: BTreeMap<String, [f64; 2]>,
    /// What averages and traces are aligned to.
    pub align: String,
    /// Areas that all pixels are correlated with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<String>,
    /// Length of the window that runs over the trial for that, seconds.
    pub seed_window_s: f64,
    /// The lab's regression.
    pub glm: bool,
    /// Two conditions, or two outcomes, that are told apart pixel by pixel.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auc: Vec<String>,
    /// Whether the report's figures of them are written as SVG, too.
    pub figures: bool,
}

impl Default for Products {
    fn default() -> Self {
        Self {
            averages: false,
            rois: None,
            windows: BTreeMap::new(),
            align: ONSET.into(),
            seeds: Vec::new(),
            seed_window_s: 1.0,
            glm: false,
            auc: Vec::new(),
            figures: false,
        }
    }
}

/// The usual [`Products::align`].
pub const ONSET: &str = "onset";

impl Products {
    /// Whether anything is to be made.
    #[must_use]
    pub fn any(&self) -> bool {
        self.averages || self.rois.is_some() || self.glm || !self.auc.is_empty()
    }

    /// The rules between them and what else is described.
    pub(super) fn problem(&self, config: &Config) -> Rule {
        if !self.any() {
            let alone = |given: bool, key: &str, needs: &str| {
                ensure(!given, &format!("products.{key}"), format!("needs {needs}"))
            };
            alone(!self.seeds.is_empty(), "seeds", "products.rois")?;
            return alone(!self.windows.is_empty(), "windows", "products.rois");
        }
        let dff = "are made from dF/F in HDF5, which output.dff = \"\" does not write";
        ensure(!config.output.dff.is_empty(), "products", dff)?;
        let rois = |given: bool, key: &str| {
            let message = "speaks of areas; give products.rois";
            ensure(!given || self.rois.is_some(), key, message)
        };
        rois(!self.seeds.is_empty(), "products.seeds")?;
        rois(!self.windows.is_empty(), "products.windows")?;
        for (name, [from, to]) in &self.windows {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let message = format_args!("[{from}, {to}] is no range from one second to a later one");
            let key = format!("products.windows.{name}");
            ensure(
                from < to && from.is_finite() && to.is_finite(),
                &key,
                message,
            )?;
            let message = "names of windows have letters, digits, _ and - only";
            ensure(name.chars().all(plain) && !name.is_empty(), &key, message)?;
        }
        let message = format_args!("{} s is no length of a window", self.seed_window_s);
        let fits = self.seed_window_s.is_finite() && self.seed_window_s > 0.0;
        ensure(fits, "products.seed_window_s", message)?;
        let two = matches!(&self.auc[..], []) || matches!(&self.auc[..], [a, b] if a != b);
        let message = "takes two different conditions, or two different outcomes";
        ensure(two, "products.auc", message)?;
        if let Some(seed) =
            (1..self.seeds.len()).find(|&i| self.seeds[..i].contains(&self.seeds[i]))
        {
            let message = format_args!("`{}` is listed twice", self.seeds[seed]);
            return Err(Problem::new("products.seeds", message));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || " ._-".contains(c);
        for seed in &self.seeds {
            let fits = seed.chars().all(plain) && !seed.starts_with('.') && !seed.is_empty();
            let message =
                format_args!("`{seed}` names no folder: letters, digits, blanks, . _ and - do");
            ensure(fits, "products.seeds", message)?;
        }
        let spontaneous = config.experiment.kind == Kind::Spontaneous;
        let trials = [
            (self.averages, "averages"),
            (self.glm, "glm"),
            (!self.auc.is_empty(), "auc"),
        ];
        let message = "is of trials; a spontaneous recording has none";
        for (asked, key) in trials {
            ensure(!(asked && spontaneous), &format!("products.{key}"), message)?;
        }
        ensure(!self.align.is_empty(), "products.align", "names an event")
    }
}
