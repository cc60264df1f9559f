//! Why there is no picture.

use std::path::PathBuf;

/// Why a file cannot be shown, or the picture not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The place or the file cannot be read.
    #[error(transparent)]
    Storage(#[from] widefield_storage::Error),
    /// The recording cannot be opened or read.
    #[error(transparent)]
    Recording(#[from] widefield_pipeline::recording::RecordingError),
    /// None of the formats.
    #[error("{name}: neither an HDF5 nor a MAT file nor a DCIMG recording")]
    Format {
        /// Path or URL.
        name: String,
    },
    /// It is not clear which dataset is meant.
    #[error("{name}: {wanted}; it has {}", if there.is_empty() { "none".into() } else { there.join(", ") })]
    Dataset {
        /// Path or URL.
        name: String,
        /// What was looked for.
        wanted: String,
        /// Datasets of the file.
        there: Vec<String>,
    },
    /// The dataset is no movie.
    #[error(
        "{name}: dataset {dataset} of shape {shape:?} is no movie, which has three axes, none empty"
    )]
    Shape {
        /// Path or URL.
        name: String,
        /// Name of the dataset.
        dataset: String,
        /// Its shape in the order of the file.
        shape: Vec<usize>,
    },
    /// A frame takes more memory than is given to it.
    #[error("{name}: frames of {width} x {height} px are too large to be read")]
    TooLarge {
        /// Path or URL.
        name: String,
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// There are fewer frames.
    #[error("{name} has {frames} frames, numbered from 0; there is no {wanted}")]
    NoFrame {
        /// Path or URL.
        name: String,
        /// How many there are.
        frames: usize,
        /// What was asked for.
        wanted: String,
    },
    /// Every pixel is NaN.
    #[error("{name}: no pixel of what is to be shown has a value")]
    Nothing {
        /// Path or URL.
        name: String,
    },
    /// What was asked for does not go together.
    #[error("{0}")]
    Request(String),
    /// The file to be written is there already.
    #[error("{} is there already", path.display())]
    Exists {
        /// Its path.
        path: PathBuf,
    },
    /// The picture could not be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The external program failed.
    #[error("{program}: {cause}")]
    Ffmpeg {
        /// What was started.
        program: String,
        /// What went wrong.
        cause: String,
    },
    /// A measure of the movie failed.
    #[error(transparent)]
    Analysis(#[from] widefield::Error),
}
