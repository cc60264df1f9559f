//! The two calls of the HDF5 library that its Rust interface lacks.
#![expect(
    unsafe_code,
    reason = "they are reachable through their C declarations only"
)]

use hdf5::{Dataset, sync::sync};
use hdf5_sys::h5d::{H5Dget_chunk_info_by_coord, H5Dwrite_chunk};
use hdf5_sys::h5p::H5P_DEFAULT;

/// Stores one chunk of a three-dimensional dataset as it is, past the filters. Where in the file it begins.
///
/// `offset` is the index of the chunk's first element. The library is locked only here.
pub(super) fn write_chunk(
    dataset: &Dataset,
    offset: [u64; 3],
    bytes: &[u8],
) -> Result<u64, hdf5::Error> {
    if dataset.ndim() != offset.len() {
        return Err("a chunk of three dimensions does not fit the dataset".into());
    }
    // A mask of 0 says that every filter of the dataset was applied.
    let filter_mask = 0;
    sync(|| {
        // SAFETY: `sync` holds the lock under which all calls of the library run, and has
        // initialised it. `dataset` keeps its identifier valid during the call. The library reads
        // as many offsets as the dataset has dimensions, which are three as checked above, and
        // `bytes.len()` bytes of `bytes`; both stay borrowed until it returns, and it keeps no
        // pointer. An invalid offset is refused by the library with an error.
        let status = unsafe {
            H5Dwrite_chunk(
                dataset.id(),
                H5P_DEFAULT,
                filter_mask,
                offset.as_ptr(),
                bytes.len(),
                bytes.as_ptr().cast(),
            )
        };
        hdf5::h5check(status)?;

        let (mut mask, mut address, mut size) = (0, 0, 0);
        // SAFETY: as above; the library writes one value behind each of the three pointers, to variables of the types that
        // its declaration asks for, and keeps none.
        let status = unsafe {
            H5Dget_chunk_info_by_coord(
                dataset.id(),
                offset.as_ptr(),
                &raw mut mask,
                &raw mut address,
                &raw mut size,
            )
        };
        hdf5::h5check(status)?;
        if size != bytes.len() as u64 {
            return Err(format!("a chunk of {} bytes has {size} in the file", bytes.len()).into());
        }
        Ok(address)
    })
}
