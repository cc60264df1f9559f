//! Averages by condition, all outcomes together and each by itself.

use crate::Error;
use crate::dff_file::DffFiles;
use crate::made::{Files, identity};
use crate::montage::Montage;
use crate::sums::{self, Sums, Tile};
use crate::trials::{Trial, Trials, bins, outcome, said};
use ndarray::{Array3, Axis};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;
use widefield::Average;
use widefield_pipeline::config::{Config, Output as Wanted, Scale};
use widefield_pipeline::consumer::Session;
use widefield_storage::mat::MatFile;
use widefield_storage::{
    CHUNK_FRAMES, Dataset, ErrorKind, Hdf5Writer, MatMovie, MatWriter, Orientation, Precision,
};

/// Folder of the averages beside `run.json`.
pub(crate) const FOLDER: &str = "h5_avg";

/// Makes those of every condition.
pub(crate) fn make(
    session: &Session<'_>,
    trials: &Trials<'_>,
    sums: &Sums,
    files: &mut Files<'_>,
) -> Result<(), Error> {
    let (conditions, left_out) = trials.by_condition();
    if conditions.is_empty() {
        let left_out = said(&left_out);
        return Err(Error::NoTrial { left_out });
    }
    let kinds: Vec<&str> = conditions.iter().map(|(name, of)| kind(name, of)).collect();
    let mut first = Ok(());
    for ((condition, of), own) in conditions.into_iter().zip(&kinds) {
        // Two conditions of stimuli that end alike would have one file.
        let alone = kinds.iter().filter(|kind| *kind == own).count() == 1;
        let kind = if alone { own } else { condition };
        match Condition::new(session, condition, kind, of, &left_out).make(sums, files) {
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            // One that does not go leaves the others alone.
            Err(error) if first.is_err() => session.failed(&error),
            Err(error) => first = Err(error),
            Ok(()) => {}
        }
    }
    first
}

/// Whether a file is called as those made here are.
pub(crate) fn is_named(output: &Wanted, name: &str) -> bool {
    let (folder, file) = name.rsplit_once('/').unwrap_or_default();
    let mat =
        file.starts_with("cond_") && (file.ends_with("_ave.mat") || file.ends_with("_average.mat"));
    folder == output.beside(FOLDER) || folder == output.mat && mat
}

/// What a condition is called in names of averages of the notebooks: what follows the last blank of the stimulus.
fn kind<'a>(condition: &'a str, trials: &[Trial<'a>]) -> &'a str {
    let stimulus = trials.first().and_then(|t| t.record.stimulus.as_deref());
    let last = stimulus.and_then(|text| text.rsplit(' ').next());
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    last.filter(|kind| !kind.is_empty() && kind.chars().all(plain))
        .unwrap_or(condition)
}

/// The averages of one condition.
struct Condition<'a> {
    session: &'a Session<'a>,
    config: &'a Config,
    name: &'a str,
    kind: &'a str,
    trials: Vec<Trial<'a>>,
    /// By outcome; `None` where there is none of the task.
    outcomes: BTreeMap<Option<String>, Vec<Trial<'a>>>,
    bins: Range<i64>,
    left_out: String,
}

/// What is written of one group of trials.
struct Out<'a> {
    h5: Hdf5Writer,
    mats: Vec<MatWriter>,
    montage: Montage,
    /// The outcome; `None` for all of them.
    of: Option<&'a str>,
    /// Mean, s.e.m. and n of the frames of a chunk, in the same memory for all of them: fresh memory takes longer than
    /// what is put there.
    frames: [Array3<f32>; 3],
}

impl<'a> Condition<'a> {
    fn new(
        session: &'a Session<'a>,
        name: &'a str,
        kind: &'a str,
        trials: Vec<Trial<'a>>,
        left_out: &[(&str, &str)],
    ) -> Self {
        let mut outcomes: BTreeMap<_, Vec<Trial<'_>>> = BTreeMap::new();
        for trial in &trials {
            outcomes
                .entry(outcome(trial.record))
                .or_default()
                .push(*trial);
        }
        Self {
            session,
            config: &session.record.config,
            name,
            kind,
            bins: bins(&trials),
            outcomes,
            trials,
            left_out: said(left_out),
        }
    }

    /// One number for what the averages are made from.
    fn identity(&self) -> u32 {
        let output = &self.config.output;
        let inputs: Vec<_> = self
            .trials
            .iter()
            .map(|t| (&t.record.file, t.dff.crc32c, t.first_bin, outcome(t.record)))
            .collect();
        let how = (
            output.orientation,
            output.precision,
            output.compression,
            output.mat_scale,
        );
        let attributes = (&self.left_out, &self.config.products.align, self.kind);
        identity(&(inputs, how, output.dff_scale, attributes))
    }

    fn file_of(&self, of: Option<&str>) -> String {
        let folder = self
            .config
            .output
            .dff
            .rsplit('/')
            .next()
            .unwrap_or_default();
        let name = match of {
            None => format!("{FOLDER}/{folder}_{}_AVG.h5", self.kind),
            Some(outcome) => format!("{FOLDER}/dff_{}_{outcome}.h5", self.name),
        };
        self.config.output.beside(&name)
    }

    fn mats(&self) -> Vec<(String, MatFile, String)> {
        let folder = &self.config.output.mat;
        if folder.is_empty() {
            return Vec::new();
        }
        let variable = format!("cond_{}_ave", self.name);
        let n = MatFile::new().row("N", &[self.trials.len() as f64]);
        vec![
            (format!("{folder}/{variable}.mat"), MatFile::new(), variable),
            (
                format!("{folder}/cond_{}_average.mat", self.name),
                n,
                "tr_ave".into(),
            ),
        ]
    }

    fn make(&self, sums: &Sums, files: &mut Files<'_>) -> Result<(), Error> {
        let of = self.identity();
        let outcomes = self
            .outcomes
            .keys()
            .flatten()
            .map(|outcome| Some(outcome.as_str()));
        let wanted: Vec<Option<&str>> = [None].into_iter().chain(outcomes).collect();
        let mut names: Vec<String> = wanted.iter().map(|of| self.file_of(*of)).collect();
        names.extend(self.mats().into_iter().map(|(name, ..)| name));
        if files.keep(&names, of) {
            return Ok(());
        }
        // Sums of outcomes as they were kept, or the files to make them from.
        let mut sources = Vec::new();
        let mut size = None;
        for (outcome, trials) in &self.outcomes {
            let group = (self.name.to_owned(), outcome.clone());
            let kept = sums.take(&group, trials);
            // Of sums that were kept only the size of the frames is asked for.
            let needed = match kept {
                Some(_) => &trials[..1],
                None => &trials[..],
            };
            let opened = DffFiles::open(files.place(), self.config, needed, &mut size)?;
            sources.push((outcome.as_deref(), kept, opened));
        }
        let [height, width] = size.unwrap_or_default();
        let size = (height, width);
        files.may_write()?;
        let mut outs = wanted
            .iter()
            .map(|of| self.create(files, *of, size))
            .collect::<Result<Vec<_>, Error>>()?;
        for tile in self.tiles(size, sources.iter().filter(|s| s.1.is_none()).count()) {
            let mut sums = Vec::new();
            for (outcome, kept, opened) in &sources {
                let sums_of = match kept {
                    Some(kept) => sums::kept(kept, tile.clone()),
                    None => sums::read(opened, tile.clone(), size, &|| self.session.cancelled())?,
                };
                sums.push((*outcome, sums_of));
            }
            outs.par_iter_mut().try_for_each(|out| {
                let wanted = out.of;
                let of = sums
                    .iter()
                    .filter(|(of, _)| wanted.is_none() || *of == wanted);
                let of: Vec<_> = of.map(|(_, sums)| sums).collect();
                let chunks = tile.clone().step_by(CHUNK_FRAMES);
                chunks
                    .map(|first| first..tile.end.min(first + CHUNK_FRAMES as i64))
                    .try_for_each(|bins| out.push(bins, &of))
            })?;
        }
        for mut out in outs {
            files.may_write()?;
            out.h5.push_to(3, out.montage.images().view())?;
            files.made(out.h5.finish()?, of);
            for mat in out.mats {
                files.made(mat.finish()?, of);
            }
        }
        Ok(())
    }

    /// Ranges of bins whose sums fit into the memory, whole chunks of frames.
    fn tiles(&self, size: (usize, usize), groups: usize) -> Vec<Range<i64>> {
        // Their own, and what is made of a bin.
        let each = Average::bytes(1, size).saturating_mul(groups as u64 + 1);
        let chunk = CHUNK_FRAMES as i64;
        let fit = i64::try_from(self.session.memory / 2 / each.max(1)).unwrap_or(i64::MAX);
        let step = (fit.min(1 << 20) / chunk * chunk).max(1);
        let starts = (0..).map(|k| self.bins.start + k * step);
        let starts = starts.take_while(|start| *start < self.bins.end);
        starts
            .map(|start| start..self.bins.end.min(start + step))
            .collect()
    }

    fn create(
        &self,
        files: &Files<'_>,
        of: Option<&'a str>,
        (height, width): (usize, usize),
    ) -> Result<Out<'a>, Error> {
        let output = &self.config.output;
        let frames = usize::try_from(self.bins.end - self.bins.start).unwrap_or(0);
        let shape = [frames, height, width];
        let (orientation, precision) = (
            Orientation::from(output.orientation),
            Precision::from(output.precision),
        );
        let trials: Vec<&str> = self
            .trials
            .iter()
            .filter(|t| of.is_none() || outcome(t.record).as_deref() == of)
            .map(|t| t.record.file.as_str())
            .collect();
        let rate = self.config.experiment.sample_rate_hz;
        let dataset = |name: &str, units: &str| {
            Dataset::new(name, shape)
                .orientation(orientation)
                .precision(precision)
                .compression(output.compression)
                .verify(output.verify)
                .attribute("axes", orientation.name())
                .attribute("units", units)
                .attribute("condition", self.name)
                .attribute("outcome", of.unwrap_or("all"))
                .attribute("trials", trials.join("; "))
                .attribute("left_out", self.left_out.as_str())
                .attribute("aligned_to", self.config.products.align.as_str())
                .attribute("sample_rate_hz", rate)
                .attribute("first_frame_s", self.bins.start as f64 / rate)
        };
        let mean = match of {
            None => "dff_AVG",
            Some(_) => "mean",
        };
        let montage = Montage::new(&self.bins, rate, (height, width));
        let [first_s, step_s] = montage.times_s(rate);
        let small = Dataset::new("montage", montage.shape())
            .orientation(orientation)
            .compression(output.compression)
            .attribute("axes", orientation.name())
            .attribute("n", trials.len() as f64)
            .attribute("first_s", first_s)
            .attribute("step_s", step_s);
        let datasets = [
            dataset(
                mean,
                "1; mean of (F - F0) / F0 over the trials that are finite",
            ),
            dataset(
                "sem",
                "1; standard error of that mean, NaN below two trials",
            ),
            dataset("n", "trials that are finite"),
            small,
        ];
        let mut mats = Vec::new();
        if of.is_none() {
            let offset = match output.mat_scale {
                Scale::Dff => 0.0,
                Scale::FOverF0 => 1.0,
            };
            for (name, beside, variable) in self.mats() {
                let movie = MatMovie::new(variable, shape)
                    .orientation(orientation)
                    .precision(precision)
                    .compression(output.compression)
                    .verify(output.verify)
                    .offset(offset)
                    .beside(beside);
                match files.place().create_mat(&name, movie) {
                    // What MAT files cannot hold is in the others.
                    Err(error) if error.kind() == ErrorKind::TooLarge => {
                        self.session.failed(&error);
                    }
                    mat => mats.push(mat?),
                }
            }
        }
        Ok(Out {
            h5: files.place().create_hdf5_of(&self.file_of(of), &datasets)?,
            mats,
            montage,
            of,
            frames: [(); 3].map(|()| Array3::zeros((CHUNK_FRAMES, height, width))),
        })
    }
}

impl Out<'_> {
    /// Appends the frames of bins, not more than a chunk, from the sums that have them.
    fn push(&mut self, bins: Range<i64>, sums: &[&Tile<'_>]) -> Result<(), Error> {
        let [mean, sem, n] = self.frames.each_mut();
        let frames = mean.outer_iter_mut().zip(sem.outer_iter_mut());
        let frames = frames.zip(n.outer_iter_mut()).zip(bins.clone());
        let frames: Vec<_> = frames.collect();
        let length = frames.len();
        frames
            .into_par_iter()
            .try_for_each(|(((mean, sem), n), bin)| {
                let of = sums.iter().filter_map(|sums| sums.get(&bin));
                let of: Vec<_> = of.map(AsRef::as_ref).collect();
                let into = [mean, sem, n].map(|frame| frame.into_slice().unwrap_or_default());
                Average::bin_into(&of, bin, into)
            })?;
        let frames = self.frames.each_ref();
        let frames = frames.map(|frames| frames.slice_axis(Axis(0), (..length).into()));
        for (bin, mean) in bins.zip(frames[0].outer_iter()) {
            self.montage.add(bin, mean);
        }
        for (dataset, frames) in frames.iter().enumerate() {
            self.h5.push_to(dataset, frames.view())?;
        }
        for mat in &mut self.mats {
            mat.push(frames[0].view())?;
        }
        Ok(())
    }
}
