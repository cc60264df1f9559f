//! What a DCIMG file says of itself, for people and as JSON.

use bytes::Bytes;
use dcimg::{Dcimg, Error, Layout, Mapped, Movie, OpenError, Options, Pieces, Step, Warning};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use widefield_storage::Place;

/// What was found in one file.
#[derive(Debug)]
pub struct Inspection {
    name: String,
    facts: Value,
    problems: Vec<String>,
    cut: bool,
}

/// Opens a file and looks at everything but the pixels, apart from the places of relocated ones.
///
/// A cut file is looked at as far as it goes; the cut is among the problems.
///
/// # Errors
/// [`OpenError`] if it cannot be opened or is no DCIMG movie at all.
pub fn file(path: &Path) -> Result<Inspection, OpenError> {
    let name = path.display().to_string();
    match Mapped::open(path) {
        Ok(file) => Ok(Inspection::of(
            &name,
            &file.movie(),
            file.header(),
            file.warnings(),
            None,
        )),
        Err(first) => {
            let salvaged = Mapped::open_with(path, &Options::default().salvage(true));
            let Ok(file) = salvaged else {
                return Err(first);
            };
            let cut = first.to_string();
            Ok(Inspection::of(
                &name,
                &file.movie(),
                file.header(),
                file.warnings(),
                Some(cut),
            ))
        }
    }
}

/// The same for an object of a store, by a handful of ranged reads whatever its size.
///
/// Relocated pixels are looked for in the first frame only. The clock of framed files lies between the frames,
/// so it is read only when that takes few ranges.
///
/// # Errors
/// [`crate::Error::Storage`] if the place or the object cannot be read, [`crate::Error::Inspect`] if it is no
/// DCIMG movie at all.
pub fn url(url: &str) -> Result<Inspection, crate::Error> {
    let (folder, name) = url.rsplit_once('/').unwrap_or(("", url));
    let place = Place::open(folder)?;
    let whole = inspect_parts(url, &place, name, &Options::default());
    match whole {
        Err(crate::Error::Inspect { source, .. }) => {
            // A cut file is looked at as far as it goes.
            let salvage = Options::default().salvage(true);
            let mut found = inspect_parts(url, &place, name, &salvage)?;
            found.problems.insert(0, source.to_string());
            found.facts["problems"] = json!(found.problems);
            found.cut = true;
            Ok(found)
        }
        other => other,
    }
}

/// Most ranges that are fetched for the clock.
const CLOCK_RANGES: usize = 8;

fn inspect_parts(
    url: &str,
    place: &Place,
    name: &str,
    options: &Options,
) -> Result<Inspection, crate::Error> {
    let size = match place.head(name)? {
        Some(entry) => entry.bytes,
        // Reading says what is missing, and where.
        None => place.read(name)?.len() as u64,
    };
    let wrong = |source| crate::Error::Inspect {
        name: url.to_owned(),
        source,
    };
    let mut parts: Vec<(u64, Bytes)> = Vec::new();
    let fetch = |range: Range<u64>, parts: &mut Vec<(u64, Bytes)>| {
        let bytes = place.read_range(name, range.clone())?;
        parts.push((range.start, bytes));
        Ok::<(), widefield_storage::Error>(())
    };
    let layout = loop {
        let step = Layout::from_pieces(&pieces(size, &parts), options).map_err(wrong)?;
        match step {
            Step::Done(layout) => break layout,
            Step::Needs(range) => fetch(range, &mut parts)?,
        }
    };
    let clock = layout.clock_ranges();
    let few = clock.len() <= CLOCK_RANGES;
    let first = layout
        .frame_ranges(0..layout.frames().min(1))
        .map_err(wrong)?;
    for range in first.into_iter().chain(clock.into_iter().filter(|_| few)) {
        fetch(range, &mut parts)?;
    }
    let pieces = pieces(size, &parts);
    let movie = layout.movie(&pieces);
    let found = Inspection::of(url, &movie, layout.header(), layout.warnings(), None);
    Ok(found)
}

fn pieces(size: u64, parts: &[(u64, Bytes)]) -> Pieces<'_> {
    let mut pieces = Pieces::new(size);
    for (start, bytes) in parts {
        pieces.add(*start, bytes);
    }
    pieces
}

/// The same for bytes in memory, under a name for the report.
///
/// # Errors
/// [`Error`] if the bytes are no DCIMG movie at all.
pub fn bytes(name: &str, bytes: &[u8]) -> Result<Inspection, Error> {
    match Dcimg::parse(bytes) {
        Ok(file) => Ok(Inspection::of(
            name,
            &file.movie(),
            file.header(),
            file.warnings(),
            None,
        )),
        Err(first) => {
            let salvaged = Dcimg::parse_with(bytes, &Options::default().salvage(true));
            let Ok(file) = salvaged else {
                return Err(first);
            };
            let cut = first.to_string();
            Ok(Inspection::of(
                name,
                &file.movie(),
                file.header(),
                file.warnings(),
                Some(cut),
            ))
        }
    }
}

impl Inspection {
    fn of(
        name: &str,
        movie: &Movie<'_>,
        header: &dcimg::Header,
        warnings: &[Warning],
        cut: Option<String>,
    ) -> Self {
        let is_cut = cut.is_some();
        let mut problems: Vec<String> = cut.into_iter().collect();
        problems.extend(warnings.iter().map(ToString::to_string));
        let finite = |v: f64| v.is_finite().then_some(v);
        let clock = match movie.clock() {
            // Not fetched is no fault of the file.
            Err(Error::NotFetched { .. }) => Value::Null,
            Err(error) => {
                problems.push(error.to_string());
                Value::Null
            }
            Ok(clock) => {
                let known: Vec<String> = problems.clone();
                let new = clock.warnings().into_iter().map(|w| w.to_string());
                problems.extend(new.filter(|w| !known.contains(w)));
                let intervals = clock.intervals_s();
                let gaps: Vec<Value> = clock
                    .gaps()
                    .iter()
                    .map(|g| json!({"after_frame": g.after, "missing": g.missing}))
                    .collect();
                json!({
                    "first_frame": clock.times().first().map(ToString::to_string),
                    "last_frame": clock.times().last().map(ToString::to_string),
                    "first_framestamp": clock.framestamps().first(),
                    "last_framestamp": clock.framestamps().last(),
                    "duration_s": finite(clock.duration_s()),
                    "rate_hz": finite(clock.rate_hz()),
                    "camera_rate_hz": finite(clock.camera_rate_hz()),
                    "interval_s": {
                        "min": intervals.iter().copied().reduce(f64::min),
                        "max": intervals.iter().copied().reduce(f64::max),
                    },
                    "dropped_frames": clock.dropped(),
                    "gaps": gaps,
                    "backward_steps": clock.backward_steps(),
                })
            }
        };
        let confidence: serde_json::Map<String, Value> = dcimg::format::CAMERA
            .iter()
            .map(|(field, confidence)| ((*field).to_owned(), json!(confidence.to_string())))
            .collect();
        let camera = header.camera.as_ref().map(|c| {
            json!({
                "model": c.model,
                "serial": c.serial,
                "versions": c.versions,
                "binning": c.binning,
                "stated_binning": c.stated_binning,
                "confidence": confidence,
                "sub_array": c.sub_array.as_ref().map(|s| json!({"x": s.x0, "y": s.y0, "width": s.width, "height": s.height})),
            })
        });
        let relocation = movie.relocation();
        let sites: Vec<Value> = relocation
            .sites
            .iter()
            .map(|s| {
                json!({
                    "row": s.row, "column": s.column, "pixels": s.count, "basis": s.basis.to_string(),
                    "restored_frames": s.restored, "junk_frames": s.junk,
                })
            })
            .collect();
        let facts = json!({
            "file": name,
            "version": format!("{:#x}", header.version.number()),
            "frames": movie.len(),
            "frames_in_header": header.frames,
            "width": movie.width(),
            "height": movie.height(),
            "bits": movie.pixel().bytes() * 8,
            "row_bytes": header.row_bytes,
            "frame_bytes": header.frame_bytes,
            "frame_stride": header.frame_stride,
            "trailer_bytes": header.trailer_bytes,
            "data_start": header.data_start(),
            "file_bytes": header.file_bytes,
            "sessions": header.sessions,
            "camera": camera,
            "clock": clock,
            "relocated_pixels": sites,
            "frames_examined_for_relocated_pixels": relocation.examined,
            "problems": problems,
        });
        Self {
            name: name.to_owned(),
            facts,
            problems,
            cut: is_cut,
        }
    }

    /// Everything, as one JSON object.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.facts
    }

    /// Whether the file ends before its header says.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// What is wrong with the file; empty for a sound one.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

/// Some lines for people.
impl std::fmt::Display for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let v = &self.facts;
        let text = |v: &Value| match v {
            Value::Null => "unknown".to_owned(),
            Value::String(s) => s.clone(),
            Value::Number(n) if n.is_f64() => format!("{:.4}", n.as_f64().unwrap_or(f64::NAN)),
            other => other.to_string(),
        };
        let mut out = format!("{}\n", self.name);
        let mut line = |name: &str, value: String| {
            let _ = writeln!(out, "  {name:<18} {value}");
        };
        line(
            "format",
            format!(
                "DCIMG version {}, {} session(s)",
                text(&v["version"]),
                text(&v["sessions"])
            ),
        );
        line(
            "frames",
            format!(
                "{} of {} x {} px, {} bit",
                text(&v["frames"]),
                text(&v["width"]),
                text(&v["height"]),
                text(&v["bits"])
            ),
        );
        line(
            "layout",
            format!(
                "data from byte {}, {} bytes a frame, {} a row, {} of trailer",
                text(&v["data_start"]),
                text(&v["frame_stride"]),
                text(&v["row_bytes"]),
                text(&v["trailer_bytes"])
            ),
        );
        if let Value::Object(c) = &v["clock"] {
            line("first frame", text(&c["first_frame"]));
            line(
                "rate",
                format!(
                    "{} Hz over {} s",
                    text(&c["rate_hz"]),
                    text(&c["duration_s"])
                ),
            );
            line(
                "intervals",
                format!(
                    "{} to {} s",
                    text(&c["interval_s"]["min"]),
                    text(&c["interval_s"]["max"])
                ),
            );
            line(
                "framestamps",
                format!(
                    "{} to {}, {} dropped",
                    text(&c["first_framestamp"]),
                    text(&c["last_framestamp"]),
                    text(&c["dropped_frames"])
                ),
            );
            let gaps = c["gaps"].as_array().map(Vec::as_slice).unwrap_or_default();
            let most = 10;
            for gap in gaps.iter().take(most) {
                line(
                    "gap",
                    format!(
                        "{} missing after frame {}",
                        gap["missing"], gap["after_frame"]
                    ),
                );
            }
            if gaps.len() > most {
                line("gap", format!("and {} more", gaps.len() - most));
            }
        }
        if let Value::Object(c) = &v["camera"] {
            line(
                "camera",
                format!("{}, serial {}", text(&c["model"]), text(&c["serial"])),
            );
            if let Value::Object(s) = &c["sub_array"] {
                line(
                    "sub-array",
                    format!(
                        "{} x {} sensor px from ({}, {}), binning {}",
                        s["width"],
                        s["height"],
                        s["x"],
                        s["y"],
                        text(&c["binning"])
                    ),
                );
            }
        }
        for site in v["relocated_pixels"].as_array().into_iter().flatten() {
            line(
                "relocated pixels",
                format!(
                    "{} in row {} from column {} ({}), restored in {} of {} frames",
                    site["pixels"],
                    site["row"],
                    site["column"],
                    text(&site["basis"]),
                    site["restored_frames"],
                    v["frames"]
                ),
            );
        }
        for problem in &self.problems {
            line("problem", problem.clone());
        }
        f.write_str(out.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cut in a frame, a store gives what the file system gives.
    #[test]
    fn an_object_in_a_store_is_inspected_like_a_file() {
        let movie =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/session/20170214_102233_1");
        let bytes = std::fs::read(&movie).expect("golden movie");
        let place = Place::open("memory://inspect").expect("place");
        place.put("whole", bytes.clone()).expect("put");
        place.put("cut", bytes[..200_000].to_vec()).expect("put");
        place.put("text", b"not a movie".to_vec()).expect("put");

        let of_file = file(&movie).expect("movie");
        let of_store = url("memory://inspect/whole").expect("movie");
        for key in [
            "frames",
            "width",
            "clock",
            "camera",
            "problems",
            "data_start",
        ] {
            assert_eq!(of_store.json()[key], of_file.json()[key], "{key}");
        }
        let cut = url("memory://inspect/cut").expect("salvaged");
        assert!(cut.is_cut() && !of_store.is_cut());
        assert_eq!(cut.json()["frames"], 10);
        assert!(
            cut.json()["problems"][0]
                .as_str()
                .expect("text")
                .contains("cut")
        );
        assert!(matches!(
            url("memory://inspect/text"),
            Err(crate::Error::Inspect { .. })
        ));
        assert!(matches!(
            url("memory://inspect/none"),
            Err(crate::Error::Storage(_))
        ));
    }
}
