//! Frames from a source of one's own, which gives ranges of bytes: here memory that counts what is asked of it.
//!
//! `cargo run -p dcimg --example own_source`

use std::error::Error;
use std::io::Cursor;
use std::num::TryFromIntError;
use std::ops::Range;

use dcimg::write::{Spec, Writer};
use dcimg::{Layout, Options, Pieces, Stamp};
use ndarray::Array2;

fn main() -> Result<(), Box<dyn Error>> {
    let file = recording()?;
    let (bytes, mut asked) = (file.len() as u64, 0);
    let mut fetch = |range: Range<u64>| {
        asked += range.end - range.start;
        let [start, end] = [range.start, range.end].map(usize::try_from);
        Ok::<_, TryFromIntError>(&file[start?..end?])
    };

    let layout = Layout::from_fetch(bytes, &Options::default(), &mut fetch)?;
    let mut pieces = Pieces::new(bytes);
    pieces.fetch(layout.frame_ranges(70..71)?, &mut fetch)?;
    let frame = layout.movie(&pieces).frame(70)?.to_array::<u16>()?;
    assert_eq!(frame, Array2::from_elem((48, 64), 170));
    println!("frame 70 of {}: {asked} of {bytes} bytes", layout.frames());
    Ok(())
}

fn recording() -> Result<Vec<u8>, dcimg::write::Error> {
    let mut writer = Writer::new(Cursor::new(Vec::new()), &Spec::packed(64, 48))?;
    for count in 100..200_u16 {
        writer.push(Array2::from_elem((48, 64), count).view(), Stamp::default())?;
    }
    Ok(writer.finish()?.into_inner())
}
