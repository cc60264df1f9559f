//! A description of a file, checked and with every size computed.

use super::error::Error;
use super::spec::{Relocate, Spec};
use crate::blocks::{RELOCATION_BYTES, TABLE_END};
use crate::camera::{self, CAMERA_BYTES};
use crate::header::FILE_HEADER_BYTES;
use crate::relocation::{self, Place, RELOCATED_BYTES};
use crate::session::{Geometry, framed_v1_v2, packed_v7};
use crate::{PixelType, Version};

/// A checked [`Spec`].
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) spec: Spec,
    pub(super) row_bytes: u32,
    pub(super) frame_bytes: u32,
    pub(super) trailer: u32,
    pub(super) data_offset: u32,
    pub(super) place: Option<Place>,
}

impl Plan {
    /// Checks that the parts of `spec` fit together.
    pub(super) fn new(spec: &Spec) -> Result<Self, Error> {
        let too_large = || Error::Spec("a frame exceeds the format's 32-bit sizes");
        if spec.width == 0 || spec.height == 0 {
            return Err(Error::Spec("width and height must not be 0"));
        }
        let size = u64::from(spec.width) * spec.pixel.bytes() as u64;
        let row = size + u64::from(spec.leading_bytes) + u64::from(spec.trailing_bytes);
        let row_bytes = u32::try_from(row).map_err(|_| too_large())?;
        let frame_bytes = row_bytes.checked_mul(spec.height).ok_or_else(too_large)?;
        let packed = spec.version == Version::Packed;
        let trailer = if packed { 0 } else { spec.trailer };
        frame_bytes.checked_add(trailer).ok_or_else(too_large)?;
        if !packed && trailer < framed_v1_v2::STAMP_BYTES {
            return Err(Error::Spec("a trailer needs 12 bytes for the stamps"));
        }
        if !(FILE_HEADER_BYTES..=1 << 20).contains(&spec.session_offset) {
            return Err(Error::Spec(
                "the session header must start at 80 bytes to 1 MiB",
            ));
        }
        let smallest = if packed {
            u32::try_from(packed_v7::HEADER_BYTES).unwrap_or(u32::MAX)
        } else {
            let announces = matches!(spec.relocate, Relocate::Announced { .. });
            TABLE_END
                + if announces { RELOCATION_BYTES } else { 0 }
                + if spec.camera.is_some() {
                    CAMERA_BYTES
                } else {
                    0
                }
        };
        let data_offset = spec.data_offset.unwrap_or(if packed { 112 } else { 760 });
        if !(smallest..=1 << 30).contains(&data_offset) {
            return Err(Error::Spec(
                "the header does not fit before the first frame",
            ));
        }
        let geometry = Geometry {
            pixel: spec.pixel,
            width: spec.width,
            height: spec.height,
            row_bytes,
            frame_bytes,
            stride: u64::from(frame_bytes) + u64::from(trailer),
            trailer,
            frames: 0,
            data_start: 0,
            data_end: 0,
        };
        Ok(Self {
            spec: spec.clone(),
            row_bytes,
            frame_bytes,
            trailer,
            data_offset,
            place: place(spec, &geometry)?,
        })
    }

    /// The pixel type code, which is the number of bytes.
    pub(super) fn pixel_code(&self) -> u32 {
        match self.spec.pixel {
            PixelType::U8 => 1,
            PixelType::U16 => 2,
        }
    }

    fn stride(&self) -> u64 {
        u64::from(self.frame_bytes) + u64::from(self.trailer)
    }

    /// Where frame `frame` starts, from the session header.
    pub(super) fn data_offset(&self, frame: u32) -> u64 {
        u64::from(self.data_offset) + u64::from(frame) * self.stride()
    }
}

fn place(spec: &Spec, geometry: &Geometry) -> Result<Option<Place>, Error> {
    if spec.relocate == Relocate::Off {
        return Ok(None);
    }
    let packed = spec.version == Version::Packed;
    if !packed && u64::from(geometry.trailer) < 12 + RELOCATED_BYTES {
        return Err(Error::Spec("a trailer needs 20 bytes for relocated pixels"));
    }
    let place = match spec.relocate {
        Relocate::Off => None,
        Relocate::Announced { row, column } => {
            let byte = u64::from(column) * spec.pixel.bytes() as u64;
            let fits = row < spec.height && byte + RELOCATED_BYTES <= u64::from(geometry.row_bytes);
            u32::try_from(byte).ok().filter(|_| fits).map(|byte| Place {
                row,
                byte,
                basis: relocation::Basis::Announced,
            })
        }
        Relocate::Unannounced if packed => None,
        Relocate::Unannounced if spec.version == Version::FramedV2 => {
            relocation::first_row(geometry)
        }
        Relocate::Unannounced => spec.camera.as_ref().and_then(|camera| {
            let sub = camera.sub_array?;
            let binning = camera::binning(sub, spec.width, spec.height)?;
            relocation::computed(sub.y0.into(), binning, geometry)
        }),
    };
    match place {
        Some(place) => Ok(Some(place)),
        None => Err(Error::Spec("there is no place for relocated pixels")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_that_nothing_could_read_are_refused() {
        let refused = [
            Spec::packed(0, 4),
            Spec::packed(4, 0),
            Spec::packed(1 << 31, 1),
            Spec::packed(1 << 16, 1 << 16),
            Spec::packed(4, 4).row_padding(u32::MAX),
            Spec::packed(4, 4).relocated_at(4, 0),
            Spec::packed(4, 4).relocated_at(0, 1),
            Spec::packed(4, 4).relocated_unannounced(),
            Spec::packed(4, 4).session_offset(0x4F),
            Spec::packed(4, 4).data_offset(0x4F),
            Spec::framed(4, 4).trailer_bytes(11),
            Spec::framed(4, 4).trailer_bytes(16).relocated_at(0, 0),
            Spec::framed(4, 4).relocated_unannounced(),
            Spec::framed(4, 4).data_offset(695),
            Spec::framed(4, 4).relocated_at(0, 0).data_offset(751),
        ];
        for spec in refused {
            assert!(matches!(Plan::new(&spec), Err(Error::Spec(_))), "{spec:?}");
        }
    }

    #[test]
    fn published_data_starts_are_possible() {
        for (spec, start) in [
            (Spec::packed(4, 4), 232),
            (Spec::framed(4, 4).trailer_bytes(16).data_offset(696), 808),
            (Spec::framed(4, 4).relocated_at(0, 0).data_offset(752), 864),
            (
                Spec::framed(4, 4).relocated_at(0, 0).data_offset(1096),
                1208,
            ),
        ] {
            let plan = Plan::new(&spec).unwrap();
            assert_eq!(plan.spec.session_offset + plan.data_offset, start);
        }
    }
}
