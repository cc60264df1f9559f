//! A file in memory.

use std::borrow::Cow;

use crate::{Error, Header, Layout, Movie, Options, Warning};

/// A whole DCIMG file in memory: borrowed or owned bytes and their [`Layout`].
///
/// For a file on disk there is [`crate::File`], which reads by position. Whoever would rather map it into memory makes
/// the map, for instance with `memmap2`, and gives its bytes to [`Dcimg::parse`]. To call a map a `&[u8]` is
/// `unsafe`, and the argument for it is the caller's: that nobody writes to the file, or shortens it, while the map
/// lives. This crate cannot make it, since no lock of the system holds other programs off; on Unix a shortened file
/// ends a program that looks at its map (SIGBUS).
///
/// ```
/// # let mut file = std::io::Cursor::new(Vec::new());
/// # let mut writer = dcimg::write::Writer::new(&mut file, &dcimg::write::Spec::packed(4, 3))?;
/// # writer.push(ndarray::array![[1u16, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]].view(), Default::default())?;
/// # writer.finish()?;
/// # let bytes = file.into_inner();
/// let file = dcimg::Dcimg::parse(&bytes)?;
/// let movie = file.movie();
/// assert_eq!((movie.len(), movie.height(), movie.width()), (1, 3, 4));
/// assert_eq!(movie.frame(0)?.to_array::<f32>()?.sum(), 78.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dcimg<'a> {
    bytes: Cow<'a, [u8]>,
    layout: Layout,
}

impl<'a> Dcimg<'a> {
    /// Parses a whole file with default [`Options`].
    ///
    /// # Errors
    ///
    /// As [`Layout::parse`]; a cut file is [`Error::Truncated`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::parse_with(bytes, &Options::default())
    }

    /// Parses a whole file.
    ///
    /// # Errors
    ///
    /// As [`Layout::parse`].
    pub fn parse_with(bytes: &'a [u8], options: &Options) -> Result<Self, Error> {
        Self::of(Cow::Borrowed(bytes), options)
    }

    fn of(bytes: Cow<'a, [u8]>, options: &Options) -> Result<Self, Error> {
        let layout = Layout::parse(&bytes, options)?;
        Ok(Self { bytes, layout })
    }

    /// The frames.
    #[must_use]
    pub fn movie(&self) -> Movie<'_> {
        self.layout.movie_of(&self.bytes)
    }

    /// Every field of the headers.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.layout.header()
    }

    /// Soft problems found while parsing; see also [`crate::Clock::warnings`].
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        self.layout.warnings()
    }

    /// The parsed layout.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}

impl Dcimg<'static> {
    /// Parses a whole file and keeps its bytes.
    ///
    /// # Errors
    ///
    /// As [`Layout::parse`].
    pub fn from_vec(bytes: Vec<u8>, options: &Options) -> Result<Self, Error> {
        Self::of(Cow::Owned(bytes), options)
    }
}
