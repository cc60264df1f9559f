//! From text and overrides to a checked [`Config`], with errors that point into the text.

use super::analysis::STEPS;
use super::error::{Problem, Rule, one_line};
use super::{Config, ConfigError, Kind, Masking, Override, Place, template, unknown_key};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::de::{DeTable, DeValue};
use widefield::Size;

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
        self.problem()
            .map_err(|Problem { key, message, .. }| ConfigError::Value { key, message })?;
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
        if let Masking::File(given) = &mut self.analysis.segmentation.method {
            settle("analysis.segmentation.file", &mut given.file);
        }
        if let Some(rois) = &mut self.products.rois {
            settle("products.rois", rois);
        }
        self.output.url.get_or_insert(self.data.url.clone());
        if self.experiment.kind == Kind::Spontaneous {
            self.experiment.first_frame_s = 0.0;
        }
        if let Some([width, height]) = self.analysis.resolution {
            self.analysis = self.analysis.resolved(Size { width, height });
        }
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
        self.wrong(one_line(error), None, error.span())
    }

    /// A rule that is broken, where its key stands.
    fn rule(&self, problem: Problem) -> ConfigError {
        let table = DeTable::parse(self.text).ok();
        let bytes = table.and_then(|table| find(table.get_ref(), &problem.key));
        let message = format!("{}: {}", problem.key, problem.message);
        self.wrong(message, problem.help, bytes)
    }

    /// A value that is not of its kind, or one that is missing.
    fn kind(&self, error: &toml::de::Error) -> ConfigError {
        let message = one_line(error);
        let key = error.span().and_then(|span| key_at(self.text, span.start));
        let Problem { message, help, .. } = match key {
            Some(key) => Problem::new(&key, format_args!("{key}: {message}")).spelt(&key),
            None => Problem::new("", &message),
        };
        let needed = message.contains("missing field `data`");
        let prefix =
            || "`[data]` needs `prefix = \"…\"`: files whose name starts so are taken".to_owned();
        self.wrong(message, needed.then(prefix).or(help), error.span())
    }
}

fn parse(path: &Path, text: &str, overrides: &[Override]) -> Result<Config, ConfigError> {
    let source = Source { path, text };
    let table = DeTable::parse(text).map_err(|e| source.toml(&e))?;
    if let Some((key, bytes)) = unknown_key(table.get_ref(), "") {
        let (message, help) = unknown_key::message(&key);
        return Err(source.wrong(message, Some(help), Some(bytes)));
    }
    let merged = merged(&source, overrides)?;
    let text = merged.as_deref().unwrap_or(text);
    let source = Source { path, text };
    let table: toml::Table = toml::from_str(text).map_err(|e| source.toml(&e))?;
    steps(&table).map_err(|problem| source.rule(problem))?;
    let config: Config = toml::from_str(text).map_err(|e| source.kind(&e))?;
    let read = toml::Table::try_from(&config).unwrap_or_default();
    surplus(&table, &read, "").map_err(|problem| source.rule(problem))?;
    config.problem().map_err(|problem| source.rule(problem))?;
    Ok(config)
}

/// Methods and their parameters.
fn steps(table: &toml::Table) -> Rule {
    let analysis = table.get("analysis").and_then(toml::Value::as_table);
    STEPS.iter().try_for_each(|step| {
        let values = analysis.and_then(|analysis| analysis.get(step.name)?.as_table());
        values.map_or(Ok(()), |values| step.check(values))
    })
}

/// Elements that a list has too many, which the parser passes over.
fn surplus(given: &toml::Table, read: &toml::Table, path: &str) -> Rule {
    use toml::Value::{Array, Table};
    given.iter().try_for_each(|(key, value)| {
        let path = format!("{path}{key}");
        match (value, read.get(key)) {
            (Table(given), Some(Table(read))) => surplus(given, read, &format!("{path}.")),
            (Array(given), Some(Array(read))) if given.len() > read.len() => {
                let (n, needed) = (given.len(), read.len());
                let message = format_args!("has {n} elements, not {needed}");
                Err(Problem::new(&path, message).spelt(&path))
            }
            _ => Ok(()),
        }
    })
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
    use super::super::TEMPLATE;
    use super::*;
    use widefield::baseline::Frames;
    use widefield::{Background, Baseline};

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
        let mut least = text(LEAST).expect("least");
        least.data.prefix = "20170214_".into();
        assert_eq!(text(TEMPLATE).expect("template"), least);
    }

    /// Values unlike the default of keys that are written only then.
    const UNUSUAL: [(&str, &str); 8] = [
        ("data.match", "trials = \"t.csv\"\nmatch = \"order\"\n"),
        (
            "experiment.kind",
            "kind = \"spontaneous\"\n[analysis.baseline]\nmethod = \"mean\"\n",
        ),
        ("experiment.align", "align = \"log\"\n"),
        ("analysis.motion.method", "method = \"rigid\"\n"),
        ("analysis.motion.max_shift_px", "max_shift_px = 8\n"),
        ("products.align", "align = \"answer\"\n"),
        ("products.seeds", "rois = \"r.png\"\nseeds = [\"1\"]\n"),
        ("products.seed_window_s", "seed_window_s = 2.0\n"),
    ];

    #[test]
    fn every_key_of_the_template_is_read() {
        for key in template::KEYS.iter() {
            let (table, name) = key.path.rsplit_once('.').expect("a table");
            let (line, _) = key.line.split_once(" #").unwrap_or((&key.line, ""));
            let mut lines = match table {
                "data" => LEAST.to_owned(),
                "experiment" => format!("{LEAST}trials = \"t.csv\"\n[experiment]\n"),
                "experiment.stimulus" => format!("{LEAST}[[{table}]]\n"),
                _ => format!("{LEAST}[{table}]\n"),
            };
            // With a method that has the key, and with what else is needed.
            let step = STEPS
                .iter()
                .find(|step| table.strip_prefix("analysis.") == Some(step.name));
            let owner = step.and_then(|step| step.owners(name).first().copied());
            if let Some(method) = owner {
                lines += &format!("method = \"{method}\"\n");
            }
            for needed in ["name = \"T P1\"", "decision = \"Go\""] {
                if table == "experiment.stimulus" && !line.starts_with(&needed[..4]) {
                    lines += &format!("{needed}\n");
                }
            }
            if table == "checks" {
                // Unlike the default, as some limits are written only then.
                lines += &format!("{name} = [0.25, 0.5]\n");
            } else if let Some((_, other)) = UNUSUAL.iter().find(|(path, _)| *path == key.path) {
                lines += other;
            } else if key.path != "data.prefix" {
                lines += line;
            }
            let config = text(&lines).unwrap_or_else(|e| panic!("{lines}: {e}"));
            let read = toml::Value::try_from(&config).expect("TOML");
            let mut at = &read;
            for part in key.path.split('.') {
                at = at.as_array().map_or(at, |items| &items[0]);
                at = at
                    .get(part)
                    .unwrap_or_else(|| panic!("{} is not read", key.path));
            }
        }
    }

    #[test]
    fn template_names_every_method_and_key() {
        for step in &STEPS {
            let path = |key: &str| format!("analysis.{}.{key}", step.name);
            let choice = template::spelt(&path("method")).expect("method");
            let methods = (step.methods)();
            assert!(methods.len() >= 7, "{}", step.name);
            for method in methods {
                assert!(
                    choice.contains(&format!("\"{}\"", method.name)),
                    "{}",
                    method.name
                );
                for key in method.keys {
                    assert!(template::spelt(&path(key)).is_some(), "{}", path(key));
                }
            }
        }
    }

    #[test]
    fn unknown_keys_name_the_nearest() {
        for (lines, unknown, near) in [
            (
                "[analysis.background]\nsmoothing_px = 3",
                "analysis.background.smoothing_px",
                "`analysis.background.smoothing_sd_px`",
            ),
            ("[anlysis]\nresize = 1", "anlysis", "`analysis`"),
            (
                "[[experiment.stimulus]]\nnam = 1",
                "experiment.stimulus.nam",
                "`experiment.stimulus.name`",
            ),
            (
                "[experiment.events]\ncue = 1.0",
                "experiment.events.cue",
                "end in _s",
            ),
        ] {
            let m = message(text(&format!("{LEAST}{lines}")));
            assert!(
                m.contains(&format!("unknown key `{unknown}` [")) && m.contains(near),
                "{m}"
            );
        }
    }

    /// What a description may not say, and what is said of it: lines joined by `;`.
    const REFUSED: &str = r#"
[output]; compression = 10                                -> output.compression
[output]; movie = "same"; dff = "same"                    -> output.movie
[output]; mat = "../up"                                   -> output.mat
[output]; dff = "Report"                                  -> output.dff: `Report` is a name of the program's own
[output]; mat = "manifest/x"                              -> output.mat: `manifest/x` is a name
[output]; records = "r"; movie = "r/run.json"             -> output.movie: `r/run.json` is a name
[output]; records = "Manifest"                            -> output.records: `Manifest` is a name
[output]; dff_scale = "percent"                           -> output.dff_scale
[experiment]; sample_rate_hz = 0                          -> experiment.sample_rate_hz
[products]; seeds = ["1"]                                 -> products.seeds: needs products.rois
[products]; averages = true; seeds = ["1"]                -> products.seeds: speaks of areas
[products]; rois = "r.png"; seeds = ["1", "1"]            -> products.seeds: `1` is listed twice
[products]; auc = ["100"]                                 -> products.auc: takes two different
[products]; glm = true; seed_window_s = 0                 -> products.seed_window_s
[products]; averages = true; [output]; dff = ""           -> output.dff
[products]; averages = true; [experiment]; kind = "spontaneous"; [analysis.baseline]; method = "mean" -> products.averages: is of trials
[products]; averages = 1                                  -> products.averages: invalid type
[products]; rois = "r.png"; [products.windows]; late = [2, 1] -> products.windows.late
[products]; rois = "r.png"; [products.windows]; "a b" = [1, 2] -> names of windows
[[experiment.stimulus]]; name = "T P1-2"; decision = "Go" -> no valid name
[[experiment.stimulus]]; name = "T P1"; decision = "go"   -> expected `Go` or `No Go`
[analysis]; resolution = [0, 4]                           -> analysis.resolution
[analysis]; resolution = [128, 128, 77]                   -> analysis.resolution: has 3 elements, not 2
[analysis.background]; frames = [1, 1]                    -> analysis.background.frames
[analysis.background]; frames = [0, 1, 2]                 -> analysis.background.frames: has 3 elements
[analysis.background]; scope = 3                          -> analysis.background.scope
[analysis.background]; smoothing_sd_px = nan              -> analysis.background.smoothing_sd_px: NaN is not 0 to 100000 px
[analysis.background]; smoothing_sd_px = "wide"           -> smoothing_sd_px: invalid type: string "wide", expected f64 [it is written as in: smoothing_sd_px = 30.0
[analysis.background]; method = "mode"; percentile = 5.0  -> analysis.background.percentile: belongs to method = "percentile", the method is "mode"
[analysis.background]; step_px = 4                        -> analysis.background.step_px: belongs to method = "coarse_fit"
[analysis.background]; method = "coarse_fit"; step_px = 0 -> analysis.background.step_px
[analysis.background]; method = "rectangle"               -> needs `rectangle` [it is written as in: rectangle = [0, 0, 16, 16]
[analysis.background]; method = "rectangle"; rectangle = [1, 1, 0, 4] -> analysis.background.rectangle: 0 is not a width and height
[analysis.background]; method = "constant"                -> needs `counts`
[analysis.background]; method = "percentile"; percentile = 101 -> analysis.background.percentile: 101 is not 0 to 100
[analysis.segmentation]; density_cutoff = 0.0             -> density_cutoff
[analysis.segmentation]; method = "otsu"; density_cutoff = 0.1 -> belongs to method = "density_cutoff"
[analysis.segmentation]; method = "relative_cutoff"; relative_cutoff = 1.0 -> between 0 and 1
[analysis.segmentation]; method = "percentile"            -> needs `percentile`
[analysis.segmentation]; method = "file"                  -> analysis.segmentation: needs `file`
[analysis.segmentation]; file = "mask.png"                -> belongs to method = "file"
[analysis.baseline]; method = "modes"                     -> analysis.baseline.method: "modes" is none of "frames", "mean"
[analysis.baseline]; method = "median"; frames = [9, 12]  -> belongs to method = "frames" or "bleaching"
[analysis.baseline]; method = "maximin"; span_s = 0       -> analysis.baseline.span_s
[analysis.baseline]; method = "maximin"; span_s = [5]     -> span_s: expected a number of seconds
[analysis.baseline]; window_s = [1.0, 1.0]                -> analysis.baseline.window_s
[analysis.baseline]; frames = [9, 9]                      -> analysis.baseline.frames: [9, 9] holds no frame
[analysis.baseline]; frames = [9, 12, 30]                 -> analysis.baseline.frames: invalid length 3
[analysis.baseline]; frames = [9, 12]; before_s = -2.0    -> keep one
[analysis.baseline]; floor_counts = -1.0                  -> analysis.baseline.floor_counts
[analysis.baseline]; floor_counts = 1.0; floor_noise = 3.0 -> keep one
[checks]; bleaching = [0.1, -1]                           -> checks.bleaching
[checks]; bleaching = [0.1]                               -> checks.bleaching
[checks]; bleaching = [0.1, 0.2, 0.3]                     -> checks.bleaching: has 3 elements
[[experiment.stimulus]]; name = "T P1"; decision = "Go"; [[experiment.stimulus]]; name = "U Q1"; decision = "Go" -> collide
name = "rec-1"                                            -> data.name: has none of {trial}
name = "{any}{trial}"                                     -> put the text between them
name = "a/{trial}"                                        -> folders belong into data.url
match = "order"                                           -> data.match: says how a log or table
match = "names"                                           -> data.match: unknown variant
[experiment]; align = "log"                               -> experiment.align: "log" takes onsets from
[experiment]; align = "table"                             -> experiment.align: unknown variant
[experiment]; kind = "spontaneous"                        -> analysis.baseline.method: spontaneous recordings
[experiment]; kind = "spontaneous"; align = "log"         -> experiment.align: belongs to kind = "trials"
[experiment]; kind = "spontaneous"; first_frame_s = -2.0  -> experiment.first_frame_s: belongs to kind = "trials"
[experiment]; kind = "spontaneous"; [experiment.events]; cue_s = 1.0 -> experiment.events: belongs to kind = "trials"
[experiment]; kind = "spontaneous"; [analysis.baseline]; before_s = 1.0 -> analysis.baseline.before_s: spontaneous
"#;

    #[test]
    fn rules_between_keys_are_kept() {
        for case in REFUSED.lines().filter(|line| !line.is_empty()) {
            let (lines, want) = case.split_once(" -> ").expect("two parts");
            let m = message(text(&format!("{LEAST}{}", lines.replace("; ", "\n"))));
            assert!(m.contains(want), "{lines}: {m}");
        }
        assert!(message(text("[data]\nurl = \".\"")).contains("prefix"));
        assert!(message(text("")).contains("prefix"));
        assert!(message(text("[data")).contains("experiment.toml"));
    }

    fn with(file: &str, sets: &[&str]) -> Result<Config, ConfigError> {
        let overrides = sets.iter().map(|set| set.parse());
        let overrides: Vec<Override> = overrides.collect::<Result<_, _>>()?;
        parse(Path::new("e.toml"), &format!("{LEAST}{file}"), &overrides)
    }

    #[test]
    fn overrides_replace_and_are_checked() {
        let sets = [
            "analysis.resolution=[64, 32]",
            "output.existing=replace",
            "data.prefix=x y",
        ];
        let c = with("", &sets).unwrap();
        assert_eq!(c.analysis.resolution, Some([64, 32]));
        assert_eq!(c.output.existing, super::super::Existing::Replace);
        assert_eq!(c.data.prefix, "x y");
        for (set, want) in [
            ("analysis.resolution=3", "analysis.resolution: invalid type"),
            ("analysis.resolutoin=3", "`analysis.resolution`"),
            ("novalue", "novalue: is no KEY=VALUE"),
            ("=3", "unknown key ``"),
            ("analysis.resolution=[64, 32", "begins like a value of TOML"),
        ] {
            let m = message(with("", &[set]));
            assert!(m.contains(want), "{set}: {m}");
        }
    }

    #[test]
    fn another_method_leaves_parameters_behind() {
        let file =
            "[analysis.background]\nsmoothing_sd_px = 7\n[analysis.baseline]\nframes = [1, 2]";
        let percentile = [
            "analysis.background.method=percentile",
            "analysis.background.percentile=9",
        ];
        let set = [&percentile[..], &["analysis.baseline.method=median"]].concat();
        let analysis = with(file, &set).expect("methods").analysis;
        let ninth = Background::Percentile { percentile: 9.0 };
        assert_eq!(analysis.background.method, ninth);
        assert_eq!(analysis.baseline.method, Baseline::Median);
        let window = with(file, &["analysis.baseline.window_s=[-2.0, -1.0]"]).expect("window");
        let frames = Baseline::Frames(Frames::Window(-2.0, -1.0));
        assert_eq!(window.analysis.baseline.method, frames);
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
