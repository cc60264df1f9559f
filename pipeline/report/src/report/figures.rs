//! Figures of the page as SVG files of their own, for slides and papers.

use super::html::escape;
use super::image::{Map, Rule};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use widefield::render::Scale;

/// Folder of the figures beside `run.json`.
pub(super) const FOLDER: &str = "figures";

/// The page's style in light, without variables, which programs that edit figures do not know.
const STYLE: &str = include_str!("figure.css");

/// Figures by the names of their files, if they are wanted.
#[derive(Debug, Default)]
pub(super) struct Figures {
    wanted: bool,
    /// Without folder and ending.
    pub(super) files: BTreeMap<String, String>,
}

impl Figures {
    pub(super) fn new(wanted: bool) -> Self {
        Self {
            wanted,
            ..Self::default()
        }
    }

    /// Adds a figure under a name that is made of these words.
    pub(super) fn add(&mut self, words: &[&str], svg: impl FnOnce() -> String) {
        if !self.wanted {
            return;
        }
        let stem = file_name(words);
        let mut name = stem.clone();
        // Different names may become the same.
        let mut more = 2;
        while self.files.contains_key(&name) {
            name = format!("{stem}_{more}");
            more += 1;
        }
        self.files.insert(name, svg());
    }
}

/// Letters, digits, `-` and `_` that any file system takes.
fn file_name(words: &[&str]) -> String {
    let plain = |c: char| match c {
        c if c.is_ascii_alphanumeric() || c == '-' => c,
        _ => '_',
    };
    let name: String = words.join("_").chars().map(plain).take(120).collect();
    match name.trim_matches('_') {
        "" => "figure".into(),
        name => name.into(),
    }
}

/// A file of a drawing of this size in user units.
pub(super) fn file(width: f64, height: f64, title: &str, drawing: &str) -> String {
    // Older programs know links by their old name only.
    let drawing = drawing
        .replace("<image href=", "<image xlink:href=")
        .replace("<use href=", "<use xlink:href=");
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
         width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\"><title>{}</title><style>{STYLE}</style>\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>{drawing}</svg>\n",
        escape(title)
    )
}

/// A line of text.
pub(super) fn text(x: f64, y: f64, class: &str, text: &str) -> String {
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{}</text>",
        escape(text)
    )
}

/// Letters of a line of so many user units.
fn letters(width: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the width of a figure"
    )]
    let letters = (width / 5.6) as usize;
    letters.max(20)
}

/// Words in as many lines as they need; the height of all.
pub(super) fn lines(x: f64, y: f64, width: f64, words: &str) -> (String, f64) {
    let mut lines: Vec<String> = vec![String::new()];
    for word in words.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < letters(width) => {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    let height = 14.0 * lines.len() as f64;
    let each = lines.iter().enumerate();
    let drawn = each.map(|(i, line)| text(x, y + 14.0 * i as f64, "s", line));
    (drawn.collect(), height)
}

/// A colour scale with its ends.
pub(super) fn scale(x: f64, y: f64, width: f64, map: Map, scale: Scale) -> String {
    let mut drawn = String::from("<defs><linearGradient id=\"colours\">");
    let stops = map.stops();
    let last = (stops.len() - 1) as f64;
    for (i, colour) in stops.iter().enumerate() {
        let _ = write!(
            drawn,
            "<stop offset=\"{:.4}\" stop-color=\"{colour}\"/>",
            i as f64 / last
        );
    }
    let [low, unit, high] = map.ends(scale);
    let _ = write!(
        drawn,
        "</linearGradient></defs><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"8\" fill=\"url(#colours)\"/>{}{}{}",
        text(x, y + 20.0, "s", &low),
        text(x + width / 2.0, y + 20.0, "m", &unit),
        text(x + width, y + 20.0, "e", &high)
    );
    drawn
}

/// A scale bar within an image at `x`, `y` of this size.
pub(super) fn rule(x: f64, y: f64, [width, height]: [f64; 2], rule: &Rule) -> String {
    let length = rule.share * width;
    format!(
        "<path d=\"M{:.1} {:.1}h{length:.1}\" stroke=\"#fff\" stroke-width=\"4.5\"/><path d=\"M{0:.1} {1:.1}h{length:.1}\" stroke=\"#000\" stroke-width=\"3\"/>",
        x + 0.95 * width - length,
        y + 0.93 * height
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_each_once() {
        let mut figures = Figures::new(true);
        for area in ["V1/left", "V1 left", "", "é"] {
            figures.add(&["heat", area], || "<svg/>".into());
        }
        figures.add(&["", ""], || "<svg/>".into());
        let names: Vec<&str> = figures.files.keys().map(String::as_str).collect();
        let want = ["figure", "heat", "heat_2", "heat_V1_left", "heat_V1_left_2"];
        assert_eq!(names, want);
        let mut none = Figures::new(false);
        none.add(&["x"], || unreachable!("not wanted"));
        assert!(none.files.is_empty());
    }

    #[test]
    fn long_sentences_are_broken() {
        let (drawn, height) = lines(0.0, 0.0, 200.0, &"word ".repeat(20));
        assert_eq!((drawn.matches("<text").count(), height), (3, 42.0));
        let (drawn, height) = lines(0.0, 0.0, 1.0, "a < b");
        assert!(drawn.contains("a &lt; b") && height == 14.0);
    }
}
