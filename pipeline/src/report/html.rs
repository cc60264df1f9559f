//! Pieces of a page: escaping, tables, the frame around them.

use std::fmt::Write as _;

const STYLE: &str = "
:root{color-scheme:light dark;--line:#d0d0d0;--soft:#f4f4f4;--pass:#1a7f37;--warn:#9a6700;--fail:#b3261e}
@media(prefers-color-scheme:dark){:root{--line:#444;--soft:#242424;--pass:#57c271;--warn:#e3b341;--fail:#ff8a80}}
body{font:16px/1.5 system-ui,sans-serif;max-width:75rem;margin:0 auto;padding:1rem}
h1{font-size:1.4rem;overflow-wrap:anywhere}h2{font-size:1.15rem;margin-top:2rem}
.verdict{border-left:.4rem solid;padding:.5rem 1rem;background:var(--soft)}
.scroll{overflow-x:auto}table{border-collapse:collapse}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
thead th{white-space:nowrap}.n{text-align:right;font-variant-numeric:tabular-nums}
.pass{color:var(--pass)}.warn{color:var(--warn)}.fail{color:var(--fail)}
.badge{font-weight:600}.verdict strong{color:inherit}
pre{background:var(--soft);padding:1rem;overflow-x:auto;font-size:.85rem}
@media print{body{max-width:none}.scroll{overflow:visible}}
";

pub(super) fn head(page: &mut String, title: &str) {
    let title = escape(title);
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>widefield: {title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>\n"
    );
}

pub(super) fn foot(page: &mut String, text: &str) {
    let _ = writeln!(
        page,
        "</main><footer><p>{}</p></footer></body></html>",
        escape(text)
    );
}

/// A table under a heading. `rows` is markup.
pub(super) fn table(page: &mut String, title: &str, head: &[&str], rows: &str) {
    let cell = |name: &&str| match *name {
        "" => "<th scope=\"col\"><span aria-label=\"status\"></span></th>".to_owned(),
        name => format!("<th scope=\"col\">{}</th>", escape(name)),
    };
    let head: String = head.iter().map(cell).collect();
    let _ = writeln!(
        page,
        "<h2>{}</h2><div class=\"scroll\"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>",
        escape(title)
    );
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
            _ => safe.push(c),
        }
    }
    safe
}

pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), |v| format!("{v:.1}"))
}

pub(super) fn bytes(n: u64) -> String {
    let n = n as f64;
    match n {
        n if n >= 1e9 => format!("{:.1} GB", n / 1e9),
        n if n >= 1e6 => format!("{:.1} MB", n / 1e6),
        n => format!("{:.1} kB", n / 1e3),
    }
}
