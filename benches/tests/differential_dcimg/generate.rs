//! Small valid files with everything that is to be read from them.

use std::fmt;
use std::io::Cursor;

use dcimg::write::{Spec, Writer};
use dcimg::{PixelType, Stamp, SubArray, Timestamp, Version};
use ndarray::ArrayView2;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What cameras write over relocated pixels.
pub(crate) const JUNK: [u8; 8] = [0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF];

/// Seeded dice: the same seed gives the same files on every machine.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `end`, which must not be 0.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        self.0.next_u32() % end
    }

    pub(crate) fn word(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// True in `percent` of 100 throws.
    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(u32::try_from(of.len()).unwrap()) as usize]
    }
}

/// Where pixels are relocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The file says where: row, and column of the stored row.
    Announced(u32, u32),
    /// A reader has to compute that it is the start of this row.
    Unannounced(u32),
}

/// A file and the truth about it. Displays without the pixels.
#[derive(Clone)]
pub(crate) struct Case {
    seed: u64,
    pub(crate) version: Version,
    pub(crate) pixel: PixelType,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Padding in bytes before and after the pixels of a row.
    pub(crate) padding: [u32; 2],
    pub(crate) place: Option<Place>,
    pub(crate) trailer: u32,
    pub(crate) camera: Option<Sensor>,
    pub(crate) session_offset: u32,
    pub(crate) data_offset: u32,
    pub(crate) stamps: Vec<Stamp>,
    /// Pixels of each frame, row by row, without padding.
    pub(crate) frames: Vec<Vec<u16>>,
}

/// What the camera block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sensor {
    pub(crate) sub: SubArray,
    pub(crate) named: bool,
}

pub(crate) const MODEL: &str = "C11440-22C";
pub(crate) const SERIAL: &str = "S/N: 001634";

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            version,
            pixel,
            width,
            height,
            padding,
            place,
            trailer,
            camera,
            session_offset,
            data_offset,
            stamps,
            frames,
        } = self;
        write!(
            f,
            "seed {seed}: version {:#x}, {} frames of {width} x {height} {pixel} px, padding \
             {padding:?}, trailer {trailer}, headers at {session_offset} and {data_offset}, \
             {place:?}, {camera:?}, {stamps:?}",
            version.number(),
            frames.len(),
        )
    }
}

impl Case {
    /// The `seed`-th file.
    pub(crate) fn new(seed: u64) -> Self {
        let dice = &mut Dice::new(seed);
        let version = match dice.below(20) {
            0..8 => Version::Packed,
            8..17 => Version::Framed,
            _ => Version::FramedV2,
        };
        let packed = version == Version::Packed;
        let pixel = dice.pick(&[PixelType::U8, PixelType::U16, PixelType::U16]);
        let (width, height) = (1 + dice.below(24), 1 + dice.below(16));
        let padding = [
            if dice.chance(15) { dice.below(12) } else { 0 },
            if dice.chance(50) { dice.below(24) } else { 0 },
        ];
        let mut case = Self {
            seed,
            version,
            pixel,
            width,
            height,
            padding,
            place: None,
            trailer: 0,
            camera: None,
            session_offset: if packed { 0x78 } else { 0x70 },
            data_offset: if packed { 112 } else { 760 },
            stamps: Vec::new(),
            frames: Vec::new(),
        };
        case.relocate(dice);
        case.sensor(dice);
        if dice.chance(30) {
            case.session_offset = 80 + dice.below(400);
        }
        if dice.chance(30) {
            case.data_offset = if packed {
                80 + dice.below(500)
            } else {
                752 + dice.below(700)
            };
        }
        if !packed {
            // 16 and 32 are known of real files, 512 is said of 0x2000000.
            case.trailer = dice.pick(&[16, 32, 32, 32, 512, 12, 20, 28, 4096]);
            if dice.chance(4) {
                case.trailer = 4097 + dice.below(2000);
            }
            if case.place.is_some() {
                case.trailer = case.trailer.max(20);
            }
        }
        let n = if dice.chance(2) { 0 } else { 1 + dice.below(6) };
        case.clock(n, dice);
        case.images(n, dice);
        case
    }

    fn relocate(&mut self, dice: &mut Dice) {
        let size = pixel_bytes(self.pixel);
        if self.row_bytes() < 8 {
            return;
        }
        let row = dice.below(self.height);
        self.place = match dice.below(10) {
            0..3 => None,
            3..7 => {
                let columns = (self.row_bytes() - 8) / size + 1;
                Some(Place::Announced(row, dice.below(columns)))
            }
            _ if self.version == Version::Packed => None,
            _ if self.version == Version::FramedV2 => Some(Place::Unannounced(0)),
            _ => Some(Place::Unannounced(row)),
        };
    }

    fn sensor(&mut self, dice: &mut Dice) {
        if self.version == Version::Packed {
            return;
        }
        let binning = dice.pick(&[1u16, 1, 2, 4, 8]);
        let times = |size: u32| u16::try_from(size).unwrap() * binning;
        let mut sub = SubArray {
            x0: dice.pick(&[0, 16, 700]),
            width: times(self.width),
            y0: dice.pick(&[0, 940, 1000, 1020, 1024, 2000]),
            height: times(self.height),
        };
        match self.place {
            // Row 0 needs no sub-array in this version.
            Some(Place::Unannounced(_)) if self.version == Version::FramedV2 => {}
            Some(Place::Unannounced(row)) => {
                // Any of the binned sensor rows may be the one in question.
                let within = u16::try_from(dice.below(binning.into())).unwrap();
                let row = u16::try_from(row).unwrap();
                sub.y0 = 1023 - row * binning - within;
            }
            _ => match dice.below(10) {
                0 => return,
                // Binned along one axis only: there is no one binning.
                1 => sub.height *= 2,
                2 => (sub.width, sub.height) = (0, 0),
                _ => {}
            },
        }
        let named = dice.chance(70);
        self.camera = Some(Sensor { sub, named });
    }

    fn clock(&mut self, n: u32, dice: &mut Dice) {
        let mut framestamp = dice.pick(&[0, 1, 17, u32::MAX - 2]);
        let mut seconds = dice.pick(&[1_487_067_753, 0, 951_782_398, u32::MAX - 9]);
        for _ in 0..n {
            let mut microseconds = dice.below(1_000_000);
            if dice.chance(3) {
                microseconds = dice.word();
            }
            self.stamps.push(Stamp {
                framestamp,
                time: Timestamp {
                    seconds,
                    microseconds,
                },
            });
            framestamp = framestamp.wrapping_add(dice.pick(&[1, 1, 1, 2, 5]));
            seconds = seconds.wrapping_add(dice.below(2));
        }
    }

    fn images(&mut self, n: u32, dice: &mut Dice) {
        let most = match self.pixel {
            PixelType::U8 => 0xFF,
            _ => 0xFFFF,
        };
        let kind = dice.below(4);
        for _ in 0..n {
            let pixels = (0..self.width * self.height).map(|_| match kind {
                // Anything, as a camera sees, black or saturated, all saturated.
                0 => dice.word() & most,
                1 => (100 + dice.below(100)) & most,
                2 => dice.pick(&[0, most]),
                _ => most,
            });
            self.frames
                .push(pixels.map(|pixel| u16::try_from(pixel).unwrap()).collect());
        }
        let computed = self.computed_row();
        if let (None, Some(row), true) = (self.place, computed, dice.chance(20)) {
            let at = (row * self.width) as usize;
            let junk = as_pixels(&JUNK, self.pixel);
            if self.padding[0] == 0 && self.width as usize >= junk.len() {
                for frame in &mut self.frames {
                    frame[at..at + junk.len()].copy_from_slice(&junk);
                }
            }
        }
    }

    /// The row that is sensor row 1023, which a reader may compute in framed files.
    fn computed_row(&self) -> Option<u32> {
        let sub = self.camera?.sub;
        let binning = u32::from(sub.width) / self.width;
        let even = u32::from(sub.width) == binning * self.width
            && u32::from(sub.height) == binning * self.height;
        let row = 1023u32
            .checked_sub(sub.y0.into())?
            .checked_div(binning)
            .filter(|_| even)?;
        (row < self.height).then_some(row)
    }

    pub(crate) fn row_bytes(&self) -> u32 {
        self.width * pixel_bytes(self.pixel) + self.padding[0] + self.padding[1]
    }

    pub(crate) fn frame_bytes(&self) -> usize {
        (self.row_bytes() * self.height) as usize
    }

    /// Byte offset of the relocated pixels in a frame.
    pub(crate) fn place_in_frame(&self) -> Option<usize> {
        let (row, column) = match self.place? {
            Place::Announced(row, column) => (row, column),
            Place::Unannounced(row) => (row, 0),
        };
        Some(row as usize * self.row_bytes() as usize + column as usize * self.pixel.bytes())
    }

    /// Whether the file says where pixels are relocated.
    pub(crate) fn announces(&self) -> bool {
        matches!(self.place, Some(Place::Announced(..)))
    }

    /// The row of a frame without relocated pixels whose first bytes are the junk pattern all
    /// the same, where a reader has to look for it.
    pub(crate) fn look_alike(&self, frame: usize) -> Option<u32> {
        if self.place.is_some() || self.trailer < 20 || self.row_bytes() < 8 {
            return None;
        }
        let first = (self.version == Version::FramedV2).then_some(0);
        let stored = self.stored(frame, false);
        let mut rows = first.into_iter().chain(self.computed_row());
        rows.find(|&row| stored[(row * self.row_bytes()) as usize..].starts_with(&JUNK))
    }

    fn spec(&self) -> Spec {
        let new = match self.version {
            Version::Packed => Spec::packed,
            Version::FramedV2 => Spec::framed_v2,
            _ => Spec::framed,
        };
        let mut spec = new(self.width, self.height)
            .pixel(self.pixel)
            .leading_row_padding(self.padding[0])
            .row_padding(self.padding[1])
            .trailer_bytes(self.trailer)
            .session_offset(self.session_offset)
            .data_offset(self.data_offset);
        spec = match self.camera {
            None => spec.no_camera(),
            Some(Sensor { sub, named: false }) => spec.sub_array(sub),
            Some(Sensor { sub, named: true }) => spec.sub_array(sub).model(MODEL, SERIAL),
        };
        match self.place {
            None => spec,
            Some(Place::Announced(row, column)) => spec.relocated_at(row, column),
            Some(Place::Unannounced(_)) => spec.relocated_unannounced(),
        }
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let spec = self.spec();
        let mut writer = Writer::new(Cursor::new(Vec::new()), &spec)
            .unwrap_or_else(|error| panic!("{error}: {self}"));
        let shape = (self.height as usize, self.width as usize);
        for (frame, &stamp) in self.frames.iter().zip(&self.stamps) {
            let pushed = match self.pixel {
                PixelType::U8 => {
                    let narrow: Vec<u8> = frame.iter().map(|&p| p.to_le_bytes()[0]).collect();
                    writer.push(ArrayView2::from_shape(shape, &narrow).unwrap(), stamp)
                }
                _ => writer.push(ArrayView2::from_shape(shape, frame).unwrap(), stamp),
            };
            pushed.unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    /// The stored rows of a frame, as the camera saw them or with the junk it put there.
    fn stored(&self, frame: usize, junk: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        for row in self.frames[frame].chunks(self.width as usize) {
            bytes.resize(bytes.len() + self.padding[0] as usize, 0);
            for pixel in row {
                bytes.extend_from_slice(&pixel.to_le_bytes()[..self.pixel.bytes()]);
            }
            bytes.resize(bytes.len() + self.padding[1] as usize, 0);
        }
        if let (Some(at), true) = (self.place_in_frame(), junk) {
            bytes[at..at + 8].copy_from_slice(&JUNK);
        }
        bytes
    }

    /// The first `width` pixels of each stored row, which are the image if padding comes last:
    /// as the camera saw them.
    pub(crate) fn seen(&self, frame: usize) -> Vec<u16> {
        self.first_pixels(&self.stored(frame, false))
    }

    /// The same with the junk that the camera put there.
    pub(crate) fn with_junk(&self, frame: usize) -> Vec<u16> {
        self.first_pixels(&self.stored(frame, true))
    }

    /// The same with zeros, all that the trailer holds, in place of pixels that look like junk.
    pub(crate) fn mistaken(&self, frame: usize) -> Vec<u16> {
        let mut stored = self.stored(frame, false);
        if let Some(row) = self.look_alike(frame) {
            let at = (row * self.row_bytes()) as usize;
            stored[at..at + 8].fill(0);
        }
        self.first_pixels(&stored)
    }

    /// The first `width` pixels of each of these stored rows.
    pub(crate) fn first_pixels(&self, stored: &[u8]) -> Vec<u16> {
        let row = self.width as usize * self.pixel.bytes();
        stored
            .chunks(self.row_bytes() as usize)
            .flat_map(|stored| as_pixels(&stored[..row], self.pixel))
            .collect()
    }
}

fn pixel_bytes(pixel: PixelType) -> u32 {
    match pixel {
        PixelType::U8 => 1,
        _ => 2,
    }
}

/// Little-endian bytes as numbers.
pub(crate) fn as_pixels(bytes: &[u8], pixel: PixelType) -> Vec<u16> {
    match pixel {
        PixelType::U8 => bytes.iter().map(|&byte| byte.into()).collect(),
        _ => {
            let (pairs, _) = bytes.as_chunks();
            pairs.iter().map(|&pair| u16::from_le_bytes(pair)).collect()
        }
    }
}
