//! Both readers, brought to one form.

use dcimg::{Dcimg, Options, PixelType, SubArray};
use ndarray::Array2;
use openreadout_core::reader::{Dataset, FormatReader, PlaneIndex};
use openreadout_core::source::Input;
use openreadout_dcimg::DcimgReader;

use crate::generate::as_pixels;

/// What a reader says of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    /// Width and height.
    pub(crate) size: [usize; 2],
    /// Pixels of each frame, row by row.
    pub(crate) frames: Vec<Vec<u16>>,
    /// Framestamp, and time as ISO 8601 text, of each frame.
    pub(crate) stamps: Vec<(u64, String)>,
    pub(crate) camera: CameraFacts,
}

/// What a reader says of the camera; `None` is unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CameraFacts {
    pub(crate) model: Option<String>,
    /// Without `S/N:`.
    pub(crate) serial: Option<String>,
    pub(crate) sub: Option<SubArray>,
    pub(crate) binning: Option<u64>,
}

/// Reads a file with `dcimg`, at most the first `most` frames.
pub(crate) fn ours(bytes: &[u8], options: &Options, most: usize) -> Result<Reading, String> {
    let file = Dcimg::parse_with(bytes, options).map_err(|error| error.to_string())?;
    let movie = file.movie();
    let mut reading = Reading {
        size: [movie.width(), movie.height()],
        ..Reading::default()
    };
    for frame in movie.frames().take(most) {
        let mut pixels = Array2::<u16>::zeros((movie.height(), movie.width()));
        frame
            .read_into(pixels.view_mut())
            .map_err(|error| error.to_string())?;
        reading.frames.push(pixels.into_raw_vec_and_offset().0);
    }
    if let Ok(clock) = movie.clock() {
        let stamps = clock.framestamps().iter().zip(clock.times());
        reading.stamps = stamps
            .take(most)
            .map(|(&framestamp, time)| (framestamp.into(), time.to_string()))
            .collect();
    }
    if let Some(camera) = &file.header().camera {
        let serial = camera.serial.as_ref();
        reading.camera = CameraFacts {
            model: camera.model.clone(),
            serial: serial.map(|text| text.trim_start_matches("S/N:").trim().to_owned()),
            sub: camera.sub_array,
            binning: camera.binning.map(u64::from),
        };
    }
    Ok(reading)
}

/// Reads a file with `openreadout-dcimg`, at most the first `most` frames.
pub(crate) fn theirs(bytes: &[u8], most: usize) -> Result<Reading, String> {
    let input = Input::from_bytes("x.dcimg", bytes.to_vec());
    let mut dataset = DcimgReader
        .open_input(&input)
        .map_err(|error| error.to_string())?;
    read(&mut *dataset, most).map_err(|error| error.to_string())
}

fn read(dataset: &mut dyn Dataset, most: usize) -> openreadout_core::Result<Reading> {
    let info = dataset.info()?;
    let image = &info.images[0];
    let mut reading = Reading {
        size: [image.size_x as usize, image.size_y as usize],
        ..Reading::default()
    };
    let pixel = match image.pixel_type {
        openreadout_core::PixelType::Uint8 => PixelType::U8,
        _ => PixelType::U16,
    };
    let frames = image.size_t.min(u32::try_from(most).unwrap_or(u32::MAX));
    for t in 0..frames {
        let plane = dataset.read_plane(0, PlaneIndex { c: 0, z: 0, t })?;
        reading.frames.push(as_pixels(&plane.data, pixel));
    }
    let (_, records) = dataset.frames(0, Some(most))?;
    reading.stamps = records
        .iter()
        .map(|record| {
            let framestamp = record["frame"].as_u64().unwrap();
            (
                framestamp,
                record["acquired_at"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let text = |value: Option<&serde_json::Value>| Some(value?.as_str()?.to_owned());
    let sub = image.extra.get("sensor_sub_array").map(|sub| {
        let side = |key| u16::try_from(sub[key].as_u64().unwrap()).unwrap();
        SubArray {
            x0: side("x"),
            width: side("width"),
            y0: side("y"),
            height: side("height"),
        }
    });
    reading.camera = CameraFacts {
        model: image.instrument.as_ref().and_then(|it| it.model.clone()),
        serial: text(image.extra.get("camera_serial")),
        sub,
        binning: image.extra.get("binning").and_then(|it| it.as_u64()),
    };
    Ok(reading)
}
