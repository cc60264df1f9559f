//! The movie that is exported: HDF5, MAT or DCIMG, by blocks of frames.

use super::super::failure::Failure;
use std::ops::Range;
use widefield_pipeline::recording::Recording;
use widefield_report::view::ViewError;
use widefield_storage::mat::Variable;
use widefield_storage::ndarray::Array3;
use widefield_storage::{
    Attribute, CHUNK_FRAMES, Hdf5Dataset, Hdf5File, Orientation, Place, Sample,
};

/// Bytes that a block of frames may take, with what is needed to read it.
const BLOCK_BYTES: usize = 128 << 20;
/// Bytes of a pixel while it is read: as stored, as turned, as f32.
const PIXEL_BYTES: usize = 12;
/// Enough for the signature of HDF5 behind a user block of up to 2 kB, as MATLAB writes one.
const SIGNATURE_BYTES: u64 = 2056;
/// Letters of a text from a file that are passed on.
const LONGEST_TEXT: usize = 200;

/// A movie that is open for reading.
pub(super) struct Source {
    kind: Kind,
    shape: [usize; 3],
    dataset: String,
    description: String,
    frame_interval_s: Option<f64>,
}

enum Kind {
    Hdf5(Hdf5File, Orientation),
    /// In memory as a whole, as which the format is read.
    Mat(Variable, Orientation),
    Dcimg(Box<Recording>),
}

impl Source {
    /// Opens a path or URL.
    pub(super) fn open(
        name: &str,
        dataset: Option<&str>,
        axes: Option<Orientation>,
    ) -> miette::Result<Self> {
        let (folder, object) = match name.rsplit_once(['/', std::path::MAIN_SEPARATOR]) {
            Some(("", object)) => ("/", object),
            Some((folder, object)) => (folder, object),
            None => (".", name),
        };
        let failed = |error: ViewError| Failure::from(error);
        let start = start(folder, object).map_err(failed)?;
        let place = Place::open(folder).map_err(|error| failed(error.into()))?;
        let opened = if dcimg::is_dcimg(&start) {
            Self::dcimg(&place, object)
        } else if is_hdf5(&start) {
            Self::hdf5(name, &place, object, dataset, axes)
        } else if is_mat(&start) {
            Self::mat(name, &place, object, dataset, axes)
        } else {
            return Err(miette::miette!(
                help = "movies that widefield writes stand in mov_out, dff_out and mat_out",
                "{name}: neither an HDF5 nor a MAT file nor a DCIMG recording"
            ));
        };
        let source = opened.map_err(failed)?;
        let [_, height, width] = source.shape;
        let frame = height.checked_mul(width);
        let bytes = frame.and_then(|pixels| pixels.checked_mul(PIXEL_BYTES));
        if bytes.is_none_or(|bytes| bytes > 8 * BLOCK_BYTES) {
            return Err(miette::miette!(
                "{name}: frames of {width} x {height} px are too large to be exported"
            ));
        }
        Ok(source)
    }

    fn dcimg(place: &Place, object: &str) -> Result<Self, ViewError> {
        let file = Recording::open(place, object)?;
        let layout = file.layout();
        let shape = [layout.frames(), layout.height(), layout.width()];
        let rate = file.clock()?.map(|clock| clock.camera_rate_hz());
        Ok(Self {
            kind: Kind::Dcimg(Box::new(file)),
            shape,
            dataset: String::new(),
            description: "counts".into(),
            frame_interval_s: rate.map(f64::recip),
        })
    }

    fn hdf5(
        name: &str,
        place: &Place,
        object: &str,
        wanted: Option<&str>,
        axes: Option<Orientation>,
    ) -> Result<Self, ViewError> {
        let file = place.open_hdf5(object)?;
        let wanted = choose(name, wanted, file.dataset_names()?)?;
        let dataset = file.dataset(&wanted)?;
        let said = text(&dataset, "axes").and_then(|name| Orientation::from_name(&name));
        let orientation = axes.or(said).unwrap_or_default();
        let shape = shape(name, &wanted, dataset.shape(), orientation)?;
        let rate = number(&dataset, "sample_rate_hz");
        let first = number(&dataset, "first_frame_s");
        let description = [
            text(&dataset, "units"),
            text(&dataset, "scale"),
            first.map(|s| format!("frame 0 at {s} s")),
        ];
        let description: Vec<String> = description.into_iter().flatten().collect();
        drop(dataset);
        Ok(Self {
            kind: Kind::Hdf5(file, orientation),
            shape,
            dataset: wanted,
            description: description.join("; "),
            frame_interval_s: rate.map(f64::recip),
        })
    }

    fn mat(
        name: &str,
        place: &Place,
        object: &str,
        wanted: Option<&str>,
        axes: Option<Orientation>,
    ) -> Result<Self, ViewError> {
        let variables = place.read_mat(object)?;
        let there = variables.iter().map(|v| v.name.clone()).collect();
        let wanted = choose(name, wanted, there)?;
        let orientation = axes.unwrap_or_default();
        let found = variables.into_iter().find(|v| v.name == wanted);
        let variable = found.ok_or_else(|| missing(name, &wanted, Vec::new()))?;
        let mut sizes = variable.values.shape().to_vec();
        // MATLAB saves a movie of one frame as a matrix.
        if sizes.len() == 2 {
            sizes.push(1);
        }
        Ok(Self {
            shape: shape(name, &wanted, &sizes, orientation)?,
            kind: Kind::Mat(variable, orientation),
            dataset: wanted,
            description: String::new(),
            frame_interval_s: None,
        })
    }

    /// Frames, rows, columns, camera orientation.
    pub(super) fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The type that holds the numbers as they are: those of cameras are counts.
    pub(super) fn sample(&self) -> Sample {
        match self.kind {
            Kind::Dcimg(_) => Sample::U16,
            Kind::Hdf5(..) | Kind::Mat(..) => Sample::F32,
        }
    }

    /// Dataset or variable; empty for recordings.
    pub(super) fn dataset(&self) -> &str {
        &self.dataset
    }

    /// What the file says of its numbers.
    pub(super) fn description(&self) -> &str {
        &self.description
    }

    pub(super) fn frame_interval_s(&self) -> Option<f64> {
        self.frame_interval_s
    }

    /// Ranges of frames that together are the movie, each small enough to be read at once.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let [frames, height, width] = self.shape;
        let length = (BLOCK_BYTES / (height * width * PIXEL_BYTES).max(1)).max(1);
        // Chunks are not taken apart where that can be avoided.
        let length = match length / CHUNK_FRAMES * CHUNK_FRAMES {
            0 => length,
            whole => whole,
        };
        let starts = (0..frames).step_by(length);
        starts.map(move |start| start..frames.min(start + length))
    }

    /// Frames `(t, y, x)`, rows from the top.
    pub(super) fn read(&self, frames: Range<usize>) -> Result<Array3<f32>, ViewError> {
        Ok(match &self.kind {
            Kind::Hdf5(file, orientation) => {
                let dataset = file.dataset(&self.dataset)?;
                dataset.read_movie(*orientation, frames, ..)?
            }
            Kind::Mat(variable, orientation) => variable.movie(*orientation, frames, ..)?,
            Kind::Dcimg(file) => file.frames(frames)?,
        })
    }
}

/// The first bytes of a file.
fn start(folder: &str, object: &str) -> Result<Vec<u8>, ViewError> {
    let place = Place::open(folder)?;
    let Some(entry) = place.head(object)? else {
        let object = format!("{}/{object}", place.url().trim_end_matches('/'));
        return Err(widefield_storage::Error::NotFound { object }.into());
    };
    let start = place.read_range(object, 0..entry.bytes.min(SIGNATURE_BYTES))?;
    Ok(start.to_vec())
}

fn is_hdf5(start: &[u8]) -> bool {
    let signature = b"\x89HDF\r\n\x1a\n";
    [0, 512, 1024, 2048]
        .iter()
        .any(|&at| start.get(at..at + 8) == Some(signature))
}

/// Level 5, in either order of bytes.
fn is_mat(start: &[u8]) -> bool {
    matches!(
        start.get(124..128),
        Some([_, 1, b'I', b'M'] | [1, _, b'M', b'I'])
    )
}

/// Which of the arrays of a file is meant.
fn choose(name: &str, wanted: Option<&str>, there: Vec<String>) -> Result<String, ViewError> {
    let usual = ["dff", "mov", "tr"].map(str::to_owned);
    let chosen = match (wanted, there.as_slice()) {
        // A path into a group is not listed, but can be opened.
        (Some(wanted), _) if wanted.contains('/') => Some(wanted.to_owned()),
        (Some(wanted), there) if there.iter().any(|known| known == wanted) => {
            Some(wanted.to_owned())
        }
        (Some(wanted), _) => return Err(missing(name, wanted, there)),
        (None, [only]) => Some(only.clone()),
        (None, several) => usual.into_iter().find(|usual| several.contains(usual)),
    };
    chosen.ok_or_else(|| ViewError::Dataset {
        name: name.into(),
        wanted: "which of its datasets is to be exported is not clear".into(),
        there,
    })
}

fn missing(name: &str, wanted: &str, there: Vec<String>) -> ViewError {
    ViewError::Dataset {
        name: name.into(),
        wanted: format!("there is no dataset {wanted}"),
        there,
    }
}

/// Frames, rows and columns of an array with the axes of the file.
fn shape(
    name: &str,
    dataset: &str,
    sizes: &[usize],
    orientation: Orientation,
) -> Result<[usize; 3], ViewError> {
    match *sizes {
        [a, b, t] if a > 0 && b > 0 && t > 0 => {
            // What turns the sides of an image into axes turns them back.
            let [height, width] = orientation.axes(a, b);
            Ok([t, height, width])
        }
        _ => Err(ViewError::Shape {
            name: name.into(),
            dataset: dataset.into(),
            shape: sizes.to_vec(),
        }),
    }
}

fn text(dataset: &Hdf5Dataset<'_>, name: &str) -> Option<String> {
    match dataset.attribute(name) {
        Some(Attribute::Text(text)) => Some(text.chars().take(LONGEST_TEXT).collect()),
        _ => None,
    }
}

fn number(dataset: &Hdf5Dataset<'_>, name: &str) -> Option<f64> {
    match dataset.attribute(name) {
        Some(Attribute::Float(number)) => Some(*number),
        Some(Attribute::Integer(number)) => Some(*number as f64),
        _ => None,
    }
}
