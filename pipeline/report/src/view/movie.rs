//! Movies of files and stores, HDF5, MAT or DCIMG, by blocks of frames.

use super::ViewError;
use dcimg::Options;
use ndarray::{Array2, Array3, Axis};
use std::ops::Range;
use widefield::TimeAxis;
use widefield_pipeline::recording::Recording;
use widefield_storage::mat::Variable;
use widefield_storage::{Attribute, CHUNK_FRAMES, Hdf5Dataset, Hdf5File, Orientation, Place};

/// Bytes that a block of frames may take, with what is needed to read it.
const BLOCK_BYTES: usize = 128 << 20;
/// Bytes of a pixel while it is read: as stored, as turned, as f32.
const PIXEL_BYTES: usize = 12;
/// Letters of a text from a file that are passed on.
const LONGEST_TEXT: usize = 200;

/// A movie that is open for reading.
#[derive(Debug)]
pub struct Movie {
    name: String,
    kind: Kind,
    /// Frames, rows, columns.
    shape: [usize; 3],
    dataset: String,
    description: String,
    quantity: Quantity,
    axis: Option<TimeAxis>,
}

#[derive(Debug)]
enum Kind {
    Hdf5(Hdf5File, Orientation),
    /// In memory as a whole, as which the format is read.
    Mat(Variable, Orientation),
    Dcimg(Box<Recording>),
}

/// What the numbers of a movie are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quantity {
    /// Camera counts.
    Counts,
    /// (F - F0) / F0, drawn in percent.
    Dff,
    /// Anything else, by its unit; empty if the file says none.
    Other(String),
}

impl Quantity {
    /// The unit that stands below the colour scale.
    pub(super) fn unit(&self) -> &str {
        match self {
            Self::Counts => "counts",
            Self::Dff => "dF/F (%)",
            Self::Other(unit) => unit,
        }
    }

    /// What values are multiplied by to have that unit.
    pub(super) fn factor(&self) -> f64 {
        match self {
            Self::Dff => 100.0,
            Self::Counts | Self::Other(_) => 1.0,
        }
    }
}

/// Which dataset of a file, and how its axes lie; both are found out if not given.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OpenOptions {
    /// Name of the dataset or variable; by default the only one, or `dff`, `mov` or `tr`.
    pub dataset: Option<String>,
    /// Order of the axes; by default what the attribute `axes` says, else that of the lab's notebook.
    pub axes: Option<Orientation>,
    /// Refuses recordings that were cut, instead of reading what they still hold.
    pub complete: bool,
}

impl Movie {
    /// Opens a path or URL.
    ///
    /// # Errors
    /// [`ViewError`] if it cannot be read, is of none of the formats, or holds no movie.
    pub fn open(name: &str, options: &OpenOptions) -> Result<Self, ViewError> {
        let (folder, object) = match name.rsplit_once(['/', std::path::MAIN_SEPARATOR]) {
            Some(("", object)) => ("/", object),
            Some((folder, object)) => (folder, object),
            None => (".", name),
        };
        let place = Place::open(folder)?;
        let Some(entry) = place.head(object)? else {
            let object = format!("{}/{object}", place.url().trim_end_matches('/'));
            return Err(widefield_storage::Error::NotFound { object }.into());
        };
        let start = place.read_range(object, 0..entry.bytes.min(SIGNATURE_BYTES))?;
        let movie = if dcimg::is_dcimg(&start) {
            Self::dcimg(name, &place, object, options)?
        } else if is_hdf5(&start) {
            Self::hdf5(name, place.open_hdf5(object)?, options)?
        } else if is_mat(&start) {
            Self::mat(name, place.read_mat(object)?, options)?
        } else {
            return Err(ViewError::Format { name: name.into() });
        };
        let [_, height, width] = movie.shape;
        let bytes = height
            .checked_mul(width)
            .and_then(|pixels| pixels.checked_mul(PIXEL_BYTES));
        if bytes.is_none_or(|bytes| bytes > 8 * BLOCK_BYTES) {
            return Err(ViewError::TooLarge {
                name: name.into(),
                width,
                height,
            });
        }
        Ok(movie)
    }

    fn dcimg(
        name: &str,
        place: &Place,
        object: &str,
        options: &OpenOptions,
    ) -> Result<Self, ViewError> {
        let salvage = Options::default().salvage(true);
        let file = match Recording::open(place, object) {
            // What a cut file still holds can be looked at.
            Err(_) if !options.complete => Recording::open_with(place, object, &salvage),
            opened => opened,
        }?;
        let layout = file.layout();
        Ok(Self {
            name: name.into(),
            shape: [layout.frames(), layout.height(), layout.width()],
            dataset: String::new(),
            description: "counts".into(),
            quantity: Quantity::Counts,
            axis: clock(&file),
            kind: Kind::Dcimg(Box::new(file)),
        })
    }

    fn hdf5(name: &str, file: Hdf5File, options: &OpenOptions) -> Result<Self, ViewError> {
        let wanted = choose(name, options, file.dataset_names()?)?;
        let dataset = file.dataset(&wanted)?;
        let said = text(&dataset, "axes").and_then(|name| Orientation::from_name(&name));
        let orientation = options.axes.or(said).unwrap_or_default();
        let shape = shape(name, &wanted, dataset.shape(), orientation)?;
        let first = number(&dataset, "first_frame_s");
        let rate = number(&dataset, "sample_rate_hz").filter(|rate| *rate > 0.0);
        let description = [
            text(&dataset, "units"),
            text(&dataset, "scale"),
            first.map(|s| format!("frame 0 at {s} s")),
        ];
        let description: Vec<String> = description.into_iter().flatten().collect();
        let quantity = quantity(&wanted, &dataset);
        drop(dataset);
        Ok(Self {
            name: name.into(),
            kind: Kind::Hdf5(file, orientation),
            shape,
            dataset: wanted,
            description: description.join("; "),
            quantity,
            axis: rate.map(|sample_rate_hz| TimeAxis {
                sample_rate_hz,
                first_frame_s: first.unwrap_or(0.0),
            }),
        })
    }

    fn mat(name: &str, variables: Vec<Variable>, options: &OpenOptions) -> Result<Self, ViewError> {
        let there = variables.iter().map(|v| v.name.clone()).collect();
        let wanted = choose(name, options, there)?;
        let orientation = options.axes.unwrap_or_default();
        let found = variables.into_iter().find(|v| v.name == wanted);
        let variable = found.ok_or_else(|| missing(name, &wanted, Vec::new()))?;
        let mut sizes = variable.values.shape().to_vec();
        // MATLAB saves a movie of one frame as a matrix.
        if sizes.len() == 2 {
            sizes.push(1);
        }
        Ok(Self {
            name: name.into(),
            shape: shape(name, &wanted, &sizes, orientation)?,
            kind: Kind::Mat(variable, orientation),
            dataset: wanted,
            description: String::new(),
            // dF/F or F / F0, which the file does not say.
            quantity: Quantity::Other(String::new()),
            axis: None,
        })
    }

    /// Path or URL.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.shape[0]
    }

    /// Height and width in pixels, camera orientation.
    #[must_use]
    pub fn dim(&self) -> (usize, usize) {
        (self.shape[1], self.shape[2])
    }

    /// Dataset or variable; empty for recordings.
    #[must_use]
    pub fn dataset(&self) -> &str {
        &self.dataset
    }

    /// Whether it is a camera's recording, whose numbers are whole.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        matches!(self.kind, Kind::Dcimg(_))
    }

    /// What the file says of its numbers.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// What the numbers are.
    #[must_use]
    pub fn quantity(&self) -> &Quantity {
        &self.quantity
    }

    /// Times of the frames, if the file tells: as configured in HDF5 files, from frame 0 on in recordings.
    #[must_use]
    pub fn axis(&self) -> Option<TimeAxis> {
        self.axis
    }

    /// Calls `each` with blocks of the frames in order, `(t, y, x)` in camera orientation; the number of its first frame goes
    /// before each.
    ///
    /// # Errors
    /// [`ViewError`] if they cannot be read, and those of `each`.
    pub fn blocks(
        &self,
        frames: Range<usize>,
        mut each: impl FnMut(usize, Array3<f32>) -> Result<(), ViewError>,
    ) -> Result<(), ViewError> {
        let [_, height, width] = self.shape;
        let length = (BLOCK_BYTES / (height * width * PIXEL_BYTES).max(1)).max(1);
        let mut first = frames.start;
        while first < frames.end {
            // Chunks are not taken apart where that can be avoided.
            let aligned = (first + length) / CHUNK_FRAMES * CHUNK_FRAMES;
            let end = if aligned > first {
                aligned
            } else {
                first + length
            };
            let end = end.min(frames.end);
            each(first, self.read(first..end)?)?;
            first = end;
        }
        Ok(())
    }

    /// One frame `(y, x)`.
    pub(super) fn frame(&self, frame: usize) -> Result<Array2<f32>, ViewError> {
        Ok(self.read(frame..frame + 1)?.index_axis_move(Axis(0), 0))
    }

    fn read(&self, frames: Range<usize>) -> Result<Array3<f32>, ViewError> {
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

/// Which of the arrays of a file is meant.
fn choose(name: &str, options: &OpenOptions, there: Vec<String>) -> Result<String, ViewError> {
    let usual = ["dff", "mov", "tr"].map(str::to_owned);
    let chosen = match (&options.dataset, there.as_slice()) {
        // A path into a group is not listed, but can be opened.
        (Some(wanted), there) if wanted.contains('/') || there.contains(wanted) => {
            Some(wanted.clone())
        }
        (Some(wanted), _) => return Err(missing(name, wanted, there)),
        (None, [only]) => Some(only.clone()),
        (None, several) => usual.into_iter().find(|usual| several.contains(usual)),
    };
    chosen.ok_or_else(|| ViewError::Dataset {
        name: name.into(),
        wanted: "which of its datasets is meant is not clear".into(),
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

/// Enough for the signature of HDF5 behind a user block of up to 2 kB, as MATLAB writes one.
const SIGNATURE_BYTES: u64 = 2056;

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

fn quantity(name: &str, dataset: &Hdf5Dataset<'_>) -> Quantity {
    match (name, dataset.attribute("units")) {
        ("dff", _) if is_ratio(dataset) => Quantity::Other("F/F0".to_owned()),
        ("dff", _) => Quantity::Dff,
        (_, Some(Attribute::Text(unit))) if unit == "counts" => Quantity::Counts,
        ("mov", _) => Quantity::Counts,
        (_, Some(Attribute::Text(unit))) => Quantity::Other(unit.chars().take(16).collect()),
        _ => Quantity::Other(String::new()),
    }
}

/// Whether `output.dff_scale` was `"f_over_f0"`.
fn is_ratio(dataset: &Hdf5Dataset<'_>) -> bool {
    matches!(dataset.attribute("scale"), Some(Attribute::Text(text)) if text.starts_with("F / F0"))
}

fn clock(file: &Recording) -> Option<TimeAxis> {
    let rate = file.clock().ok()??.camera_rate_hz();
    (rate.is_finite() && rate > 0.0).then_some(TimeAxis {
        sample_rate_hz: rate,
        first_frame_s: 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use widefield_storage::{Dataset, MatMovie};

    #[test]
    fn both_orders_of_axes_give_the_camera_s_frames() {
        let movie = Array3::from_shape_fn((40, 5, 7), |(t, y, x)| (t * 100 + y * 10 + x) as f32);
        let dir = tempfile::tempdir().expect("folder");
        let folder = dir.path().to_str().expect("UTF-8");
        let place = Place::open(folder).expect("place");
        for (orientation, axes) in [
            (Orientation::Notebook, "x, reversed y, t"),
            (Orientation::Camera, "y, x, t"),
        ] {
            let dataset = Dataset::new("mov", [40, 5, 7])
                .orientation(orientation)
                .attribute("axes", axes)
                .attribute("sample_rate_hz", 20.0)
                .attribute("first_frame_s", -3.0);
            let mut file = place.create_hdf5("m.h5", dataset).expect("file");
            file.push(movie.view()).expect("frames");
            file.finish().expect("file");
            let name = format!("{folder}/m.h5");
            let found = Movie::open(&name, &OpenOptions::default()).expect("movie");
            assert_eq!((found.frames(), found.dim()), (40, (5, 7)));
            assert_eq!(found.quantity(), &Quantity::Counts);
            assert_eq!(found.axis().expect("times").time_s(20), -2.0);
            let mut seen = Vec::new();
            let each = |first: usize, block: Array3<f32>| {
                let n = block.dim().0;
                assert_eq!(block, movie.slice(ndarray::s![first..first + n, .., ..]));
                seen.push(first..first + n);
                Ok(())
            };
            found.blocks(3..40, each).expect("frames");
            assert_eq!(seen.first().map(|r| r.start), Some(3));
            assert_eq!(seen.last().map(|r| r.end), Some(40));
            assert_eq!(
                found.frame(39).expect("frame"),
                movie.index_axis(Axis(0), 39)
            );
        }
    }

    #[test]
    fn mat_files_are_movies_too() {
        let movie = Array3::from_shape_fn((3, 5, 7), |(t, y, x)| (t * 100 + y * 10 + x) as f32);
        let dir = tempfile::tempdir().expect("folder");
        let folder = dir.path().to_str().expect("UTF-8");
        let place = Place::open(folder).expect("place");
        let mut file = place
            .create_mat("m.mat", MatMovie::new("tr", [3, 5, 7]))
            .expect("file");
        file.push(movie.view()).expect("frames");
        file.finish().expect("file");
        let found = Movie::open(&format!("{folder}/m.mat"), &OpenOptions::default());
        let found = found.expect("movie");
        assert_eq!(
            (found.frames(), found.dim(), found.dataset()),
            (3, (5, 7), "tr")
        );
        assert_eq!(found.frame(2).expect("frame"), movie.index_axis(Axis(0), 2));
        assert!(!found.is_recording() && found.axis().is_none());
    }

    #[test]
    fn what_is_no_movie_is_refused_with_what_is_there() {
        let dir = tempfile::tempdir().expect("folder");
        let folder = dir.path().to_str().expect("UTF-8");
        let place = Place::open(folder).expect("place");
        place.put("notes.txt", b"hello".to_vec()).expect("file");
        let dataset = Dataset::new("other", [1, 2, 3]);
        let mut file = place.create_hdf5("o.h5", dataset).expect("file");
        file.push(Array3::zeros((1, 2, 3)).view()).expect("frame");
        file.finish().expect("file");
        let error = |name: &str, options: &OpenOptions| {
            let name = format!("{folder}/{name}");
            Movie::open(&name, options).expect_err("no movie")
        };
        let default = OpenOptions::default();
        assert!(matches!(
            error("notes.txt", &default),
            ViewError::Format { .. }
        ));
        assert!(error("none.h5", &default).to_string().contains("not found"));
        let named = OpenOptions {
            dataset: Some("dff".into()),
            ..default.clone()
        };
        let text = error("o.h5", &named).to_string();
        assert!(text.contains("no dataset dff; it has other"), "{text}");
        // The only dataset needs no name, and has no unit.
        let found = Movie::open(&format!("{folder}/o.h5"), &default).expect("movie");
        assert_eq!(found.quantity(), &Quantity::Other(String::new()));
        assert_eq!(found.axis(), None);
    }
}
