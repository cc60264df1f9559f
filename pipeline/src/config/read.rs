//! From text and `--set` to a checked [`Config`], with errors that point into the text.

use super::Config;
use super::steps::{first_misplaced, misplaced};
use miette::{Diagnostic, NamedSource, SourceSpan};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// Why an experiment description cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {}", path.display())]
    #[diagnostic(help("widefield init writes a commented experiment.toml"))]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text breaks a rule.
    #[error("{}: {message}", path.display())]
    Rule {
        /// Which file.
        path: Box<Path>,
        /// What is wrong, naming the key.
        message: Box<str>,
        /// What to try.
        #[help]
        help: Option<Box<str>>,
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where in the text.
        #[label("here")]
        span: Option<SourceSpan>,
    },
    /// `--set` is no `KEY=VALUE`, or names no key.
    #[error("--set {given}: {message}")]
    Override {
        /// What was given.
        given: String,
        /// What is wrong with it.
        message: String,
    },
}

/// One `KEY=VALUE` that replaces what the file says.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    key: Vec<String>,
    value: toml::Value,
    given: String,
}

impl std::str::FromStr for Override {
    type Err = ConfigError;

    /// The value is TOML where it can be (`12`, `true`, `[0, 1]`, `"text"`), otherwise text as it stands.
    fn from_str(given: &str) -> Result<Self, ConfigError> {
        let (key, value) = given.split_once('=').ok_or_else(|| ConfigError::Override {
            given: given.into(),
            message: "is no KEY=VALUE".into(),
        })?;
        let parsed = toml::from_str::<toml::Table>(&format!("value = {value}"));
        let value = parsed
            .ok()
            .filter(|table| table.len() == 1)
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| toml::Value::String(value.trim().into()));
        Ok(Self {
            key: key.trim().split('.').map(str::to_owned).collect(),
            value,
            given: given.into(),
        })
    }
}

/// Every key there is. `*` stands for any name.
const KEYS: &[&str] = &[
    "data.url",
    "data.folders",
    "data.prefix",
    "data.behaviour_log",
    "output.url",
    "output.movie",
    "output.dff",
    "output.mat",
    "output.records",
    "output.precision",
    "output.orientation",
    "output.dff_scale",
    "output.mat_scale",
    "output.compression",
    "output.existing",
    "experiment.sample_rate_hz",
    "experiment.first_frame_s",
    "experiment.pixel_um",
    "experiment.events.*",
    "experiment.stimulus.name",
    "experiment.stimulus.decision",
    "experiment.stimulus.condition",
    "analysis.resolution",
    "analysis.resize",
    "analysis.invalid_above",
    "analysis.clamp_negative",
    "analysis.background.method",
    "analysis.background.smoothing_sd_px",
    "analysis.background.step_px",
    "analysis.background.percentile",
    "analysis.background.rectangle",
    "analysis.background.counts",
    "analysis.background.frames",
    "analysis.background.scope",
    "analysis.segmentation.method",
    "analysis.segmentation.density_cutoff",
    "analysis.segmentation.relative_cutoff",
    "analysis.segmentation.percentile",
    "analysis.segmentation.file",
    "analysis.segmentation.largest_component",
    "analysis.segmentation.fill_holes",
    "analysis.segmentation.scope",
    "analysis.baseline.method",
    "analysis.baseline.frames",
    "analysis.baseline.before_s",
    "analysis.baseline.window_s",
    "analysis.baseline.percentile",
    "analysis.baseline.span_s",
    "analysis.baseline.smoothing_s",
    "analysis.baseline.floor_counts",
    "analysis.baseline.floor_noise",
    "checks.no_light",
    "checks.fit_residual",
    "checks.background_step",
    "checks.first_frame",
    "checks.saturation",
    "checks.low_f0",
    "checks.masked_share_low",
    "checks.masked_share_high",
    "checks.mask_stability",
    "checks.dropped_frames",
    "checks.frame_rate",
    "checks.clock_jitter",
    "checks.bleaching",
    "checks.f0_drift",
    "checks.baseline_event",
    "checks.dff_range",
    "checks.early_share",
    "checks.clock_match",
];

/// Whether the key exists, as a value or as a table of such.
fn known(key: &str) -> bool {
    let event = |k: &str| {
        k.strip_prefix("experiment.events.")
            .is_some_and(|name| name.ends_with("_s") && !name.contains('.'))
    };
    event(key)
        || KEYS.iter().any(|k| {
            let table = k
                .strip_prefix(key)
                .is_some_and(|rest| rest.starts_with('.'));
            (*k == key && !k.ends_with('*')) || table
        })
}

/// The known key most like this one: by its last part if one comes close, by the whole path otherwise.
fn nearest(key: &str) -> String {
    let last = |k: &str| k.rsplit('.').next().unwrap_or(k).to_owned();
    let distance = |k: &&&str| {
        // A slip within the table is likelier than one in its name as well.
        let elsewhere = k.rsplit_once('.').map(|p| p.0) != key.rsplit_once('.').map(|p| p.0);
        let by_name =
            strsim::damerau_levenshtein(&last(k), &last(key)) + 2 * usize::from(elsewhere);
        let by_path = strsim::damerau_levenshtein(k, key);
        (by_name, by_path)
    };
    let tables = ["data", "output", "experiment", "analysis", "checks"];
    if !key.contains('.') {
        let near = |t: &&&str| strsim::damerau_levenshtein(t, key);
        if let Some(table) = tables.iter().min_by_key(near).filter(|t| near(t) <= 3) {
            return (*table).to_owned();
        }
    }
    let best = KEYS
        .iter()
        .filter(|k| !k.ends_with('*'))
        .min_by_key(distance);
    best.map_or_else(String::new, |k| (*k).to_owned())
}

fn unknown_message(key: &str) -> (String, String) {
    let help = if key.starts_with("experiment.events.") {
        "names of events end in _s, as in `cue_s = -1.9`".to_owned()
    } else {
        format!("the nearest known key is `{}`", nearest(key))
    };
    (format!("unknown key `{key}`"), help)
}

pub(super) fn load(path: &Path, overrides: &[Override]) -> Result<Config, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable {
        path: path.into(),
        source,
    };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let mut config = parse(path, &text, overrides)?;
    let here = std::env::current_dir().map_err(unreadable)?;
    let home = std::path::absolute(path).map_err(unreadable)?;
    let home = home.parent().unwrap_or(&here);
    let set = |key: &str| overrides.iter().any(|o| o.key.join(".") == key);
    let base = |key: &str| if set(key) { here.as_path() } else { home };
    config.data.url = absolute(base("data.url"), &config.data.url);
    if let Some(url) = &config.output.url {
        config.output.url = Some(absolute(base("output.url"), url));
    }
    if let Some(file) = &config.analysis.segmentation.file {
        let base = base("analysis.segmentation.file");
        config.analysis.segmentation.file = Some(absolute(base, file));
    }
    // Written out, so that what is recorded of a run needs no rule to be read.
    config.output.url.get_or_insert(config.data.url.clone());
    config.analysis.baseline.fill();
    Ok(config)
}

/// A path joined to `base` and cleared of `.`; a URL with a scheme as it stands.
fn absolute(base: &Path, url: &str) -> String {
    if url.contains("://") {
        return url.to_owned();
    }
    let joined = base.join(url);
    let clean: PathBuf = joined.components().collect();
    clean.to_string_lossy().into_owned()
}

fn parse(path: &Path, text: &str, overrides: &[Override]) -> Result<Config, ConfigError> {
    let rule = |text: &str,
                message: String,
                help: Option<String>,
                span: Option<std::ops::Range<usize>>| {
        let named = NamedSource::new(path.to_string_lossy(), text.to_owned());
        ConfigError::Rule {
            path: path.into(),
            message: message.into(),
            help: help.map(Into::into),
            text: Arc::new(named.with_language("toml")),
            span: span.map(SourceSpan::from),
        }
    };
    let from_toml =
        |text: &str, e: &toml::de::Error| rule(text, one_line(e.message()), None, e.span());

    let spanned = DeTable::parse(text).map_err(|e| from_toml(text, &e))?;
    let mut unknown = Vec::new();
    unknown_keys(spanned.get_ref(), "", &mut unknown);
    if let Some((key, span)) = unknown.into_iter().next() {
        let (message, help) = unknown_message(&key);
        return Err(rule(text, message, Some(help), Some(span)));
    }

    let mut merged = None;
    if !overrides.is_empty() {
        let mut table: toml::Table = toml::from_str(text).map_err(|e| from_toml(text, &e))?;
        for o in overrides {
            set(&mut table, o)?;
        }
        merged = Some(toml::to_string(&table).map_err(|e| {
            ConfigError::Override {
                given: overrides
                    .iter()
                    .map(|o| o.given.as_str())
                    .collect::<Vec<_>>()
                    .join(" --set "),
                message: e.to_string(),
            }
        })?);
    }
    let text = merged.as_deref().unwrap_or(text);
    let config: Config = toml::from_str(text).map_err(|e| {
        let missing = e.message().contains("missing field `data`")
            || e.message().contains("missing field `prefix`");
        let key = e.span().and_then(|span| key_at(text, span.start));
        let message = match &key {
            Some(key) => format!("{key}: {}", one_line(e.message())),
            None => one_line(e.message()),
        };
        let help = if missing {
            Some("`[data]` needs `prefix = \"…\"`: files whose name starts so are taken".to_owned())
        } else {
            let line = key.as_deref().and_then(super::template::spelt);
            line.map(|line| format!("it is written as in: {line}"))
        };
        rule(text, message, help, e.span())
    })?;
    let table: toml::Table = toml::from_str(text).map_err(|e| from_toml(text, &e))?;
    match first_misplaced(&table).or_else(|| config.problem()) {
        None => Ok(config),
        Some((key, message)) => {
            let span = DeTable::parse(text)
                .ok()
                .and_then(|t| find(t.get_ref(), &key));
            Err(rule(text, format!("{key}: {message}"), None, span))
        }
    }
}

fn one_line(message: &str) -> String {
    message.trim_end().replace('\n', "; ")
}

fn unknown_keys(
    table: &DeTable<'_>,
    path: &str,
    found: &mut Vec<(String, std::ops::Range<usize>)>,
) {
    for (key, value) in table {
        let name = match path {
            "" => key.get_ref().to_string(),
            _ => format!("{path}.{}", key.get_ref()),
        };
        if !known(&name) {
            found.push((name, key.span()));
            continue;
        }
        match value.get_ref() {
            DeValue::Table(inner) => unknown_keys(inner, &name, found),
            DeValue::Array(items) => {
                for item in items.iter() {
                    if let DeValue::Table(inner) = item.get_ref() {
                        unknown_keys(inner, &name, found);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The key whose value holds that byte.
fn key_at(text: &str, at: usize) -> Option<String> {
    fn below(table: &DeTable<'_>, at: usize) -> Option<String> {
        let holds = |value: &toml::Spanned<DeValue<'_>>| value.span().contains(&at);
        let (key, value) = table
            .iter()
            .find(|(_, value)| holds(value) || inside(value.get_ref(), at).is_some())?;
        let rest = inside(value.get_ref(), at)
            .map(|rest| format!(".{rest}"))
            .unwrap_or_default();
        Some(format!("{}{rest}", key.get_ref()))
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
fn find(table: &DeTable<'_>, key: &str) -> Option<std::ops::Range<usize>> {
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    let (k, v) = table.iter().find(|(k, _)| *k.get_ref() == first)?;
    match v.get_ref() {
        DeValue::Table(inner) if !rest.is_empty() => find(inner, rest).or(Some(k.span())),
        _ => Some(k.span()),
    }
}

fn set(table: &mut toml::Table, o: &Override) -> Result<(), ConfigError> {
    let wrong = |message: String| ConfigError::Override {
        given: o.given.clone(),
        message,
    };
    let key = o.key.join(".");
    if !known(&key) {
        let (message, help) = unknown_message(&key);
        return Err(wrong(format!("{message}; {help}")));
    }
    let (last, tables) = o
        .key
        .split_last()
        .ok_or_else(|| wrong("names no key".into()))?;
    let mut at = table;
    for name in tables {
        let entry = at
            .entry(name.clone())
            .or_insert_with(|| toml::Table::new().into());
        at = entry
            .as_table_mut()
            .ok_or_else(|| wrong(format!("`{name}` is no table that one value can be set in")))?;
    }
    // F0 is placed by frames or by time, and divided by at least one thing: setting one unsets the others.
    for one_of in [
        &["frames", "before_s", "window_s"][..],
        &["floor_counts", "floor_noise"],
    ] {
        let in_baseline = key.starts_with("analysis.baseline.");
        if in_baseline && one_of.contains(&last.as_str()) {
            one_of.iter().for_each(|other| drop(at.remove(*other)));
        }
    }
    // Another method leaves behind the parameters of the one before.
    if let ["analysis", table, "method"] = o.key.iter().map(String::as_str).collect::<Vec<_>>()[..]
        && let Some(method) = o.value.as_str()
    {
        at.retain(|key, _| !misplaced(table, method, key));
    }
    at.insert(last.clone(), o.value.clone());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{BaselineStep, TEMPLATE};
    use super::*;

    fn text(text: &str) -> Result<Config, ConfigError> {
        parse(Path::new("experiment.toml"), text, &[])
    }

    fn message(result: Result<Config, ConfigError>) -> String {
        let error = result.expect_err("should be refused");
        let help = error.help().map(|h| h.to_string()).unwrap_or_default();
        format!("{error} [{help}]")
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
    fn template_names_every_key() {
        for key in KEYS.iter().filter(|k| !k.ends_with('*')) {
            let name = key.rsplit('.').next().unwrap();
            let named = TEMPLATE
                .lines()
                .any(|l| l.trim_start_matches("# ").starts_with(&format!("{name} =")));
            assert!(named, "{key}");
        }
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
        assert!(message(with(&["analysis.resolutoin=3"])).contains("`analysis.resolution`"));
        assert!(message(with(&["analysis.resolution=3"])).contains("resolution"));
        assert!("novalue".parse::<Override>().is_err());
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
