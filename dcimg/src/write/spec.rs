//! What kind of file to write.

use super::{Error, Plan};
use crate::header::FILE_HEADER_BYTES;
use crate::relocation::{self, Place, RELOCATED_BYTES};
use crate::session::{Geometry, framed, packed};
use crate::write::framed::{BLOCKS, CAMERA_BYTES, RELOCATION_BYTES};
use crate::{Camera, PixelType, SubArray, Version};

/// Describes a file to write. Defaults resemble the published files: 16-bit pixels, no padding,
/// nothing relocated; framed files with a trailer of 32 bytes (512 for 0x2000000) and a camera
/// block whose sub-array is the image.
///
/// ```
/// use dcimg::{PixelType, write::Spec};
/// let spec = Spec::framed(512, 256).pixel(PixelType::U8).row_padding(16).relocated_at(83, 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    pub(super) version: Version,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pixel: PixelType,
    pub(super) leading_bytes: u32,
    pub(super) trailing_bytes: u32,
    pub(super) relocate: Relocate,
    pub(super) trailer: u32,
    pub(super) camera: Option<Camera>,
    pub(super) session_offset: u32,
    data_offset: Option<u32>,
}

/// Where the camera overwrites pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relocate {
    Off,
    Announced { row: u32, column: u32 },
    Unannounced,
}

impl Spec {
    fn new(version: Version, width: u32, height: u32) -> Self {
        Self {
            version,
            width,
            height,
            pixel: PixelType::U16,
            leading_bytes: 0,
            trailing_bytes: 0,
            relocate: Relocate::Off,
            trailer: 0,
            camera: None,
            session_offset: 0x78,
            data_offset: None,
        }
    }

    /// A packed file (version 7).
    #[must_use]
    pub fn packed(width: u32, height: u32) -> Self {
        Self::new(Version::Packed, width, height)
    }

    /// A framed file (version 0x1000000).
    #[must_use]
    pub fn framed(width: u32, height: u32) -> Self {
        Self {
            trailer: 32,
            session_offset: 0x70,
            ..Self::new(Version::Framed, width, height)
        }
        .binning(1)
    }

    /// A framed file of version 0x2000000.
    #[must_use]
    pub fn framed_v2(width: u32, height: u32) -> Self {
        Self {
            version: Version::FramedV2,
            trailer: 512,
            ..Self::framed(width, height)
        }
    }

    /// How pixels are stored; default [`PixelType::U16`].
    #[must_use]
    pub fn pixel(self, pixel: PixelType) -> Self {
        Self { pixel, ..self }
    }

    /// Adds `bytes` zero bytes after the pixels of each row.
    #[must_use]
    pub fn row_padding(self, bytes: u32) -> Self {
        Self {
            trailing_bytes: bytes,
            ..self
        }
    }

    /// Adds `bytes` zero bytes before the pixels of each row.
    #[must_use]
    pub fn leading_row_padding(self, bytes: u32) -> Self {
        Self {
            leading_bytes: bytes,
            ..self
        }
    }

    /// Overwrites 8 bytes from this pixel of the stored row (padding counts) on with the junk
    /// pattern, stores the true bytes where the format has them, and announces the place.
    #[must_use]
    pub fn relocated_at(self, row: u32, column: u32) -> Self {
        Self {
            relocate: Relocate::Announced { row, column },
            ..self
        }
    }

    /// As [`Spec::relocated_at`] where a reader has to find the place itself: the row that is
    /// row 1023 of the sensor, or row 0 in version 0x2000000. Framed files only.
    #[must_use]
    pub fn relocated_unannounced(self) -> Self {
        Self {
            relocate: Relocate::Unannounced,
            ..self
        }
    }

    /// Bytes of the trailer after each frame, at least 12, and 20 with relocated pixels. No
    /// effect on packed files.
    #[must_use]
    pub fn trailer_bytes(self, trailer: u32) -> Self {
        Self { trailer, ..self }
    }

    /// The camera block. [`Camera::binning`] is not stored; it follows from the sub-array.
    /// Texts longer than their fields are cut. No effect on packed files.
    #[must_use]
    pub fn camera(self, camera: Camera) -> Self {
        Self {
            camera: Some(camera),
            ..self
        }
    }

    /// Leaves the camera block out.
    #[must_use]
    pub fn no_camera(self) -> Self {
        Self {
            camera: None,
            ..self
        }
    }

    /// Model and serial number in the camera block, for instance `C11440-22C` and
    /// `S/N: 001634`.
    #[must_use]
    pub fn model(self, model: &str, serial: &str) -> Self {
        let mut camera = self.camera.clone().unwrap_or_default();
        camera.model = Some(model.to_owned());
        camera.serial = Some(serial.to_owned());
        self.camera(camera)
    }

    /// The sub-array in the camera block.
    #[must_use]
    pub fn sub_array(self, sub_array: SubArray) -> Self {
        let mut camera = self.camera.clone().unwrap_or_default();
        camera.sub_array = Some(sub_array);
        self.camera(camera)
    }

    /// Makes the sub-array `binning` times as large as the image, keeping its corner, and states
    /// the binning. Without effect on the sub-array if that exceeds its 16-bit fields.
    #[must_use]
    pub fn binning(self, binning: u16) -> Self {
        let mut camera = self.camera.clone().unwrap_or_default();
        camera.stated_binning = Some(binning);
        let corner = camera.sub_array.map_or((0, 0), |sub| (sub.x0, sub.y0));
        let times = |size: u32| u16::try_from(size.checked_mul(binning.into())?).ok();
        camera.sub_array = times(self.width)
            .zip(times(self.height))
            .map(|(width, height)| SubArray {
                x0: corner.0,
                width,
                y0: corner.1,
                height,
            })
            .or(camera.sub_array);
        self.camera(camera)
    }

    /// First row of the sub-array on the sensor, its size being kept.
    #[must_use]
    pub fn first_sensor_row(self, y0: u16) -> Self {
        let sub = self.camera.as_ref().and_then(|camera| camera.sub_array);
        let sub = sub.unwrap_or(SubArray {
            x0: 0,
            width: 0,
            y0: 0,
            height: 0,
        });
        self.sub_array(SubArray { y0, ..sub })
    }

    /// Where the session header starts; default 120 in packed and 112 in framed files.
    #[must_use]
    pub fn session_offset(self, session_offset: u32) -> Self {
        Self {
            session_offset,
            ..self
        }
    }

    /// Where frame 0 starts, from the session header; default 112 in packed and 760 in framed
    /// files, which puts the sub-array where the oldest readers look for it.
    #[must_use]
    pub fn data_offset(self, data_offset: u32) -> Self {
        Self {
            data_offset: Some(data_offset),
            ..self
        }
    }

    /// Checks that the parts fit together.
    pub(super) fn plan(&self) -> Result<Plan, Error> {
        let too_large = || Error::Spec("a frame exceeds the format's 32-bit sizes");
        if self.width == 0 || self.height == 0 {
            return Err(Error::Spec("width and height must not be 0"));
        }
        let size = u64::from(self.width) * self.pixel.bytes() as u64;
        let row = size + u64::from(self.leading_bytes) + u64::from(self.trailing_bytes);
        let row_bytes = u32::try_from(row).map_err(|_| too_large())?;
        let frame_bytes = row_bytes.checked_mul(self.height).ok_or_else(too_large)?;
        let packed = self.version == Version::Packed;
        let trailer = if packed { 0 } else { self.trailer };
        frame_bytes.checked_add(trailer).ok_or_else(too_large)?;
        if !packed && trailer < framed::STAMP_BYTES {
            return Err(Error::Spec("a trailer needs 12 bytes for the stamps"));
        }
        if !(FILE_HEADER_BYTES..=1 << 20).contains(&self.session_offset) {
            return Err(Error::Spec(
                "the session header must start at 80 bytes to 1 MiB",
            ));
        }
        let smallest = if packed {
            u32::try_from(packed::HEADER_BYTES).unwrap_or(u32::MAX)
        } else {
            let announces = matches!(self.relocate, Relocate::Announced { .. });
            BLOCKS
                + if announces { RELOCATION_BYTES } else { 0 }
                + if self.camera.is_some() {
                    CAMERA_BYTES
                } else {
                    0
                }
        };
        let data_offset = self.data_offset.unwrap_or(if packed { 112 } else { 760 });
        if !(smallest..=1 << 30).contains(&data_offset) {
            return Err(Error::Spec(
                "the header does not fit before the first frame",
            ));
        }
        let geometry = Geometry {
            pixel: self.pixel,
            width: self.width,
            height: self.height,
            row_bytes,
            frame_bytes,
            stride: u64::from(frame_bytes) + u64::from(trailer),
            trailer,
            frames: 0,
            data_start: 0,
            data_end: 0,
        };
        Ok(Plan {
            spec: self.clone(),
            row_bytes,
            frame_bytes,
            trailer,
            data_offset,
            place: self.place(&geometry)?,
        })
    }

    fn place(&self, geometry: &Geometry) -> Result<Option<Place>, Error> {
        if self.relocate == Relocate::Off {
            return Ok(None);
        }
        let packed = self.version == Version::Packed;
        if !packed && u64::from(geometry.trailer) < 12 + RELOCATED_BYTES {
            return Err(Error::Spec("a trailer needs 20 bytes for relocated pixels"));
        }
        let place = match self.relocate {
            Relocate::Off => None,
            Relocate::Announced { row, column } => {
                let byte = u64::from(column) * self.pixel.bytes() as u64;
                let fits =
                    row < self.height && byte + RELOCATED_BYTES <= u64::from(geometry.row_bytes);
                u32::try_from(byte).ok().filter(|_| fits).map(|byte| Place {
                    row,
                    byte,
                    basis: relocation::Basis::Announced,
                })
            }
            Relocate::Unannounced if packed => None,
            Relocate::Unannounced if self.version == Version::FramedV2 => {
                relocation::first_row(geometry)
            }
            Relocate::Unannounced => self.camera.as_ref().and_then(|camera| {
                let sub = camera.sub_array?;
                let binning = crate::camera::binning(sub, self.width, self.height)?;
                relocation::computed(sub.y0.into(), binning, geometry)
            }),
        };
        match place {
            Some(place) => Ok(Some(place)),
            None => Err(Error::Spec("there is no place for relocated pixels")),
        }
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
            assert!(matches!(spec.plan(), Err(Error::Spec(_))), "{spec:?}");
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
            let plan = spec.plan().unwrap();
            assert_eq!(plan.spec.session_offset + plan.data_offset, start);
        }
    }
}
