//! Small arrays, several in a file.

use hdf5::types::VarLenUnicode;
use ndarray::{ArrayD, ArrayViewD};

use super::{Attribute, failure, write};
use crate::checksum::Known;
use crate::{Error, Place, Written};

/// Deflate level: they are small.
const LEVEL: u8 = 4;

/// Arrays and lists of texts that make up an HDF5 file; held in memory.
///
/// ```
/// use ndarray::array;
/// use widefield_storage::{Hdf5Arrays, Place};
///
/// let place = Place::open("memory://")?;
/// let arrays = Hdf5Arrays::new()
///     .array("betas", array![[0.1, 0.2], [0.3, f64::NAN]].into_dyn().view())
///     .texts("names", ["cue", "response"])
///     .attribute("units", "1");
/// place.put_hdf5("glm.h5", &arrays)?;
/// let back = place.read_hdf5("glm.h5", "betas")?;
/// assert_eq!(back.values[[1, 0]], 0.3);
/// # Ok::<(), widefield_storage::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Hdf5Arrays {
    entries: Vec<(String, Values)>,
    attributes: Vec<(String, Attribute)>,
}

#[derive(Clone, Debug)]
enum Values {
    Numbers(ArrayD<f64>),
    Texts(Vec<String>),
}

impl Hdf5Arrays {
    /// A file without arrays.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a dataset of doubles, its axes as they are.
    pub fn array(mut self, name: impl Into<String>, values: ArrayViewD<'_, f64>) -> Self {
        let values = Values::Numbers(values.to_owned());
        self.entries.push((name.into(), values));
        self
    }

    /// Adds a dataset of texts.
    pub fn texts<T: Into<String>>(
        mut self,
        name: impl Into<String>,
        texts: impl IntoIterator<Item = T>,
    ) -> Self {
        let texts = texts.into_iter().map(Into::into).collect();
        self.entries.push((name.into(), Values::Texts(texts)));
        self
    }

    /// Adds an attribute of the file.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<Attribute>) -> Self {
        self.attributes.push((name.into(), value.into()));
        self
    }

    fn write(&self, file: &hdf5::File) -> Result<(), hdf5::Error> {
        for (name, values) in &self.entries {
            match values {
                Values::Numbers(values) => {
                    let builder = file.new_dataset::<f64>().obj_track_times(false);
                    let builder = builder.shape(values.shape());
                    // A chunk has elements.
                    let builder = match values.is_empty() || values.ndim() == 0 {
                        true => builder,
                        false => builder.chunk(values.shape()).shuffle().deflate(LEVEL),
                    };
                    builder.create(name.as_str())?.write(values)?;
                }
                Values::Texts(texts) => {
                    let texts: Vec<VarLenUnicode> = texts
                        .iter()
                        .map(|text| {
                            text.parse()
                                .map_err(|error| format!("{name}: {error}").into())
                        })
                        .collect::<Result<_, hdf5::Error>>()?;
                    let builder = file.new_dataset::<VarLenUnicode>().obj_track_times(false);
                    let created = builder.shape(texts.len()).create(name.as_str())?;
                    created.write_raw(&texts)?;
                }
            }
        }
        for (name, value) in &self.attributes {
            value.write(file, name)?;
        }
        Ok(())
    }
}

impl Place {
    /// Writes an HDF5 file of small arrays, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that cannot be written, and what library or system report.
    pub fn put_hdf5(&self, name: &str, arrays: &Hdf5Arrays) -> Result<Written, Error> {
        self.check(name)?;
        let scratch = self.scratch(name)?;
        let failed = |error| failure::translate(scratch.object(), "writing", &error);
        let file = write::create(&scratch).map_err(failed)?;
        arrays.write(&file).map_err(failed)?;
        file.close().map_err(failed)?;
        scratch.commit(Known::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array3};

    #[test]
    fn whole_files_that_depend_on_their_content_alone() {
        let place = Place::open("memory://").unwrap();
        let cube = Array3::from_shape_fn((2, 3, 4), |(a, b, c)| (100 * a + 10 * b + c) as f64);
        let arrays = Hdf5Arrays::new()
            .array("cube", cube.view().into_dyn())
            .array("empty", Array1::<f64>::zeros(0).view().into_dyn())
            .texts("names", ["a", "β"])
            .texts("none", Vec::<String>::new())
            .attribute("rate", 20.0);
        let first = place.put_hdf5("a.h5", &arrays).unwrap();
        let second = place.put_hdf5("b.h5", &arrays).unwrap();
        assert_eq!((first.bytes, first.crc32c), (second.bytes, second.crc32c));
        let names = place.open_hdf5("a.h5").unwrap().dataset_names().unwrap();
        assert_eq!(names, ["cube", "empty", "names", "none"]);
        assert_eq!(
            place.read_hdf5("a.h5", "cube").unwrap().values,
            cube.into_dyn()
        );
    }

    #[test]
    fn names_that_no_file_takes_are_errors() {
        let place = Place::open("memory://").unwrap();
        let twice = Hdf5Arrays::new().texts("x", ["a"]).texts("x", ["b"]);
        let nul = Hdf5Arrays::new().texts("x", ["a\0"]);
        for arrays in [twice, nul] {
            assert!(place.put_hdf5("a.h5", &arrays).is_err());
            assert!(place.head("a.h5").unwrap().is_none());
        }
    }
}
