//! What a DCIMG file says of itself.

use crate::{CLOCK_FRAMES, Recording, RecordingError};
use dcimg::{Clock, Dcimg, File, Header, Movie, OpenError, Options, Relocation};
use std::path::Path;
use widefield_storage::Place;

/// What was found in one file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// Path or URL.
    pub name: String,
    /// Everything the headers say.
    pub header: Header,
    /// Frames that are there.
    pub frames: usize,
    /// Columns and rows of the movie, pixels.
    pub size: [usize; 2],
    /// Times and framestamps; `None` where they are damaged, or take more reading from a store than they are worth.
    pub clock: Option<Clock>,
    /// Places of relocated pixels, and in how many frames they were looked for.
    pub relocation: Relocation,
    /// What is wrong with the file; empty for a sound one.
    pub problems: Vec<String>,
    /// Whether the file ends before its header says.
    pub cut: bool,
}

/// Opens a file and looks at everything but the pixels, apart from the places of relocated ones.
///
/// A cut file is looked at as far as it goes; the cut is among the problems.
///
/// # Errors
/// [`OpenError`] if it cannot be read, or is no DCIMG movie at all.
pub fn file(path: &Path) -> Result<Inspection, OpenError> {
    let inspect = |options: &Options| of_file(path, &File::open_with(path, options)?);
    whole_or_cut(inspect, |error: &OpenError| Some(cause(error)))
}

fn of_file(path: &Path, file: &File) -> Result<Inspection, OpenError> {
    let found = Inspection::of(path.display().to_string(), &file.movie());
    found.map_err(|source| OpenError::Format {
        path: path.to_owned(),
        source,
    })
}

/// The same for an object of a store, by a handful of ranged reads whatever its size.
///
/// Relocated pixels are looked for in the first frame only. The clock of framed files lies between the frames,
/// so it is read only when that takes few ranges.
///
/// # Errors
/// [`RecordingError::Storage`] if the place or the object cannot be read, [`RecordingError::Format`] if it is no DCIMG
/// movie at all.
pub fn url(url: &str) -> Result<Inspection, RecordingError> {
    let (folder, name) = url.rsplit_once('/').unwrap_or(("", url));
    let place = Place::open(folder)?;
    if place.head(name)?.is_none() {
        // Reading says what is missing, and where.
        place.read(name)?;
    }
    let inspect = |options: &Options| {
        let recording = Recording::open_with(&place, name, options)?;
        let layout = recording.layout();
        let mut ranges = Vec::new();
        if layout.header().frame_stride <= LARGEST_FRAME {
            ranges.extend(recording.frame_ranges(0..layout.frames().min(1))?);
        }
        if recording.has_clock_at_hand() {
            ranges.extend(layout.clock_ranges());
        }
        let parts = recording.read(ranges)?;
        let pieces = recording.pieces(&parts);
        let movie = layout.movie(&pieces);
        let found = Inspection::of(url.to_owned(), &movie);
        found.map_err(|source| RecordingError::Format {
            name: url.to_owned(),
            source,
        })
    };
    let cut = |error: &RecordingError| match error {
        RecordingError::Format { source, .. } => Some(source.to_string()),
        _ => None,
    };
    whole_or_cut(inspect, cut)
}

/// The same for bytes in memory, under a name for the report.
///
/// # Errors
/// [`dcimg::Error`] if the bytes are no DCIMG movie at all.
pub fn bytes(name: &str, bytes: &[u8]) -> Result<Inspection, dcimg::Error> {
    let inspect = |options: &Options| {
        let file = Dcimg::parse_with(bytes, options)?;
        Inspection::of(name.to_owned(), &file.movie())
    };
    whole_or_cut(inspect, |error: &dcimg::Error| Some(error.to_string()))
}

/// The largest frame that is fetched from a store for its relocated pixels.
const LARGEST_FRAME: u64 = 64 << 20;
/// Most frames in which relocated pixels are looked for: a sparse file of a few kB may claim any number.
const EXAMINED_FRAMES: usize = 1 << 16;

/// What is no whole movie is looked at as far as it goes; what `cut` says of that is the first of its problems.
fn whole_or_cut<E>(
    inspect: impl Fn(&Options) -> Result<Inspection, E>,
    cut: impl Fn(&E) -> Option<String>,
) -> Result<Inspection, E> {
    inspect(&Options::default()).or_else(|error| {
        let salvaged = cut(&error).zip(inspect(&Options::default().salvage(true)).ok());
        let Some((problem, mut found)) = salvaged else {
            return Err(error);
        };
        found.problems.insert(0, problem);
        found.cut = true;
        Ok(found)
    })
}

/// What an error that names its file says beside that.
fn cause(error: &(impl std::error::Error + ?Sized)) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

impl Inspection {
    fn of(name: String, movie: &Movie<'_>) -> Result<Self, dcimg::Error> {
        let header = movie.layout().header();
        let warnings = movie.layout().warnings();
        let mut problems: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        let few = movie.len() <= CLOCK_FRAMES;
        let clock = match few.then(|| movie.clock()) {
            None => {
                problems.push(format!(
                    "the clock of {} frames is not looked at: {CLOCK_FRAMES} are the most",
                    movie.len()
                ));
                None
            }
            // Not fetched is no fault of the file.
            Some(Err(dcimg::Error::NotFetched { .. })) => None,
            Some(Err(error @ dcimg::Error::Io { .. })) => return Err(error),
            Some(Err(error)) => {
                problems.push(error.to_string());
                None
            }
            Some(Ok(clock)) => {
                let known = problems.clone();
                let new = clock.warnings().into_iter().map(|w| w.to_string());
                problems.extend(new.filter(|w| !known.contains(w)));
                Some(clock)
            }
        };
        let relocation = movie.relocation_in(0..EXAMINED_FRAMES)?;
        problems.extend(relocation.warning().map(|warning| warning.to_string()));
        Ok(Self {
            name,
            header: header.clone(),
            frames: movie.len(),
            size: [movie.width(), movie.height()],
            clock,
            relocation,
            problems,
            cut: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a file loses after it was opened gives an error, where a map of it would end the program.
    #[test]
    fn a_file_that_is_cut_while_it_is_inspected_is_an_error() {
        let movie =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/session/20170214_102233_1");
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("movie");
        std::fs::copy(movie, &path).expect("golden movie");
        let opened = File::open(&path).expect("movie");
        assert!(of_file(&path, &opened).is_ok());
        let writing = std::fs::File::options()
            .write(true)
            .open(&path)
            .expect("file");
        for length in [200_000, 0] {
            writing.set_len(length).expect("shorter");
            let error = of_file(&path, &opened).expect_err("bytes are gone");
            let text = cause(&error);
            assert!(text.contains("became shorter"), "{text}");
        }
    }

    /// Cut in a frame, a store gives what the file system gives.
    #[test]
    fn an_object_in_a_store_is_inspected_like_a_file() {
        let movie =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/session/20170214_102233_1");
        let bytes = std::fs::read(&movie).expect("golden movie");
        let place = Place::open("memory://inspect").expect("place");
        place.put("whole", bytes.clone()).expect("put");
        place.put("cut", bytes[..200_000].to_vec()).expect("put");
        place.put("text", b"not a movie".to_vec()).expect("put");

        let of_file = file(&movie).expect("movie");
        let of_store = url("memory://inspect/whole").expect("movie");
        assert_eq!(of_store.header, of_file.header);
        assert_eq!(of_store.size, of_file.size);
        assert!(of_file.clock.is_some());
        assert_eq!(of_store.clock, of_file.clock);
        assert_eq!(of_store.problems, of_file.problems);
        let cut = url("memory://inspect/cut").expect("salvaged");
        assert!(cut.cut && !of_store.cut);
        assert_eq!(cut.frames, 10);
        assert!(cut.problems[0].contains("cut"), "{:?}", cut.problems);
        assert!(matches!(
            url("memory://inspect/text"),
            Err(RecordingError::Format { .. })
        ));
        assert!(matches!(
            url("memory://inspect/none"),
            Err(RecordingError::Storage(_))
        ));
    }
}
