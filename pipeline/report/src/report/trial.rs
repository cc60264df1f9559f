//! The table of trials, and the pictures of each.

use super::findings::{every, worst};
use super::html::{self, Column, badge, escape, number, or_dash};
use super::image::{Figure, Map, Rule};
use super::motion;
use super::pictures::{LONGEST, Picture, Pictures};
use super::plot::{Line, Look, Plot};
use super::session::trace_plot;
use ndarray::Array2;
use rayon::prelude::*;
use std::fmt::Write as _;
use widefield::Segmentation;
use widefield::render::{self, PEAK_WINDOW_S, Scale};
use widefield_pipeline::config::Kind;
use widefield_pipeline::record::{Level, RunRecord, Status, TrialRecord};

/// What the page may weigh, bytes; for 200 trials it stays below 5 MB.
const BUDGET: f64 = 4.6e6;
/// What a trial takes without its images, bytes: tables and plots.
const BESIDE: f64 = 16e3;
/// What a pixel of an image takes in base64, bytes, measured on simulated sessions.
const PER_PIXEL: f64 = 0.5;

/// How much of each trial fits on the page.
#[derive(Clone, Copy, Debug)]
struct Detail {
    /// Longest side of an image, pixels.
    longest: usize,
    /// Points of a line.
    points: usize,
}

impl Detail {
    fn of(trials: usize) -> Self {
        let each = BUDGET / trials.max(1) as f64 - BESIDE;
        let side = (each / 4.0 / PER_PIXEL).max(0.0).sqrt();
        let longest = (64..=LONGEST)
            .rev()
            .find(|&n| n as f64 <= side)
            .unwrap_or(64);
        let points = if trials > 40 { 90 } else { 400 };
        Self { longest, points }
    }

    /// Less of it, for images that compress worse than those the numbers above come from.
    fn less(self) -> Option<Self> {
        let longest = self.longest * 7 / 8;
        (longest >= 16).then_some(Self { longest, ..self })
    }
}

/// A page of up to 200 trials is never heavier without products, bytes.
pub(super) const HEAVIEST: usize = 5_000_000;

/// The same brightness means the same in all trials.
#[derive(Clone, Copy, Debug)]
struct Scales {
    first: Scale,
    mean: Scale,
    max: Scale,
    peak: Scale,
}

impl Scales {
    fn of(pictures: &[Option<Pictures>]) -> Self {
        let scale = |kind: fn(&Pictures) -> &Option<Picture>| {
            let known = || pictures.iter().flatten().filter_map(|p| kind(p).as_ref());
            let median = |value: fn(&Picture) -> f32| {
                let values = known().map(|p| f64::from(value(p)));
                widefield::percentiles::median(values).unwrap_or(0.0)
            };
            #[expect(clippy::cast_possible_truncation, reason = "ends of a colour scale")]
            let scale = Scale {
                low: median(|p| p.low) as f32,
                high: median(|p| p.high) as f32,
            };
            scale
        };
        Self {
            first: scale(|p| &p.first),
            mean: scale(|p| &p.mean),
            max: scale(|p| &p.max),
            peak: Scale {
                low: 0.0,
                ..scale(|p| &p.peak)
            },
        }
    }
}

pub(super) fn table(page: &mut String, record: &RunRecord) {
    html::section(page, "trials", "Trials");
    page.push_str(
        "<p class=\"controls\" hidden><label>Filter <input type=\"search\" size=\"16\"></label>\
         <label><input type=\"checkbox\"> only with findings</label><output></output></p><div id=\"trial-table\">",
    );
    let mut rows = String::new();
    for (i, trial) in record.trials.iter().enumerate() {
        let level = worst(trial);
        let status = match trial.status {
            Status::Ok => badge(Level::Pass, "done"),
            Status::Failed => badge(Level::Fail, "failed"),
            Status::Skipped => badge(Level::Pass, "kept"),
        };
        let raised: Vec<String> = trial
            .checks
            .iter()
            .filter(|c| c.level != Level::Pass)
            .map(|c| badge(c.level, &c.name.to_string()))
            .collect();
        // The sum of nothing is -0.
        let seconds = trial.seconds.values().sum::<f64>() + 0.0;
        let _ = write!(
            rows,
            "<tr data-level=\"{}\"><td class=\"n\">{}</td><td>{}</td><td>{}</td><td class=\"name\"><a href=\"#trial-{i}\">{}</a></td>\
             <td class=\"name\">{}</td><td class=\"name\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{seconds:.2}</td></tr>",
            html::class(level),
            or_dash(trial.trial),
            status,
            if raised.is_empty() {
                "–".to_owned()
            } else {
                raised.join(", ")
            },
            escape(&trial.file),
            or_dash(trial.stimulus.as_ref().or(trial.condition.as_ref())),
            or_dash(trial.decision.as_ref()),
            or_dash(trial.frames),
            number(trial.background),
            number(trial.threshold),
            or_dash(trial.masked_pixels),
        );
    }
    let head = [
        (Column::Numbers, "Trial"),
        (Column::Words, "Status"),
        (Column::Words, "Findings"),
        (Column::Words, "File"),
        (Column::Words, "Stimulus"),
        (Column::Words, "Decision"),
        (Column::Numbers, "Frames"),
        (Column::Numbers, "Background (counts)"),
        (Column::Numbers, "Threshold (counts)"),
        (Column::Numbers, "Masked (px)"),
        (Column::Numbers, "Time (s)"),
    ];
    html::table(page, "Trials", &head, &rows);
    page.push_str("</div>\n");
}

/// The pictures of each trial, at most so many bytes.
pub(super) fn details(
    page: &mut String,
    record: &RunRecord,
    pictures: &[Option<Pictures>],
    room: usize,
) {
    html::section(page, "pictures", "Each trial");
    let mut detail = Detail::of(record.trials.len());
    let scales = Scales::of(pictures);
    let none = None;
    // The first few that need a look are open, or the first trial if none does.
    let few = 3;
    let mut open: Vec<usize> = (0..record.trials.len())
        .filter(|&i| worst(&record.trials[i]) != Level::Pass)
        .take(few)
        .collect();
    if open.is_empty() {
        open.push(0);
    }
    let draw = |detail: Detail| -> Vec<String> {
        let trials = record.trials.par_iter().enumerate();
        let one = |(i, trial): (usize, &TrialRecord)| {
            let pictures = pictures.get(i).unwrap_or(&none).as_ref();
            let place = (i, open.contains(&i));
            one(record, trial, pictures, place, detail, &scales)
        };
        trials.map(one).collect()
    };
    // Findings and all that stands before and after the trials.
    let room = room.saturating_sub(120_000);
    let mut drawn = draw(detail);
    while drawn.iter().map(String::len).sum::<usize>() > room
        && let Some(less) = detail.less()
    {
        detail = less;
        drawn = draw(detail);
    }
    page.extend(drawn);
}

fn one(
    record: &RunRecord,
    trial: &TrialRecord,
    pictures: Option<&Pictures>,
    (i, open): (usize, bool),
    detail: Detail,
    scales: &Scales,
) -> String {
    let mut page = String::new();
    let level = worst(trial);
    let what = [trial.stimulus.as_deref(), trial.decision.as_deref()];
    let what: Vec<&str> = what.into_iter().flatten().collect();
    let _ = write!(
        page,
        "<details class=\"trial\"{}><summary>{} <strong>{}</strong> {}</summary><div id=\"trial-{i}\">",
        if open { " open" } else { "" },
        badge(level, html::class(level)),
        escape(&trial.file),
        escape(&what.join(", ")),
    );
    if let Some(error) = &trial.error {
        let _ = write!(page, "<p class=\"fail\">Failed: {}</p>", escape(error));
    }
    match pictures {
        Some(pictures) => {
            images(&mut page, record, trial, pictures, detail, scales);
            plots(&mut page, record, trial, pictures, detail);
        }
        None => page.push_str("<p class=\"quiet\">No pictures: the movie could not be read, or an earlier run kept none.</p>"),
    }
    if !trial.checks.is_empty() {
        page.push_str("<details><summary>All checks</summary>");
        every(&mut page, &trial.checks);
        page.push_str("</details>");
    }
    page.push_str("</div></details>\n");
    page
}

fn images(
    page: &mut String,
    record: &RunRecord,
    trial: &TrialRecord,
    pictures: &Pictures,
    detail: Detail,
    scales: &Scales,
) {
    let bar = Rule::of(pictures.size[0], record.config.experiment.pixel_um);
    let edge = pictures
        .kept()
        .map(|kept| render::outline(render::reduce_mask(kept.view(), detail.longest).view()));
    page.push_str("<div class=\"pics\">");
    let mut show = |picture: &Option<Picture>,
                    scale: Scale,
                    map: Map,
                    edge: Option<&Array2<bool>>,
                    title: &str| {
        let Some(image) = picture.as_ref().and_then(Picture::image) else {
            return;
        };
        let small = render::reduce(image.view(), detail.longest);
        let figure = Figure {
            outlined: false,
            scale,
            map,
            edge,
            title,
            of: &trial.file,
            rule: &bar,
        };
        page.push_str(&figure.html(small.view()));
    };
    show(
        &pictures.first,
        scales.first,
        Map::Counts,
        None,
        "First frame",
    );
    show(
        &pictures.mean,
        scales.mean,
        Map::Counts,
        edge.as_ref(),
        "Mean, with the outline of the mask",
    );
    show(&pictures.max, scales.max, Map::Counts, None, "Maximum");
    let since = match record.config.experiment.kind {
        Kind::Spontaneous => "",
        _ => " from the stimulus on",
    };
    let peak = format!("Peak dF/F{since}, means of {PEAK_WINDOW_S} s");
    show(&pictures.peak, scales.peak, Map::Peak, None, &peak);
    page.push_str("</div>");
}

fn plots(
    page: &mut String,
    record: &RunRecord,
    trial: &TrialRecord,
    pictures: &Pictures,
    detail: Detail,
) {
    page.push_str("<div class=\"plots\">");
    let line = |colour, name: &str, points, look| Line {
        colour,
        name: name.into(),
        points,
        look,
    };
    let axis = trial.axis(&record.config);
    let baseline = trial.quality.as_ref().and_then(|q| q.baseline_frames);
    // A band behind everything marks nothing.
    let baseline = baseline.filter(|frames| *frames != [0, pictures.trace.len()]);
    if !pictures.trace.is_empty() {
        let point = |(t, v): (usize, &Option<f32>)| {
            let percent = v.map_or(f64::NAN, |v| 100.0 * f64::from(v));
            [axis.time_s(t), percent]
        };
        let points = pictures.trace.iter().enumerate().map(point).collect();
        let trace = vec![line(0, "mean dF/F", points, Look::Solid)];
        page.push_str(&trace_plot(
            record,
            (axis, baseline),
            "Mean dF/F over the mask".into(),
            trace,
            detail.points,
        ));
    }
    if !pictures.density.is_empty() {
        let point = |(i, d): (usize, &f32)| [i as f64 * pictures.density_step, f64::from(*d)];
        // Beyond eight powers of ten below the peak there is nothing to see.
        let peak = pictures.density.iter().copied().fold(0.0, f32::max);
        let points = pictures
            .density
            .iter()
            .enumerate()
            .map(point)
            .map(|[x, y]| {
                [
                    x,
                    if y > f64::from(peak) * 1e-8 {
                        y
                    } else {
                        f64::NAN
                    },
                ]
            })
            .collect();
        let plot = Plot {
            title: "Density of pixel means, with cutoff and threshold".into(),
            x: "mean above background (counts)",
            y: "density (1/count)",
            lines: vec![line(0, "density", points, Look::Solid)],
            places: trial
                .threshold
                .map(|t| (t, format!("threshold {t:.1}")))
                .into_iter()
                .collect(),
            levels: match record.config.analysis.segmentation.rule() {
                Some(Segmentation::DensityCutoff { density_cutoff }) => {
                    vec![(density_cutoff, "cutoff".into())]
                }
                _ => Vec::new(),
            },
            log_y: true,
            most: detail.points,
            ..Plot::default()
        };
        page.push_str(&plot.figure());
    }
    if let Some(profile) = &pictures.profile {
        let points = |values: &[f32]| {
            let point = |(x, v): (usize, &f32)| [x as f64, f64::from(*v)];
            values.iter().enumerate().map(point).collect()
        };
        let plot = Plot {
            title: format!("Background fit along row {}", profile.row),
            x: "column (px)",
            y: "counts",
            lines: vec![
                line(0, "smoothed frame", points(&profile.smoothed), Look::Solid),
                line(1, "fit", points(&profile.fit), Look::Dashed),
            ],
            levels: trial
                .fit
                .map(|f| (f.offset, format!("background {:.1}", f.offset)))
                .into_iter()
                .collect(),
            most: detail.points,
            ..Plot::default()
        };
        page.push_str(&plot.figure());
    }
    if !pictures.intervals_ms.is_empty() {
        let point = |(i, ms): (usize, &f32)| [i as f64, f64::from(*ms)];
        let points = pictures
            .intervals_ms
            .iter()
            .enumerate()
            .map(point)
            .collect();
        let plot = Plot {
            title: "Time from each frame to the next".into(),
            x: "frame",
            y: "interval (ms)",
            lines: vec![line(2, "interval", points, Look::Solid)],
            most: detail.points,
            least: 0.2,
            ..Plot::default()
        };
        page.push_str(&plot.figure());
    }
    motion::of_trial(page, record, trial, pictures, detail.points);
    page.push_str("</div>");
}
