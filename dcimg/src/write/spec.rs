//! What kind of file to write.

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
    pub(super) data_offset: Option<u32>,
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
}
