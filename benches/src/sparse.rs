//! DCIMG files of any size that take no room on disk.

use std::fs::File;
use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::path::Path;

use dcimg::write::{Spec, Writer};
use dcimg::{Dcimg, Stamp};
use ndarray::Array2;

/// Which layout to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Version 7: a footer with tables for all frames.
    Packed,
    /// Version 0x1000000: every frame has a trailer.
    Framed,
}

/// Writes a file of `frames` frames of 512 x 512 px of 16 bits whose pixels are holes, hence 0.
///
/// Headers and, in packed files, the footer are those that [`dcimg::write`] makes.
///
/// # Errors
/// Those of the file system.
///
/// # Panics
/// If the file would exceed the 32 bits that count its frames and footer.
pub fn sparse_dcimg(path: &Path, layout: Layout, frames: u32) -> io::Result<u64> {
    const SIDE: u32 = 512;
    let one = match layout {
        Layout::Packed => small(&Spec::packed(SIDE, SIDE).relocated_at(256, 0), 1),
        Layout::Framed => small(&Spec::framed(SIDE, SIDE).relocated_at(256, 0), 1),
    };
    let parsed = Dcimg::parse(&one).expect("what was just written");
    let fields = parsed.header();
    let (hs, data_offset) = (u64::from(fields.session_offset), fields.data_offset);
    let end_of_data = hs + data_offset + u64::from(frames) * fields.frame_stride;
    let mut header = one[..usize::try_from(hs + data_offset).expect("a small header")].to_vec();
    // As many tiny frames have a footer of the same size; only the place of the junk is theirs.
    let footer = match layout {
        Layout::Packed => {
            let tiny = small(&Spec::packed(4, 1).relocated_at(0, 0), frames);
            let tables = 120 + 112 + 8 * frames as usize;
            tiny[tables..].to_vec()
        }
        Layout::Framed => vec![0; 144],
    };
    let file_bytes = end_of_data + footer.len() as u64;
    let hs = usize::try_from(hs).expect("a small header");
    let mut put = |offset: usize, bytes: &[u8]| {
        header[offset..offset + bytes.len()].copy_from_slice(bytes);
    };
    put(0x24, &frames.to_le_bytes());
    put(0x30, &file_bytes.to_le_bytes());
    put(0x40, &file_bytes.to_le_bytes());
    put(hs, &(file_bytes - hs as u64).to_le_bytes());
    match layout {
        Layout::Packed => {
            put(hs + 0x20, &frames.to_le_bytes());
            put(hs + 0x48, &(end_of_data - hs as u64).to_le_bytes());
        }
        Layout::Framed => put(hs + 0x3C, &frames.to_le_bytes()),
    }
    let mut file = File::create(path)?;
    file.write_all(&header)?;
    file.seek(SeekFrom::Start(end_of_data))?;
    file.write_all(&footer)?;
    Ok(file_bytes)
}

/// A file of `frames` black frames.
fn small(spec: &Spec, frames: u32) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()), spec).expect("a possible file");
    let (width, height) = if frames == 1 { (512, 512) } else { (4, 1) };
    let black = Array2::<u16>::zeros((height, width));
    for framestamp in 0..frames {
        let stamp = Stamp {
            framestamp,
            ..Stamp::default()
        };
        writer.push(black.view(), stamp).expect("a fitting frame");
    }
    writer.finish().expect("written to memory").into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dcimg::File;

    #[test]
    fn both_layouts_read_to_the_last_frame() {
        let folder = tempfile::tempdir().unwrap();
        for layout in [Layout::Packed, Layout::Framed] {
            let path = folder.path().join("sparse");
            let bytes = sparse_dcimg(&path, layout, 3000).unwrap();
            assert!(bytes > 3000 * 512 * 1024);
            assert_eq!(path.metadata().unwrap().len(), bytes);
            let file = File::open(&path).unwrap();
            assert_eq!(file.warnings(), []);
            let last = file.movie().frame(2999).unwrap();
            assert_eq!(last.to_array::<u16>().unwrap().sum(), 0);
            assert_eq!(file.movie().clock().unwrap().len(), 3000);
        }
    }
}
