//! Maps of dF/F: the peak of the session, and means by condition and outcome with their differences.

use super::figures::{self, Figures};
use super::html::{self, escape};
use super::image::{Figure, Map, Rule, around_0};
use super::montage::Montage;
use super::outlines::{self, Outlines};
use super::pictures::Pictures;
use super::session::{condition_name, plural};
use ndarray::{Array2, ArrayView2};
use std::fmt::Write as _;
use widefield::render::{self, PEAK_WINDOW_S, Scale};
use widefield_pipeline::config::{Kind, ONSET};
use widefield_pipeline::record::RunRecord;

/// What the section may weigh, bytes.
const HEAVIEST: usize = 1_600_000;
/// Longest side of the images, pixels: from the most to the least.
const SIDES: [usize; 6] = [128, 96, 72, 56, 40, 24];
/// Share of the pixels that the colours tell apart.
const SHARE: f64 = 0.998;
/// What nobody should forget who looks at these maps.
const UNCORRECTED: &str = "Not corrected for haemodynamics.";

/// Scale bar of maps of the session, where the size of its frames is known.
pub(super) fn rule(record: &RunRecord, pictures: &[Option<Pictures>]) -> Option<Rule> {
    let mut widths = pictures.iter().flatten().map(|p| p.size[0]);
    let width = widths.find(|width| *width > 0)?;
    Some(Rule::of(width, record.config.experiment.pixel_um))
}

/// The first thing to see: where something happened.
pub(super) fn peak(
    record: &RunRecord,
    montages: &[Montage],
    pictures: &[Option<Pictures>],
    outlines: Option<&Outlines>,
    figures: &mut Figures,
) -> Option<String> {
    let whole: Vec<&Montage> = montages.iter().filter(|m| m.outcome.is_none()).collect();
    let (image, words) = match Montage::mean(&whole) {
        Some(mean) => {
            let words = format!(
                "mean of {}, in steps of {} s",
                plural(mean.n),
                short(mean.step_s)
            );
            (mean.peak(), words)
        }
        None => mean_of_peaks(record, pictures)?,
    };
    let since = match (record.config.experiment.kind, whole.first()) {
        (Kind::Spontaneous, _) => String::new(),
        (_, Some(_)) if record.config.products.align != ONSET => {
            format!(" from {} on", record.config.products.align)
        }
        _ => " from the stimulus on".into(),
    };
    let title = format!("Peak dF/F{since}: {words}. {UNCORRECTED}");
    let [low, high] = [1.0, 99.8];
    let scale = Scale {
        low: 0.0,
        ..Scale::from_percentiles(image.view(), low, high)?
    };
    let rule = rule(record, pictures)?;
    let figure = Figure {
        outlined: outlines.is_some(),
        scale,
        map: Map::Peak,
        edge: None,
        title: title.trim_end_matches('.'),
        of: "the session",
        rule: &rule,
    };
    let tiles = Tiles {
        title: "Peak of the session".into(),
        note: format!("{title} Bar: {}.", rule.words),
        tiles: vec![(String::new(), image.view())],
        scale,
        map: Map::Peak,
        rule: Some(&rule),
        outlines,
    };
    figures.add(&["peak"], || tiles.svg(400.0));
    Some(figure.html(image.view()))
}

/// Mean over trials of what each has at its peak, early trials left out, and the words for it.
fn mean_of_peaks(
    record: &RunRecord,
    pictures: &[Option<Pictures>],
) -> Option<(Array2<f32>, String)> {
    let mut early = 0;
    let mut sum: Option<(Array2<f32>, Array2<f32>)> = None;
    let mut trials = 0;
    for (trial, pictures) in record.trials.iter().zip(pictures) {
        let Some(pictures) = pictures else { continue };
        if !trial.good() || trial.exclude {
            continue;
        }
        if trial.outcome.as_deref() == Some("early") {
            early += 1;
            continue;
        }
        let Some(image) = pictures.peak.as_ref().and_then(|peak| peak.image()) else {
            continue;
        };
        let zeros = || (Array2::zeros(image.dim()), Array2::zeros(image.dim()));
        let (sum, n) = sum.get_or_insert_with(zeros);
        if sum.dim() != image.dim() {
            continue;
        }
        trials += 1;
        ndarray::Zip::from(sum)
            .and(n)
            .and(&image)
            .for_each(|sum, n, &value| {
                if value.is_finite() {
                    *sum += value;
                    *n += 1.0;
                }
            });
    }
    let (sum, n) = sum?;
    let left_out = match early {
        0 => String::new(),
        1 => ", without an early one".into(),
        n => format!(", without {n} early ones"),
    };
    let words = format!(
        "mean over the peaks of {}, means of {PEAK_WINDOW_S} s{left_out}",
        plural(trials)
    );
    Some((sum / n, words))
}

/// Means by condition and outcome, and their differences.
pub(super) fn section(
    page: &mut String,
    record: &RunRecord,
    montages: &[Montage],
    pictures: &[Option<Pictures>],
    outlines: Option<&Outlines>,
    figures: &mut Figures,
) {
    let groups = shown(montages);
    let Some(first) = groups.first() else { return };
    let values = groups.iter().flat_map(|group| group.images.iter());
    let Some(scale) = around_0(values, SHARE) else {
        return;
    };
    let rule = rule(record, pictures);
    let draw = |longest: usize, figures: &mut Figures| {
        let mut page = String::new();
        let drawing = Drawing {
            record,
            rule: rule.as_ref(),
            outlines,
            longest,
        };
        let bar = match &rule {
            Some(rule) => format!(" Bar: {}.", rule.words),
            None => String::new(),
        };
        let lines = outlines.map_or("", |_| outlines::WORDS);
        let _ = write!(
            page,
            "<p class=\"quiet\">Mean over trials, {} s an image from the time below it on, one scale for all. {UNCORRECTED}{bar}{lines}</p>",
            short(first.step_s)
        );
        let _ = write!(
            page,
            "<div class=\"scale\">{}</div>",
            Map::Signed.bar(scale)
        );
        for group in &groups {
            let outcome = group.outcome.as_deref().unwrap_or("all outcomes");
            let condition = condition_name(record, Some(&group.condition));
            let title = format!("{condition}: {outcome}, {}", plural(group.n));
            let name = ["dff", &group.condition, outcome];
            drawing.one(&mut page, figures, &title, &name, group, scale);
        }
        drawing.differences(&mut page, figures, montages);
        page
    };
    let mut drawn = String::new();
    for side in SIDES {
        drawn = draw(side, &mut Figures::new(false));
        if drawn.len() <= HEAVIEST {
            break;
        }
    }
    draw(SIDES[0], figures);
    html::section(page, "maps", "Maps of mean dF/F");
    page.push_str(&drawn);
}

/// All outcomes together only where there are several.
fn shown(montages: &[Montage]) -> Vec<&Montage> {
    let alone = |all: &Montage| {
        let of = montages.iter().filter(|m| m.condition == all.condition);
        let trials: Vec<usize> = of.filter(|m| m.outcome.is_some()).map(|m| m.n).collect();
        trials == [all.n]
    };
    let finite = |m: &&Montage| m.images.iter().any(|v| v.is_finite());
    let kept = |m: &&Montage| m.outcome.is_some() || !alone(m);
    montages.iter().filter(finite).filter(kept).collect()
}

/// How maps are drawn.
struct Drawing<'a> {
    record: &'a RunRecord,
    rule: Option<&'a Rule>,
    outlines: Option<&'a Outlines>,
    longest: usize,
}

impl Drawing<'_> {
    fn one(
        &self,
        page: &mut String,
        figures: &mut Figures,
        title: &str,
        name: &[&str],
        of: &Montage,
        scale: Scale,
    ) {
        let small: Vec<Array2<f32>> = of
            .images
            .outer_iter()
            .map(|image| render::reduce(image, self.longest))
            .collect();
        let each = small.iter().enumerate();
        // Nothing at either end.
        let finite = |image: &Array2<f32>| image.iter().any(|v| v.is_finite());
        let kept = each.filter(|(_, image)| finite(image));
        let tiles = kept.map(|(k, image)| (self.label(of, k), image.view()));
        let bar = self.rule.map(|rule| format!(" Bar: {}.", rule.words));
        let tiles = Tiles {
            title: title.into(),
            note: format!("{UNCORRECTED}{}", bar.unwrap_or_default()),
            tiles: tiles.collect(),
            scale,
            map: Map::Signed,
            rule: self.rule,
            outlines: self.outlines,
        };
        page.push_str(&tiles.html());
        figures.add(name, || tiles.svg(100.0));
    }

    /// When an image begins, and what happens while it lasts.
    fn label(&self, of: &Montage, image: usize) -> String {
        let time = of.time_s(image);
        let mut label = format!("{} s", short(time));
        let config = &self.record.config;
        if config.products.align == ONSET {
            let within = |s: f64| s > time - 1e-9 && s < time + of.step_s - 1e-9;
            let events = &config.experiment.events;
            for (name, _) in events.iter().filter(|(_, s)| within(**s)) {
                let name = name.trim_end_matches("_s").replace('_', " ");
                let _ = write!(label, " {name}");
            }
        }
        label
    }

    /// Within conditions, and of what was answered right across them.
    fn differences(&self, page: &mut String, figures: &mut Figures, montages: &[Montage]) {
        let mut found: Vec<(String, Vec<String>, Montage)> = Vec::new();
        let of = |condition: Option<&str>, outcome: &str| {
            let fits = |m: &&Montage| {
                m.outcome.as_deref() == Some(outcome)
                    && condition.is_none_or(|condition| m.condition == condition)
            };
            Montage::mean(&montages.iter().filter(fits).collect::<Vec<_>>())
        };
        let mut add = |condition: Option<&str>, a: &str, b: &str| {
            let (Some(of_a), Some(of_b)) = (of(condition, a), of(condition, b)) else {
                return;
            };
            let Some(difference) = of_a.minus(&of_b) else {
                return;
            };
            let (place, mixed) = match condition {
                Some(condition) => (condition_name(self.record, Some(condition)), ""),
                None => ("All conditions".into(), "; mixes stimulus, lick and reward"),
            };
            let title = format!(
                "{place}: {a} \u{2212} {b}, {} and {}{mixed}",
                plural(of_a.n),
                plural(of_b.n)
            );
            let name = ["difference", condition.unwrap_or("all"), a, "minus", b];
            let name = name.map(str::to_owned).to_vec();
            found.push((title, name, difference));
        };
        let mut conditions: Vec<&str> = montages.iter().map(|m| m.condition.as_str()).collect();
        conditions.dedup();
        for condition in conditions {
            add(Some(condition), "hit", "miss");
            add(Some(condition), "false alarm", "correct rejection");
        }
        add(None, "hit", "correct rejection");
        let values = found.iter().flat_map(|(.., of)| of.images.iter());
        let Some(scale) = around_0(values, SHARE) else {
            return;
        };
        page.push_str(
            "<h3>Differences</h3><p class=\"quiet\">In dF/F, one scale for all of them.</p>",
        );
        let _ = write!(
            page,
            "<div class=\"scale\">{}</div>",
            Map::Signed.bar(scale)
        );
        for (title, name, of) in &found {
            let name: Vec<&str> = name.iter().map(String::as_str).collect();
            self.one(page, figures, title, &name, of, scale);
        }
    }
}

/// A number without superfluous digits.
fn short(value: f64) -> String {
    let rounded = (1e3 * value).round() / 1e3;
    format!("{}", rounded + 0.0).replace('-', "\u{2212}")
}

/// Images side by side on one scale.
pub(super) struct Tiles<'a> {
    pub(super) title: String,
    /// Sentences for the file, which has no page around it.
    pub(super) note: String,
    pub(super) tiles: Vec<(String, ArrayView2<'a, f32>)>,
    pub(super) scale: Scale,
    pub(super) map: Map,
    pub(super) rule: Option<&'a Rule>,
    pub(super) outlines: Option<&'a Outlines>,
}

impl Tiles<'_> {
    pub(super) fn html(&self) -> String {
        let title = escape(&self.title);
        let mut page = format!(
            "<figure class=\"group\"><figcaption>{title}</figcaption><div class=\"tiles\">"
        );
        for (i, (label, image)) in self.tiles.iter().enumerate() {
            let (height, width) = image.dim();
            let rule = self.rule.filter(|_| i == 0).map(Rule::html);
            let outlines = self.outlines.map(|_| Outlines::html(self.map));
            let label = escape(label);
            let _ = write!(
                page,
                "<div><div class=\"pic\"><img width=\"{width}\" height=\"{height}\" loading=\"lazy\" alt=\"Map, {label}\" \
                 src=\"data:image/png;base64,{}\">{}{}</div><span>{label}</span></div>",
                self.map.png(*image, self.scale, None),
                outlines.unwrap_or_default(),
                rule.unwrap_or_default(),
            );
        }
        page.push_str("</div></figure>");
        page
    }

    /// The same as a file, images so many user units wide.
    pub(super) fn svg(&self, width: f64) -> String {
        let columns = self.tiles.len().clamp(1, 10);
        let (gap, margin) = (8.0, 12.0);
        let whole = (columns as f64 * (width + gap)).max(320.0) - gap;
        let first = self.tiles.first().map(|(_, image)| image.dim());
        let (h, w) = first.unwrap_or((1, 1));
        let height = width * h as f64 / w.max(1) as f64;
        let label = if self.tiles.len() > 1 { 16.0 } else { 4.0 };
        let (title, tall) = figures::lines(margin, 22.0, whole, &self.title);
        let mut drawing = title;
        if let Some(outlines) = self.outlines {
            drawing.push_str(&outlines.defined());
        }
        let top = 16.0 + tall;
        for (i, (words, image)) in self.tiles.iter().enumerate() {
            let x = margin + (i % columns) as f64 * (width + gap);
            let y = top + (i / columns) as f64 * (height + label + gap);
            let png = self.map.png(*image, self.scale, None);
            let _ = write!(
                drawing,
                "<image href=\"data:image/png;base64,{png}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
            );
            drawing.push_str(&figures::text(
                x + width / 2.0,
                y + height + 12.0,
                "m",
                words,
            ));
            if self.outlines.is_some() {
                drawing.push_str(&Outlines::placed(x, y, [width, height], self.map));
            }
            if let Some(rule) = self.rule.filter(|_| i == 0) {
                drawing.push_str(&figures::rule(x, y, [width, height], rule));
            }
        }
        let rows = self.tiles.len().div_ceil(columns) as f64;
        let below = top + rows * (height + label + gap);
        drawing.push_str(&figures::scale(margin, below, 200.0, self.map, self.scale));
        let note = self.note.clone() + self.outlines.map_or("", |_| outlines::WORDS);
        let (note, tall) = figures::lines(margin, below + 40.0, whole, &note);
        drawing.push_str(&note);
        figures::file(
            whole + 2.0 * margin,
            below + 34.0 + tall + margin,
            &self.title,
            &drawing,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::record;

    /// Groups of one condition.
    fn groups(of: &[(Option<&str>, usize, f32)]) -> Vec<Montage> {
        let group = |(outcome, n, value): &(Option<&str>, usize, f32)| {
            Montage::of(*outcome, *n, -1, &[0.0, *value, f32::NAN])
        };
        of.iter().map(group).collect()
    }

    fn drawn(montages: &[Montage]) -> (String, Figures) {
        over(montages, None)
    }

    fn over(montages: &[Montage], outlines: Option<&Outlines>) -> (String, Figures) {
        let (mut page, mut figures) = (String::new(), Figures::new(true));
        let pictures = [Some(Pictures::noise(8))];
        section(
            &mut page,
            &record(),
            montages,
            &pictures,
            outlines,
            &mut figures,
        );
        (page, figures)
    }

    #[test]
    fn outlines_are_over_every_map_and_in_every_file() {
        let montages = groups(&[
            (None, 2, 0.5),
            (Some("hit"), 1, 0.9),
            (Some("miss"), 1, 0.2),
        ]);
        let outlines = Outlines::of(ndarray::Array2::ones((1, 2)).view());
        let (page, figures) = over(&montages, Some(&outlines));
        let uses = "<use href=\"#outlines\"";
        assert_eq!(page.matches(uses).count(), page.matches("<img").count());
        assert!(page.contains("Lines: the areas."));
        for file in figures.files.values() {
            let images = file.matches("<image ").count();
            assert_eq!(
                file.matches("<use xlink:href=\"#outlines\"").count(),
                images
            );
            assert_eq!(file.matches("<symbol id=\"outlines\"").count(), 1);
        }
        let (page, figures) = drawn(&montages);
        assert!(!page.contains("outlines") && !page.contains("Lines"));
        assert!(
            figures
                .files
                .values()
                .all(|file| !file.contains("outlines"))
        );
    }

    #[test]
    fn groups_have_their_trials_one_scale_and_differences() {
        let montages = groups(&[
            (None, 5, 0.01),
            (Some("hit"), 3, 0.02),
            (Some("miss"), 2, -0.04),
        ]);
        let (page, figures) = drawn(&montages);
        for text in [
            "condition P100: all outcomes, 5 trials",
            "condition P100: hit, 3 trials",
            "hit \u{2212} miss, 3 trials and 2 trials",
            "Not corrected for haemodynamics.",
            "<span>\u{2212}4.0</span><span>%</span><span>4.0</span>",
            "<span>\u{2212}6.0</span><span>%</span><span>6.0</span>",
            "Bar: 2 px.",
            "<span>\u{2212}0.25 s</span>",
        ] {
            assert!(page.contains(text), "{text}: {page}");
        }
        // What is NaN at the end is not drawn.
        assert_eq!(page.matches("<img").count(), 4 * 2);
        assert!(!page.contains("mixes stimulus"));
        let names: Vec<&str> = figures.files.keys().map(String::as_str).collect();
        let want = [
            "dff_P100_all_outcomes",
            "dff_P100_hit",
            "dff_P100_miss",
            "difference_P100_hit_minus_miss",
        ];
        assert_eq!(names, want);
    }

    #[test]
    fn one_outcome_alone_is_not_shown_twice_and_conditions_mix() {
        let mut montages = groups(&[(None, 3, 0.01), (Some("hit"), 3, 0.01)]);
        let mut other = groups(&[(None, 2, 0.0), (Some("correct rejection"), 2, 0.0)]);
        other.iter_mut().for_each(|m| m.condition = "P1200".into());
        montages.append(&mut other);
        let (page, _) = drawn(&montages);
        assert!(!page.contains("all outcomes"));
        assert!(page.contains(
            "All conditions: hit \u{2212} correct rejection, 3 trials and 2 trials; mixes stimulus, lick and reward"
        ));
        assert!(drawn(&[]).0.is_empty());
        assert!(
            drawn(&groups(&[(None, 1, f32::NAN)])[..])
                .0
                .contains("maps")
        );
    }

    #[test]
    fn the_peak_is_of_all_trials_or_of_their_pictures() {
        let record = record();
        let pictures = [None, Some(Pictures::noise(8))];
        let peak = |montages: &[Montage]| {
            let mut figures = Figures::default();
            peak(&record, montages, &pictures, None, &mut figures).expect("a peak")
        };
        let montages = groups(&[(None, 5, 0.5), (Some("hit"), 3, 0.9)]);
        let of = peak(&montages);
        assert!(
            of.contains("mean of 5 trials, in steps of 0.25 s. Not corrected"),
            "{of}"
        );
        assert!(
            of.contains("<span>0</span><span>%</span><span>50.0</span>"),
            "{of}"
        );
        let of = peak(&[]);
        assert!(
            of.contains("mean over the peaks of 1 trial, means of"),
            "{of}"
        );
    }

    #[test]
    fn early_trials_are_in_no_peak() {
        let mut record = record();
        record.trials.remove(0);
        record.trials.push(record.trials[0].clone());
        record.trials[1].outcome = Some("early".into());
        let pictures = vec![Some(Pictures::noise(8)); 2];
        let (image, words) = mean_of_peaks(&record, &pictures).expect("one is not early");
        assert_eq!(image.dim(), (8, 8));
        assert!(words.contains("peaks of 1 trial") && words.ends_with("without an early one"));
        record.trials[0].exclude = true;
        assert!(mean_of_peaks(&record, &pictures).is_none());
    }
}
