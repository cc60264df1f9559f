//! Regions of interest as ImageJ and Fiji save them, `.roi`.
//!
//! Big-endian: a header of 64 bytes, coordinates, and a second header with the name. Source: ImageJ 1.53t, `RoiDecoder`, which is
//! in the public domain.

use super::outline::{Outline, Point, curve};
use crate::Error;

/// What such a file starts with.
pub(super) const MAGIC: &[u8] = b"Iout";

/// Most points of one: a curve of 28 bytes is up to 1024 of them, so the size of the file does not bound them.
const MOST_POINTS: usize = 1 << 20;

/// Types.
const POLYGON: u8 = 0;
const RECTANGLE: u8 = 1;
const OVAL: u8 = 2;
const FREEHAND: u8 = 7;
const TRACED: u8 = 8;
/// What says in the subtype that there is more to it.
const TEXT: u16 = 1;
const ELLIPSE: u16 = 3;
const IMAGE: u16 = 4;
const ROTATED_RECTANGLE: u16 = 5;
/// Options.
const SPLINE: u16 = 1;
const SUB_PIXEL: u16 = 128;

/// A region of interest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Roi {
    /// The name in it, if it has one.
    pub(super) name: Option<String>,
    pub(super) outline: Outline,
}

/// The region of interest in a file; `object` names it in errors.
pub(super) fn parse(object: &str, bytes: &[u8]) -> Result<Roi, Error> {
    let file = Fields { object, bytes };
    if !bytes.starts_with(MAGIC) {
        return Err(file.wrong("is no ROI of ImageJ"));
    }
    let version = file.u16(4)?;
    let kind = file.array::<1>(6)?[0];
    let shape_size = file.u32(36)?;
    let subtype = file.u16(48)?;
    let options = file.u16(50)?;
    let sub_pixel = options & SUB_PIXEL != 0;
    let name = file.name()?;

    let outline = match (kind, subtype) {
        (RECTANGLE, _) if shape_size > 0 => file.composite(shape_size)?,
        (_, TEXT) if version >= 218 => return Err(file.refused("text")),
        (_, IMAGE) if version >= 221 => return Err(file.refused("an image")),
        (RECTANGLE | OVAL, _) => {
            let bounds = if sub_pixel && version >= 223 {
                file.sub_pixel_bounds()?
            } else {
                file.bounds()?
            };
            match (kind, file.short(54)?) {
                (OVAL, _) => Outline::Oval(bounds),
                (_, 1..) => return Err(file.refused("a rectangle with rounded corners")),
                _ => Outline::rectangle(bounds),
            }
        }
        (FREEHAND, ELLIPSE) => Outline::Paths(vec![file.ellipse()?]),
        (FREEHAND, ROTATED_RECTANGLE) => Outline::Paths(vec![file.rotated_rectangle()?]),
        (POLYGON | FREEHAND | TRACED, _) => {
            if options & SPLINE != 0 && version >= 218 {
                return Err(file.refused("fitted with a spline"));
            }
            Outline::Paths(vec![file.vertices(sub_pixel && version >= 222)?])
        }
        (3, _) => return Err(file.refused("a straight line")),
        (4, _) => return Err(file.refused("a freehand line")),
        (5, _) => return Err(file.refused("a segmented line")),
        (9, _) => return Err(file.refused("an angle")),
        (10, _) => return Err(file.refused("points")),
        (other, _) => return Err(file.wrong(&format!("is a ROI of the unknown type {other}"))),
    };
    Ok(Roi { name, outline })
}

/// Bounds-checked fields of a file.
struct Fields<'a> {
    object: &'a str,
    bytes: &'a [u8],
}

impl Fields<'_> {
    fn wrong(&self, reason: &str) -> Error {
        Error::format(self.object, reason)
    }

    fn refused(&self, what: &str) -> Error {
        let reason = format!(
            "is {what}: areas are rectangles, ovals, polygons, freehand and composite selections"
        );
        self.wrong(&reason)
    }

    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], Error> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        rest.first_chunk().copied().ok_or_else(|| {
            let reason = format!("byte {at}: {N} bytes are needed, {} remain", rest.len());
            self.wrong(&reason)
        })
    }

    fn u16(&self, at: usize) -> Result<u16, Error> {
        self.array(at).map(u16::from_be_bytes)
    }

    fn u32(&self, at: usize) -> Result<u32, Error> {
        self.array(at).map(u32::from_be_bytes)
    }

    fn float(&self, at: usize) -> Result<f64, Error> {
        Ok(f64::from(f32::from_be_bytes(self.array(at)?)))
    }

    /// A coordinate: what would lie below -5000 is one beyond 32767.
    fn short(&self, at: usize) -> Result<i32, Error> {
        let bytes = self.array(at)?;
        Ok(match i16::from_be_bytes(bytes) {
            ..-5000 => i32::from(u16::from_be_bytes(bytes)),
            value => i32::from(value),
        })
    }

    /// Left, top, width and height, at least a pixel.
    fn bounds(&self) -> Result<[i32; 4], Error> {
        let [top, left, bottom, right] = [8, 10, 12, 14].map(|at| self.short(at));
        let (top, left) = (top?, left?);
        Ok([left, top, (right? - left).max(1), (bottom? - top).max(1)])
    }

    /// The whole pixels that ImageJ takes for a rectangle between them: its corner cut, its size rounded up.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, and is checked against the frame"
    )]
    fn sub_pixel_bounds(&self) -> Result<[i32; 4], Error> {
        let [left, top, width, height] = [18, 22, 26, 30].map(|at| self.float(at));
        let most = f64::from(i32::MAX / 4);
        let whole = |value: f64| value.clamp(-most, most) as i32;
        let size = |value: f64| whole(value.ceil()).max(1);
        Ok([whole(left?), whole(top?), size(width?), size(height?)])
    }

    fn check_points(&self, count: usize) -> Result<(), Error> {
        match count {
            ..=MOST_POINTS => Ok(()),
            _ => Err(self.wrong(&format!("has more than {MOST_POINTS} points"))),
        }
    }

    /// The corners of a polygon.
    fn vertices(&self, sub_pixel: bool) -> Result<Vec<Point>, Error> {
        let count = match self.u16(16)? {
            0 => self.u32(18)?,
            count => u32::from(count),
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        // Whole coordinates come first, below those between pixels; 12 bytes a corner or 4.
        let needed = count.saturating_mul(if sub_pixel { 12 } else { 4 });
        let available = self.bytes.len().saturating_sub(64);
        if count == 0 || needed > available {
            let reason = format!("{count} corners need {needed} bytes, {available} remain");
            return Err(self.wrong(&reason));
        }
        self.check_points(count)?;
        let (left, top) = (f64::from(self.short(10)?), f64::from(self.short(8)?));
        let corner = |index: usize| {
            Ok(if sub_pixel {
                let x = 64 + 4 * count + 4 * index;
                [self.float(x)?, self.float(x + 4 * count)?]
            } else {
                let x = 64 + 2 * index;
                let whole = |at| self.short(at).map(|value| f64::from(value.max(0)));
                [left + whole(x)?, top + whole(x + 2 * count)?]
            })
        };
        let mut corners: Vec<Point> = (0..count).map(corner).collect::<Result<_, _>>()?;
        if sub_pixel {
            // ImageJ keeps what lies beyond the least coordinate in single precision, and its rounding decides on centres that
            // lie on an edge.
            for axis in [0, 1] {
                let least = corners
                    .iter()
                    .map(|corner| corner[axis])
                    .fold(f64::INFINITY, f64::min);
                for corner in &mut corners {
                    corner[axis] = least + single(corner[axis] - least);
                }
            }
        }
        Ok(corners)
    }

    /// The two ends of an axis, and the number that belongs to it.
    fn axis(&self) -> Result<([f64; 4], f64), Error> {
        let [x1, y1, x2, y2, more] = [18, 22, 26, 30, 52].map(|at| self.float(at));
        Ok(([x1?, y1?, x2?, y2?], more?))
    }

    /// The 72 corners that stand for an ellipse of this major axis and ratio of the axes.
    fn ellipse(&self) -> Result<Vec<Point>, Error> {
        let ([x1, y1, x2, y2], ratio) = self.axis()?;
        let (dx, dy) = ((x2 - x1) / 2.0, (y2 - y1) / 2.0);
        let ratio = ratio.clamp(0.0, 1.0);
        let corner = |step: u32| {
            let (sin, cos) = (f64::from(step) * 5.0).to_radians().sin_cos();
            let minor = sin * ratio;
            let x = f64::midpoint(x1, x2) + cos * dx - minor * dy;
            let y = f64::midpoint(y1, y2) + cos * dy + minor * dx;
            [x, y].map(single)
        };
        Ok((0..72).map(corner).collect())
    }

    /// The corners of a rectangle of this axis and width.
    fn rotated_rectangle(&self) -> Result<Vec<Point>, Error> {
        let ([x1, y1, x2, y2], width) = self.axis()?;
        let (dx, dy) = (x2 - x1, y2 - y1);
        let length = dx.hypot(dy);
        let (across_x, across_y) = (0.5 * width * dy / length, -0.5 * width * dx / length);
        let corners = [
            [x1 + across_x, y1 + across_y],
            [x2 + across_x, y2 + across_y],
            [x2 - across_x, y2 - across_y],
            [x1 - across_x, y1 - across_y],
        ];
        Ok(corners.map(|corner| corner.map(single)).to_vec())
    }

    /// Several paths of lines and curves, by the numbers of Java's `PathIterator`.
    fn composite(&self, size: u32) -> Result<Outline, Error> {
        let end = usize::try_from(size)
            .ok()
            .and_then(|size| size.checked_mul(4)?.checked_add(64))
            .unwrap_or(usize::MAX);
        if end > self.bytes.len() {
            let reason = format!("{size} numbers of a shape go beyond the end of the file");
            return Err(self.wrong(&reason));
        }
        let mut at = 64;
        let number = |at: &mut usize| {
            let number = self.float(*at);
            *at += 4;
            number
        };
        let point = |at: &mut usize| -> Result<Point, Error> { Ok([number(at)?, number(at)?]) };
        let mut paths: Vec<Vec<Point>> = Vec::new();
        let mut points = 0;
        let mut closed = true;
        while at < end {
            let start = at;
            let segment = number(&mut at)?;
            let last = paths.last_mut().filter(|_| !closed);
            points += match (segment, last) {
                (0.0, _) => {
                    paths.push(vec![point(&mut at)?]);
                    1
                }
                (1.0, Some(path)) => {
                    path.push(point(&mut at)?);
                    1
                }
                (2.0, Some(path)) => {
                    let (control, to) = (point(&mut at)?, point(&mut at)?);
                    let from = path.last().copied().unwrap_or(to);
                    // The same curve as a cubic one.
                    let third = |p: Point| [0, 1].map(|i| p[i] + 2.0 / 3.0 * (control[i] - p[i]));
                    curve(path, [from, third(from), third(to), to])
                }
                (3.0, Some(path)) => {
                    let (c1, c2, to) = (point(&mut at)?, point(&mut at)?, point(&mut at)?);
                    let from = path.last().copied().unwrap_or(to);
                    curve(path, [from, c1, c2, to])
                }
                (4.0, _) => 0,
                (other, _) => {
                    return Err(self.wrong(&format!("byte {start}: no segment {other} here")));
                }
            };
            self.check_points(points)?;
            closed = segment == 4.0;
        }
        Ok(Outline::Paths(paths))
    }

    /// The name in the second header.
    fn name(&self) -> Result<Option<String>, Error> {
        let at = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
        let header = at(self.u32(60)?);
        if header == 0 {
            return Ok(None);
        }
        let start = at(self.u32(header.saturating_add(16))?);
        let count = at(self.u32(header.saturating_add(20))?);
        let end = count
            .checked_mul(2)
            .and_then(|bytes| bytes.checked_add(start));
        let Some(name) = end.and_then(|end| self.bytes.get(start..end)) else {
            return Err(self.wrong("its name goes beyond the end of the file"));
        };
        let (units, _) = name.as_chunks::<2>();
        let units: Vec<u16> = units.iter().map(|&unit| u16::from_be_bytes(unit)).collect();
        let name = String::from_utf16_lossy(&units);
        Ok((start != 0 && !name.trim().is_empty()).then_some(name))
    }
}

/// As it is in single precision.
#[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
fn single(value: f64) -> f64 {
    f64::from(value as f32)
}
