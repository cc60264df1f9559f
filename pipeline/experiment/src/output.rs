//! The keys of `[output]`: where results go, and in which form.

use super::error::{Rule, ensure};
use super::folders::is_below;
use serde::{Deserialize, Serialize};
use widefield_storage::{Orientation, Precision};

/// Where results go, and in which form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Output {
    /// Folder or store of the results; `None` means the one of the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Folder of the resized movies; empty writes none.
    pub movie: String,
    /// Folder of the dF/F movies; empty writes none.
    pub dff: String,
    /// Folder of the MAT files; empty writes none.
    pub mat: String,
    /// Folder of what is the session's own: `run.json`, report, texts, manifests; empty: the top.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub records: String,
    /// Width of the numbers in HDF5 and MAT movies.
    pub precision: NumberWidth,
    /// Order of axes in HDF5, MAT and the reference image.
    pub orientation: Axes,
    /// What `dff` of the HDF5 files holds.
    pub dff_scale: Scale,
    /// What `tr` of the MAT files holds.
    pub mat_scale: Scale,
    /// Deflate level, 0 to 9.
    pub compression: u8,
    /// Whether every compressed chunk is inflated again and compared before it is written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub verify: bool,
    /// What happens to results that are there already.
    pub existing: Existing,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            url: None,
            movie: "mov_out".into(),
            dff: "dff_out".into(),
            mat: "mat_out".into(),
            records: String::new(),
            precision: NumberWidth::F32,
            orientation: Axes::Notebook,
            dff_scale: Scale::Dff,
            mat_scale: Scale::Dff,
            compression: 1,
            verify: false,
            existing: Existing::Resume,
        }
    }
}

/// Width of the numbers in files; `f64` is `f32` widened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum NumberWidth {
    /// 4 bytes.
    F32,
    /// 8 bytes.
    F64,
}

impl From<NumberWidth> for Precision {
    fn from(width: NumberWidth) -> Self {
        match width {
            NumberWidth::F32 => Precision::F32,
            NumberWidth::F64 => Precision::F64,
        }
    }
}

/// Order of axes in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Axes {
    /// (x, reversed y, t), as the lab's notebook wrote them.
    Notebook,
    /// (y, x, t), as OCIA's own files have them.
    Camera,
}

impl From<Axes> for Orientation {
    fn from(axes: Axes) -> Self {
        match axes {
            Axes::Notebook => Orientation::Notebook,
            Axes::Camera => Orientation::Camera,
        }
    }
}

/// What files hold: relative change or relative brightness. Checks and report are of the change always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// (F - F0) / F0: 0 at rest.
    Dff,
    /// F / F0: 1 at rest, what OCIA subtracts 1 from.
    FOverF0,
}

/// What happens to results that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Existing {
    /// Keep what is finished and unchanged, do the rest.
    Resume,
    /// Do all trials again.
    Replace,
    /// Do all trials again, then remove every other result of the result folders.
    Clean,
    /// Refuse before any work.
    Error,
}

/// Names in the place of the results that are the program's own.
const OWN: [&str; 6] = [
    "run.json",
    "report.html",
    "report",
    "manifest",
    "TrialList.txt",
    "BehaviourPerformance.txt",
];

impl Output {
    pub(super) fn problem(&self) -> Rule {
        let kinds = [
            ("movie", &self.movie),
            ("dff", &self.dff),
            ("mat", &self.mat),
        ];
        for (i, (kind, folder)) in kinds.iter().enumerate().filter(|(_, (_, f))| !f.is_empty()) {
            let key = format!("output.{kind}");
            let message = format_args!("`{folder}` is no folder below output.url");
            ensure(is_below(folder), &key, message)?;
            let within = |own: &str| is_within(folder, &self.beside(own));
            let taken = OWN.iter().find(|own| within(own));
            let message = format_args!("`{folder}` is a name of the program's own");
            ensure(taken.is_none(), &key, message)?;
            if let Some((other, _)) = kinds[..i].iter().find(|(_, f)| f == folder) {
                let message = format_args!("`{folder}` is the folder of output.{other} too");
                ensure(false, &key, message)?;
            }
        }
        let records = &self.records;
        ensure(
            records.is_empty() || is_below(records),
            "output.records",
            format_args!("`{records}` is no folder below output.url"),
        )?;
        ensure(
            !OWN.iter().any(|own| is_within(records, own)),
            "output.records",
            format_args!("`{records}` is a name of the program's own"),
        )?;
        let level = self.compression;
        ensure(
            level <= 9,
            "output.compression",
            format_args!("{level} is above 9"),
        )
    }
}

/// Whether a folder is `own` or lies in it, as far as systems that ignore case are concerned.
fn is_within(folder: &str, own: &str) -> bool {
    let rest = folder.get(own.len()..).unwrap_or("-");
    let start = folder.get(..own.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(own))
        && (rest.is_empty() || rest.starts_with('/'))
}
