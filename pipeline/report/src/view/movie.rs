//! Movies of files and stores, HDF5 or DCIMG, by blocks of frames.

use super::ViewError;
use dcimg::Options;
use ndarray::{Array2, Array3, ArrayD, Axis};
use std::ops::Range;
use widefield::TimeAxis;
use widefield_pipeline::config::Axes;
use widefield_pipeline::recording::Recording;
use widefield_storage::{Attribute, Hdf5Dataset, Hdf5File, Place};

/// Bytes that a block of frames may take, with what is needed to read it.
const BLOCK_BYTES: usize = 128 << 20;
/// Bytes of a pixel while it is read: f64 as stored, f32 as drawn.
const PIXEL_BYTES: usize = 12;

/// A movie that is open for reading.
#[derive(Debug)]
pub struct Movie {
    name: String,
    kind: Kind,
    frames: usize,
    height: usize,
    width: usize,
    quantity: Quantity,
    axis: Option<TimeAxis>,
}

#[derive(Debug)]
enum Kind {
    Hdf5 {
        file: Hdf5File,
        dataset: String,
        axes: Axes,
    },
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

/// Which dataset of an HDF5 file, and how its axes lie; both are found out if not given.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OpenOptions {
    /// Name of the dataset; by default the only one, or `dff`, or `mov`.
    pub dataset: Option<String>,
    /// Order of the axes; by default what the attribute `axes` says, else that of the lab's notebook.
    pub axes: Option<Axes>,
}

impl Movie {
    /// Opens a path or URL.
    ///
    /// # Errors
    /// [`ViewError`] if it cannot be read, is of neither format, or holds no movie.
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
        if dcimg::is_dcimg(&start) {
            return Self::dcimg(name, &place, object);
        }
        if !is_hdf5(&start) {
            return Err(ViewError::Format { name: name.into() });
        }
        Self::hdf5(name, place.open_hdf5(object)?, options)
    }

    fn dcimg(name: &str, place: &Place, object: &str) -> Result<Self, ViewError> {
        // What a cut file still holds can be looked at.
        let salvage = Options::default().salvage(true);
        let file = Recording::open(place, object)
            .or_else(|_| Recording::open_with(place, object, &salvage))?;
        let layout = file.layout();
        let dim = [layout.frames(), layout.height(), layout.width()];
        let axis = clock(&file);
        let kind = Kind::Dcimg(Box::new(file));
        Self::new(name, kind, dim, Quantity::Counts, axis)
    }

    fn hdf5(name: &str, file: Hdf5File, options: &OpenOptions) -> Result<Self, ViewError> {
        let there = file.dataset_names()?;
        let wanted = match (&options.dataset, there.as_slice()) {
            (Some(wanted), _) => Some(wanted.clone()),
            (None, [only]) => Some(only.clone()),
            (None, several) => {
                let usual = ["dff", "mov"].map(str::to_owned);
                usual.into_iter().find(|usual| several.contains(usual))
            }
        };
        let Some(wanted) = wanted else {
            return Err(ViewError::Dataset {
                name: name.into(),
                wanted: "which of its datasets is to be shown is not clear".into(),
                there,
            });
        };
        // A path into a group is not listed, but can be opened.
        if !there.contains(&wanted) && !wanted.contains('/') {
            return Err(ViewError::Dataset {
                name: name.into(),
                wanted: format!("there is no dataset {wanted}"),
                there,
            });
        }
        let dataset = file.dataset(&wanted)?;
        let axes = options.axes.unwrap_or_else(|| axes(&dataset));
        let [a, b, frames] = match *dataset.shape() {
            [a, b, t] if a * b * t > 0 => [a, b, t],
            _ => {
                return Err(ViewError::Shape {
                    name: name.into(),
                    dataset: wanted,
                    shape: dataset.shape().to_vec(),
                });
            }
        };
        let [height, width] = match axes {
            Axes::Notebook => [b, a],
            Axes::Camera => [a, b],
        };
        let quantity = quantity(&wanted, &dataset);
        let number = |name| match dataset.attribute(name) {
            Some(Attribute::Float(v)) => Some(*v),
            Some(Attribute::Integer(v)) => Some(*v as f64),
            _ => None,
        };
        let axis = match (number("sample_rate_hz"), number("first_frame_s")) {
            (Some(sample_rate_hz), first) if sample_rate_hz > 0.0 => Some(TimeAxis {
                sample_rate_hz,
                first_frame_s: first.unwrap_or(0.0),
            }),
            _ => None,
        };
        let kind = Kind::Hdf5 {
            file,
            dataset: wanted,
            axes,
        };
        Self::new(name, kind, [frames, height, width], quantity, axis)
    }

    fn new(
        name: &str,
        kind: Kind,
        [frames, height, width]: [usize; 3],
        quantity: Quantity,
        axis: Option<TimeAxis>,
    ) -> Result<Self, ViewError> {
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
        Ok(Self {
            name: name.into(),
            kind,
            frames,
            height,
            width,
            quantity,
            axis,
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
        self.frames
    }

    /// Height and width in pixels, camera orientation.
    #[must_use]
    pub fn dim(&self) -> (usize, usize) {
        (self.height, self.width)
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

    /// Calls `each` with blocks of the frames in order, `(t, y, x)` in camera orientation.
    pub(super) fn blocks(
        &self,
        frames: Range<usize>,
        mut each: impl FnMut(usize, Array3<f32>) -> Result<(), ViewError>,
    ) -> Result<(), ViewError> {
        let frame = (self.height * self.width * PIXEL_BYTES).max(1);
        let length = (BLOCK_BYTES / frame).max(1);
        let mut first = frames.start;
        while first < frames.end {
            // Chunks of 16 frames are not taken apart where that can be avoided.
            let aligned = (first + length) / 16 * 16;
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
        match &self.kind {
            Kind::Hdf5 {
                file,
                dataset,
                axes,
            } => {
                let [a, b] = match axes {
                    Axes::Notebook => [self.width, self.height],
                    Axes::Camera => [self.height, self.width],
                };
                let part = [(0, a), (0, b), (frames.start, frames.end)];
                let values = file.dataset(dataset)?.read(&part)?;
                Ok(camera(values, *axes))
            }
            Kind::Dcimg(file) => Ok(file.frames(frames)?),
        }
    }
}

/// From the order of the file to `(t, y, x)`.
fn camera(values: ArrayD<f64>, axes: Axes) -> Array3<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "drawn, not computed with")]
    let narrow = |v: f64| v as f32;
    let Ok(values) = values.into_dimensionality::<ndarray::Ix3>() else {
        return Array3::zeros((0, 0, 0)); // three ranges were read
    };
    let turned = match axes {
        Axes::Camera => values.permuted_axes([2, 0, 1]),
        Axes::Notebook => {
            let mut turned = values.permuted_axes([2, 1, 0]);
            turned.invert_axis(Axis(1));
            turned
        }
    };
    let mut frames = Array3::zeros(turned.dim());
    frames.zip_mut_with(&turned, |out, &value| *out = narrow(value));
    frames
}

/// Enough for the signature of HDF5 behind a user block of up to 2 kB, as MATLAB writes one.
const SIGNATURE_BYTES: u64 = 2056;

fn is_hdf5(start: &[u8]) -> bool {
    let signature = b"\x89HDF\r\n\x1a\n";
    [0, 512, 1024, 2048]
        .iter()
        .any(|&at| start.get(at..at + 8) == Some(signature))
}

fn axes(dataset: &Hdf5Dataset<'_>) -> Axes {
    match dataset.attribute("axes") {
        Some(Attribute::Text(text)) if text.starts_with('y') => Axes::Camera,
        _ => Axes::Notebook,
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
    use widefield_storage::{Dataset, Orientation};

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
            axes: None,
        };
        let text = error("o.h5", &named).to_string();
        assert!(text.contains("no dataset dff; it has other"), "{text}");
        // The only dataset needs no name, and has no unit.
        let found = Movie::open(&format!("{folder}/o.h5"), &default).expect("movie");
        assert_eq!(found.quantity(), &Quantity::Other(String::new()));
        assert_eq!(found.axis(), None);
    }
}
