//! Why a request cannot be carried out at all. What concerns one trial is in its record instead.

use crate::config::ConfigError;

/// Why a run did not start, or could not be finished.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The experiment description is unusable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A place does not answer or does not let us in.
    #[error(transparent)]
    Storage(#[from] widefield_storage::Error),
    /// Log or table cannot be used, or do not say which movie is which trial.
    #[error(transparent)]
    Labels(widefield_labels::Error),
    /// The mask that the description names cannot be used.
    #[error("analysis.segmentation.file {path}: {source}")]
    Mask {
        /// Which file.
        path: String,
        /// What is wrong with it.
        source: MaskError,
    },
    /// No movie is called so.
    #[error("nothing to process: {place} has no DCIMG movie whose name {wanted}")]
    NothingToDo {
        /// Where was looked.
        place: String,
        /// What is asked for: "starts with `a_`", "is built as `rec-{trial}`".
        wanted: String,
        /// What is there instead.
        seen: String,
    },
    /// Two movies claim one trial.
    #[error("{} trial number(s) belong to more than one movie: {}", clashes.len(), clashes.join("; "))]
    SameTrial {
        /// `number: file, file`.
        clashes: Vec<String>,
    },
    /// The output place holds the results of another session.
    #[error("{place} belongs to another session ({theirs})")]
    ForeignPlace {
        /// The output place.
        place: String,
        /// Whose it is.
        theirs: String,
    },
    /// Another run has come to the output place since this one looked what is finished.
    #[error("{place}/{name} was changed by another run since this one looked there")]
    Overtaken {
        /// The output place.
        place: String,
        /// What tells of a trial that is finished.
        name: String,
    },
    /// The record of an earlier run cannot be read, so whose the place is cannot be told.
    #[error("{place}/{name} {cause}")]
    Record {
        /// The output place.
        place: String,
        /// The record in it.
        name: String,
        /// What is wrong with it, as the rest of a sentence.
        cause: String,
    },
    /// A movie is called as a file of the session is.
    #[error("the MAT file of {file} would be {output}, which is the session's own")]
    OwnName {
        /// The movie.
        file: String,
        /// The file.
        output: String,
    },
    /// Results would lie where something lies that is read.
    #[error("{results} leads to {folder}, the folder of {inputs}")]
    OverInputs {
        /// Which results.
        results: String,
        /// Where that is.
        folder: String,
        /// What lies there.
        inputs: String,
    },
    /// Something that is read bears a name under which the run writes.
    #[error("{folder}/{name} is read by this run, which would also write it")]
    ReplacesInput {
        /// Its name.
        name: String,
        /// Where it lies.
        folder: String,
    },
    /// Two sessions, or two kinds of results, would be mixed.
    #[error("{one} and {other} would both write into {folder}")]
    SharedFolder {
        /// The first.
        one: String,
        /// The second.
        other: String,
        /// The folder.
        folder: String,
    },
    /// Results are there already and `existing = "error"`.
    #[error("{place} already holds {} ({} in all)", first, count)]
    Exists {
        /// The output place.
        place: String,
        /// The first of them.
        first: String,
        /// How many.
        count: usize,
    },
    /// The trials ended, but what closes a run could not be written.
    #[error("the trials ended, but the run could not be recorded")]
    Finish {
        /// What went wrong.
        source: widefield_storage::Error,
    },
    /// The bytes of a recording could not be read.
    #[error(transparent)]
    Recording(crate::recording::RecordingError),
    /// A description of several sessions was to be planned as one.
    #[error("the experiment has {sessions} sessions (data.folders), each to be planned by itself")]
    Folders {
        /// How many.
        sessions: usize,
    },
    /// A worker was given what is no request.
    #[error("this is no request for a worker: {cause}")]
    Request {
        /// What is wrong with it.
        cause: String,
    },
    /// The reply of a worker could not be given.
    #[error("the reply cannot be given")]
    Reply {
        /// Why.
        source: std::io::Error,
    },
    /// A trial could not be computed.
    #[error("{file}")]
    Trial {
        /// The movie.
        file: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A step is asked for that this program does not have.
    #[error("step `{name}`: {why}")]
    UnknownStep {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// Trials could not be run where they were to be run.
    #[error("engine {engine}: {cause}")]
    Engine {
        /// `local`, `spark`, `slurm`, or the name of a cluster of one's own.
        engine: &'static str,
        /// What went wrong.
        cause: String,
    },
    /// The trials were submitted and not waited for.
    #[error("the trials go on as job {jobs}")]
    Detached {
        /// Numbers of the cluster's jobs.
        jobs: String,
    },
    /// A session could not be simulated.
    #[cfg(feature = "simulate")]
    #[error(transparent)]
    Simulate(#[from] crate::simulate::Error),
}

impl From<crate::recording::RecordingError> for Error {
    fn from(error: crate::recording::RecordingError) -> Self {
        match error {
            crate::recording::RecordingError::Storage(error) => Self::Storage(error),
            error => Self::Recording(error),
        }
    }
}

impl From<widefield_labels::Error> for Error {
    fn from(error: widefield_labels::Error) -> Self {
        match error {
            widefield_labels::Error::Storage(error) => Self::Storage(error),
            error => Self::Labels(error),
        }
    }
}

impl Error {
    /// What can be done about it, where that is known. That of [`Error::Config`] stands in the error inside.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        Some(match self {
            Self::Labels(error) => return error.help(),
            Self::Mask { .. } => {
                "a PNG of the size of the resized image, top row first; kept where it is neither black nor transparent"
            }
            Self::NothingToDo { seen, .. } => seen,
            Self::SameTrial { .. } => {
                "the number after the last _ of a name, or {trial} of data.name, is the trial; a longer data.prefix keeps sessions apart"
            }
            Self::ForeignPlace { .. } => {
                "choose another output.url, or set output.existing = \"clean\" to give the place to this session"
            }
            Self::Overtaken { .. } => {
                "nothing was done; run it again, which begins with a new look"
            }
            Self::Record { .. } => {
                "move it away: results and manifests tell what is finished. Or choose another output.url"
            }
            Self::OwnName { .. } => "rename the movie, or write no MAT files: output.mat = \"\"",
            Self::OverInputs { .. } => {
                "results have folders of their own: what they replace, or `clean` removes, would be lost"
            }
            Self::ReplacesInput { .. } => {
                "rename it, or choose another output.url or output.records"
            }
            Self::SharedFolder { .. } => {
                "give each an output.url, output.records or folder of its own"
            }
            Self::Storage(widefield_storage::Error::Claimed { .. }) => {
                "wait until it is done; if you know that it is dead, take over with --take-over"
            }
            Self::Finish { .. } => {
                "finished trials are whole and in place; run again with existing = \"resume\" when there is room"
            }
            Self::Request { .. } => {
                "requests are made by `widefield run`; both sides must be the same version"
            }
            Self::Detached { .. } => {
                "the same run with existing = \"resume\" collects what they have done"
            }
            _ => return None,
        })
    }
}

/// Why there is no mask.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaskError {
    /// The rule makes none of this image.
    #[error(transparent)]
    Rule(#[from] widefield::Error),
    /// It is a given image, and not made of the movies.
    #[error("the mask is a given image, which is read where a session is planned")]
    Given,
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It is larger than any mask.
    #[error("is larger than {most} bytes")]
    TooLarge {
        /// What is read at most.
        most: u64,
    },
    /// It is no PNG, or damaged, or too large.
    #[error(transparent)]
    Image(#[from] widefield_storage::Error),
    /// This program was built without what reads it.
    #[error(
        "cannot be read: this program was built without images (feature png of widefield-pipeline)"
    )]
    NotAvailable,
    /// Frames have another size.
    #[error("is {width} x {height} px, analysis.resolution is {} x {}", resolution[0], resolution[1])]
    Shape {
        /// Columns of the image.
        width: usize,
        /// Rows of the image.
        height: usize,
        /// Columns and rows of a resized frame.
        resolution: [usize; 2],
    },
    /// Everything would be masked.
    #[error("keeps no pixel: all are black")]
    KeepsNothing,
}
