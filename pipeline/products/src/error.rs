//! Why products could not be made.

/// Why products could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Storage(#[from] widefield_storage::Error),
    /// A formula does not go.
    #[error(transparent)]
    Formula(#[from] widefield::Error),
    /// The file of areas could not be read.
    #[error("products.rois: {path}")]
    Areas {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What the file of areas holds cannot be used; the cause names it.
    #[error("products.rois")]
    AreaFile(#[source] widefield_storage::Error),
    /// A name that none of the areas has.
    #[error("products.seeds: `{name}` is none of the areas {known}")]
    Seed {
        /// The name.
        name: String,
        /// Those there are.
        known: String,
    },
    /// A name that is neither a condition nor an outcome of the session.
    #[error(
        "products.auc: `{name}` is neither a condition nor an outcome of a trial; there are {known}"
    )]
    Group {
        /// The name.
        name: String,
        /// Those there are.
        known: String,
    },
    /// No trial that products could be made of.
    #[error("there is no trial to make products of: {left_out}")]
    NoTrial {
        /// The trials there are, with the reason.
        left_out: String,
    },
    /// Frames of two trials differ in size.
    #[error(
        "{name} has frames of {} x {} px, the trials before {} x {}",
        found[1], found[0], expected[1], expected[0]
    )]
    Size {
        /// The file.
        name: String,
        /// Height and width of its frames.
        found: [usize; 2],
        /// Those of the trials before.
        expected: [usize; 2],
    },
    /// A dataset without frames.
    #[error("{name}: an array of the shape {shape:?} is no movie")]
    NoMovie {
        /// The file.
        name: String,
        /// The shape.
        shape: Vec<usize>,
    },
    /// The run is to end.
    #[error("interrupted")]
    Interrupted,
}
