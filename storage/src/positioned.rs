//! Reading and writing a file at an offset, from several threads at a time, on any system.
//!
//! ```
//! use widefield_storage::positioned;
//!
//! let file = tempfile::tempfile()?;
//! positioned::write(&file, b"12345", 0)?;
//! let mut two = [0; 2];
//! positioned::read(&file, &mut two, 3)?;
//! assert_eq!(two, *b"45");
//! # Ok::<(), std::io::Error>(())
//! ```

use std::fs::File;
use std::io;

/// Fills `bytes` from `offset` on. On Unix the file's own position stays; on Windows it moves.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] if the file ends before, and what the system reports.
#[cfg(unix)]
pub fn read(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Writes all of `bytes` from `offset` on; what lies between the file's end and `offset` becomes 0.
///
/// # Errors
/// What the system reports.
#[cfg(unix)]
pub fn write(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Fills `bytes` from `offset` on. On Unix the file's own position stays; on Windows it moves.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] if the file ends before, and what the system reports.
#[cfg(windows)]
pub fn read(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !bytes.is_empty() {
        match file.seek_read(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                bytes = &mut bytes[n..];
                offset += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all of `bytes` from `offset` on; what lies between the file's end and `offset` becomes 0.
///
/// # Errors
/// What the system reports.
#[cfg(windows)]
pub fn write(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !bytes.is_empty() {
        match file.seek_write(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                bytes = &bytes[n..];
                offset += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_and_the_end_is_an_error() {
        let file = tempfile::tempfile().expect("temporary file");
        write(&file, b"later", 5).expect("write");
        write(&file, b"first", 0).expect("write");
        let mut bytes = [0; 6];
        read(&file, &mut bytes, 2).expect("read");
        assert_eq!(&bytes, b"rstlat");
        let beyond = read(&file, &mut bytes, 5).expect_err("five bytes are left");
        assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
    }
}
