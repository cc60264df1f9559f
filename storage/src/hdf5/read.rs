//! Datasets of HDF5 files, whole.

use std::io::Write;
use std::path::Path;

use hdf5::types::TypeDescriptor;
use ndarray::ArrayD;

use super::{Attribute, failure};
use crate::limits;
use crate::temporary::Temporary;
use crate::{Error, Place, ReadLimits};

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
        self.attributes
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }
}

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
        self.check(name)?;
        let object = self.object(name);
        if let Some(path) = self.local_path(name) {
            if self.head(name)?.is_none() {
                return Err(Error::NotFound { object });
            }
            return read(&path, &object, dataset, limits);
        }
        // The library reads files; an object of a store becomes a temporary one.
        let bytes = self.read(name)?;
        let failed = |error| Error::io(&object, "copying to a temporary file", error);
        let (temporary, mut file) = Temporary::create_in(&std::env::temp_dir()).map_err(failed)?;
        file.write_all(&bytes).map_err(failed)?;
        drop((file, bytes));
        read(temporary.path(), &object, dataset, limits)
    }
}

fn read(path: &Path, object: &str, dataset: &str, limits: ReadLimits) -> Result<Hdf5Array, Error> {
    let wrong = |what: String| {
        move |error: hdf5::Error| match failure::translate(object, "reading", &error) {
            Error::Other { source, .. } => Error::format(object, format!("{what}: {source}")),
            other => other,
        }
    };
    let file = hdf5::File::with_options()
        .with_fapl(|access| access.file_locking(false))
        .open(path)
        .map_err(wrong("no readable HDF5 file".to_owned()))?;
    let found = file
        .dataset(dataset)
        .map_err(wrong(format!("no dataset {dataset}")))?;
    let unreadable = || wrong(format!("dataset {dataset} cannot be read"));

    match found
        .dtype()
        .and_then(|dtype| dtype.to_descriptor())
        .map_err(unreadable())?
    {
        TypeDescriptor::Float(_) | TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_) => {}
        other => {
            let reason = format!("dataset {dataset} holds {other}, neither float nor integer");
            return Err(Error::format(object, reason));
        }
    }
    check_size(&found, object, file.size(), limits)?;
    let values = found.read_dyn::<f64>().map_err(unreadable())?;

    let mut attributes = Vec::new();
    for name in found.attr_names().map_err(unreadable())? {
        // A type that is not understood is like an attribute that is neither text nor number.
        let value = found
            .attr(&name)
            .and_then(|attribute| Attribute::read(&attribute));
        if let Ok(Some(value)) = value {
            attributes.push((name, value));
        }
    }
    attributes.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Hdf5Array { values, attributes })
}

/// Refuses shapes that only a forged or damaged file can announce, before anything is allocated.
fn check_size(
    dataset: &hdf5::Dataset,
    object: &str,
    file_bytes: u64,
    limits: ReadLimits,
) -> Result<(), Error> {
    let too_large = |bytes, limit| Error::TooLarge {
        object: object.to_owned(),
        what: "the dataset",
        bytes,
        limit,
    };
    let bytes = dataset
        .shape()
        .iter()
        .try_fold(8_u64, |product, &size| product.checked_mul(size as u64));
    let bytes = bytes.unwrap_or(u64::MAX);
    if bytes > limits.bytes {
        return Err(too_large(bytes, limits.bytes));
    }
    // Values that were never written take no room in the file, hence the allowance.
    let stored = dataset.storage_size().min(file_bytes);
    let plausible = stored
        .saturating_mul(limits::DEFLATE_EXPANSION)
        .saturating_mul(8)
        .saturating_add(1 << 26);
    if bytes > plausible {
        return Err(too_large(bytes, plausible));
    }
    Ok(())
}
