//! From bytes to [`Layout`]: the order in which headers are read, and what is forgiven.

use super::{Layout, Stamps};
use crate::bytes::{At, Bytes, Fault};
use crate::header::{self, FileHeader};
use crate::relocation::{self, IN_TRAILER, Plan, RELOCATED_BYTES, Store};
use crate::session::{Fields, Geometry, framed_v1_v2, limit, packed_v7};
use crate::{Camera, Error, Footer, Header, Options, Padding, Sessions, Version, Warning, blocks};

/// Bytes fetched first: the headers of every known file fit.
const FIRST_FETCH: u64 = 4096;
/// Bytes of a trailer with stamps and relocated pixels.
#[expect(clippy::cast_possible_truncation, reason = "8 fits")]
const FULL_TRAILER: u32 = IN_TRAILER + RELOCATED_BYTES as u32;

/// What stands outside the session header: in the footer or in header blocks.
struct Rest {
    footer: Option<Footer>,
    camera: Option<Camera>,
    stamps: Stamps,
    plan: Plan,
}

/// What is known once both headers are read.
struct Headers<'a> {
    source: Bytes<'a>,
    options: &'a Options,
    file: FileHeader,
    /// Where the session header starts.
    hs: u64,
    fields: Fields,
    geometry: Geometry,
    /// Frames that are in the file with their trailers.
    complete: u32,
}

pub(super) fn layout(source: Bytes<'_>, options: &Options) -> Result<Layout, Fault> {
    source.want(0..FIRST_FETCH)?;
    let file = header::parse(source, &options.limits)?;
    if file.sessions > 1 && options.sessions == Sessions::Refuse {
        return Err(Fault::Failed(Error::Sessions {
            offset: 0x20,
            count: file.sessions,
        }));
    }
    let hs = u64::from(file.session_offset);
    let (fields, footer) = match file.version {
        Version::Packed => {
            let (fields, footer) = packed_v7::parse(source, hs)?;
            (fields, Some(footer))
        }
        Version::Framed | Version::FramedV2 => (framed_v1_v2::parse(source, hs)?, None),
    };
    let geometry = fields.check(hs, &options.limits)?;
    let fit = source.len().saturating_sub(geometry.data_start) / geometry.stride;
    let complete = u32::try_from(fit).map_or(geometry.frames, |fit| fit.min(geometry.frames));
    // Of frames that are not there the end of the file has more to say.
    let there = At {
        value: complete,
        offset: fields.frames.offset,
    };
    limit(there, "number of frames", options.limits.frames)?;
    let headers = Headers {
        source,
        options,
        file,
        hs,
        fields,
        complete,
        geometry,
    };

    let mut warnings = headers.contradictions();
    let rest = match footer {
        Some(pointer) => headers.footer(pointer, &mut warnings)?,
        None => headers.blocks(&mut warnings)?,
    };
    let frames = headers.readable_frames(&rest.plan, &mut warnings)?;
    let (width, lead_bytes) = columns(&geometry, options.padding);
    Ok(Layout {
        warnings,
        file_bytes: source.len(),
        frames,
        width,
        height: geometry.height as usize,
        lead_bytes,
        stamps: rest.stamps,
        plan: rest.plan,
        header: Header {
            version: file.version,
            sessions: file.sessions,
            file_frames: file.frames,
            file_bytes: file.file_bytes.value,
            file_bytes_copy: file.file_bytes_copy.value,
            session_offset: file.session_offset,
            session_bytes: fields.bytes.value,
            frames: geometry.frames,
            pixel: geometry.pixel,
            width: geometry.width,
            height: geometry.height,
            row_bytes: geometry.row_bytes,
            frame_bytes: geometry.frame_bytes,
            data_offset: fields.data_offset.value,
            frame_stride: geometry.stride,
            trailer_bytes: geometry.trailer,
            footer: rest.footer,
            camera: rest.camera,
        },
    })
}

impl Headers<'_> {
    /// Odd numbers: those that stand twice, or that the length of the file tells.
    fn contradictions(&self) -> Vec<Warning> {
        let Self { file, fields, .. } = self;
        let mut warnings = Vec::new();
        if file.version == Version::FramedV2 {
            warnings.push(Warning::VersionTwo);
        }
        if file.sessions != 1 {
            let count = file.sessions;
            warnings.push(Warning::Sessions { count });
        }
        let actual = self.source.len();
        for size in [file.file_bytes, file.file_bytes_copy] {
            if size.value != actual {
                warnings.push(Warning::FileSize {
                    offset: size.offset,
                    stated: size.value,
                    actual,
                });
            }
        }
        let end = self.hs.saturating_add(fields.bytes.value);
        if end > actual {
            warnings.push(Warning::SessionSize {
                offset: fields.bytes.offset,
                end,
                actual,
            });
        }
        if file.frames != fields.frames.value {
            warnings.push(Warning::FrameCount {
                file: file.frames,
                session: fields.frames.value,
            });
        }
        warnings
    }

    /// Number of frames to read: all of them, or in a cut file, if salvage is asked for, those
    /// whose pixels, relocated ones included, are there.
    fn readable_frames(&self, plan: &Plan, warnings: &mut Vec<Warning>) -> Result<usize, Error> {
        let Self {
            geometry, complete, ..
        } = *self;
        if geometry.frames > 0 && complete == geometry.frames {
            return Ok(complete as usize);
        }
        let offset = geometry.data_start + u64::from(complete) * geometry.stride;
        let available = self.source.len().saturating_sub(offset);
        let trailer = match plan.store {
            Store::Trailers if !plan.is_none() => FULL_TRAILER,
            _ => 0,
        };
        let last = geometry.frames > 0
            && available >= u64::from(geometry.frame_bytes) + u64::from(trailer);
        let readable = complete + u32::from(last);
        let cause = if geometry.frames == 0 {
            Error::NoFrames {
                offset: self.fields.frames.offset,
            }
        } else {
            Error::Truncated {
                offset,
                what: "the next frame",
                needed: geometry.stride,
                available,
                complete_frames: readable.into(),
            }
        };
        if !self.options.salvage {
            return Err(cause);
        }
        warnings.push(Warning::Salvaged {
            readable,
            announced: geometry.frames,
            cause: Box::new(cause),
        });
        Ok(readable as usize)
    }

    /// What refuses a packed file and what leaves it readable: a footer that is cut off or
    /// points beyond any file takes relocated pixels with it, a merely odd one is no cut.
    fn forgive(&self, error: Error) -> Result<Box<Error>, Error> {
        match error {
            Error::Truncated { .. } | Error::Overflow { .. } if !self.options.salvage => Err(error),
            other => Ok(Box::new(other)),
        }
    }

    /// Clock and relocated pixels of a packed file.
    fn footer(&self, pointer: At<u64>, warnings: &mut Vec<Warning>) -> Result<Rest, Fault> {
        let mut rest = Rest {
            footer: None,
            camera: None,
            stamps: Stamps::Unavailable {
                offset: pointer.offset,
                reason: "the session footer is unusable",
            },
            plan: Plan::NONE,
        };
        if self.complete < self.geometry.frames {
            rest.stamps = Stamps::Unavailable {
                offset: self.source.len(),
                reason: "the file ends before its footer",
            };
            return Ok(rest);
        }
        let size = self
            .file
            .file_bytes
            .value
            .max(self.file.file_bytes_copy.value);
        let footer = match packed_v7::footer(self.source, self.hs, pointer, &self.geometry, size) {
            Ok(footer) => footer,
            Err(Fault::Failed(error)) => {
                let cause = self.forgive(error)?;
                warnings.push(Warning::NoFooter { cause });
                return Ok(rest);
            }
            Err(missing) => return Err(missing),
        };
        let (offset, frames_end) = (self.fields.frames.offset, self.geometry.data_end);
        if frames_end > footer.start {
            return Err(Fault::Failed(Error::FramesInFooter {
                offset,
                frames_end,
                footer: footer.start,
            }));
        }
        let bytes = footer.start - frames_end;
        if bytes > 0 {
            warnings.push(Warning::Uncounted {
                offset,
                bytes,
                frames: bytes / self.geometry.stride,
            });
        }
        let mut clock = |table: Result<u64, Error>| match table {
            Ok(position) => Ok(Some(position)),
            Err(error) => {
                let cause = self.forgive(error)?;
                warnings.push(Warning::NoClock { cause });
                Ok::<_, Error>(None)
            }
        };
        let framestamps = clock(footer.framestamps)?;
        let timestamps = clock(footer.timestamps)?;
        rest.stamps = match (framestamps, timestamps) {
            (Some(framestamps), Some(timestamps)) => Stamps::Tables {
                framestamps,
                timestamps,
            },
            _ => Stamps::Unavailable {
                offset: footer.start,
                reason: "a table of the session footer is unusable",
            },
        };
        let mut relocated = None;
        let announced = footer.relocated.and_then(|announcement| {
            announcement
                .map(|it| Ok((relocation::announced(it.place, &self.geometry)?, it.store)))
                .transpose()
        });
        match announced {
            Ok(None) => {}
            Ok(Some((place, store))) => {
                relocated = Some(store);
                rest.plan = Plan::announced(place, Store::Table(store));
            }
            Err(error) => {
                let cause = self.forgive(error)?;
                warnings.push(Warning::NotRestored { cause });
            }
        }
        rest.footer = Some(Footer {
            start: footer.start,
            bytes: footer.bytes,
            framestamps,
            timestamps,
            relocated,
        });
        Ok(rest)
    }

    /// Camera and relocated pixels of a framed file.
    fn blocks(&self, warnings: &mut Vec<Warning>) -> Result<Rest, Fault> {
        let geometry = &self.geometry;
        let blocks = blocks::read(self.source, self.hs, geometry, warnings)?;
        let room = geometry.trailer >= FULL_TRAILER;
        let plan = match blocks.relocated {
            Some((bytes, place)) if bytes.value > 0 => {
                match announced_in_block(bytes, place, room, geometry) {
                    Ok(place) => Plan::announced(place, Store::Trailers),
                    Err(error) => {
                        let cause = Box::new(error);
                        warnings.push(Warning::NotRestored { cause });
                        Plan::NONE
                    }
                }
            }
            _ if room => self.computed(blocks.camera.as_ref()),
            _ => Plan::NONE,
        };
        Ok(Rest {
            footer: None,
            camera: blocks.camera,
            stamps: Stamps::Trailers,
            plan,
        })
    }

    /// Places to look for the junk pattern where none is announced.
    fn computed(&self, camera: Option<&Camera>) -> Plan {
        let first = match self.file.version {
            Version::FramedV2 => relocation::first_row(&self.geometry),
            _ => None,
        };
        let row = camera.and_then(|camera| {
            let y0 = camera.sub_array?.y0;
            relocation::computed(y0.into(), camera.binning?, &self.geometry)
        });
        Plan {
            places: [first, row.filter(|&row| Some(row) != first)],
            store: Store::Trailers,
        }
    }
}

fn announced_in_block(
    bytes: At<u32>,
    place: At<u32>,
    room: bool,
    geometry: &Geometry,
) -> Result<relocation::Place, Error> {
    let refuse = |reason| Error::RelocationPlace {
        offset: bytes.offset,
        reason,
    };
    if u64::from(bytes.value) != RELOCATED_BYTES {
        return Err(refuse("other than 8 bytes per frame are announced"));
    }
    if !room {
        return Err(refuse(
            "they are announced but trailers have no room for them",
        ));
    }
    relocation::announced(place, geometry)
}

/// Columns of the movie, and bytes before the first of them in each stored row.
fn columns(geometry: &Geometry, padding: Padding) -> (usize, usize) {
    let (width, row) = (geometry.width as usize, geometry.row_bytes as usize);
    let bytes = geometry.pixel.bytes();
    match padding {
        Padding::Trailing => (width, 0),
        // The row holds at least its pixels: checked with the geometry.
        Padding::Leading => (width, row - width * bytes),
        Padding::Keep => (row / bytes, 0),
    }
}
