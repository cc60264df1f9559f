//! Pictures and films of a movie, for a quick look and for slides.

mod canvas;
mod encode;
mod error;
mod font;
mod movie;

pub use error::ViewError;
pub use movie::{Movie, OpenOptions, Quantity};

use canvas::Layout;
use encode::{Sheet, Sink};
use ndarray::{Array2, ArrayView2, Axis};
use std::ops::Range;
use std::path::Path;
use widefield::render::{self, ColourMap, PeakMap, Scale};
use widefield::{MeanImage, Subtract, TimeAxis};

/// What of a movie is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Show {
    /// The mean over frames.
    #[default]
    Mean,
    /// The largest value of each pixel.
    Max,
    /// The largest of the means over quarter seconds, from time 0 on: the report's peak map.
    Peak,
    /// One frame, counted from 0.
    Frame(usize),
    /// All frames, one after the other.
    Movie,
}

/// How a movie is drawn. The defaults suit a look at the screen.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct View {
    /// What is shown.
    pub show: Show,
    /// Half-open range of frames that it is made from; `None`: all.
    pub frames: Option<Range<usize>>,
    /// Of a film only every so manieth frame; 0 is 1.
    pub every: usize,
    /// Frames shown in a second; `None`: as many as were taken, at most 50.
    pub fps: Option<f64>,
    /// Colours; `None`: Magma for counts, Viridis for everything else.
    pub map: Option<ColourMap>,
    /// Values of the darkest and the brightest colour, in the unit of the scale (percent for dF/F); `None`: the
    /// 0.5th and 99.5th percentile.
    pub scale: Option<[f64; 2]>,
    /// Longest side of the image in pixels of the movie, which is averaged down to it; `None`: 1024.
    pub longest: Option<usize>,
    /// Pixels of the picture for one of the movie, along each side; `None`: 1, more for small movies.
    pub zoom: Option<usize>,
    /// The program that writes films other than PNG and GIF; `None`: `ffmpeg`.
    pub ffmpeg: Option<String>,
    /// Whether a file that is there already is replaced.
    pub overwrite: bool,
}

/// Frames that the scale of a film is found from, spread over it.
const SAMPLED: usize = 12;

/// Formats, by the ending of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Png,
    Gif,
    Film,
}

impl Format {
    fn of(path: &Path) -> Result<Self, ViewError> {
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        Ok(match ending.to_ascii_lowercase().as_str() {
            "png" | "apng" => Self::Png,
            "gif" => Self::Gif,
            "mp4" | "mkv" | "mov" | "webm" => Self::Film,
            _ => {
                return Err(ViewError::Request(format!(
                    "{}: the ending is none of .png, .gif, .mp4, .mkv, .mov, .webm",
                    path.display()
                )));
            }
        })
    }
}

impl View {
    /// Draws `movie` and writes the file `output`, whole or not at all; the ending of the name is the format.
    ///
    /// Reads block by block: the memory it takes does not grow with the number of frames.
    ///
    /// # Errors
    /// [`ViewError`]: what cannot be read or drawn, [`ViewError::Exists`] if `output` is there and may not be
    /// replaced.
    pub fn save(&self, movie: &Movie, output: &Path) -> Result<(), ViewError> {
        let format = Format::of(output)?;
        if format == Format::Film && self.show != Show::Movie {
            let reason = "one picture is written as .png or .gif; a film needs --movie";
            return Err(ViewError::Request(reason.into()));
        }
        if !self.overwrite && output.symlink_metadata().is_ok() {
            return Err(ViewError::Exists {
                path: output.into(),
            });
        }
        let frames = self.range(movie)?;
        let folder = match output.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let ending = output.extension().unwrap_or_default();
        let mut suffix = std::ffi::OsString::from(".");
        suffix.push(ending);
        let write = |source| ViewError::Write {
            path: output.into(),
            source,
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".widefield-view-").suffix(&suffix);
        // Temporary files are for their owner only; a picture is like any other file.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let temporary = builder.tempfile_in(folder).map_err(write)?;
        let name_it = |error| match error {
            ViewError::Write { source, .. } => write(source),
            other => other,
        };
        let drawn = match self.show {
            Show::Movie => self.movie(movie, frames, format, temporary.as_file(), temporary.path()),
            _ => self.picture(movie, frames, format, temporary.as_file()),
        };
        drawn.map_err(name_it)?;
        let kept = match self.overwrite {
            true => temporary.persist(output),
            false => temporary.persist_noclobber(output),
        };
        kept.map_err(|error| match error.error.kind() {
            std::io::ErrorKind::AlreadyExists => ViewError::Exists {
                path: output.into(),
            },
            _ => write(error.error),
        })?;
        Ok(())
    }

    /// The frames that are looked at.
    fn range(&self, movie: &Movie) -> Result<Range<usize>, ViewError> {
        let all = 0..movie.frames();
        let range = self.frames.clone().unwrap_or(all.clone());
        let wrong = |wanted: String| ViewError::NoFrame {
            name: movie.name().into(),
            frames: all.end,
            wanted,
        };
        if range.is_empty() || range.end > all.end {
            return Err(wrong(format!("range {} to {}", range.start, range.end)));
        }
        match self.show {
            Show::Frame(frame) if !all.contains(&frame) => Err(wrong(format!("frame {frame}"))),
            _ => Ok(range),
        }
    }

    fn picture(
        &self,
        movie: &Movie,
        frames: Range<usize>,
        format: Format,
        file: &std::fs::File,
    ) -> Result<(), ViewError> {
        let (image, [left, right]) = self.image(movie, frames)?;
        let image = self.reduced(image.view());
        let scale = self
            .fixed(movie)
            .or_else(|| Scale::from_percentiles(image.view(), 0.5, 99.5));
        let scale = scale.filter(|scale| (scale.high - scale.low).is_finite());
        let Some(scale) = scale else {
            return Err(ViewError::Nothing {
                name: movie.name().into(),
            });
        };
        let drawing = Drawing::new(self, movie, image.dim(), scale, &[&left, &right]);
        let what = format!("{left} {right}");
        let description = drawing.description(movie, what.trim());
        let sheet = drawing.sheet(&description, 1, 1.0);
        let file = file.try_clone().map_err(nameless)?;
        let mut sink = match format {
            Format::Gif => Sink::gif(file, &sheet)?,
            Format::Png | Format::Film => Sink::png(file, &sheet)?,
        };
        sink.add(&drawing.draw(&image, (&left, &right)), &sheet)?;
        sink.finish()
    }

    /// The image to be shown, and what stands above it.
    fn image(
        &self,
        movie: &Movie,
        frames: Range<usize>,
    ) -> Result<(Array2<f32>, [String; 2]), ViewError> {
        let dim = movie.dim();
        let n = frames.len();
        let of = format!("of {n} frames");
        let first = frames.start;
        Ok(match self.show {
            Show::Frame(frame) => (
                movie.frame(frame)?,
                [moment(movie.axis(), frame), format!("frame {frame}")],
            ),
            Show::Max => {
                let mut max = Array2::from_elem(dim, f32::NAN);
                movie.blocks(frames, |_, block| {
                    for frame in block.axis_iter(Axis(0)) {
                        // `f32::max` prefers a number to NaN.
                        max.zip_mut_with(&frame, |max, &value| *max = max.max(value));
                    }
                    Ok(())
                })?;
                (max, ["maximum".into(), of])
            }
            Show::Peak => {
                let axis = movie.axis().unwrap_or(TimeAxis {
                    sample_rate_hz: f64::NAN,
                    first_frame_s: 0.0,
                });
                let shifted = TimeAxis {
                    first_frame_s: axis.time_s(first),
                    ..axis
                };
                let mut peak = PeakMap::since_time_0(dim, n, &shifted);
                movie.blocks(frames, |_, block| Ok(peak.add(block.view())?))?;
                (peak.finish(), ["peak".into(), of])
            }
            Show::Mean | Show::Movie => {
                let mut mean = MeanImage::new(dim);
                movie.blocks(frames, |_, block| {
                    Ok(mean.add(block.view(), &Subtract::NOTHING)?)
                })?;
                #[expect(clippy::cast_possible_truncation, reason = "drawn, not computed with")]
                let mean = mean.finish()?.mapv(|v| v as f32);
                (mean, ["mean".into(), of])
            }
        })
    }

    fn movie(
        &self,
        movie: &Movie,
        frames: Range<usize>,
        format: Format,
        file: &std::fs::File,
        path: &Path,
    ) -> Result<(), ViewError> {
        let every = self.every.max(1);
        let shown = frames.len().div_ceil(every);
        let scale = match self.fixed(movie) {
            Some(scale) => scale,
            None => self.common_scale(movie, &frames)?,
        };
        let axis = movie.axis();
        let fps = self.fps.unwrap_or_else(|| {
            let rate = axis.map_or(20.0, |axis| axis.sample_rate_hz) / every as f64;
            rate.clamp(0.1, 50.0)
        });
        let last = frames.end - 1;
        let titles = |frame: usize| [moment(axis, frame), format!("frame {frame}")];
        let [first_of, last_of] = [titles(frames.start), titles(last)];
        let longest = |i: usize| match first_of[i].len() > last_of[i].len() {
            true => first_of[i].as_str(),
            false => last_of[i].as_str(),
        };
        let first_image = self.reduced(movie.frame(frames.start)?.view());
        let texts = [longest(0), longest(1)];
        let drawing = Drawing::new(self, movie, first_image.dim(), scale, &texts);
        let what = format!("frames {} to {last}, every {every}", frames.start);
        let description = drawing.description(movie, &what);
        let sheet = drawing.sheet(&description, shown, fps);
        let copy = || file.try_clone().map_err(nameless);
        let mut sink = match format {
            Format::Png => Sink::png(copy()?, &sheet)?,
            Format::Gif => Sink::gif(copy()?, &sheet)?,
            Format::Film => {
                let program = self.ffmpeg.as_deref().unwrap_or("ffmpeg");
                Sink::ffmpeg(program, path, &sheet)?
            }
        };
        let start = frames.start;
        movie.blocks(frames, |first, block| {
            for (i, frame) in block.axis_iter(Axis(0)).enumerate() {
                let number = first + i;
                if (number - start).is_multiple_of(every) {
                    let image = self.reduced(frame);
                    let [left, right] = titles(number);
                    sink.add(&drawing.draw(&image, (&left, &right)), &sheet)?;
                }
            }
            Ok(())
        })?;
        sink.finish()
    }

    /// One scale for all frames, from a few of them.
    fn common_scale(&self, movie: &Movie, frames: &Range<usize>) -> Result<Scale, ViewError> {
        let n = SAMPLED.min(frames.len());
        let mut all: Vec<f32> = Vec::new();
        for i in 0..n {
            let frame = frames.start + i * frames.len() / n;
            let image = render::reduce(movie.frame(frame)?.view(), 256);
            all.extend(image.iter().copied().filter(|v| v.is_finite()));
        }
        let values = ArrayView2::from_shape((1, all.len()), &all).ok();
        let scale = values.and_then(|values| Scale::from_percentiles(values, 0.5, 99.5));
        scale.ok_or_else(|| ViewError::Nothing {
            name: movie.name().into(),
        })
    }

    fn reduced(&self, image: ArrayView2<'_, f32>) -> Array2<f32> {
        render::reduce(image, self.longest.unwrap_or(1024).max(1))
    }

    fn fixed(&self, movie: &Movie) -> Option<Scale> {
        let factor = movie.quantity().factor();
        #[expect(clippy::cast_possible_truncation, reason = "ends of a colour scale")]
        let end = |v: f64| (v / factor) as f32;
        self.scale.map(|[low, high]| Scale {
            low: end(low),
            high: end(high),
        })
    }
}

/// The time of a frame, if it is known.
fn moment(axis: Option<TimeAxis>, frame: usize) -> String {
    let text = axis.map(|axis| format!("{:.2} s", axis.time_s(frame)));
    text.unwrap_or_default()
}

fn nameless(source: std::io::Error) -> ViewError {
    ViewError::Write {
        path: Path::new("").into(),
        source,
    }
}

/// What all pictures of a file have in common.
struct Drawing {
    layout: Layout,
    palette: Vec<[u8; 3]>,
    scale: Scale,
    ends: [String; 2],
    unit: String,
}

impl Drawing {
    fn new(
        view: &View,
        movie: &Movie,
        image: (usize, usize),
        scale: Scale,
        titles: &[&str],
    ) -> Self {
        let quantity = movie.quantity();
        let map = view.map.unwrap_or(match quantity {
            Quantity::Counts => ColourMap::Magma,
            Quantity::Dff | Quantity::Other(_) => ColourMap::Viridis,
        });
        let [low, high] = [scale.low, scale.high].map(|v| f64::from(v) * quantity.factor());
        let ends = canvas::ends(low, high);
        let unit = quantity.unit().to_owned();
        // A blank between any two texts of a line.
        let line = |texts: &[&str]| {
            let letters: usize = texts.iter().map(|t| t.chars().count() + 1).sum();
            letters.saturating_sub(1)
        };
        let letters = line(titles).max(line(&[&ends[0], &unit, &ends[1]]));
        Self {
            layout: Layout::new(image, view.zoom.filter(|&zoom| zoom > 0), letters),
            palette: canvas::palette(map),
            scale,
            ends,
            unit,
        }
    }

    fn draw(&self, image: &Array2<f32>, titles: (&str, &str)) -> Array2<u8> {
        let [low, high] = &self.ends;
        self.layout
            .draw(image.view(), self.scale, titles, [low, &self.unit, high])
    }

    fn sheet<'a>(&'a self, description: &'a str, frames: usize, fps: f64) -> Sheet<'a> {
        Sheet {
            size: self.layout.size(),
            palette: &self.palette,
            description,
            frames,
            fps,
        }
    }

    fn description(&self, movie: &Movie, what: &str) -> String {
        let name = movie.name();
        let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let [low, high] = &self.ends;
        format!("{name}: {what}, {low} to {high} {}", self.unit)
    }
}
