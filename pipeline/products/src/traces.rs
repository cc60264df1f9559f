//! Mean dF/F of areas: per frame, and over named windows.

use crate::Error;
use crate::areas::AreaFile;
use crate::dff_file::{DffFile, check_size};
use crate::image::image;
use crate::made::{Files, identity};
use crate::trials::{Trial, Trials, bins, said};
use ndarray::{Array2, Array3, ArrayView2, Zip, s};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use widefield::Areas;
use widefield_pipeline::config::Config;
use widefield_pipeline::consumer::Session;
use widefield_pipeline::record::TrialRecord;
use widefield_storage::{Hdf5Arrays, Orientation};

const H5: &str = "traces.h5";
const CSV: &str = "traces.csv";
const WINDOWS: &str = "windows.csv";

/// Means of the areas `(t, area)` by trial, each with [`AreaFile::crc32c`] of what the areas were.
pub(crate) type Seen = BTreeMap<String, (u32, Array2<f64>)>;

/// Makes the files of all traces; those that were not `seen` while trials were processed are taken from files.
pub(crate) fn make(
    session: &Session<'_>,
    trials: &Trials<'_>,
    areas: &AreaFile,
    seen: &Seen,
    files: &mut Files<'_>,
) -> Result<(), Error> {
    if trials.used.is_empty() {
        let left_out = said(&trials.left_out);
        return Err(Error::NoTrial { left_out });
    }
    let config = &session.record.config;
    let beside = |name: &str| config.output.beside(name);
    let mut names = vec![beside(H5), beside(CSV)];
    if !config.products.windows.is_empty() {
        names.push(beside(WINDOWS));
    }
    let inputs: Vec<_> = trials
        .used
        .iter()
        .map(|t| {
            (
                &t.record.file,
                t.record.trial,
                t.dff.crc32c,
                t.first_bin,
                &t.record.condition,
                &t.record.outcome,
            )
        })
        .collect();
    let products = &config.products;
    let of = identity(&(
        inputs,
        &trials.left_out,
        areas.crc32c(),
        areas_name(config),
        &products.windows,
        &products.align,
        config.output.orientation,
    ));
    if files.keep(&names, of) {
        return Ok(());
    }
    let crc = areas.crc32c();
    let mut size = None;
    let mut known = None;
    let mut traces = Vec::new();
    for trial in &trials.used {
        let file = DffFile::open(files.place(), config, trial)?;
        check_size(&mut size, trial, &file)?;
        let [_, height, width] = file.shape;
        let areas = match &known {
            Some(areas) => areas,
            None => known.insert(areas.areas((height, width))?),
        };
        traces.push(match seen.get(&trial.record.file) {
            // The file of areas may have been changed meanwhile.
            Some((of, seen)) if *of == crc && seen.nrows() == file.shape[0] => seen.clone(),
            _ => read(session, &file, areas)?,
        });
    }
    let Some(areas) = known else { return Ok(()) };
    let table = Table {
        config,
        areas: &areas,
        trials,
        traces: &traces,
    };
    files.may_write()?;
    let arrays = table.arrays();
    files.made(files.place().put_hdf5(&beside(H5), &arrays)?, of);
    files.made(session.put(CSV, table.csv())?, of);
    if !products.windows.is_empty() {
        files.made(session.put(WINDOWS, table.windows())?, of);
    }
    Ok(())
}

/// Name of the file of areas, by which an area is named that has no name in it.
pub(crate) fn areas_name(config: &Config) -> Option<&str> {
    config.products.rois.as_deref()?.rsplit(['/', '\\']).next()
}

/// The means of areas of a trial, from its file.
pub(crate) fn read(
    session: &Session<'_>,
    file: &DffFile,
    areas: &Areas,
) -> Result<Array2<f64>, Error> {
    let mut means = Array2::zeros((file.shape[0], areas.len()));
    file.blocks(0..file.shape[0], |first, block| {
        if session.cancelled() {
            return Err(Error::Interrupted);
        }
        let until = first + block.dim().0;
        means
            .slice_mut(s![first..until, ..])
            .assign(&areas.means(block.view())?);
        Ok(())
    })?;
    Ok(means)
}

/// Traces, and what is told of them.
struct Table<'a> {
    config: &'a Config,
    areas: &'a Areas,
    trials: &'a Trials<'a>,
    /// One for each of the trials that are used, `(t, area)`.
    traces: &'a [Array2<f64>],
}

impl Table<'_> {
    fn each(&self) -> impl Iterator<Item = (&Trial<'_>, ArrayView2<'_, f64>)> {
        let views = self.traces.iter().map(|trace| trace.view());
        self.trials.used.iter().zip(views)
    }

    fn time_s(&self, bin: i64) -> f64 {
        bin as f64 / self.config.experiment.sample_rate_hz
    }

    /// `dff` (trials, time, areas), the names along its axes, and where the areas are: `areas`.
    fn arrays(&self) -> Hdf5Arrays {
        let bins = bins(&self.trials.used);
        let place = |bin: i64| usize::try_from(bin - bins.start).unwrap_or(0);
        let shape = (self.traces.len(), place(bins.end), self.areas.len());
        let mut dff = Array3::from_elem(shape, f64::NAN);
        for ((trial, trace), mut out) in self.each().zip(dff.outer_iter_mut()) {
            let first = place(trial.first_bin);
            out.slice_mut(s![first..first + trace.nrows(), ..])
                .assign(&trace);
        }
        let time: Vec<f64> = bins.map(|bin| self.time_s(bin)).collect();
        let orientation = Orientation::from(self.config.output.orientation);
        let of =
            |text: fn(&TrialRecord) -> &str| self.trials.used.iter().map(move |t| text(t.record));
        Hdf5Arrays::new()
            .array("dff", dff.view().into_dyn())
            .array("time_s", ndarray::aview1(&time).into_dyn())
            .array(
                "areas",
                image(orientation, map(self.areas).view()).view().into_dyn(),
            )
            .texts("names", self.areas.names())
            .texts("trials", of(|t| &t.file))
            .texts(
                "condition",
                of(|t| t.condition.as_deref().unwrap_or_default()),
            )
            .texts("outcome", of(|t| t.outcome.as_deref().unwrap_or_default()))
            .attribute(
                "axes",
                format!(
                    "trials, time, areas; of areas: {}",
                    orientation.name().trim_end_matches(", t")
                ),
            )
            .attribute(
                "units",
                "1; mean of (F - F0) / F0 over the finite pixels of the area",
            )
            .attribute("left_out", said(&self.trials.left_out))
            .attribute("aligned_to", self.config.products.align.as_str())
            .attribute("sample_rate_hz", self.config.experiment.sample_rate_hz)
    }

    /// A line for each trial, area and frame.
    fn csv(&self) -> Vec<u8> {
        let mut lines = Lines::new(&["roi", "time_s", "dff"]);
        for (trial, trace) in self.each() {
            for (name, column) in self.areas.names().zip(trace.columns()) {
                for (bin, value) in (trial.first_bin..).zip(column) {
                    let time = rounded(self.time_s(bin));
                    lines.line(trial.record, &[name, &time, &number(*value)]);
                }
            }
        }
        lines.end(&self.trials.left_out)
    }

    /// A line for each trial, area and window: the mean over the frames whose time is in `[from, to)`.
    fn windows(&self) -> Vec<u8> {
        let mut lines = Lines::new(&["roi", "window", "from_s", "to_s", "frames", "dff"]);
        for (trial, trace) in self.each() {
            for (name, column) in self.areas.names().zip(trace.columns()) {
                for (window, [from, to]) in &self.config.products.windows {
                    let within = |bin: i64| (*from..*to).contains(&self.time_s(bin));
                    let frames = (trial.first_bin..)
                        .zip(column)
                        .filter(|(bin, _)| within(*bin));
                    let finite: Vec<f64> =
                        frames.map(|(_, v)| *v).filter(|v| v.is_finite()).collect();
                    let mean = finite.iter().sum::<f64>() / finite.len() as f64;
                    let cells = [
                        name,
                        window,
                        &from.to_string(),
                        &to.to_string(),
                        &finite.len().to_string(),
                        &number(mean),
                    ];
                    lines.line(trial.record, &cells);
                }
            }
        }
        lines.end(&self.trials.left_out)
    }
}

/// Which area a pixel `(y, x)` belongs to, counted from 1, 0 where to none; of several the smallest, so that none is hidden by one
/// around it.
fn map(areas: &Areas) -> Array2<f64> {
    let mut by_size: Vec<_> = areas.iter().enumerate().collect();
    by_size.sort_by_key(|(_, area)| Reverse(area.pixels()));
    let mut map = Array2::zeros(areas.dim());
    for (i, area) in by_size {
        Zip::from(&mut map)
            .and(&area.mask())
            .for_each(|pixel, within| {
                if *within {
                    *pixel = (i + 1) as f64;
                }
            });
    }
    map
}

/// A number as tables have it; empty where there is none.
fn number(value: f64) -> String {
    if value.is_finite() {
        value.to_string()
    } else {
        String::new()
    }
}

/// A time without the last digits of a division.
fn rounded(value: f64) -> String {
    ((value * 1e9).round() / 1e9).to_string()
}

/// Lines of a table of trials.
struct Lines {
    writer: csv::Writer<Vec<u8>>,
    cells: usize,
}

impl Lines {
    fn new(columns: &[&str]) -> Self {
        let mut lines = Self {
            writer: csv::Writer::from_writer(Vec::new()),
            cells: columns.len(),
        };
        let before = ["file", "trial", "condition", "outcome"];
        lines.write(before.iter().chain(columns).chain(&["left_out"]).copied());
        lines
    }

    /// Memory takes every line.
    fn write<'c>(&mut self, cells: impl Iterator<Item = &'c str>) {
        let _ = self.writer.write_record(cells);
    }

    fn line(&mut self, trial: &TrialRecord, cells: &[&str]) {
        let number = trial.trial.map(|n| n.to_string()).unwrap_or_default();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (condition, outcome) = (text(&trial.condition), text(&trial.outcome));
        let before = [trial.file.as_str(), &number, &condition, &outcome];
        self.write(before.into_iter().chain(cells.iter().copied()).chain([""]));
    }

    /// With a line for each trial that was left out.
    fn end(mut self, left_out: &[(&str, &str)]) -> Vec<u8> {
        for (file, why) in left_out {
            let empty = vec![""; 3 + self.cells];
            self.write([*file].into_iter().chain(empty).chain([*why]));
        }
        self.writer.into_inner().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_small_area_is_seen_within_a_large_one() {
        let small = array![[false, true, false], [false, false, false]];
        let large = array![[true, true, false], [true, true, false]];
        for (masks, want) in [
            (
                [("s", &small), ("l", &large)],
                array![[2.0, 1.0, 0.0], [2.0, 2.0, 0.0]],
            ),
            (
                [("l", &large), ("s", &small)],
                array![[1.0, 2.0, 0.0], [1.0, 1.0, 0.0]],
            ),
        ] {
            let masks = masks.map(|(name, mask)| (name, mask.clone()));
            assert_eq!(map(&Areas::from_masks((2, 3), masks).unwrap()), want);
        }
    }
}
