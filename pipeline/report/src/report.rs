//! `report.html`: the run for people, in one file that needs nothing else.

mod findings;
mod html;
mod motion;
mod pictures;
mod plot;
mod png;
mod session;
mod trial;

use html::escape;
use pictures::{Gather, Pictures};
use std::fmt::Write as _;
use widefield_pipeline::consumer::{Consumer, Session, Watch, Watched};
use widefield_pipeline::record::{Output, RunRecord};
use widefield_pipeline::step::Cause;

/// Makes `report.html` of a session, from a few pictures of each trial in `report/`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report;

impl Consumer for Report {
    fn name(&self) -> &'static str {
        "report"
    }

    fn extension(&self) -> Option<&'static str> {
        Some("json")
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
        session.put("report.html", html(session.record, &pictures))?;
        // It is made of the record, which therefore cannot list it.
        Ok(Vec::new())
    }
}

/// The whole page, with the pictures of each trial that has some.
fn html(record: &RunRecord, pictures: &[Option<Pictures>]) -> String {
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
    findings::verdict(&mut page, record);
    let mut sections = String::new();
    session::behaviour(&mut sections, record);
    session::responses(&mut sections, record, pictures);
    session::over_trials(&mut sections, record);
    trial::table(&mut sections, record);
    trial::details(&mut sections, record, pictures);
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
        ("responses", "Mean dF/F"),
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

    fn record() -> RunRecord {
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
        let page = html(&record(), &[]);
        assert!(page.contains("a_&lt;1&gt;") && !page.contains("a_<1>"));
        assert!(page.contains("cut at byte 7 &amp; gone"));
        assert!(page.contains("Something failed."));
        assert!(page.find("What to look at").unwrap() < page.find(">Trials</h2>").unwrap());
        assert!(page.contains("58.2") || page.contains("58.3"));
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = html(&record(), &[]);
        for outside in ["http:", "https:", "src=\"/", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        let opened = page.matches("<table").count();
        assert!(opened > 0 && opened == page.matches("</table>").count());
    }

    #[test]
    fn every_link_within_the_page_leads_somewhere() {
        let page = html(&record(), &[Some(Pictures::noise(8)), None]);
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
        let page = html(&record, &pictures);
        assert!(page.len() < 5_000_000, "{}", page.len());
        assert_eq!(page.matches("<img").count(), 800);
        assert_eq!(page.matches("<figcaption>Motion of the head").count(), 200);
        let few = html(&record, &pictures[..1]);
        assert!(few.contains("No pictures"));
    }
}
