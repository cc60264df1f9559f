//! Session header: geometry common to the layouts, checked in one place.

pub(crate) mod framed_v1_v2;
pub(crate) mod packed_v7;

use crate::bytes::At;
use crate::{Error, Limits, PixelType};

/// What both layouts store, as read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    pub(crate) bytes: At<u64>,
    pub(crate) frames: At<u32>,
    pub(crate) pixel: At<u32>,
    pub(crate) width: At<u32>,
    pub(crate) height: At<u32>,
    pub(crate) row_bytes: At<u32>,
    pub(crate) frame_bytes: At<u32>,
    pub(crate) data_offset: At<u64>,
    /// Distance between frames; equals `frame_bytes` in packed files.
    pub(crate) stride: At<u32>,
    /// 0 in packed files.
    pub(crate) trailer: u32,
    /// The session header's known fields end here, counted from its start.
    pub(crate) header_bytes: u64,
}

/// Geometry that was checked: every frame lies inside a file of `data_end` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) pixel: PixelType,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) row_bytes: u32,
    pub(crate) frame_bytes: u32,
    pub(crate) stride: u64,
    pub(crate) trailer: u32,
    pub(crate) frames: u32,
    pub(crate) data_start: u64,
    pub(crate) data_end: u64,
}

impl Fields {
    /// Checks everything that does not need the length of the file.
    pub(crate) fn check(&self, session_offset: u64, limits: &Limits) -> Result<Geometry, Error> {
        let pixel = match self.pixel.value {
            1 => PixelType::U8,
            2 => PixelType::U16,
            code => {
                return Err(Error::PixelCode {
                    offset: self.pixel.offset,
                    code,
                });
            }
        };
        for (field, what) in [(self.width, "width"), (self.height, "height")] {
            if field.value == 0 {
                let offset = field.offset;
                return Err(Error::ZeroSize { offset, what });
            }
        }
        let (width, height) = (self.width.value, self.height.value);
        let row_bytes = self.row_bytes.value;
        if u64::from(width) * pixel.bytes() as u64 > u64::from(row_bytes) {
            return Err(Error::RowBytes {
                offset: self.row_bytes.offset,
                row_bytes,
                width,
                pixel_bytes: self.pixel.value,
            });
        }
        let frame_bytes = self.frame_bytes.value;
        if u64::from(row_bytes) * u64::from(height) != u64::from(frame_bytes) {
            return Err(Error::FrameBytes {
                offset: self.frame_bytes.offset,
                frame_bytes,
                row_bytes,
                height,
            });
        }
        limit(self.frame_bytes, "frame size", limits.frame_bytes)?;
        if self.data_offset.value < self.header_bytes {
            return Err(Error::DataOffset {
                offset: self.data_offset.offset,
                found: self.data_offset.value,
            });
        }
        let stride = u64::from(self.stride.value);
        let data_start = session_offset.checked_add(self.data_offset.value);
        let data_end =
            data_start.and_then(|start| start.checked_add(stride * u64::from(self.frames.value)));
        let (Some(data_start), Some(data_end)) = (data_start, data_end) else {
            return Err(Error::Overflow {
                offset: self.data_offset.offset,
                what: "frame data",
                value: self.data_offset.value,
            });
        };
        Ok(Geometry {
            pixel,
            width,
            height,
            row_bytes,
            frame_bytes,
            stride,
            trailer: self.trailer,
            frames: self.frames.value,
            data_start,
            data_end,
        })
    }
}

pub(crate) fn limit(field: At<u32>, what: &'static str, limit: u32) -> Result<(), Error> {
    if field.value > limit {
        return Err(Error::Limit {
            offset: field.offset,
            what,
            value: field.value.into(),
            limit: limit.into(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<T>(value: T, offset: u64) -> At<T> {
        At { value, offset }
    }

    /// 3 frames of 5 x 4 px u16, rows of 12 bytes.
    fn fields() -> Fields {
        Fields {
            bytes: at(1000, 0),
            frames: at(3, 1),
            pixel: at(2, 2),
            width: at(5, 3),
            height: at(4, 4),
            row_bytes: at(12, 5),
            frame_bytes: at(48, 6),
            data_offset: at(112, 7),
            stride: at(48, 8),
            trailer: 0,
            header_bytes: 0x50,
        }
    }

    fn check(fields: Fields) -> Result<Geometry, Error> {
        fields.check(0x78, &Limits::default())
    }

    #[test]
    fn frames_follow_the_data_offset() {
        let geometry = check(fields()).unwrap();
        assert_eq!(geometry.data_start, 232);
        assert_eq!(geometry.data_end, 232 + 3 * 48);
    }

    #[test]
    fn row_shorter_than_its_pixels_is_refused() {
        let narrow = Fields {
            row_bytes: at(9, 5),
            frame_bytes: at(36, 6),
            ..fields()
        };
        assert!(matches!(
            check(narrow),
            Err(Error::RowBytes { offset: 5, .. })
        ));
    }

    #[test]
    fn frame_size_must_be_rows_times_row_size() {
        let odd = Fields {
            frame_bytes: at(50, 6),
            ..fields()
        };
        assert!(matches!(
            check(odd),
            Err(Error::FrameBytes { offset: 6, .. })
        ));
        // 65536 x 65536 rows and bytes are 0 in 32 bits, so the product must not wrap.
        let wrapping = Fields {
            row_bytes: at(1 << 16, 5),
            height: at(1 << 16, 4),
            frame_bytes: at(0, 6),
            ..fields()
        };
        assert!(matches!(check(wrapping), Err(Error::FrameBytes { .. })));
    }

    #[test]
    fn pixel_types_other_than_one_and_two_bytes_are_refused() {
        for code in [0, 3, 0x0102] {
            let odd = Fields {
                pixel: at(code, 2),
                ..fields()
            };
            assert_eq!(check(odd), Err(Error::PixelCode { offset: 2, code }));
        }
    }

    #[test]
    fn data_inside_the_header_or_beyond_64_bits_is_refused() {
        for (value, overflow) in [(0x4F, false), (u64::MAX - 200, true), (u64::MAX, true)] {
            let odd = Fields {
                data_offset: at(value, 7),
                ..fields()
            };
            let error = check(odd).unwrap_err();
            assert_eq!(matches!(error, Error::Overflow { offset: 7, .. }), overflow);
            assert_eq!(
                matches!(error, Error::DataOffset { offset: 7, .. }),
                !overflow
            );
        }
    }

    #[test]
    fn the_limit_of_a_frame_holds() {
        let limits = Limits::default().frame_bytes(47);
        let error = fields().check(0x78, &limits).unwrap_err();
        assert!(matches!(error, Error::Limit { offset: 6, .. }));
    }
}
