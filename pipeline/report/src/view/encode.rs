//! Pictures to files: PNG, animated PNG, GIF, or whatever ffmpeg writes.

use super::ViewError;
use ndarray::Array2;
use png::{BitDepth, ColorType, Compression, Encoder, Filter};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What all pictures of a file have in common.
pub(super) struct Sheet<'a> {
    /// Height and width.
    pub(super) size: (usize, usize),
    pub(super) palette: &'a [[u8; 3]],
    /// What is shown, in words.
    pub(super) description: &'a str,
    pub(super) frames: usize,
    /// Frames of the movie shown in a second.
    pub(super) fps: f64,
}

/// A file that pictures are added to.
pub(super) enum Sink {
    Png(png::Writer<BufWriter<File>>),
    Gif(Box<gif::Encoder<BufWriter<File>>>),
    Ffmpeg(Pipe),
}

impl Sink {
    /// A PNG, animated if there are several frames.
    pub(super) fn png(file: File, sheet: &Sheet<'_>) -> Result<Self, ViewError> {
        let [height, width] = sides(sheet.size)?;
        let mut encoder = Encoder::new(BufWriter::new(file), width, height);
        encoder.set_color(ColorType::Indexed);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_palette(sheet.palette.concat());
        encoder.set_compression(Compression::Balanced);
        // Neighbouring numbers of colours are no neighbouring values to a filter's arithmetic.
        encoder.set_filter(Filter::NoFilter);
        let made = (|| {
            if sheet.frames > 1 {
                let frames = u32::try_from(sheet.frames).unwrap_or(u32::MAX);
                encoder.set_animated(frames, 0)?;
                let (numerator, denominator) = fraction(1.0 / sheet.fps);
                encoder.set_frame_delay(numerator, denominator)?;
            }
            encoder.add_itxt_chunk("Description".into(), sheet.description.into())?;
            encoder.write_header()
        })();
        made.map(Self::Png).map_err(of_png)
    }

    /// An animated GIF that runs in a loop.
    pub(super) fn gif(file: File, sheet: &Sheet<'_>) -> Result<Self, ViewError> {
        let [height, width] = sides(sheet.size)?.map(u16::try_from);
        let (Ok(height), Ok(width)) = (height, width) else {
            let reason = "GIF takes at most 65535 x 65535 px; lower --longest or --zoom";
            return Err(ViewError::Request(reason.into()));
        };
        let palette = sheet.palette.concat();
        let made = gif::Encoder::new(BufWriter::new(file), width, height, &palette);
        let mut encoder = made.map_err(of_gif)?;
        encoder.set_repeat(gif::Repeat::Infinite).map_err(of_gif)?;
        Ok(Self::Gif(Box::new(encoder)))
    }

    /// A film by the program `program`, written to `path`.
    pub(super) fn ffmpeg(program: &str, path: &Path, sheet: &Sheet<'_>) -> Result<Self, ViewError> {
        Pipe::start(program, path, sheet).map(Self::Ffmpeg)
    }

    /// Adds the next picture.
    pub(super) fn add(&mut self, picture: &Array2<u8>, sheet: &Sheet<'_>) -> Result<(), ViewError> {
        let bytes: Vec<u8> = picture.iter().copied().collect();
        match self {
            Self::Png(writer) => writer.write_image_data(&bytes).map_err(of_png),
            Self::Gif(encoder) => {
                let [height, width] = sides(sheet.size)?.map(|n| u16::try_from(n).unwrap_or(0));
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "clamped, and viewers take less than 2 for 10"
                )]
                let delay = (100.0 / sheet.fps).round().clamp(2.0, 6000.0) as u16;
                let frame = gif::Frame {
                    delay,
                    width,
                    height,
                    buffer: bytes.into(),
                    ..gif::Frame::default()
                };
                encoder.write_frame(&frame).map_err(of_gif)
            }
            Self::Ffmpeg(pipe) => {
                let colours = bytes.iter().map(|&i| sheet.palette.get(usize::from(i)));
                let rgb: Vec<u8> = colours
                    .flat_map(|c| c.copied().unwrap_or_default())
                    .collect();
                pipe.write(&rgb)
            }
        }
    }

    /// Completes the file.
    pub(super) fn finish(self) -> Result<(), ViewError> {
        match self {
            Self::Png(writer) => writer.finish().map_err(of_png),
            Self::Gif(encoder) => {
                let mut file = encoder.into_inner().map_err(of_gif)?;
                file.flush().map_err(of_io)
            }
            Self::Ffmpeg(pipe) => pipe.finish(),
        }
    }
}

/// A running ffmpeg that is sent raw frames.
pub(super) struct Pipe {
    program: String,
    child: Child,
}

impl Pipe {
    fn start(program: &str, path: &Path, sheet: &Sheet<'_>) -> Result<Self, ViewError> {
        let (height, width) = sheet.size;
        let child = Command::new(program)
            .args([
                "-loglevel",
                "error",
                "-y",
                "-f",
                "rawvideo",
                "-pix_fmt",
                "rgb24",
            ])
            .args(["-s", &format!("{width}x{height}")])
            .args(["-r", &sheet.fps.to_string(), "-i", "pipe:0", "-an"])
            // The colours that all players know need sides of even length.
            .args(["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white"])
            .args(["-pix_fmt", "yuv420p", "-movflags", "+faststart"])
            .args(["-metadata", &format!("comment={}", sheet.description)])
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        match child {
            Ok(child) => Ok(Self {
                program: program.into(),
                child,
            }),
            Err(error) => Err(ViewError::Ffmpeg {
                program: program.into(),
                cause: format!("cannot be started: {error}"),
            }),
        }
    }

    fn write(&mut self, frame: &[u8]) -> Result<(), ViewError> {
        let sent = self.child.stdin.as_mut().map(|pipe| pipe.write_all(frame));
        match sent {
            Some(Err(_)) | None => Err(self.failed()),
            Some(Ok(())) => Ok(()),
        }
    }

    fn finish(mut self) -> Result<(), ViewError> {
        drop(self.child.stdin.take());
        match self.child.wait() {
            Ok(status) if status.success() => Ok(()),
            _ => Err(self.failed()),
        }
    }

    /// What the program says of its failure.
    fn failed(&mut self) -> ViewError {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
        let mut said = String::new();
        if let Some(stderr) = self.child.stderr.take() {
            // The last words suffice.
            let _ = io::Read::read_to_string(&mut io::Read::take(stderr, 4096), &mut said);
        }
        let said = said.trim();
        ViewError::Ffmpeg {
            program: self.program.clone(),
            cause: match said {
                "" => "ended early".into(),
                said => said.to_owned(),
            },
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // Only where writing was given up; a finished one is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Errors of encoders name no file; the caller adds it.
fn of_io(source: io::Error) -> ViewError {
    ViewError::Write {
        path: PathBuf::new(),
        source,
    }
}

fn of_png(error: png::EncodingError) -> ViewError {
    match error {
        png::EncodingError::IoError(error) => of_io(error),
        other => of_io(io::Error::other(other)),
    }
}

fn of_gif(error: gif::EncodingError) -> ViewError {
    match error {
        gif::EncodingError::Io(error) => of_io(error),
        other => of_io(io::Error::other(other)),
    }
}

fn sides((height, width): (usize, usize)) -> Result<[u32; 2], ViewError> {
    match (u32::try_from(height), u32::try_from(width)) {
        (Ok(height), Ok(width)) => Ok([height, width]),
        _ => Err(ViewError::Request(
            "the picture is too large; lower --longest or --zoom".into(),
        )),
    }
}

/// Seconds as the fraction of two 16-bit numbers that PNG wants, to a millisecond.
fn fraction(seconds: f64) -> (u16, u16) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped"
    )]
    let thousandths = (1000.0 * seconds).round().clamp(1.0, 65_535.0) as u16;
    (thousandths, 1000)
}
