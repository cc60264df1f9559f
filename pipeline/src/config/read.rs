//! From text and overrides to a checked [`Config`], with errors that point into the text.

use super::steps::first_misplaced;
use super::{Config, ConfigError, Override, Place, template};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

impl Config {
    /// Reads a file, applies the overrides, checks everything and makes places absolute: relative paths in the file
    /// start at its folder, those in overrides at the current one.
    ///
    /// # Errors
    /// [`ConfigError`] with the place in the text where there is one.
    pub fn load(path: &Path, overrides: &[Override]) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable {
            path: path.into(),
            source,
        };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let config = parse(path, &text, overrides)?;
        let here = std::env::current_dir().map_err(unreadable)?;
        let home = std::path::absolute(path).map_err(unreadable)?;
        let home = home.parent().unwrap_or(&here);
        let set = |key: &str| overrides.iter().any(|o| o.is_of(key));
        Ok(config.settled(|key| if set(key) { &here } else { home }))
    }

    /// Checks a configuration made in code as one that was read, and makes its places absolute: relative paths start
    /// at `base`, a relative `base` at the current folder.
    ///
    /// # Errors
    /// [`ConfigError::Value`] with the key, [`ConfigError::Unreadable`] if there is no current folder.
    pub fn checked(self, base: &Path) -> Result<Self, ConfigError> {
        if let Some((key, message)) = self.problem() {
            return Err(ConfigError::Value { key, message });
        }
        let absolute = std::path::absolute(base).map_err(|source| ConfigError::Unreadable {
            path: base.into(),
            source,
        })?;
        Ok(self.settled(|_| &absolute))
    }

    /// With absolute places, and with what goes without saying written out, so that what is recorded of a run needs
    /// no rule to be read.
    fn settled<'a>(mut self, base: impl Fn(&str) -> &'a Path) -> Self {
        let settle = |key: &str, url: &mut String| *url = absolute(base(key), url);
        settle("data.url", &mut self.data.url);
        if let Some(url) = &mut self.output.url {
            settle("output.url", url);
        }
        if let Some(file) = &mut self.analysis.segmentation.file {
            settle("analysis.segmentation.file", file);
        }
        self.output.url.get_or_insert(self.data.url.clone());
        self.analysis.baseline.fill();
        self
    }
}

/// A path joined to `base` and cleared of `.`; a URL with a scheme as it stands.
fn absolute(base: &Path, url: &str) -> String {
    if url.contains("://") {
        return url.to_owned();
    }
    let clean: PathBuf = base.join(url).components().collect();
    clean.to_string_lossy().into_owned()
}

/// A text, and how errors in it are made.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn wrong(
        &self,
        message: String,
        help: Option<String>,
        bytes: Option<Range<usize>>,
    ) -> ConfigError {
        ConfigError::Rule {
            message,
            help,
            place: Box::new(Place {
                path: self.path.into(),
                text: Arc::from(self.text),
                bytes,
            }),
        }
    }

    fn toml(&self, error: &toml::de::Error) -> ConfigError {
        self.wrong(one_line(error.message()), None, error.span())
    }

    /// A value that is not of its kind, or one that is missing.
    fn kind(&self, error: &toml::de::Error) -> ConfigError {
        let message = one_line(error.message());
        let missing = ["missing field `data`", "missing field `prefix`"];
        let key = error.span().and_then(|span| key_at(self.text, span.start));
        let help = match missing.iter().any(|field| message.contains(field)) {
            true => Some(
                "`[data]` needs `prefix = \"…\"`: files whose name starts so are taken".to_owned(),
            ),
            false => {
                let line = key.as_deref().and_then(template::spelt);
                line.map(|line| format!("it is written as in: {line}"))
            }
        };
        let message = key.map_or(message.clone(), |key| format!("{key}: {message}"));
        self.wrong(message, help, error.span())
    }
}

fn parse(path: &Path, text: &str, overrides: &[Override]) -> Result<Config, ConfigError> {
    let source = Source { path, text };
    let table = DeTable::parse(text).map_err(|e| source.toml(&e))?;
    if let Some((key, bytes)) = unknown_key(table.get_ref(), "") {
        let (message, help) = template::unknown(&key);
        return Err(source.wrong(message, Some(help), Some(bytes)));
    }
    let merged = merged(&source, overrides)?;
    let text = merged.as_deref().unwrap_or(text);
    let source = Source { path, text };
    let config: Config = toml::from_str(text).map_err(|e| source.kind(&e))?;
    let table: toml::Table = toml::from_str(text).map_err(|e| source.toml(&e))?;
    match first_misplaced(&table).or_else(|| config.problem()) {
        None => Ok(config),
        Some((key, message)) => {
            let table = DeTable::parse(text).ok();
            let bytes = table.and_then(|table| find(table.get_ref(), &key));
            Err(source.wrong(format!("{key}: {message}"), None, bytes))
        }
    }
}

/// The text with the overrides put in, where there are any.
fn merged(source: &Source<'_>, overrides: &[Override]) -> Result<Option<String>, ConfigError> {
    if overrides.is_empty() {
        return Ok(None);
    }
    let mut table = toml::from_str(source.text).map_err(|e| source.toml(&e))?;
    overrides.iter().try_for_each(|o| o.apply(&mut table))?;
    let text = toml::to_string(&table).map_err(|e| source.wrong(e.to_string(), None, None))?;
    Ok(Some(text))
}

fn one_line(message: &str) -> String {
    message.trim_end().replace('\n', "; ")
}

/// The first key that does not exist, and where.
fn unknown_key(table: &DeTable<'_>, path: &str) -> Option<(String, Range<usize>)> {
    let inside = |value: &DeValue<'_>, path: &str| match value {
        DeValue::Table(inner) => unknown_key(inner, path),
        DeValue::Array(items) => items
            .iter()
            .find_map(|item| unknown_key(item.get_ref().as_table()?, path)),
        _ => None,
    };
    table.iter().find_map(|(key, value)| {
        let path = match path {
            "" => key.get_ref().to_string(),
            _ => format!("{path}.{}", key.get_ref()),
        };
        match template::known(&path) {
            true => inside(value.get_ref(), &path),
            false => Some((path, key.span())),
        }
    })
}

/// The key whose value holds that byte.
fn key_at(text: &str, at: usize) -> Option<String> {
    fn below(table: &DeTable<'_>, at: usize) -> Option<String> {
        let holds = |value: &toml::Spanned<DeValue<'_>>| value.span().contains(&at);
        let (key, value) = table
            .iter()
            .find(|(_, value)| holds(value) || inside(value.get_ref(), at).is_some())?;
        let rest = inside(value.get_ref(), at).map(|rest| format!(".{rest}"));
        Some(format!("{}{}", key.get_ref(), rest.unwrap_or_default()))
    }
    fn inside(value: &DeValue<'_>, at: usize) -> Option<String> {
        match value {
            DeValue::Table(table) => below(table, at),
            DeValue::Array(items) => items.iter().find_map(|item| inside(item.get_ref(), at)),
            _ => None,
        }
    }
    below(DeTable::parse(text).ok()?.get_ref(), at)
}

/// Where a key stands, or the nearest table above it that is there.
fn find(table: &DeTable<'_>, key: &str) -> Option<Range<usize>> {
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    let (k, v) = table.iter().find(|(k, _)| *k.get_ref() == first)?;
    match v.get_ref() {
        DeValue::Table(inner) if !rest.is_empty() => find(inner, rest).or(Some(k.span())),
        _ => Some(k.span()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BaselineStep, TEMPLATE, steps::misplaced};
    use super::*;

    fn text(text: &str) -> Result<Config, ConfigError> {
        parse(Path::new("experiment.toml"), text, &[])
    }

    fn message(result: Result<Config, ConfigError>) -> String {
        let error = result.expect_err("should be refused");
        format!("{error} [{}]", error.help().unwrap_or_default())
    }

    const LEAST: &str = "[data]\nprefix = \"a\"\n";

    #[test]
    fn template_holds_the_defaults() {
        let mut from_template = text(TEMPLATE).expect("template");
        let mut least = text(LEAST).expect("least");
        least.data.prefix = "20170214_".into();
        assert_eq!(from_template.analysis.baseline.frames, Some([9, 12]));
        from_template.analysis.baseline = BaselineStep::default();
        assert_eq!(from_template, least);
    }

    #[test]
    fn template_with_everything_switched_on_is_valid() {
        let on = TEMPLATE
            .lines()
            .map(|l| match l.strip_prefix("# ") {
                Some(off) if off.starts_with('[') || off.contains(" = ") => off,
                _ => l,
            })
            .collect::<Vec<_>>();
        // Keys of other methods, and those that only one of may be there, stay off.
        let mut table = "";
        let on: Vec<&str> = on
            .into_iter()
            .filter(|line| {
                if let Some(name) = line.strip_prefix("[analysis.") {
                    table = name.split(']').next().unwrap();
                } else if line.starts_with('[') {
                    table = "";
                }
                let key = line.split(' ').next().unwrap();
                let default = match table {
                    "background" => "gaussian_fit",
                    "segmentation" => "density_cutoff",
                    _ => "frames",
                };
                let twin = ["before_s", "window_s", "floor_noise"].contains(&key);
                !(misplaced(table, default, key) || twin)
            })
            .collect();
        let on = on.join("\n");
        let config = text(&on).expect("all keys on");
        assert_eq!(config.experiment.stimulus.len(), 2);
        assert_eq!(config.experiment.stimulus[1].condition(), "1200");
        assert_eq!(config.experiment.events["response_s"], 4.9);
    }

    #[test]
    fn unknown_keys_name_the_nearest() {
        let m = message(text(&format!(
            "{LEAST}[analysis.background]\nsmoothing_px = 3"
        )));
        assert!(
            m.contains("`analysis.background.smoothing_px`")
                && m.contains("`analysis.background.smoothing_sd_px`"),
            "{m}"
        );
        let m = message(text(&format!("{LEAST}[anlysis]\nresize = \"triangle\"")));
        assert!(m.contains("`anlysis`") && m.contains("`analysis`"), "{m}");
        let m = message(text(&format!(
            "{LEAST}[[experiment.stimulus]]\nnam = \"x\""
        )));
        assert!(m.contains("`experiment.stimulus.name`"), "{m}");
        let m = message(text(&format!("{LEAST}[experiment.events]\ncue = 1.0")));
        assert!(m.contains("end in _s"), "{m}");
    }

    #[test]
    fn rules_between_keys_are_kept() {
        for (wrong, want) in [
            ("[output]\ncompression = 10", "output.compression"),
            ("[output]\nmovie = \"same\"\ndff = \"same\"", "output.movie"),
            ("[output]\nmat = \"../up\"", "output.mat"),
            (
                "[experiment]\nsample_rate_hz = 0",
                "experiment.sample_rate_hz",
            ),
            ("[analysis]\nresolution = [0, 4]", "analysis.resolution"),
            (
                "[analysis.background]\nframes = [1, 1]",
                "analysis.background.frames",
            ),
            (
                "[analysis.background]\nsmoothing_sd_px = nan",
                "smoothing_sd_px",
            ),
            (
                "[analysis.segmentation]\ndensity_cutoff = 0.0",
                "density_cutoff",
            ),
            (
                "[analysis.background]\nmethod = \"mode\"\npercentile = 5.0",
                "analysis.background.percentile: belongs to method = \"percentile\", the method is \"mode\"",
            ),
            (
                "[analysis.background]\nstep_px = 4",
                "analysis.background.step_px: belongs to method = \"coarse_fit\"",
            ),
            (
                "[analysis.background]\nmethod = \"rectangle\"",
                "needs `rectangle",
            ),
            (
                "[analysis.background]\nmethod = \"rectangle\"\nrectangle = [1, 1, 0, 4]",
                "needs `rectangle",
            ),
            ("[analysis.background]\nmethod = \"constant\"", "`counts`"),
            (
                "[analysis.background]\nmethod = \"percentile\"\npercentile = 101",
                "analysis.background.percentile",
            ),
            (
                "[analysis.segmentation]\nmethod = \"otsu\"\ndensity_cutoff = 0.1",
                "belongs to method = \"density_cutoff\"",
            ),
            (
                "[analysis.segmentation]\nmethod = \"relative_cutoff\"\nrelative_cutoff = 1.0",
                "between 0 and 1",
            ),
            (
                "[analysis.segmentation]\nmethod = \"percentile\"",
                "needs `percentile`",
            ),
            (
                "[analysis.segmentation]\nmethod = \"file\"",
                "analysis.segmentation: needs `file",
            ),
            (
                "[analysis.segmentation]\nfile = \"mask.png\"",
                "belongs to method = \"file\"",
            ),
            ("[output]\ndff_scale = \"percent\"", "output.dff_scale"),
            (
                "[analysis.baseline]\nmethod = \"median\"\nframes = [9, 12]",
                "belongs to method = \"frames\" or \"bleaching\"",
            ),
            (
                "[analysis.baseline]\nmethod = \"maximin\"\nspan_s = 0",
                "analysis.baseline.span_s",
            ),
            ("[analysis.baseline]\nwindow_s = [1.0, 1.0]", "window_s"),
            ("[analysis.baseline]\nfloor_counts = -1.0", "floor_counts"),
            (
                "[analysis.baseline]\nfloor_counts = 1.0\nfloor_noise = 3.0",
                "keep one",
            ),
            ("[analysis.baseline]\nmethod = \"modes\"", "modes"),
            ("[checks]\nbleaching = [0.1, -1]", "checks.bleaching"),
            ("[checks]\nbleaching = [0.1]", "bleaching"),
            (
                "[analysis.baseline]\nframes = [9, 9]",
                "analysis.baseline.frames",
            ),
            (
                "[analysis.baseline]\nframes = [9, 12]\nbefore_s = -2.0",
                "keep one",
            ),
            (
                "[[experiment.stimulus]]\nname = \"T P1\"\ndecision = \"Go\"\n[[experiment.stimulus]]\nname = \"U Q1\"\ndecision = \"Go\"",
                "collide",
            ),
            (
                "[[experiment.stimulus]]\nname = \"T P1-2\"\ndecision = \"Go\"",
                "no valid name",
            ),
            (
                "[[experiment.stimulus]]\nname = \"T P1\"\ndecision = \"go\"",
                "Go",
            ),
        ] {
            let m = message(text(&format!("{LEAST}{wrong}")));
            assert!(m.contains(want), "{wrong}: {m}");
        }
        assert!(message(text("[data]\nurl = \".\"")).contains("prefix"));
        assert!(message(text("")).contains("prefix"));
        assert!(message(text("[data")).contains("experiment.toml"));
    }

    #[test]
    fn overrides_replace_and_are_checked() {
        let with = |sets: &[&str]| {
            let overrides: Vec<Override> =
                sets.iter().map(|s| s.parse().expect("KEY=VALUE")).collect();
            parse(Path::new("e.toml"), LEAST, &overrides)
        };
        let c = with(&[
            "analysis.resolution=[64, 32]",
            "output.existing=replace",
            "data.prefix=x y",
        ])
        .unwrap();
        assert_eq!(c.analysis.resolution, Some([64, 32]));
        assert_eq!(c.output.existing, super::super::Existing::Replace);
        assert_eq!(c.data.prefix, "x y");
        let c = with(&["analysis.baseline.before_s=-2.0"]).unwrap();
        assert_eq!(c.analysis.baseline.before_s, Some(-2.0));
        assert!(message(with(&["analysis.resolution=3"])).contains("resolution"));
        let wrong = |given: &str| given.parse::<Override>().expect_err(given).to_string();
        assert!(wrong("analysis.resolutoin=3").contains("`analysis.resolution`"));
        assert_eq!(wrong("novalue"), "novalue: is no KEY=VALUE");
        assert!(wrong("=3").contains("unknown key ``"));
        assert!(wrong("analysis.resolution=[64, 32").contains("is none"));
    }

    #[test]
    fn every_method_becomes_a_value_of_the_library() {
        use widefield::{Background, Baseline, Segmentation, TimeAxis, background::Rectangle};
        let analysis = |lines: &str| text(&format!("{LEAST}{lines}")).expect(lines).analysis;
        let background = |lines: &str| {
            let step = analysis(&format!("[analysis.background]\nmethod = {lines}")).background;
            step.estimator()
        };
        let smoothing_sd_px = 16.0;
        let fit = Background::CoarseFit {
            smoothing_sd_px,
            step_px: 2,
        };
        assert_eq!(background("\"coarse_fit\"\nsmoothing_sd_px = 16"), fit);
        let fit = Background::CoarseFit {
            smoothing_sd_px: 30.0,
            step_px: 5,
        };
        assert_eq!(background("\"coarse_fit\"\nstep_px = 5"), fit);
        let fit = Background::BoundedFit { smoothing_sd_px };
        assert_eq!(background("\"bounded_fit\"\nsmoothing_sd_px = 16"), fit);
        assert_eq!(background("\"percentile\""), Background::Percentile(5.0));
        assert_eq!(background("\"mode\""), Background::Mode);
        let part = Rectangle {
            x: 1,
            y: 2,
            width: 3,
            height: 4,
        };
        assert_eq!(
            background("\"rectangle\"\nrectangle = [1, 2, 3, 4]"),
            Background::Rectangle(part)
        );
        assert_eq!(
            background("\"constant\"\ncounts = 90.5"),
            Background::Constant(90.5)
        );

        let segmentation = |lines: &str| {
            let step = analysis(&format!("[analysis.segmentation]\nmethod = {lines}")).segmentation;
            step.rule()
        };
        assert_eq!(
            segmentation("\"relative_cutoff\""),
            Some(Segmentation::RelativeCutoff(0.05))
        );
        assert_eq!(segmentation("\"otsu\""), Some(Segmentation::Otsu));
        assert_eq!(segmentation("\"triangle\""), Some(Segmentation::Triangle));
        assert_eq!(
            segmentation("\"percentile\"\npercentile = 30"),
            Some(Segmentation::Percentile(30.0))
        );
        assert_eq!(segmentation("\"none\""), None);
        let tidy = "[analysis.segmentation]\nmethod = \"none\"\nlargest_component = true\nfill_holes = true";
        let mask = analysis(tidy)
            .segmentation
            .mask(ndarray::Array2::zeros((2, 2)).view());
        assert_eq!(
            mask.unwrap().rule(),
            "given, largest component, holes filled"
        );

        let axis = TimeAxis {
            sample_rate_hz: 20.0,
            first_frame_s: -3.0,
        };
        let baseline = |lines: &str| {
            let step = analysis(&format!("[analysis.baseline]\nmethod = {lines}")).baseline;
            step.delta_f(step.of(&axis, 200)).to_string()
        };
        for (lines, words) in [
            ("\"frames\"", "mean of frames 9..12"),
            (
                "\"frames\"\nwindow_s = [-2.5, -2.0]",
                "mean of frames 10..20",
            ),
            ("\"mean\"", "mean"),
            ("\"median\"\nfloor_counts = 5", "median, at least 5 counts"),
            (
                "\"percentile\"\nfloor_noise = 3",
                "percentile 10, at least 3 times the noise",
            ),
            (
                "\"sliding_percentile\"",
                "percentile 8 of 100 frames around each",
            ),
            (
                "\"maximin\"\nspan_s = 2",
                "maximin over 40 frames, smoothed by 10 frames",
            ),
            (
                "\"bleaching\"\nframes = [3, 5]",
                "mean of frames 3..5, bleaching exponentially",
            ),
        ] {
            assert_eq!(baseline(lines), format!("dF/F0, F0 = {words}"));
        }
        let step = analysis("").baseline;
        assert_eq!(step.of(&axis, 200), Baseline::frames(9..12));
    }

    #[test]
    fn another_method_leaves_parameters_behind() {
        let file = format!(
            "{LEAST}[analysis.background]\nsmoothing_sd_px = 7\n[analysis.baseline]\nframes = [1, 2]"
        );
        let with = |sets: &[&str]| {
            let overrides: Vec<Override> =
                sets.iter().map(|s| s.parse().expect("KEY=VALUE")).collect();
            parse(Path::new("e.toml"), &file, &overrides)
        };
        let set = [
            "analysis.background.method=percentile",
            "analysis.background.percentile=9",
            "analysis.baseline.method=median",
        ];
        let config = with(&set).expect("methods");
        assert_eq!(config.analysis.background.percentile, Some(9.0));
        assert_eq!(config.analysis.baseline.frames, None);
        let window = with(&["analysis.baseline.window_s=[-2.0, -1.0]"]).expect("window");
        assert_eq!(window.analysis.baseline.frames, None);
    }

    #[test]
    fn a_moved_session_is_the_same_session() {
        let mut here = text(LEAST).unwrap();
        here.data.url = "/a".into();
        let mut there = here.clone();
        there.data.url = "/b".into();
        assert!(here.same_session(&there));
        there.output.url = Some("/a".into());
        assert!(!here.same_session(&there));
        let mut other = here.clone();
        other.data.prefix = "b".into();
        assert!(!here.same_session(&other));
    }
}
