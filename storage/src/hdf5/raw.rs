//! The one call of the HDF5 library that its Rust interface lacks.
#![expect(
    unsafe_code,
    reason = "H5Dwrite_chunk is reachable through its C declaration only"
)]

use hdf5::{Dataset, sync::sync};
use hdf5_sys::h5d::H5Dwrite_chunk;
use hdf5_sys::h5p::H5P_DEFAULT;

/// Stores one chunk of a three-dimensional dataset as it is, past the filters.
///
/// `offset` is the index of the chunk's first element. The library is locked only here.
pub(super) fn write_chunk(
    dataset: &Dataset,
    offset: [u64; 3],
    bytes: &[u8],
) -> Result<(), hdf5::Error> {
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
        hdf5::h5check(status).map(|_| ())
    })
}
