//! The files of one trial.

use super::{TrialError, Worker};
use crate::config::{Affects, Axes, Scale};
use crate::plan::TrialPlan;
use crate::record::{Check, CheckName, Level, Motion, Output};
use crate::step::Normal;
use ndarray::{ArrayView3, Axis};
use widefield::Size;
use widefield_storage::{Dataset, Error, ErrorKind, Hdf5Writer, MatMovie, MatWriter};

/// What the files say of a trial.
pub(super) struct Told<'a> {
    pub(super) frames: usize,
    pub(super) size: Size,
    pub(super) background: f64,
    pub(super) threshold: f64,
    pub(super) normal: &'a dyn Normal,
    pub(super) motion: Option<&'a Motion>,
}

/// The files of a trial while they grow; dropped, they leave nothing.
pub(super) struct Files {
    movie: Option<Hdf5Writer>,
    dff: Option<Hdf5Writer>,
    mat: Option<MatWriter>,
    /// Added to the dF/F of the HDF5 file.
    add: f32,
}

/// What a file of that scale holds where F is F0.
fn at_rest(scale: Scale) -> f32 {
    match scale {
        Scale::Dff => 0.0,
        Scale::FOverF0 => 1.0,
    }
}

impl Worker<'_> {
    /// Creates all outputs. They appear only when they are finished, which is to be done when all are complete.
    pub(super) fn create(
        &self,
        trial: &TrialPlan,
        told: &Told<'_>,
        checks: &mut Vec<Check>,
    ) -> Result<Files, TrialError> {
        let shape = [told.frames, told.size.height, told.size.width];
        let made = |path: &&String| trial.kept.iter().all(|output| output.path != **path);
        let hdf5 = |path: &Option<String>, dataset: Dataset| {
            let create = |path: &String| self.output.create_hdf5(path, dataset);
            path.as_ref().filter(made).map(create).transpose()
        };
        let taken = told.motion.filter(|motion| motion.correction.is_some());
        let moved = |dataset: Dataset| match taken {
            Some(Motion { reference, .. }) => {
                let motion = format!("taken away, to where the first frames of {reference} lie");
                dataset.attribute("motion", motion.as_str())
            }
            None => dataset,
        };
        Ok(Files {
            movie: hdf5(
                &trial.outputs.movie,
                moved(self.movie_dataset(trial, shape)),
            )?,
            dff: hdf5(
                &trial.outputs.dff,
                moved(self.dff_dataset(trial, shape, told)),
            )?,
            mat: match trial.outputs.mat.as_ref().filter(made) {
                Some(path) => self.create_mat(path, shape, checks)?,
                None => None,
            },
            add: at_rest(self.config.output.dff_scale),
        })
    }

    /// Nothing, and a warning, for a movie that the format cannot hold.
    fn create_mat(
        &self,
        path: &str,
        shape: [usize; 3],
        checks: &mut Vec<Check>,
    ) -> Result<Option<MatWriter>, TrialError> {
        let out = &self.config.output;
        let description = MatMovie::new("tr", shape)
            .orientation(out.orientation.into())
            .precision(out.precision.into())
            .compression(out.compression)
            .verify(out.verify)
            .offset(f64::from(at_rest(out.mat_scale)));
        match self.output.create_mat(path, description) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::TooLarge => {
                let message = format!("{path} is not written: {error}");
                checks.push(Check::found(CheckName::MatSize, Level::Warn, message));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What both HDF5 files say of themselves, and the `parameters` that they are made with.
    fn dataset(
        &self,
        name: &str,
        trial: &TrialPlan,
        shape: [usize; 3],
        parameters: &str,
    ) -> Dataset {
        let out = &self.config.output;
        let timing = &self.config.experiment;
        let axes = match out.orientation {
            Axes::Notebook => "x, reversed y, t",
            Axes::Camera => "y, x, t",
        };
        let dataset = match self.own.placed() {
            none if none.is_empty() => Dataset::new(name, shape),
            // They stand in for what `parameters` says of theirs.
            own => {
                let own = serde_json::to_string(&own).unwrap_or_default();
                Dataset::new(name, shape).attribute("steps", own)
            }
        };
        dataset
            .orientation(out.orientation.into())
            .precision(out.precision.into())
            .compression(out.compression)
            .verify(out.verify)
            .attribute("axes", axes)
            .attribute("source", trial.file.as_str())
            .attribute("sample_rate_hz", timing.sample_rate_hz)
            .attribute(
                "first_frame_s",
                timing.axis(trial.own_onset_s()).first_frame_s,
            )
            .attribute("parameters", parameters)
            .attribute("software", concat!("widefield ", env!("CARGO_PKG_VERSION")))
    }

    /// The keys of the analysis that have a say in the movie: it stays when others change.
    fn movie_dataset(&self, trial: &TrialPlan, shape: [usize; 3]) -> Dataset {
        let mut parameters = serde_json::to_value(&self.config.analysis).unwrap_or_default();
        if let Some(keys) = parameters.as_object_mut() {
            keys.retain(|key, _| Affects::of(&format!("analysis.{key}")).movie);
        }
        // Whether it has an order of its own is for the features of other packages to say.
        parameters.sort_all_objects();
        self.dataset("mov", trial, shape, &parameters.to_string())
            .attribute("units", "counts")
            .attribute(
                "scale",
                "camera counts after repair and resizing, before background subtraction",
            )
    }

    fn dff_dataset(&self, trial: &TrialPlan, shape: [usize; 3], told: &Told<'_>) -> Dataset {
        let scale = self.config.output.dff_scale;
        let how = told.normal.describe(scale == Scale::FOverF0);
        let [_, height, width] = shape;
        let analysis = self.config.analysis.resolved(Size { width, height });
        let parameters = serde_json::to_string(&analysis).unwrap_or_default();
        self.dataset("dff", trial, shape, &parameters)
            .attribute("units", "1")
            .attribute(
                "scale",
                match scale {
                    Scale::Dff => "(F - F0) / F0; NaN outside the mask",
                    Scale::FOverF0 => "F / F0; NaN outside the mask",
                },
            )
            .attribute("background", told.background)
            .attribute("threshold", told.threshold)
            .attribute("how", how.as_str())
    }
}

/// Pushes the frames with so much added, a frame at a time where that takes a copy.
fn push_plus(file: &mut Hdf5Writer, dff: ArrayView3<'_, f32>, add: f32) -> Result<(), Error> {
    if add == 0.0 {
        return file.push(dff);
    }
    dff.axis_chunks_iter(Axis(0), 1)
        .try_for_each(|frame| file.push((&frame + add).view()))
}

impl Files {
    pub(super) fn push(
        &mut self,
        counts: ArrayView3<'_, f32>,
        dff: ArrayView3<'_, f32>,
    ) -> Result<(), TrialError> {
        let Self {
            movie,
            dff: normalised,
            mat,
            add,
        } = self;
        // Side by side, so that one is compressed while another waits for its file.
        let (movie, (normalised, mat)) = rayon::join(
            || movie.as_mut().map_or(Ok(()), |file| file.push(counts)),
            || {
                rayon::join(
                    || {
                        normalised
                            .as_mut()
                            .map_or(Ok(()), |file| push_plus(file, dff, *add))
                    },
                    || mat.as_mut().map_or(Ok(()), |file| file.push(dff)),
                )
            },
        );
        Ok(movie.and(normalised).and(mat)?)
    }

    /// Lets them appear, each if the place still is the session's: what was written may take long to get there.
    pub(super) fn finish(self, worker: &Worker<'_>) -> Result<Vec<Output>, TrialError> {
        let mut written = Vec::new();
        let out = &worker.config.output;
        for (file, folder) in [(self.movie, &out.movie), (self.dff, &out.dff)] {
            let Some(file) = file else { continue };
            worker.owned(Some(folder))?;
            written.push(file.finish()?.into());
        }
        if let Some(file) = self.mat {
            worker.owned(Some(&out.mat))?;
            written.push(file.finish()?.into());
        }
        Ok(written)
    }
}
