//! `widefield inspect`

use super::failure::Failure;
use super::{Outcome, output};
use dcimg::{Camera, Clock};
use miette::IntoDiagnostic;
use serde_json::{Map, Value, json};
use std::fmt::{Display, Write as _};
use std::path::Path;
use widefield_pipeline::Error;
use widefield_pipeline::recording::{Inspection, inspect};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// DCIMG files
    #[arg(required = true, value_name = "FILE|URL")]
    files: Vec<String>,
    /// Print one JSON object a file, one line each
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> miette::Result<Outcome> {
    let mut bad = 0;
    for name in &args.files {
        match one(args, name) {
            Ok(sound) => bad += usize::from(!sound),
            Err(report) if output::is_closed_pipe(&report) => return Err(report),
            Err(report) => {
                bad += 1;
                output::complain(&report);
            }
        }
    }
    Ok(if bad == 0 {
        Outcome::Done
    } else {
        Outcome::Partly
    })
}

/// Shows one file and says whether it is whole.
fn one(args: &Args, name: &str) -> miette::Result<bool> {
    let found = if name.contains("://") {
        inspect::url(name).map_err(|error| Failure::from(Error::from(error)))?
    } else {
        inspect::file(Path::new(name)).into_diagnostic()?
    };
    if args.json {
        output::result(json(&found))?;
    } else {
        output::text(&text(&found))?;
    }
    Ok(!found.cut)
}

/// JSON knows no infinity.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// The shortest and the longest of the intervals between frames, seconds.
fn interval_s(clock: &Clock) -> [Option<f64>; 2] {
    let intervals = clock.intervals_s();
    let end = |which: fn(f64, f64) -> f64| intervals.iter().copied().reduce(which);
    [end(f64::min), end(f64::max)]
}

/// Everything that was found, as one JSON object.
fn json(found: &Inspection) -> Value {
    let header = &found.header;
    let [width, height] = found.size;
    let sites = found.relocation.sites.iter().map(|s| {
        json!({
            "row": s.row, "column": s.column, "pixels": s.count, "basis": s.basis.to_string(),
            "restored_frames": s.restored, "junk_frames": s.junk,
        })
    });
    json!({
        "file": found.name,
        "version": format!("{:#x}", header.version.number()),
        "frames": found.frames,
        "frames_in_header": header.frames,
        "width": width,
        "height": height,
        "bits": header.pixel.bytes() * 8,
        "row_bytes": header.row_bytes,
        "frame_bytes": header.frame_bytes,
        "frame_stride": header.frame_stride,
        "trailer_bytes": header.trailer_bytes,
        "data_start": header.data_start(),
        "file_bytes": header.file_bytes,
        "sessions": header.sessions,
        "camera": header.camera.as_ref().map(camera),
        "clock": found.clock.as_ref().map(clock),
        "relocated_pixels": sites.collect::<Vec<Value>>(),
        "frames_examined_for_relocated_pixels": found.relocation.examined,
        "problems": found.problems,
    })
}

fn camera(camera: &Camera) -> Value {
    let known = dcimg::format::CAMERA.iter();
    let confidence: Map<String, Value> = known
        .map(|(field, confidence)| ((*field).to_owned(), json!(confidence.to_string())))
        .collect();
    let sub_array = camera.sub_array.as_ref();
    json!({
        "model": camera.model,
        "serial": camera.serial,
        "versions": camera.versions,
        "binning": camera.binning,
        "stated_binning": camera.stated_binning,
        "confidence": confidence,
        "sub_array": sub_array.map(|s| json!({"x": s.x0, "y": s.y0, "width": s.width, "height": s.height})),
    })
}

fn clock(clock: &Clock) -> Value {
    let [min, max] = interval_s(clock);
    let gaps = clock.gaps();
    let gaps = gaps.iter();
    json!({
        "first_frame": clock.times().first().map(ToString::to_string),
        "last_frame": clock.times().last().map(ToString::to_string),
        "first_framestamp": clock.framestamps().first(),
        "last_framestamp": clock.framestamps().last(),
        "duration_s": finite(clock.duration_s()),
        "rate_hz": finite(clock.rate_hz()),
        "camera_rate_hz": finite(clock.camera_rate_hz()),
        "interval_s": {"min": min, "max": max},
        "dropped_frames": clock.dropped(),
        "gaps": gaps.map(|g| json!({"after_frame": g.after, "missing": g.missing})).collect::<Vec<Value>>(),
        "backward_steps": clock.backward_steps(),
    })
}

/// Gaps that are listed one by one.
const GAPS: usize = 10;

/// Some lines for people.
fn text(found: &Inspection) -> String {
    let mut out = format!("{}\n", output::name(&found.name));
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "  {name:<18} {value}");
    };
    let number = |value: Option<f64>| match value {
        Some(value) => format!("{value:.4}"),
        None => unknown(None::<f64>),
    };
    let header = &found.header;
    let [width, height] = found.size;
    line(
        "format",
        format!(
            "DCIMG version {:#x}, {} session(s)",
            header.version.number(),
            header.sessions
        ),
    );
    let bits = header.pixel.bytes() * 8;
    line(
        "frames",
        format!("{} of {width} x {height} px, {bits} bit", found.frames),
    );
    line(
        "layout",
        format!(
            "data from byte {}, {} bytes a frame, {} a row, {} of trailer",
            header.data_start(),
            header.frame_stride,
            header.row_bytes,
            header.trailer_bytes
        ),
    );
    if let Some(clock) = &found.clock {
        line("first frame", unknown(clock.times().first()));
        let [rate, duration] = [clock.rate_hz(), clock.duration_s()].map(finite);
        line(
            "rate",
            format!("{} Hz over {} s", number(rate), number(duration)),
        );
        let [min, max] = interval_s(clock).map(|v| v.and_then(finite));
        line("intervals", format!("{} to {} s", number(min), number(max)));
        let stamps = clock.framestamps();
        line(
            "framestamps",
            format!(
                "{} to {}, {} dropped",
                unknown(stamps.first()),
                unknown(stamps.last()),
                clock.dropped()
            ),
        );
        let gaps = clock.gaps();
        for gap in gaps.iter().take(GAPS) {
            line(
                "gap",
                format!("{} missing after frame {}", gap.missing, gap.after),
            );
        }
        if gaps.len() > GAPS {
            line("gap", format!("and {} more", gaps.len() - GAPS));
        }
    }
    if let Some(camera) = &header.camera {
        line(
            "camera",
            format!(
                "{}, serial {}",
                unknown(camera.model.as_ref()),
                unknown(camera.serial.as_ref())
            ),
        );
        if let Some(s) = &camera.sub_array {
            line(
                "sub-array",
                format!(
                    "{} x {} sensor px from ({}, {}), binning {}",
                    s.width,
                    s.height,
                    s.x0,
                    s.y0,
                    unknown(camera.binning)
                ),
            );
        }
    }
    for site in &found.relocation.sites {
        line(
            "relocated pixels",
            format!(
                "{} in row {} from column {} ({}), restored in {} of {} frames",
                site.count,
                site.row,
                site.column,
                site.basis,
                site.restored,
                found.relocation.examined
            ),
        );
    }
    for problem in &found.problems {
        line("problem", output::name(problem));
    }
    out.trim_end().to_owned()
}

fn unknown(value: Option<impl Display>) -> String {
    value.map_or_else(|| "unknown".into(), |value| value.to_string())
}
