//! `widefield view`

use super::failure::Failure;
use super::{Outcome, output};
use miette::IntoDiagnostic;
use std::ops::Range;
use std::path::{Path, PathBuf};
use widefield::render::ColourMap;
use widefield_report::view::{Movie, OpenOptions, Quantity, Show, View};
use widefield_storage::Orientation;

/// Without a choice among frame, mean, max, peak and movie: the mean of counts, the peak map of dF/F.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").multiple(false))]
pub(super) struct Args {
    /// HDF5 or MAT file that a run has written, or DCIMG recording
    #[arg(value_name = "FILE|URL")]
    file: String,
    /// File to write: .png, .gif; of a movie also .mp4, .mkv, .mov, .webm [default: named after FILE, .png]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// One frame, counted from 0
    #[arg(long, group = "what", value_name = "N")]
    frame: Option<usize>,
    /// The mean over frames
    #[arg(long, group = "what")]
    mean: bool,
    /// The largest value of each pixel
    #[arg(long, group = "what")]
    max: bool,
    /// The largest mean over quarter seconds, from time 0 on
    #[arg(long, group = "what")]
    peak: bool,
    /// All frames as an animated picture, with time stamps
    #[arg(long, group = "what")]
    movie: bool,
    /// Only frames A to B-1
    #[arg(long, value_name = "A..B", value_parser = range)]
    frames: Option<Range<usize>>,
    /// Of a movie only every Nth frame
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,
    /// Frames shown in a second [default: as taken]
    #[arg(long, value_parser = fps)]
    fps: Option<f64>,
    /// Values of the darkest and brightest colour; percent for dF/F [default: percentiles 0.5 and 99.5]
    #[arg(long, value_name = "LOW,HIGH", value_parser = scale, allow_hyphen_values = true)]
    scale: Option<[f64; 2]>,
    /// viridis, magma or cividis
    #[arg(long, value_parser = map)]
    map: Option<ColourMap>,
    /// Average large images down to this longest side, pixels [default: 1024]
    #[arg(long, value_name = "PX", value_parser = clap::value_parser!(u32).range(1..=16_384))]
    longest: Option<u32>,
    /// Pixels of the picture for one of the image, along each side [default: 1, more for small images]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    zoom: Option<u32>,
    /// Dataset of an HDF5 file, variable of a MAT file [default: the only one, or dff, mov or tr]
    #[arg(long)]
    dataset: Option<String>,
    /// Axes of the dataset: notebook (x, reversed y, t) or camera (y, x, t) [default: as the file says]
    #[arg(long, value_parser = axes)]
    axes: Option<Orientation>,
    /// Write the movie as .mp4 with the program ffmpeg, found on the PATH or given here
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true, default_missing_value = "ffmpeg")]
    ffmpeg: Option<String>,
    /// Replace the file if it is there
    #[arg(long)]
    overwrite: bool,
}

fn range(text: &str) -> Result<Range<usize>, String> {
    let wrong = || "is no range of frames such as 40..80".to_owned();
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let [from, to] = [from, to].map(|n| n.parse::<usize>().map_err(|_| wrong()));
    let range = from?..to?;
    if range.is_empty() {
        return Err(wrong());
    }
    Ok(range)
}

fn scale(text: &str) -> Result<[f64; 2], String> {
    let ends: Option<Vec<f64>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    match ends.as_deref() {
        Some(&[low, high]) if low < high && (high - low).is_finite() => Ok([low, high]),
        _ => Err("are no two rising numbers such as 0,5".into()),
    }
}

fn fps(text: &str) -> Result<f64, String> {
    let fps = text.parse::<f64>().ok();
    fps.filter(|fps| (0.1..=240.0).contains(fps))
        .ok_or_else(|| "is no number from 0.1 to 240".into())
}

fn map(text: &str) -> Result<ColourMap, String> {
    Ok(match text {
        "viridis" => ColourMap::Viridis,
        "magma" => ColourMap::Magma,
        "cividis" => ColourMap::Cividis,
        _ => return Err("is none of viridis, magma, cividis".into()),
    })
}

pub(super) fn axes(text: &str) -> Result<Orientation, String> {
    Ok(match text {
        "notebook" => Orientation::Notebook,
        "camera" => Orientation::Camera,
        _ => return Err("is none of notebook, camera".into()),
    })
}

/// Set for the process that opens the file.
const INSIDE: &str = "WIDEFIELD_VIEW_INSIDE";

/// Lets a process of its own open the file, since the HDF5 library may crash on one that is damaged or forged.
pub(super) fn run(args: &Args) -> miette::Result<Outcome> {
    if std::env::var_os(INSIDE).is_some() {
        return inside(args);
    }
    let mut command = std::process::Command::new(std::env::current_exe().into_diagnostic()?);
    command.args(std::env::args_os().skip(1)).env(INSIDE, "1");
    let status = command.status().into_diagnostic()?;
    match status.code() {
        Some(0) => Ok(Outcome::Done),
        Some(1) => Ok(Outcome::Partly),
        Some(2) => Ok(Outcome::Unusable),
        Some(130) => Ok(Outcome::Interrupted),
        _ => Err(miette::miette!(
            "{}: what reads it crashed ({status}): the file may be damaged or forged",
            args.file
        )),
    }
}

fn inside(args: &Args) -> miette::Result<Outcome> {
    let mut options = OpenOptions::default();
    options.dataset.clone_from(&args.dataset);
    options.axes = args.axes;
    let movie = Movie::open(&args.file, &options).map_err(Failure::from)?;
    let show = if let Some(frame) = args.frame {
        Show::Frame(frame)
    } else if args.max {
        Show::Max
    } else if args.movie || args.ffmpeg.is_some() {
        Show::Movie
    } else if args.peak || !args.mean && *movie.quantity() == Quantity::Dff {
        Show::Peak
    } else {
        Show::Mean
    };
    let mut view = View::default();
    view.show = show;
    view.frames.clone_from(&args.frames);
    view.every = args.every as usize;
    view.fps = args.fps;
    view.map = args.map;
    view.scale = args.scale;
    view.longest = args.longest.map(|n| n as usize);
    view.zoom = args.zoom.map(|n| n as usize);
    view.ffmpeg.clone_from(&args.ffmpeg);
    view.overwrite = args.overwrite;
    let path = match &args.output {
        Some(path) => path.clone(),
        None => beside(&args.file, show, args.ffmpeg.is_some()),
    };
    view.save(&movie, &path).map_err(Failure::from)?;
    output::result(path.display())?;
    Ok(Outcome::Done)
}

/// In the current folder, named after the recording and what is shown of it.
fn beside(file: &str, show: Show, film: bool) -> PathBuf {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let path = Path::new(name);
    // Recordings have no ending; only those that are endings are dropped.
    let known = ["h5", "hdf5", "dcimg"].map(|e| Some(e.to_owned()));
    let ending = path
        .extension()
        .and_then(|e| e.to_str())
        .map(str::to_lowercase);
    let stem = match known.contains(&ending) {
        true => path.file_stem().and_then(|s| s.to_str()).unwrap_or(name),
        false => name,
    };
    let what = match show {
        Show::Frame(frame) => format!("frame_{frame}"),
        Show::Max => "max".into(),
        Show::Peak => "peak".into(),
        Show::Movie => "movie".into(),
        _ => "mean".into(),
    };
    let ending = if film { "mp4" } else { "png" };
    PathBuf::from(format!("{stem}_{what}.{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_pictures() {
        let name = |file, show, film| beside(file, show, film).display().to_string();
        assert_eq!(name("a/b_1.h5", Show::Peak, false), "b_1_peak.png");
        assert_eq!(
            name("swift://c/b_1", Show::Frame(7), false),
            "b_1_frame_7.png"
        );
        assert_eq!(name("x.2.dcimg", Show::Movie, true), "x.2_movie.mp4");
        assert_eq!(name("x.2", Show::Mean, false), "x.2_mean.png");
    }

    #[test]
    fn ranges_and_scales() {
        assert_eq!(range("3..9"), Ok(3..9));
        assert_eq!(scale("-1.5, 20"), Ok([-1.5, 20.0]));
        for wrong in ["", "3", "9..3", "3..3", "-1..2", "a..b"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "1", "2,1", "1,1", "1,2,3", "nan,1", "0,inf"] {
            assert!(scale(wrong).is_err(), "{wrong}");
        }
        assert!(fps("0").is_err() && fps("nan").is_err() && fps("25") == Ok(25.0));
    }
}
