//! Relocated pixels: 8 bytes per frame that the camera overwrites and stores elsewhere.
//!
//! Some cameras replace 8 bytes of one row of every frame by `0, 65535, 0, 65535` and keep the
//! true bytes in the footer (packed) or in the frame's trailer (framed). The file may announce
//! the place; otherwise it can only be computed from the sensor row where it happens, and a
//! computed place is believed only where the junk pattern stands.

use std::fmt;

use crate::bytes::At;
use crate::session::Geometry;
use crate::{Error, Warning};

/// What cameras write over the relocated pixels.
pub(crate) const JUNK: [u8; 8] = [0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF];
/// Bytes relocated per frame: 4 pixels of 16 bits, 8 pixels of 8 bits.
pub(crate) const RELOCATED_BYTES: u64 = 8;
/// The sensor row in which it happens: the middle of 2048 rows.
const SENSOR_ROW: u32 = 1023;
/// Where the true bytes stand in a trailer.
pub(crate) const IN_TRAILER: u32 = 12;

/// The relocated pixels of a packed file as its footer announces them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Announcement {
    /// Byte offset inside a frame.
    pub(crate) place: At<u32>,
    /// Position of the table of true bytes.
    pub(crate) store: u64,
}

/// Why a place is believed to hold relocated pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Basis {
    /// The file states the place; its pixels are always restored.
    Announced,
    /// The place is computed from sub-array and binning, or is row 0 in 0x2000000; pixels are
    /// restored only in frames that hold the junk pattern there.
    Computed,
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Announced => "announced",
            Self::Computed => "computed",
        })
    }
}

/// Eight bytes of a frame, all in one stored row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) row: u32,
    /// Byte offset inside the stored row.
    pub(crate) byte: u32,
    pub(crate) basis: Basis,
}

/// Where the true bytes of each frame are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// In the frame's own trailer.
    Trailers,
    /// In a table at this position of the file.
    Table(u64),
}

/// How relocated pixels of this file are restored: candidate places, the first that applies to
/// a frame counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) places: [Option<Place>; 2],
    pub(crate) store: Store,
}

impl Plan {
    pub(crate) const NONE: Self = Self {
        places: [None, None],
        store: Store::Trailers,
    };

    pub(crate) fn announced(place: Place, store: Store) -> Self {
        Self {
            places: [Some(place), None],
            store,
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.places.iter().all(Option::is_none)
    }
}

/// The announced place, if it can be right.
pub(crate) fn announced(offset: At<u32>, geometry: &Geometry) -> Result<Place, Error> {
    let refuse = |reason| Error::RelocationPlace {
        offset: offset.offset,
        reason,
    };
    let row = offset.value / geometry.row_bytes;
    let byte = offset.value % geometry.row_bytes;
    if row >= geometry.height {
        return Err(refuse("the announced place is outside the frame"));
    }
    if u64::from(byte) + RELOCATED_BYTES > u64::from(geometry.row_bytes) {
        return Err(refuse("the announced place crosses the end of a row"));
    }
    if !(byte as usize).is_multiple_of(geometry.pixel.bytes()) {
        return Err(refuse("the announced place is inside a pixel"));
    }
    let basis = Basis::Announced;
    Ok(Place { row, byte, basis })
}

/// The image row of the sensor row in question, for a sub-array that starts at sensor row `y0`.
/// `None` if the image does not hold it, or if rows are too short.
pub(crate) fn computed(y0: u32, binning: u32, geometry: &Geometry) -> Option<Place> {
    let row = SENSOR_ROW.checked_sub(y0)?.checked_div(binning)?;
    place_in(row, geometry)
}

/// Row 0, where 0x2000000 files are reported to have them.
pub(crate) fn first_row(geometry: &Geometry) -> Option<Place> {
    place_in(0, geometry)
}

fn place_in(row: u32, geometry: &Geometry) -> Option<Place> {
    let fits = row < geometry.height && u64::from(geometry.row_bytes) >= RELOCATED_BYTES;
    fits.then_some(Place {
        row,
        byte: 0,
        basis: Basis::Computed,
    })
}

/// Where and how often relocated pixels were found and restored.
///
/// Displays as `4 px of row 83 from column 0 (announced), restored in 10 of 10 frames`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relocation {
    /// The places; empty if the file gives no reason to look for relocated pixels.
    pub sites: Vec<Site>,
    /// Frames of the movie.
    pub frames: usize,
    /// Frames that were looked at: all of them, or those fetched, and none without a place.
    pub examined: usize,
}

/// One place of relocated pixels, in pixels of the movie (after the choice of
/// [`crate::Padding`]).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Site {
    /// Row, from 0 at the top.
    pub row: usize,
    /// First column.
    pub column: usize,
    /// Number of pixels; 0 if all of them lie in the padding.
    pub count: usize,
    /// Why the place is believed.
    pub basis: Basis,
    /// Frames in which the pixels are restored when read.
    pub restored: usize,
    /// Frames that hold the junk pattern there.
    pub junk: usize,
}

impl Relocation {
    /// Whether no frame has restored pixels.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.restored() == 0
    }

    /// What is odd: pixels are announced to be relocated, and restored, but the junk pattern stands in none of the
    /// frames that were looked at, so that good pixels may have been replaced.
    #[must_use]
    pub fn warning(&self) -> Option<Warning> {
        let odd = |site: &&Site| site.basis == Basis::Announced && site.junk == 0;
        let site = self.sites.iter().find(odd)?;
        (self.examined > 0).then_some(Warning::NoJunk {
            row: site.row,
            column: site.column,
            examined: self.examined,
        })
    }

    /// Number of frames with restored pixels.
    #[must_use]
    pub fn restored(&self) -> usize {
        self.sites.iter().map(|site| site.restored).sum()
    }
}

impl fmt::Display for Relocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sites.is_empty() {
            return f.write_str("none");
        }
        for (i, site) in self.sites.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            let Site {
                row,
                column,
                count,
                basis,
                restored,
                ..
            } = site;
            write!(
                f,
                "{separator}{count} px of row {row} from column {column} ({basis}), \
                 restored in {restored} of {} frames",
                self.examined
            )?;
        }
        Ok(())
    }
}

/// Relocated pixels of one frame: what to put where into a zero-copy view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relocated {
    /// Row, from 0 at the top.
    pub row: usize,
    /// First column, in pixels of the movie.
    pub column: usize,
    /// Why the place is believed.
    pub basis: Basis,
    /// Whether the junk pattern stands there, as it should.
    pub junk: bool,
    pub(crate) values: [u16; 8],
    pub(crate) count: usize,
}

impl Relocated {
    /// The true values, in column order; empty if all of them lie in the padding.
    #[must_use]
    pub fn values(&self) -> &[u16] {
        &self.values[..self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PixelType;

    fn geometry(height: u32, row_bytes: u32) -> Geometry {
        Geometry {
            pixel: PixelType::U16,
            width: row_bytes / 2,
            height,
            row_bytes,
            frame_bytes: row_bytes * height,
            stride: u64::from(row_bytes * height) + 32,
            trailer: 32,
            frames: 1,
            data_start: 864,
            data_end: 864 + u64::from(row_bytes * height) + 32,
        }
    }

    #[test]
    fn published_place_is_row_83_column_0() {
        let offset = At {
            value: 0x53000,
            offset: 0,
        };
        let place = announced(offset, &geometry(168, 4096)).unwrap();
        assert_eq!((place.row, place.byte), (83, 0));
    }

    #[test]
    fn sensor_row_1023_of_a_sub_array_at_940_is_row_83() {
        assert_eq!(computed(940, 1, &geometry(168, 4096)).unwrap().row, 83);
        assert_eq!(computed(0, 2, &geometry(1024, 64)).unwrap().row, 511);
        assert_eq!(computed(1023, 1, &geometry(1, 8)).unwrap().row, 0);
    }

    #[test]
    fn nothing_is_computed_without_that_row_binning_or_room() {
        assert_eq!(computed(1024, 1, &geometry(168, 4096)), None);
        assert_eq!(computed(100, 1, &geometry(168, 4096)), None);
        assert_eq!(computed(940, 0, &geometry(168, 4096)), None);
        assert_eq!(computed(940, 1, &geometry(168, 6)), None);
    }

    #[test]
    fn impossible_announcements_are_refused() {
        let geometry = geometry(4, 16);
        for (value, refused) in [
            (64, true),
            (10, true),
            (9, true),
            (1, true),
            (8, false),
            (56, false),
        ] {
            let offset = At { value, offset: 7 };
            assert_eq!(announced(offset, &geometry).is_err(), refused, "{value}");
        }
    }
}
