//! How well single trials of two groups can be told apart, pixel by pixel and frame by frame.

use crate::Error;
use crate::dff_file::DffFiles;
use crate::made::{Files, identity};
use crate::trials::{Trial, Trials, bins, outcome, said};
use ndarray::{Array1, Array2, Array3, s};
use std::collections::BTreeSet;
use std::ops::Range;
use widefield::auc::{self, Shuffles};
use widefield_pipeline::consumer::Session;
use widefield_storage::{CHUNK_FRAMES, Dataset, Orientation, Precision};

const FILE: &str = "auc.h5";

/// Longest list that an attribute holds: 64 KiB, what HDF5 allows.
const MOST_IN_ATTRIBUTE: usize = 8000;

pub(crate) fn make(
    session: &Session<'_>,
    trials: &Trials<'_>,
    files: &mut Files<'_>,
) -> Result<(), Error> {
    let config = &session.record.config;
    let output = &config.output;
    let [first, second] = [0, 1].map(|i| group(trials, &config.products.auc[i]));
    let groups = [first?, second?];
    let inputs = groups.each_ref().map(|group| {
        let each = group.iter().map(|t| (t.dff.crc32c, t.first_bin));
        each.collect::<Vec<_>>()
    });
    let how = (
        output.orientation,
        output.precision,
        output.compression,
        output.dff_scale,
    );
    let of = identity(&(inputs, how, &config.products.auc, &trials.left_out));
    let name = output.beside(FILE);
    if files.keep(std::slice::from_ref(&name), of) {
        return Ok(());
    }
    let mut size = None;
    let [first, second] =
        [0, 1].map(|i| DffFiles::open(files.place(), config, &groups[i], &mut size));
    let opened = [first?, second?];
    let [height, width] = size.unwrap_or_default();
    let of_both: Vec<Trial<'_>> = groups.iter().flatten().copied().collect();
    let bins = bins(&of_both);
    let frames = usize::try_from(bins.end - bins.start).unwrap_or(0);
    let rate = config.experiment.sample_rate_hz;
    let orientation = Orientation::from(output.orientation);
    let mut dataset = Dataset::new("auc", [frames, height, width])
        .orientation(orientation)
        .precision(Precision::from(output.precision))
        .compression(output.compression)
        .verify(output.verify)
        .attribute("axes", orientation.name())
        .attribute(
            "units",
            "1; P(first > second) + P(equal) / 2, 0.5 is chance",
        )
        .attribute("first", config.products.auc[0].as_str())
        .attribute("second", config.products.auc[1].as_str())
        .attribute("trials_of_first", groups[0].len() as f64)
        .attribute("trials_of_second", groups[1].len() as f64)
        .attribute("left_out", said(&trials.left_out))
        .attribute("sample_rate_hz", rate)
        .attribute("first_frame_s", bins.start as f64 / rate);
    if frames <= MOST_IN_ATTRIBUTE {
        // Of the mean over pixels, with what shuffled labels give.
        let means = opened.each_ref().map(|group| means(session, group, &bins));
        let [first, second] = means;
        let (first, second) = (first?, second?);
        let of_mean = auc::auc(first.view(), second.view())?;
        let band = auc::shuffled(
            first.view(),
            second.view(),
            Shuffles::default(),
            &[2.5, 97.5],
        )?;
        let list = |values: Array1<f64>| values.to_vec();
        dataset = dataset
            .attribute("of_mean", list(of_mean))
            .attribute("shuffled_low", list(band.row(0).to_owned()))
            .attribute("shuffled_high", list(band.row(1).to_owned()));
    }
    files.may_write()?;
    let mut writer = files.place().create_hdf5(&name, dataset)?;
    let of_block = |first: i64| first..bins.end.min(first.saturating_add(CHUNK_FRAMES as i64));
    for block in bins.clone().step_by(CHUNK_FRAMES).map(of_block) {
        let length = usize::try_from(block.end - block.start).unwrap_or(0);
        let mut out = Array3::zeros((length, height, width));
        // Trials as they are read, turned and sorted.
        let row = ((of_both.len() * length * width * 4) as u64).saturating_mul(4);
        let fit = usize::try_from(session.memory / row.max(1)).unwrap_or(usize::MAX);
        for from in (0..height).step_by(fit.clamp(1, height.max(1))) {
            if session.cancelled() {
                return Err(Error::Interrupted);
            }
            let rows = from..height.min(from.saturating_add(fit.max(1)));
            let tile = opened
                .each_ref()
                .map(|group| samples(group, &block, &rows, width));
            let [first, second] = tile;
            let values = auc::auc(first?.view(), second?.view())?;
            let shape = (length, rows.len(), width);
            #[expect(clippy::cast_possible_truncation, reason = "as results are written")]
            let values = values.mapv(|value| value as f32);
            if let Ok(values) = values.into_shape_with_order(shape) {
                out.slice_mut(s![.., rows, ..]).assign(&values);
            }
        }
        writer.push(out.view())?;
    }
    files.may_write()?;
    files.made(writer.finish()?, of);
    Ok(())
}

/// The trials of a condition or outcome of that name.
fn group<'a>(trials: &Trials<'a>, name: &str) -> Result<Vec<Trial<'a>>, Error> {
    let conditions = trials
        .used
        .iter()
        .filter_map(|t| t.record.condition.clone());
    let outcomes = trials.used.iter().filter_map(|t| outcome(t.record));
    let known: BTreeSet<String> = conditions.chain(outcomes).collect();
    let wanted = name.replace(' ', "_");
    let is = |trial: &&Trial<'_>| {
        trial.record.condition.as_deref() == Some(name)
            || outcome(trial.record).as_ref() == Some(&wanted)
    };
    let found: Vec<_> = trials.used.iter().filter(is).copied().collect();
    if found.is_empty() {
        let name = name.to_owned();
        let known = Vec::from_iter(known).join(", ");
        return Err(Error::Group { name, known });
    }
    Ok(found)
}

/// Frames of a trial that lie in a range of bins, and where in the range the first of them is.
fn frames_in(trial: &Trial<'_>, frames: usize, bins: &Range<i64>) -> (Range<usize>, usize) {
    let place = |bin: i64| usize::try_from(bin).unwrap_or(0);
    let from = place(bins.start - trial.first_bin).min(frames);
    let until = place(bins.end - trial.first_bin).min(frames);
    (from..until, place(trial.first_bin - bins.start))
}

/// The pixels of rows and bins of each trial, `(trial, sample)`; NaN where a trial has no such frame.
fn samples(
    group: &DffFiles<'_>,
    bins: &Range<i64>,
    rows: &Range<usize>,
    width: usize,
) -> Result<Array2<f32>, Error> {
    let length = usize::try_from(bins.end - bins.start).unwrap_or(0);
    let each = length * rows.len() * width;
    let mut out = Array2::from_elem((group.len(), each), f32::NAN);
    group.each(|i, trial, file| {
        let (frames, at) = frames_in(trial, file.shape[0], bins);
        if !frames.is_empty() {
            let read = file.read(frames, rows.clone())?;
            let first = at * rows.len() * width;
            let to = out.slice_mut(s![i, first..first + read.len()]);
            to.into_iter()
                .zip(&read)
                .for_each(|(to, value)| *to = *value);
        }
        Ok(())
    })?;
    Ok(out)
}

/// The mean over pixels of each trial's frames, `(trial, bin)`.
fn means(
    session: &Session<'_>,
    group: &DffFiles<'_>,
    bins: &Range<i64>,
) -> Result<Array2<f32>, Error> {
    let length = usize::try_from(bins.end - bins.start).unwrap_or(0);
    let mut out = Array2::from_elem((group.len(), length), f32::NAN);
    group.each(|i, trial, file| {
        let (frames, at) = frames_in(trial, file.shape[0], bins);
        let before = frames.start;
        file.blocks(frames, |first, block| {
            if session.cancelled() {
                return Err(Error::Interrupted);
            }
            for (frame, place) in block.outer_iter().zip(at + first - before..) {
                let finite = frame.iter().filter(|v| v.is_finite());
                let (sum, n) =
                    finite.fold((0.0, 0.0), |(sum, n), v| (sum + f64::from(*v), n + 1.0));
                #[expect(clippy::cast_possible_truncation, reason = "as samples are")]
                let mean = (sum / n) as f32;
                out[(i, place)] = mean;
            }
            Ok(())
        })
    })?;
    Ok(out)
}
