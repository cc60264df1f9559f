//! Pieces of a page: escaping, tables, the frame around them.

use super::image::Map;
use std::fmt::Write as _;
use widefield_pipeline::record::Level;

const STYLE: &str = include_str!("style.css");
/// Sorting and filtering; the page is complete without it.
const SCRIPT: &str = include_str!("table.js");

/// Everything before the first section; `places` says where the session comes from and where its results are.
pub(super) fn head(page: &mut String, title: &str, places: &str) {
    let (title, places) = (escape(title), escape(places));
    let mut bars = String::new();
    for map in [Map::Counts, Map::Peak, Map::Signed] {
        let stops = map.stops().join(",");
        let class = map.class();
        let _ = write!(
            bars,
            ".bar.{class}{{background:linear-gradient(90deg,{stops})}}"
        );
    }
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title} – widefield</title><link rel=\"icon\" href=\"data:,\">\
         <style>{STYLE}{bars}</style></head><body><main><h1>{title}</h1><p class=\"quiet place\">{places}</p>\n"
    );
}

pub(super) fn foot(page: &mut String, text: &str) {
    let _ = writeln!(
        page,
        "</main><footer><p>{}</p></footer><script>{SCRIPT}</script></body></html>",
        escape(text)
    );
}

/// A heading that the list of contents can point to.
pub(super) fn section(page: &mut String, id: &str, title: &str) {
    let _ = writeln!(page, "<h2 id=\"{id}\">{}</h2>", escape(title));
}

/// How the cells of a column stand: numbers, of class `n`, to the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Words,
    Numbers,
}

/// A table; `rows` is markup.
pub(super) fn table(page: &mut String, caption: &str, head: &[(Column, &str)], rows: &str) {
    let cell = |(column, name): &(Column, &str)| {
        let class = match column {
            Column::Words => "",
            Column::Numbers => " class=\"n\"",
        };
        format!("<th scope=\"col\"{class}>{}</th>", escape(name))
    };
    let head: String = head.iter().map(cell).collect();
    // Focusable, so that a table wider than the screen can be scrolled by keyboard.
    let _ = writeln!(
        page,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table><caption class=\"away\">{0}</caption>\
         <thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>",
        escape(caption)
    );
}

/// Name of a verdict, for people and for the style sheet.
pub(super) fn class(level: Level) -> &'static str {
    match level {
        Level::Pass => "pass",
        Level::Warn => "warn",
        Level::Fail => "fail",
    }
}

pub(super) fn badge(level: Level, text: &str) -> String {
    format!(
        "<span class=\"badge {}\">{}</span>",
        class(level),
        escape(text)
    )
}

/// Text as it may stand anywhere in a page.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Which XML has not, not even escaped.
            '\u{0}'..'\u{9}' | '\u{b}' | '\u{c}' | '\u{e}'..' ' | '\u{fffe}' | '\u{ffff}' => {
                safe.push(char::REPLACEMENT_CHARACTER);
            }
            _ => safe.push(c),
        }
    }
    safe
}

/// A number with one digit behind the point; a dash where there is none.
pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), |v| format!("{v:.1}"))
}

pub(super) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "–".into(), |v| escape(&v.to_string()))
}

pub(super) fn bytes(n: u64) -> String {
    let n = n as f64;
    match n {
        n if n >= 1e9 => format!("{:.1} GB", n / 1e9),
        n if n >= 1e6 => format!("{:.1} MB", n / 1e6),
        n => format!("{:.1} kB", n / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_may_stand_in_pages_and_figures() {
        assert_eq!(
            escape("<a & \"b\"> 'c'"),
            "&lt;a &amp; &quot;b&quot;&gt; &#39;c&#39;"
        );
        assert_eq!(
            escape("V1\u{1}\u{0}\u{1f}\u{ffff} é"),
            "V1\u{fffd}\u{fffd}\u{fffd}\u{fffd} é"
        );
        assert_eq!(escape("a\tb\nc\r "), "a\tb\nc\r ");
    }
}
