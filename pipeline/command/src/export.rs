//! `widefield export`

use super::failure::Failure;
use super::{Outcome, output};
use miette::IntoDiagnostic;
use std::path::Path;
use widefield_report::view::{Movie, OpenOptions, ViewError};
use widefield_storage::{Orientation, Place, Sample, Stack, StackFormat};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// HDF5 or MAT file that a run has written, or DCIMG recording
    #[arg(value_name = "FILE|URL")]
    file: String,
    /// tiff: OME-TIFF; npy: NumPy; wfield: frames alone, under a name that the package wfield understands
    #[arg(long, value_name = "tiff|npy|wfield", value_parser = target)]
    to: Target,
    /// File to write, .tif, .tiff or .npy; for wfield the folder [default: named after FILE, in the current folder]
    #[arg(short, long, value_name = "PATH|URL")]
    output: Option<String>,
    /// Dataset of an HDF5 file, variable of a MAT file [default: the only one, or dff, mov or tr]
    #[arg(long)]
    dataset: Option<String>,
    /// Axes in the file: notebook (x, reversed y, t) or camera (y, x, t) [default: as the file says, else notebook]
    #[arg(long, value_parser = super::view::axes)]
    axes: Option<Orientation>,
    /// Side of a pixel of this movie in micrometres, for TIFF
    #[arg(long, value_name = "UM", value_parser = pixel_um)]
    pixel_um: Option<f64>,
    /// Replace the file if it is there
    #[arg(long)]
    overwrite: bool,
}

/// What reads the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Tiff,
    Npy,
    Wfield,
}

fn target(text: &str) -> Result<Target, String> {
    Ok(match text {
        "tiff" => Target::Tiff,
        "npy" => Target::Npy,
        "wfield" => Target::Wfield,
        _ => return Err("is none of tiff, npy, wfield".into()),
    })
}

fn pixel_um(text: &str) -> Result<f64, String> {
    let size = text.parse::<f64>().ok();
    size.filter(|um| (1e-3..=1e6).contains(um))
        .ok_or_else(|| "is no number from 0.001 to 1000000".into())
}

/// Set for the process that opens the file.
const INSIDE: &str = "WIDEFIELD_EXPORT_INSIDE";

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
        _ => {
            // It could not remove what it had begun; if this cannot either, a later run does.
            let folder = place(args.to, args.output.as_deref().unwrap_or_default()).0;
            let _ = Place::open(folder).and_then(|place| place.sweep_temporary());
            Err(miette::miette!(
                "{}: what reads it crashed ({status}): the file may be damaged or forged",
                args.file
            ))
        }
    }
}

fn inside(args: &Args) -> miette::Result<Outcome> {
    let mut options = OpenOptions::default();
    options.dataset.clone_from(&args.dataset);
    (options.axes, options.complete) = (args.axes, true);
    let source = Movie::open(&args.file, &options).map_err(Failure::from)?;
    let format = match args.to {
        Target::Tiff => StackFormat::Tiff,
        Target::Npy => StackFormat::Npy,
        Target::Wfield => StackFormat::Bare,
    };
    let (height, width) = source.dim();
    let mut stack = Stack::new(format, [source.frames(), height, width])
        .named(title(&args.file, source.dataset()), source.description());
    if source.is_recording() {
        stack = stack.sample(Sample::U16);
    }
    if let Some(axis) = source.axis() {
        stack = stack.frame_interval_s(axis.sample_rate_hz.recip());
    }
    if let Some(um) = args.pixel_um {
        stack = stack.pixel_um(um);
    }

    let given = args.output.as_deref().unwrap_or_default();
    let (folder, name) = place(args.to, given);
    let name = match (args.to, name) {
        (Target::Wfield, _) => stack.wfield_name(&stem(&args.file, source.dataset())),
        (to, "") => format!("{}.{}", stem(&args.file, source.dataset()), to.endings()[0]),
        (to, name) => {
            to.check(name)?;
            name.to_owned()
        }
    };
    let path = match folder {
        "." if !given.starts_with('.') => name.clone(),
        folder => format!("{}/{name}", folder.trim_end_matches('/')),
    };
    save(args, &source, stack, folder, &name, &path)?;
    output::result(&path)?;
    Ok(Outcome::Done)
}

/// Writes the file block by block.
fn save(
    args: &Args,
    source: &Movie,
    stack: Stack,
    folder: &str,
    name: &str,
    path: &str,
) -> Result<(), Failure> {
    let place = Place::open(folder).map_err(ViewError::from)?;
    let free = || match place.head(name).map_err(ViewError::from)? {
        Some(_) if !args.overwrite => Err(ViewError::Exists { path: path.into() }),
        _ => Ok(()),
    };
    free()?;
    let mut file = place.create_stack(name, stack).map_err(ViewError::from)?;
    source.blocks(0..source.frames(), |_, block| Ok(file.push(block.view())?))?;
    // Somebody else may have made it meanwhile.
    free()?;
    file.finish().map_err(ViewError::from)?;
    Ok(())
}

/// Folder and name of the output; no name where that is to be made up.
fn place(to: Target, given: &str) -> (&str, &str) {
    if to == Target::Wfield && !given.is_empty() {
        return (given, "");
    }
    match given.rsplit_once(['/', std::path::MAIN_SEPARATOR]) {
        Some(("", name)) => ("/", name),
        Some((folder, name)) => (folder, name),
        None => (".", given),
    }
}

impl Target {
    /// Endings of names, the usual one first.
    fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Tiff => &["ome.tif", "tif", "tiff"],
            Self::Npy => &["npy"],
            Self::Wfield => &[],
        }
    }

    /// Refuses names that other programs would not take for such a file, among them those of recordings and results.
    fn check(self, name: &str) -> miette::Result<()> {
        let lower = name.to_lowercase();
        let mut endings = self.endings().iter();
        if endings.any(|ending| lower.ends_with(&format!(".{ending}"))) {
            return Ok(());
        }
        let endings: Vec<String> = self.endings().iter().map(|e| format!(".{e}")).collect();
        Err(miette::miette!(
            "{name}: the ending is none of {}",
            endings.join(", ")
        ))
    }
}

/// The name of a file without its folder.
fn title(file: &str, dataset: &str) -> String {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    format!("{name} {dataset}").trim_end().to_owned()
}

/// What the output is named after: the recording and the dataset.
fn stem(file: &str, dataset: &str) -> String {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let path = Path::new(name);
    // Recordings have no ending; only those that are endings are dropped.
    let ending = path.extension().and_then(|e| e.to_str());
    let known = ["h5", "hdf5", "mat", "dcimg"].map(str::to_owned);
    let stem = match ending.is_some_and(|e| known.contains(&e.to_lowercase())) {
        true => path.file_stem().and_then(|s| s.to_str()).unwrap_or(name),
        false => name,
    };
    match dataset.rsplit('/').next() {
        Some("") | None => stem.to_owned(),
        Some(dataset) => format!("{stem}_{dataset}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_outputs() {
        assert_eq!(stem("a/b_1.h5", "dff"), "b_1_dff");
        assert_eq!(stem("swift://c/b_1", ""), "b_1");
        assert_eq!(stem("x.2.MAT", "/group/tr"), "x.2_tr");
        assert_eq!(stem("x.2", ""), "x.2");
    }

    #[test]
    fn outputs_are_told_apart_from_folders() {
        for (given, found) in [
            ("", (".", "")),
            ("x.tif", (".", "x.tif")),
            ("/x.tif", ("/", "x.tif")),
            ("a/b/", ("a/b", "")),
            ("swift://c/x.tif", ("swift://c", "x.tif")),
        ] {
            assert_eq!(place(Target::Tiff, given), found);
        }
        assert_eq!(place(Target::Wfield, "a/b"), ("a/b", ""));
        assert_eq!(place(Target::Wfield, ""), (".", ""));
    }

    #[test]
    fn endings_and_options() {
        for name in ["x.tif", "x.TIFF", "x.ome.tif"] {
            assert!(Target::Tiff.check(name).is_ok(), "{name}");
        }
        for name in ["x.h5", "tif", "x.npy", "20170214_102233_1"] {
            assert!(Target::Tiff.check(name).is_err(), "{name}");
        }
        assert!(Target::Npy.check("x.npy").is_ok());
        assert!(pixel_um("0").is_err() && pixel_um("nan").is_err() && pixel_um("20.5") == Ok(20.5));
        assert!(target("zarr").is_err());
    }
}
