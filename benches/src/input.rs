//! One simulated trial, as the camera gives it.

use std::io::Cursor;

use dcimg::write::{Spec, Writer};
use dcimg::{Stamp, Timestamp};
use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayView3, Axis};
use widefield::Size;
use widefield::simulate::{Config, Light, Session, Trial};

/// Decides all pixels of every input.
const SEED: u64 = 1;

/// A square trial of one condition, simulated from a fixed seed, and the truth about it.
#[derive(Debug)]
pub struct Input {
    session: Session,
    raw: Array3<u16>,
}

impl Input {
    /// A trial of `frames` frames of `side` x `side` px, camera counts with noise.
    ///
    /// # Panics
    /// If there is no such session: `side` or `frames` is 0.
    #[must_use]
    pub fn new(side: usize, frames: usize, light: Light) -> Self {
        let config = Config {
            size: Size {
                width: side,
                height: side,
            },
            frames,
            light,
            seed: SEED,
            ..Config::default()
        };
        let session = Session::new(config, 1).expect("a session of at least one pixel and frame");
        let mut raw = Array3::zeros((frames, side, side));
        let trial = session.trial(0, 0, true);
        raw.axis_iter_mut(Axis(0))
            .into_par_iter()
            .enumerate()
            .for_each(|(t, frame)| trial.frame_into(t, frame));
        Self { session, raw }
    }

    /// The frames `(t, y, x)`, camera counts.
    #[must_use]
    pub fn raw(&self) -> ArrayView3<'_, u16> {
        self.raw.view()
    }

    /// The first `frames` frames, or all if there are fewer.
    #[must_use]
    pub fn first(&self, frames: usize) -> ArrayView3<'_, u16> {
        let frames = frames.min(self.raw.len_of(Axis(0)));
        self.raw.slice(ndarray::s![..frames, .., ..])
    }

    /// The simulation, for what is true about the frames.
    #[must_use]
    pub fn trial(&self) -> Trial<'_> {
        self.session.trial(0, 0, true)
    }

    /// Scene and configuration of the simulation.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// [`name_of`] all frames.
    #[must_use]
    pub fn name(&self) -> String {
        name_of(self.raw.dim())
    }

    /// The trial as a DCIMG file of version 7, four pixels in the middle row relocated, 20 frames
    /// a second.
    ///
    /// # Panics
    /// If a frame has fewer than four columns.
    #[must_use]
    pub fn dcimg(&self) -> Vec<u8> {
        let (frames, height, width) = self.raw.dim();
        let number = |n: usize| u32::try_from(n).expect("sides and frames of 32 bits");
        let spec = Spec::packed(number(width), number(height)).relocated_at(number(height / 2), 0);
        let mut writer = Writer::new(Cursor::new(Vec::new()), &spec).expect("four columns");
        for t in 0..frames {
            let framestamp = number(t);
            let time = Timestamp {
                seconds: 1_487_067_753 + framestamp / 20,
                microseconds: framestamp % 20 * 50_000,
            };
            let frame = self.raw.index_axis(Axis(0), t);
            writer
                .push(frame, Stamp { framestamp, time })
                .expect("a frame of the file's shape, written to memory");
        }
        writer.finish().expect("written to memory").into_inner()
    }
}

/// Width, height and frames of a movie of this shape, as names of benchmarks end: `512x512x200`.
///
/// ```
/// assert_eq!(widefield_benches::name_of((200, 480, 640)), "640x480x200");
/// ```
#[must_use]
pub fn name_of((frames, height, width): (usize, usize, usize)) -> String {
    format!("{width}x{height}x{frames}")
}
