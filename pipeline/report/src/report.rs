//! `report.html`: the run for people, in one file that needs nothing else.

mod areas;
mod figures;
mod findings;
mod heat;
mod html;
mod image;
mod maps;
mod montage;
mod motion;
mod outlines;
mod pictures;
mod plot;
mod png;
mod products;
mod seeds;
mod session;
mod trial;

use figures::Figures;
use html::escape;
use outlines::Outlines;
use pictures::{Gather, Pictures};
use products::Products;
use std::fmt::Write as _;
use widefield_pipeline::config::Config;
use widefield_pipeline::consumer::{Consumer, Session, Watch, Watched};
use widefield_pipeline::record::{Output, RunRecord};
use widefield_pipeline::step::Cause;

/// Makes `report.html` of a session, from a few pictures of each trial in `report/` and what the session's products are; where
/// `products.figures` asks for it, its figures of these as SVG files in `figures/`, too.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report;

impl Consumer for Report {
    fn name(&self) -> &'static str {
        "report"
    }

    fn extension(&self) -> Option<&'static str> {
        Some("json")
    }

    /// It comes after what makes results, which it shows.
    fn makes(&self, _: &Config) -> bool {
        false
    }

    fn folders(&self, config: &Config) -> Vec<(String, &'static str)> {
        let figures = config.products.figures;
        let folder = figures.then(|| (figures::FOLDER.to_owned(), "svg"));
        folder.into_iter().collect()
    }

    fn watch(&self, trial: &Watched<'_>) -> Result<Option<Box<dyn Watch>>, Cause> {
        Ok(Some(Box::new(Gather::new(trial)?)))
    }

    fn is_part(&self, part: &[u8]) -> bool {
        serde_json::from_slice::<Pictures>(part).is_ok()
    }

    fn session(&self, session: &Session<'_>) -> Result<Vec<Output>, Cause> {
        let read = |part: &Option<Vec<u8>>| serde_json::from_slice(part.as_ref()?).ok();
        let pictures: Vec<Option<Pictures>> = session.parts.iter().map(read).collect();
        let products = Products::read(session.record, session.output, |error| {
            session.failed(error)
        });
        let mut figures = Figures::new(session.record.config.products.figures);
        let page = html(session.record, &pictures, &products, &mut figures);
        let named = |name: &str| format!("{}/{name}.svg", figures::FOLDER);
        let files = figures.files.into_iter();
        let files = files.map(|(name, svg)| session.put(&named(&name), svg));
        let files = files.collect::<Result<_, _>>()?;
        session.put("report.html", page)?;
        // The page is made of the record, which therefore cannot list it.
        Ok(files)
    }
}

/// The whole page, with the pictures of each trial that has some.
fn html(
    record: &RunRecord,
    pictures: &[Option<Pictures>],
    products: &Products,
    figures: &mut Figures,
) -> String {
    let mut page = String::new();
    let data = &record.config.data;
    let session = data.prefix.trim_end_matches(['_', '-', '.', ' ']);
    let folder = data.url.rsplit('/').find(|part| !part.is_empty());
    let session = match session {
        "" => folder.unwrap_or("Session"),
        session => session,
    };
    let output = record.config.output_url();
    let mut places = data.url.clone();
    if output != data.url {
        let _ = write!(places, ", results in {output}");
    }
    html::head(&mut page, session, &places);
    let montages = products.montages.as_slice();
    let outlines = products.outlines.as_ref();
    page.push_str(&outlines.map(Outlines::defined).unwrap_or_default());
    match maps::peak(record, montages, pictures, outlines, figures) {
        Some(peak) => {
            let _ = write!(page, "<div class=\"lead\">{peak}<div>");
            findings::verdict(&mut page, record);
            page.push_str("</div></div>\n");
        }
        None => findings::verdict(&mut page, record),
    }
    let mut sections = String::new();
    session::behaviour(&mut sections, record);
    let mut shown = String::new();
    maps::section(&mut shown, record, montages, pictures, outlines, figures);
    sections.push_str(&shown);
    session::responses(&mut sections, record, pictures);
    let before = sections.len();
    areas::section(&mut sections, record, products.traces.as_ref(), figures);
    let rule = maps::rule(record, pictures);
    seeds::section(
        &mut sections,
        products.seeds.as_ref(),
        rule.as_ref(),
        outlines,
        figures,
    );
    let shown = shown.len() + sections.len() - before;
    session::over_trials(&mut sections, record);
    trial::table(&mut sections, record);
    // What products show takes no room from the trials.
    let room = trial::HEAVIEST.saturating_sub(sections.len() - shown);
    trial::details(&mut sections, record, pictures, room);
    checks(&mut sections, record);
    parameters(&mut sections, record);
    contents(&mut page, &sections);
    findings::attention(&mut page, record);
    page.push_str(&sections);
    html::foot(
        &mut page,
        &format!("widefield {}, {}", record.version, record.totals.ended),
    );
    page
}

/// Links to the sections that there are.
fn contents(page: &mut String, sections: &str) {
    page.push_str("<nav aria-label=\"Contents\"><ul>");
    for (id, name) in [
        ("behaviour", "Behaviour"),
        ("maps", "Maps"),
        ("responses", "Mean dF/F"),
        ("areas", "Areas"),
        ("seeds", "Correlation"),
        ("over-trials", "Over the session"),
        ("trials", "Trials"),
        ("pictures", "Each trial"),
        ("checks", "Checks of the session"),
        ("parameters", "Parameters"),
    ] {
        if sections.contains(&format!("<h2 id=\"{id}\"")) {
            let _ = write!(page, "<li><a href=\"#{id}\">{name}</a></li>");
        }
    }
    page.push_str("</ul></nav>\n");
}

fn checks(page: &mut String, record: &RunRecord) {
    html::section(page, "checks", "Checks of the session");
    if record.checks.is_empty() {
        page.push_str("<p class=\"quiet\">None: they need a log, or several trials.</p>");
    } else {
        findings::every(page, &record.checks);
    }
}

fn parameters(page: &mut String, record: &RunRecord) {
    html::section(page, "parameters", "Parameters");
    let text = serde_json::to_string_pretty(&record.config).unwrap_or_default();
    let _ = write!(
        page,
        "<details><summary>Everything the run was told, defaults written out</summary>\
         <pre tabindex=\"0\">{}</pre></details>",
        escape(&text)
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use widefield_pipeline::record::{Status, Totals, TrialRecord};

    fn page_of(record: &RunRecord, pictures: &[Option<Pictures>]) -> String {
        let (none, mut figures) = (Products::default(), Figures::default());
        html(record, pictures, &none, &mut figures)
    }

    pub(super) fn record() -> RunRecord {
        let mut bad = TrialRecord::of("a_<1>");
        bad.error = Some("cut at byte 7 & gone".into());
        let mut good = TrialRecord::of("a_2");
        good.status = Status::Ok;
        good.background = Some(58.25);
        let mut totals = Totals::default();
        (totals.trials, totals.ok, totals.failed) = (2, 1, 1);
        let record = json!({
            "version": "0", "config": {"data": {"url": "/x", "prefix": "a_"}}, "trials": [bad, good],
            "checks": [], "behaviour": null, "totals": totals,
        });
        serde_json::from_value(record).expect("a record")
    }

    #[test]
    fn failures_come_first_and_are_escaped() {
        let page = page_of(&record(), &[]);
        assert!(page.contains("a_&lt;1&gt;") && !page.contains("a_<1>"));
        assert!(page.contains("cut at byte 7 &amp; gone"));
        assert!(page.contains("Something failed."));
        assert!(page.find("What to look at").unwrap() < page.find(">Trials</h2>").unwrap());
        assert!(page.contains("58.2") || page.contains("58.3"));
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = page_of(&record(), &[]);
        for outside in ["http:", "https:", "src=\"/", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        let opened = page.matches("<table").count();
        assert!(opened > 0 && opened == page.matches("</table>").count());
    }

    #[test]
    fn figures_are_files_on_request() {
        use widefield_pipeline::{Engine, Experiment, simulate};
        let dir = tempfile::tempdir().expect("a folder");
        let session = simulate::Session {
            trials: 2,
            size: 16,
            frames: 80,
            ..simulate::Session::default()
        };
        let experiment = session.write(dir.path(), |_| {}).expect("a session");
        for (asked, files) in [("false", 0), ("true", 1)] {
            let figures = format!("products.figures={asked}").parse().expect("a key");
            let experiment = Experiment::load_with(&experiment, &[figures]).expect("read");
            let plan = experiment.with(|own| own.consumer(Report)).plan();
            let record = plan
                .expect("a plan")
                .run(Engine::local(), |_| {})
                .expect("a run");
            let outputs = record.totals.outputs.iter();
            let listed = outputs.filter(|output| output.path == "figures/peak.svg");
            assert_eq!(listed.count(), files, "{asked}");
        }
        let svg = std::fs::read_to_string(dir.path().join("figures/peak.svg")).expect("a figure");
        assert!(svg.starts_with("<svg xmlns=") && svg.contains("Not corrected for haemodynamics."));
        assert!(svg.contains("mean over the peaks of"), "{svg}");
    }

    #[test]
    fn every_link_within_the_page_leads_somewhere() {
        let page = page_of(&record(), &[Some(Pictures::noise(8)), None]);
        let links: Vec<&str> = page
            .split("href=\"#")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(links.len() > 5);
        for id in links {
            assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
        }
    }

    #[test]
    fn two_hundred_trials_stay_below_five_megabytes() {
        let mut record = record();
        let motion = json!({
            "reference": "a_1", "side_px": 192, "measured": 200, "flagged": 1, "place_px": [0.5, -1.0],
            "median_px": 0.3, "high_px": 1.2, "correction": {
                "verdict": "helped", "left_px": 0.1, "slope": [0.1, 0.1], "edge_noise": [40.0, 9.0, 75.0],
                "rows": [0, 190], "columns": [2, 192], "outside_pixels": 384,
            },
        });
        record.trials[1].motion = Some(serde_json::from_value(motion).expect("motion"));
        record.trials = vec![record.trials[1].clone(); 200];
        let pictures = vec![Some(Pictures::noise(192)); 200];
        let page = page_of(&record, &pictures);
        assert!(page.len() < 5_000_000, "{}", page.len());
        // Four of each trial, and the peak of the session.
        assert_eq!(page.matches("<img").count(), 801);
        assert_eq!(page.matches("<figcaption>Motion of the head").count(), 200);
        let mut products = Products::default();
        products.fill(200);
        let mut figures = Figures::default();
        let page = html(&record, &pictures, &products, &mut figures);
        assert!(page.len() < 8_000_000, "{}", page.len());
        for id in ["maps", "areas", "seeds"] {
            assert!(page.contains(&format!("<h2 id=\"{id}\"")), "{id}");
        }
        let few = page_of(&record, &pictures[..1]);
        assert!(few.contains("No pictures"));
    }
}
