//! Datasets of HDF5 files, whole or in pieces.

use std::io::Write;
use std::ops::RangeBounds;
use std::path::Path;

use hdf5::plist::dataset_create::Layout;
use hdf5::types::{TypeDescriptor, VarLenAscii, VarLenUnicode};
use hdf5::{
    H5Type, Hyperslab, IndexType, IterationOrder, LinkInfo, LinkType, LocationType, SliceOrIndex,
};
use ndarray::{Array3, ArrayD, Ix3, IxDyn};

use super::{Attribute, failure};
use crate::limits;
use crate::temporary::Temporary;
use crate::{Ahead, Error, Orientation, Place, ReadLimits};

/// A dataset with its attributes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Hdf5Array {
    /// The values, axes in the order of the file (row-major). Integers beyond 2^53 are rounded.
    pub values: ArrayD<f64>,
    /// The attributes in the order of their names; those that are neither texts nor
    /// numbers are left out.
    pub attributes: Vec<(String, Attribute)>,
}

impl Hdf5Array {
    /// The attribute `name`, if there is one.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        of_name(&self.attributes, name)
    }
}

fn of_name<'a>(attributes: &'a [(String, Attribute)], name: &str) -> Option<&'a Attribute> {
    let found = attributes.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value)
}

/// An HDF5 file that is open for reading. Made by [`Place::open_hdf5`].
#[derive(Debug)]
pub struct Hdf5File {
    // Closed in this order: the file, then its temporary copy is removed.
    file: hdf5::File,
    object: String,
    limits: ReadLimits,
    _copy: Option<Temporary>,
}

/// A dataset of an open file, of which any part can be read. Made by [`Hdf5File::dataset`].
#[derive(Debug)]
pub struct Hdf5Dataset<'a> {
    file: &'a Hdf5File,
    name: String,
    dataset: hdf5::Dataset,
    shape: Vec<usize>,
    attributes: Vec<(String, Attribute)>,
}

/// Bytes that an object of a store is copied by.
const PIECE: u64 = 16 << 20;

impl Place {
    /// Reads the dataset `dataset` (a path like `/group/x` will do) of the HDF5 file `name`.
    ///
    /// Any storage and filter that the library knows; floating-point and integer types, as f64.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the file; [`Error::Format`] if it is no HDF5 file, has no such
    /// dataset or one of another type; [`Error::TooLarge`] above [`ReadLimits::default`].
    pub fn read_hdf5(&self, name: &str, dataset: &str) -> Result<Hdf5Array, Error> {
        self.read_hdf5_with(name, dataset, ReadLimits::default())
    }

    /// Reads like [`Place::read_hdf5`], within `limits`.
    ///
    /// # Errors
    /// As [`Place::read_hdf5`].
    pub fn read_hdf5_with(
        &self,
        name: &str,
        dataset: &str,
        limits: ReadLimits,
    ) -> Result<Hdf5Array, Error> {
        let file = self.open_hdf5_with(name, limits)?;
        let found = file.dataset(dataset)?;
        let all: Vec<(usize, usize)> = found.shape().iter().map(|&size| (0, size)).collect();
        let values = found.read(&all)?;
        Ok(Hdf5Array {
            values,
            attributes: found.attributes,
        })
    }

    /// Opens the HDF5 file `name` to read parts of its datasets.
    ///
    /// The library reads files: an object of a store is copied to a temporary one first.
    ///
    /// Of a file from strangers no other file is read: links and datasets that lie elsewhere are refused. What remains is
    /// the C library itself: old versions (so 1.10.8) crash on forged files, or never come back, above all in the attributes
    /// of variable length that every dataset may have, since texts are stored so. Open such files in a process of its own
    /// that may end, as `widefield view` does, or by a recent library (`static-hdf5`). A process does not confine what a
    /// file makes of the library: whoever expects worse than a crash does so without rights that matter.
    ///
    /// ```
    /// use ndarray::Array3;
    /// use widefield_storage::{Dataset, Orientation, Place};
    ///
    /// let place = Place::open("memory://")?;
    /// let movie = Array3::from_shape_fn((10, 4, 6), |(t, y, x)| (100 * t + 10 * y + x) as f32);
    /// let dataset = Dataset::new("mov", [10, 4, 6]).orientation(Orientation::Camera);
    /// let mut file = place.create_hdf5("trial.h5", dataset)?;
    /// file.push(movie.view())?;
    /// file.finish()?;
    ///
    /// let file = place.open_hdf5("trial.h5")?;
    /// assert_eq!(file.dataset_names()?, ["mov"]);
    /// let dataset = file.dataset("mov")?;
    /// assert_eq!(dataset.shape(), [4, 6, 10]);
    /// // Row 3, columns 0 to 5, frame 7.
    /// let row = dataset.read(&[(3, 4), (0, 6), (7, 8)])?;
    /// assert_eq!(row[[0, 5, 0]], 735.0);
    /// # Ok::<(), widefield_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Format`] if it is no HDF5 file, and what the system or store
    /// reports.
    pub fn open_hdf5(&self, name: &str) -> Result<Hdf5File, Error> {
        self.open_hdf5_with(name, ReadLimits::default())
    }

    /// Opens like [`Place::open_hdf5`]; no array that is read may go beyond `limits`.
    ///
    /// # Errors
    /// As [`Place::open_hdf5`].
    pub fn open_hdf5_with(&self, name: &str, limits: ReadLimits) -> Result<Hdf5File, Error> {
        self.check(name)?;
        let object = self.object(name);
        let Some(entry) = self.head(name)? else {
            return Err(Error::NotFound { object });
        };
        if let Some(path) = self.local_path(name) {
            return Hdf5File::open(&path, object, limits, None);
        }
        let failed = |error| Error::io(&object, "copying to a temporary file", error);
        let (temporary, mut file) = Temporary::create_in(&std::env::temp_dir()).map_err(failed)?;
        let starts = (0..entry.bytes.div_ceil(PIECE)).map(|piece| piece * PIECE);
        let pieces = starts.map(|start| start..(start + PIECE).min(entry.bytes));
        for piece in self.fetch_version(name, &entry, pieces.collect(), Ahead::default())? {
            file.write_all(&piece?).map_err(failed)?;
        }
        drop(file);
        let path = temporary.path().to_path_buf();
        Hdf5File::open(&path, object, limits, Some(temporary))
    }
}

impl Hdf5File {
    fn open(
        path: &Path,
        object: String,
        limits: ReadLimits,
        copy: Option<Temporary>,
    ) -> Result<Self, Error> {
        let file = hdf5::File::with_options()
            .with_fapl(|access| access.file_locking(false))
            .open(path)
            .map_err(wrong(&object, "no readable HDF5 file".to_owned()))?;
        Ok(Hdf5File {
            file,
            object,
            limits,
            _copy: copy,
        })
    }

    /// Names of the datasets at the top of the file, sorted.
    ///
    /// # Errors
    /// [`Error::Format`] if the file cannot be read.
    pub fn dataset_names(&self) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        let listed = self.file.iter_visit_default(|name, link| {
            // A link elsewhere is not looked at, lest it open another file.
            if link.link_type == LinkType::Hard
                && self.file.loc_type_by_name(name)? == LocationType::Dataset
            {
                names.push(name.to_owned());
            }
            Ok(())
        });
        listed.map_err(wrong(&self.object, "the list of datasets".to_owned()))?;
        names.sort();
        Ok(names)
    }

    /// Refuses a path of links of which one leads into another file.
    fn check_links(&self, path: &str) -> Result<(), Error> {
        let failed = || wrong(&self.object, format!("no dataset {path}"));
        let mut group = self.file.group("/").map_err(failed())?;
        let mut names = path.split('/').filter(|name| !name.is_empty()).peekable();
        while let Some(name) = names.next() {
            let of_name =
                |found: &str, link: LinkInfo| Ok((found == name).then_some(link.link_type));
            let link = group
                .find_link(IndexType::Name, IterationOrder::Native, of_name)
                .map_err(failed())?;
            if link == Some(LinkType::External) {
                return Err(self.elsewhere(path));
            }
            if names.peek().is_some() {
                group = group.group(name).map_err(failed())?;
            }
        }
        Ok(())
    }

    /// A dataset that lies in this file.
    fn own_dataset(&self, name: &str) -> Result<hdf5::Dataset, Error> {
        self.check_links(name)?;
        let dataset = self
            .file
            .dataset(name)
            .map_err(wrong(&self.object, format!("no dataset {name}")))?;
        let unreadable = || wrong(&self.object, unreadable(name));
        let created = dataset.dcpl().map_err(unreadable())?;
        if dataset.filename() != self.file.filename()
            || created.get_layout().map_err(unreadable())? == Layout::Virtual
            || !created.get_external().map_err(unreadable())?.is_empty()
        {
            return Err(self.elsewhere(name));
        }
        Ok(dataset)
    }

    fn elsewhere(&self, dataset: &str) -> Error {
        let reason = format!("dataset {dataset} lies in other files, which are not read");
        Error::format(&self.object, reason)
    }

    /// The texts of the dataset `name` of one axis, such as [`Hdf5Arrays::texts`](crate::Hdf5Arrays::texts) writes: of variable
    /// length, UTF-8 or ASCII.
    ///
    /// # Errors
    /// [`Error::Format`] if there is none, it lies in other files, has another number of axes or holds something else;
    /// [`Error::TooLarge`] beyond the limits the file was opened with.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, Error> {
        let unreadable = || wrong(&self.object, unreadable(name));
        let dataset = self.own_dataset(name)?;
        let [texts] = dataset.shape()[..] else {
            let reason = format!("dataset {name} is no list of texts");
            return Err(Error::format(&self.object, reason));
        };
        let kind = dataset.dtype().and_then(|dtype| dtype.to_descriptor());
        let ascii = match kind.map_err(unreadable())? {
            TypeDescriptor::VarLenUnicode => false,
            TypeDescriptor::VarLenAscii => true,
            other => {
                let reason = format!("dataset {name} holds {other}, no texts of variable length");
                return Err(Error::format(&self.object, reason));
            }
        };
        check_plausible(&dataset, &self.object, self.file.size())?;
        let too_large = |bytes| Error::TooLarge {
            object: self.object.clone(),
            what: "the dataset",
            bytes,
            limit: self.limits.bytes,
        };
        let mut bytes = volume(&[texts], size_of::<String>());
        if bytes > self.limits.bytes {
            return Err(too_large(bytes));
        }
        let mut read = Vec::new();
        // One by one: texts of a forged file may all be the same long one.
        for at in 0..texts {
            let text = if ascii {
                let one = dataset.read_slice_1d::<VarLenAscii, _>(at..at + 1);
                one.map(|one| one.first().map(|text| text.as_str().to_owned()))
            } else {
                let one = dataset.read_slice_1d::<VarLenUnicode, _>(at..at + 1);
                one.map(|one| one.first().map(|text| text.as_str().to_owned()))
            };
            let text = text.map_err(unreadable())?.unwrap_or_default();
            bytes = bytes.saturating_add(text.len() as u64);
            if bytes > self.limits.bytes {
                return Err(too_large(bytes));
            }
            read.push(text);
        }
        Ok(read)
    }

    /// The dataset `name`; a path like `/group/x` will do.
    ///
    /// # Errors
    /// [`Error::Format`] if there is none, it lies in other files (external links or storage, virtual datasets), or it holds
    /// neither floating-point numbers nor integers;
    /// [`Error::TooLarge`] for a shape that a file of this size cannot fill.
    pub fn dataset(&self, name: &str) -> Result<Hdf5Dataset<'_>, Error> {
        let dataset = self.own_dataset(name)?;
        let unreadable = || wrong(&self.object, unreadable(name));
        match dataset
            .dtype()
            .and_then(|dtype| dtype.to_descriptor())
            .map_err(unreadable())?
        {
            TypeDescriptor::Float(_) | TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_) => {
            }
            other => {
                let reason = format!("dataset {name} holds {other}, neither float nor integer");
                return Err(Error::format(&self.object, reason));
            }
        }
        check_plausible(&dataset, &self.object, self.file.size())?;
        let mut attributes = Vec::new();
        for name in dataset.attr_names().map_err(unreadable())? {
            // A type that is not understood is like an attribute that is neither text nor number.
            let value = dataset
                .attr(&name)
                .and_then(|attribute| Attribute::read(&attribute));
            if let Ok(Some(value)) = value {
                attributes.push((name, value));
            }
        }
        attributes.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Hdf5Dataset {
            file: self,
            name: name.to_owned(),
            shape: dataset.shape(),
            dataset,
            attributes,
        })
    }
}

impl Hdf5Dataset<'_> {
    /// Sizes of the axes in the order of the file (row-major).
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The attribute `name`, if there is one that is a text or a number.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        of_name(&self.attributes, name)
    }

    /// The part within `ranges`, one `(from, to)` an axis, half-open; axes as in the file.
    ///
    /// Only the chunks of that part are read.
    ///
    /// # Errors
    /// [`Error::Usage`] if the ranges do not lie within the shape; [`Error::TooLarge`] above the
    /// limits the file was opened with; [`Error::Format`] if the file is damaged.
    pub fn read(&self, ranges: &[(usize, usize)]) -> Result<ArrayD<f64>, Error> {
        self.read_as(ranges)
    }

    /// Frames and camera rows of a movie in the axes of `orientation`, as `(t, y, x)`.
    ///
    /// Only the chunks of that part are read. Numbers of other types are rounded to f32. What writers know of the
    /// orientation is no property of the format; those of this workspace write [`Orientation::name`] as the attribute
    /// `axes`.
    ///
    /// ```
    /// use ndarray::Array3;
    /// use widefield_storage::{Dataset, Orientation, Place};
    ///
    /// let place = Place::open("memory://")?;
    /// let movie = Array3::from_shape_fn((10, 4, 6), |(t, y, x)| (100 * t + 10 * y + x) as f32);
    /// let mut file = place.create_hdf5("trial.h5", Dataset::new("mov", [10, 4, 6]))?;
    /// file.push(movie.view())?;
    /// file.finish()?;
    ///
    /// let file = place.open_hdf5("trial.h5")?;
    /// let dataset = file.dataset("mov")?;
    /// assert_eq!(dataset.read_movie(Orientation::Notebook, .., ..)?, movie);
    /// let part = dataset.read_movie(Orientation::Notebook, 7..9, 1..=2)?;
    /// assert_eq!(part, movie.slice(ndarray::s![7..9, 1..=2, ..]));
    /// # Ok::<(), widefield_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Usage`] if the dataset has not three axes, or not those frames and rows; else as [`Hdf5Dataset::read`].
    pub fn read_movie(
        &self,
        orientation: Orientation,
        frames: impl RangeBounds<usize>,
        rows: impl RangeBounds<usize>,
    ) -> Result<Array3<f32>, Error> {
        let object = &self.file.object;
        let no_movie = || {
            let reason = format!(
                "dataset {} of the shape {:?} is no movie",
                self.name, self.shape
            );
            Error::usage(object, reason)
        };
        let shape = <[usize; 3]>::try_from(self.shape.as_slice()).map_err(|_| no_movie())?;
        let ranges = orientation.part(shape, frames, rows, object)?;
        let part = self.read_as::<f32>(&ranges)?;
        let part = part.into_dimensionality::<Ix3>().map_err(|_| no_movie())?;
        Ok(orientation.undo(part).as_standard_layout().into_owned())
    }

    fn read_as<T: H5Type + Default>(&self, ranges: &[(usize, usize)]) -> Result<ArrayD<T>, Error> {
        let within = ranges.iter().zip(&self.shape);
        if ranges.len() != self.shape.len()
            || within
                .clone()
                .any(|(&(from, to), &size)| from > to || to > size)
        {
            let reason = format!(
                "the ranges {ranges:?} do not lie within the shape {:?} of dataset {}",
                self.shape, self.name
            );
            return Err(Error::usage(&self.file.object, reason));
        }
        let sizes: Vec<usize> = ranges.iter().map(|(from, to)| to - from).collect();
        let bytes = volume(&sizes, size_of::<T>());
        if bytes > self.file.limits.bytes {
            return Err(Error::TooLarge {
                object: self.file.object.clone(),
                what: "the dataset",
                bytes,
                limit: self.file.limits.bytes,
            });
        }
        if sizes.contains(&0) {
            return Ok(ArrayD::default(IxDyn(&sizes)));
        }
        let whole = within.clone().all(|(&range, &size)| range == (0, size));
        let read = if whole {
            self.dataset.read_dyn::<T>()
        } else {
            let slice = |&(start, end): &(usize, usize)| SliceOrIndex::SliceTo {
                start,
                step: 1,
                end,
                block: 1,
            };
            let part: Hyperslab = ranges.iter().map(slice).collect::<Vec<_>>().into();
            self.dataset.read_slice::<T, _, IxDyn>(part)
        };
        read.map_err(wrong(&self.file.object, unreadable(&self.name)))
    }
}

fn unreadable(dataset: &str) -> String {
    format!("dataset {dataset} cannot be read")
}

/// What the library says, as an error of the file.
fn wrong(object: &str, what: String) -> impl FnOnce(hdf5::Error) -> Error {
    move |error| match failure::translate(object, "reading", &error) {
        Error::Other { source, .. } => Error::format(object, format!("{what}: {source}")),
        other => other,
    }
}

/// Bytes of an array of numbers of `size` bytes, `u64::MAX` if that is too many.
fn volume(shape: &[usize], size: usize) -> u64 {
    let bytes = shape.iter().try_fold(size as u64, |product, &size| {
        product.checked_mul(size as u64)
    });
    bytes.unwrap_or(u64::MAX)
}

/// Refuses shapes that only a forged or damaged file can announce, before anything is allocated.
fn check_plausible(dataset: &hdf5::Dataset, object: &str, file_bytes: u64) -> Result<(), Error> {
    let bytes = volume(&dataset.shape(), 8);
    // Values that were never written take no room in the file, hence the allowance.
    let stored = dataset.storage_size().min(file_bytes);
    let plausible = stored
        .saturating_mul(limits::DEFLATE_EXPANSION)
        .saturating_mul(8)
        .saturating_add(1 << 26);
    if bytes > plausible {
        return Err(Error::TooLarge {
            object: object.to_owned(),
            what: "the dataset",
            bytes,
            limit: plausible,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, s};

    use super::*;
    use crate::{Dataset, ErrorKind, Orientation};

    fn place() -> (Place, Array3<f32>) {
        let place = Place::open("memory://").unwrap();
        let movie =
            Array3::from_shape_fn((40, 70, 90), |(t, y, x)| (t * 10_000 + y * 100 + x) as f32);
        let dataset = Dataset::new("dff", [40, 70, 90])
            .orientation(Orientation::Camera)
            .attribute("units", "1");
        let mut file = place.create_hdf5("a.h5", dataset).unwrap();
        file.push(movie.view()).unwrap();
        file.finish().unwrap();
        (place, movie)
    }

    #[test]
    fn parts_equal_the_whole_across_chunks() {
        let (place, movie) = place();
        let file = place.open_hdf5("a.h5").unwrap();
        let dataset = file.dataset("dff").unwrap();
        assert_eq!(dataset.shape(), [70, 90, 40]);
        assert_eq!(dataset.attribute("units"), Some(&Attribute::from("1")));
        for (y, x, t) in [
            ((0, 70), (0, 90), (0, 40)),
            ((0, 70), (0, 90), (15, 17)),
            ((63, 65), (60, 70), (39, 40)),
        ] {
            let part = dataset.read(&[y, x, t]).unwrap();
            let want = movie
                .slice(s![t.0..t.1, y.0..y.1, x.0..x.1])
                .permuted_axes([1, 2, 0]);
            assert_eq!(part.shape(), want.shape());
            assert!(part.iter().zip(want).all(|(&a, &b)| a == f64::from(b)));
        }
        assert_eq!(
            dataset.read(&[(5, 5), (0, 90), (0, 1)]).unwrap().shape(),
            [0, 90, 1]
        );
    }

    #[test]
    fn lists_of_texts_come_back_within_the_limits() {
        let place = Place::open("memory://").unwrap();
        let texts = ["V1", "", "β µ", "a long one, with a comma"];
        let arrays = crate::Hdf5Arrays::new()
            .texts("names", texts)
            .texts("none", Vec::<String>::new())
            .array("numbers", ndarray::arr1(&[1.0]).view().into_dyn());
        place.put_hdf5("a.h5", &arrays).unwrap();
        let file = place.open_hdf5("a.h5").unwrap();
        assert_eq!(file.texts("names").unwrap(), texts);
        assert!(file.texts("none").unwrap().is_empty());
        for other in ["numbers", "absent"] {
            assert_eq!(
                file.texts(other).unwrap_err().kind(),
                ErrorKind::Invalid,
                "{other}"
            );
        }
        // Room for the list, but not for all letters.
        let list = 4 * size_of::<String>() as u64;
        for (bytes, fits) in [(list - 1, false), (list + 20, false), (list + 31, true)] {
            let limits = ReadLimits::default().bytes(bytes);
            let file = place.open_hdf5_with("a.h5", limits).unwrap();
            let texts = file.texts("names").map_err(|error| error.kind());
            assert_eq!(
                texts.err(),
                (!fits).then_some(ErrorKind::TooLarge),
                "{bytes}"
            );
        }
    }

    #[test]
    fn parts_beyond_the_dataset_or_the_limits_are_refused() {
        let (place, _) = place();
        let limits = ReadLimits::default().bytes(8 * 70 * 90);
        let file = place.open_hdf5_with("a.h5", limits).unwrap();
        let dataset = file.dataset("dff").unwrap();
        let kind = |ranges: &[(usize, usize)]| dataset.read(ranges).map_err(|e| e.kind());
        assert!(kind(&[(0, 70), (0, 90), (3, 4)]).is_ok());
        assert_eq!(kind(&[(0, 70), (0, 90), (3, 5)]), Err(ErrorKind::TooLarge));
        for ranges in [
            &[(0, 71), (0, 90), (0, 1)][..],
            &[(2, 1), (0, 90), (0, 1)],
            &[(0, 70), (0, 90)],
        ] {
            assert_eq!(kind(ranges), Err(ErrorKind::Invalid), "{ranges:?}");
        }
        // As f32 the same part takes half.
        let movie = |frames| dataset.read_movie(Orientation::Camera, frames, ..);
        assert!(movie(3..5).is_ok());
        assert_eq!(movie(3..6).unwrap_err().kind(), ErrorKind::TooLarge);
        assert_eq!(movie(39..41).unwrap_err().kind(), ErrorKind::Invalid);
        let error = file.dataset("mov").unwrap_err();
        assert!(error.to_string().contains("no dataset mov"), "{error}");
        assert_eq!(
            place.open_hdf5("b.h5").unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }
}
