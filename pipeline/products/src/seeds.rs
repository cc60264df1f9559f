//! Correlation of every pixel with seed areas: in a window that runs over each trial, and over whole trials.

use crate::Error;
use crate::areas::AreaFile;
use crate::dff_file::{DffFile, check_size};
use crate::image::images;
use crate::made::{Files, identity};
use crate::trials::{Trial, Trials, said};
use ndarray::{Array, Array2, Array3, Array4, Axis, Dimension, Ix2, Ix3, Zip, s};
use std::ops::Range;
use widefield::{Areas, correlation};
use widefield_pipeline::config::Config;
use widefield_pipeline::consumer::Session;
use widefield_storage::{Dataset, Hdf5Arrays, Hdf5Writer, Orientation, Precision};

const MAPS: &str = "seeds.h5";

/// Folder, beside `run.json`, of the correlations with a seed.
pub(crate) fn folder(seed: &str) -> String {
    format!("corr_{seed}")
}

/// Whether a file is called as one of the seeds that are asked for.
pub(crate) fn is_named(config: &Config, name: &str) -> bool {
    let at = name.rsplit_once('/').unwrap_or_default().0;
    let mut seeds = config.products.seeds.iter();
    seeds.any(|seed| config.output.beside(&folder(seed)) == at)
}

/// Makes those of every trial, and their mean over trials.
pub(crate) fn make(
    session: &Session<'_>,
    trials: &Trials<'_>,
    file: &AreaFile,
    files: &mut Files<'_>,
) -> Result<(), Error> {
    let config = &session.record.config;
    if trials.used.is_empty() {
        let left_out = said(&trials.left_out);
        return Err(Error::NoTrial { left_out });
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, and the window is positive"
    )]
    let window = ((config.products.seed_window_s * config.experiment.sample_rate_hz).round()
        as usize)
        .max(2);
    let output = &config.output;
    let how = (
        &config.products.seeds,
        window,
        file.crc32c(),
        crate::traces::areas_name(config),
        output.orientation,
        output.dff_scale,
    );
    let how = (how, output.precision, output.compression);
    let name = |seed: &str, trial: &Trial<'_>| {
        let stem = trial.dff.path.rsplit('/').next().unwrap_or_default();
        output.beside(&format!("{}/{stem}", folder(seed)))
    };
    // What is to be made of each trial: nothing, maps alone, or running correlations too.
    let mut todo = Vec::new();
    for trial in &trials.used {
        let of = identity(&(&how, trial.dff.crc32c));
        let names: Vec<String> = config
            .products
            .seeds
            .iter()
            .map(|seed| name(seed, trial))
            .collect();
        let kept = files.keep(&names, of);
        todo.push((trial, of, (!kept).then_some(names)));
    }
    let inputs: Vec<u32> = todo.iter().map(|(_, of, _)| *of).collect();
    let of_maps = identity(&(inputs, &trials.left_out));
    let maps_kept = files.keep(&[output.beside(MAPS)], of_maps);
    if maps_kept && todo.iter().all(|(.., names)| names.is_none()) {
        return Ok(());
    }
    let mut size = None;
    let mut known = None;
    let mut mean = Mean::default();
    let mut memory = Array4::zeros((0, 0, 0, 0));
    for (trial, of, names) in todo {
        if maps_kept && names.is_none() {
            continue;
        }
        files.may_write()?;
        let dff = DffFile::open(files.place(), config, trial)?;
        check_size(&mut size, trial, &dff)?;
        let [_, height, width] = dff.shape;
        let seeds = match &known {
            Some(seeds) => seeds,
            None => known.insert(Seeds::of(
                file.areas((height, width))?,
                &config.products.seeds,
            )?),
        };
        let traces = seeds.traces(session, &dff)?;
        if let Some(names) = names {
            let written = seeds.running(session, &dff, &traces, window, &names, &mut memory)?;
            for written in written {
                files.may_write()?;
                files.made(written.finish()?, of);
            }
        }
        mean.add(
            seeds.maps(session, &dff, &traces)?,
            correlation::matrix(traces.view()),
        );
    }
    if let (false, Some(seeds)) = (maps_kept, known) {
        files.may_write()?;
        let arrays = mean.arrays(config, &seeds, &trials.left_out);
        files.made(
            files.place().put_hdf5(&output.beside(MAPS), &arrays)?,
            of_maps,
        );
    }
    Ok(())
}

/// The areas, and which of them are seeds.
struct Seeds {
    areas: Areas,
    seeds: Vec<usize>,
}

impl Seeds {
    fn of(areas: Areas, names: &[String]) -> Result<Self, Error> {
        let place = |name: &String| {
            let found = areas.names().position(|known| known == name);
            found.ok_or_else(|| Error::Seed {
                name: name.clone(),
                known: areas.names().collect::<Vec<_>>().join(", "),
            })
        };
        let seeds = names.iter().map(place).collect::<Result<_, _>>()?;
        Ok(Self { areas, seeds })
    }

    /// Means of all areas, `(t, area)`.
    fn traces(&self, session: &Session<'_>, dff: &DffFile) -> Result<Array2<f64>, Error> {
        crate::traces::read(session, dff, &self.areas)
    }

    fn of_seeds(&self, traces: &Array2<f64>) -> Array2<f64> {
        traces.select(Axis(1), &self.seeds)
    }

    /// Writes the running correlations of a trial with every seed, a few frames at a time if there is no room for all. They
    /// are computed in `memory`, which the next trial finds warm.
    ///
    /// Three windows are held at least, or the whole trial where that is shorter: a long window may take more than there is
    /// room for.
    fn running(
        &self,
        session: &Session<'_>,
        dff: &DffFile,
        traces: &Array2<f64>,
        window: usize,
        names: &[String],
        memory: &mut Array4<f32>,
    ) -> Result<Vec<Hdf5Writer>, Error> {
        let [frames, height, width] = dff.shape;
        let config = &session.record.config;
        let orientation = Orientation::from(config.output.orientation);
        let create = |(name, seed): (&String, &String)| {
            let dataset = Dataset::new("corr", [frames, height, width])
                .orientation(orientation)
                .precision(Precision::from(config.output.precision))
                .compression(config.output.compression)
                .verify(config.output.verify)
                .attribute("axes", orientation.name())
                .attribute(
                    "units",
                    "1; Pearson's r with the mean of the seed, in a window around the frame",
                )
                .attribute("seed", seed.as_str())
                .attribute("window_frames", window as f64)
                .attribute("sample_rate_hz", config.experiment.sample_rate_hz);
            session.output.create_hdf5(name, dataset)
        };
        let named = names.iter().zip(&config.products.seeds);
        let mut writers = named.map(create).collect::<Result<Vec<_>, _>>()?;
        // Every window that is longer than the movie gives the same, and none is too long to be counted with.
        let window = window.min(frames.saturating_add(1));
        let seeds = self.of_seeds(traces);
        // A frame of dF/F as it is read and turned, and one of r for each seed.
        let frame = (height * width * 4) as u64 * (3 + self.seeds.len() as u64);
        let fit = usize::try_from(session.memory / frame.max(1)).unwrap_or(usize::MAX);
        // Tiles of whole windows give the bits that the whole movie gives.
        let step = (fit.saturating_sub(2 * window) / window).max(1) * window;
        for tile in tiles(frames, step) {
            if session.cancelled() {
                return Err(Error::Interrupted);
            }
            let around = tile.start.saturating_sub(window)..frames.min(tile.end + window);
            let movie = dff.read(around.clone(), 0..height)?;
            let seeds = seeds.slice(s![around.clone(), ..]);
            if memory.dim().1 < around.len() {
                *memory = Array4::zeros((seeds.ncols(), around.len(), height, width));
            }
            let mut r = memory.slice_mut(s![.., ..around.len(), .., ..]);
            // A movie that is shorter than the window has no r.
            correlation::running_into(movie.view(), seeds, window, r.view_mut())?;
            let within = tile.start - around.start..tile.end - around.start;
            for (writer, r) in writers.iter_mut().zip(r.outer_iter()) {
                writer.push(r.slice(s![within.clone(), .., ..]))?;
            }
        }
        Ok(writers)
    }

    /// Maps of the seeds over the whole trial, `(seed, y, x)`, by tiles of rows if there is no room for all.
    fn maps(
        &self,
        session: &Session<'_>,
        dff: &DffFile,
        traces: &Array2<f64>,
    ) -> Result<Array3<f64>, Error> {
        let [frames, height, width] = dff.shape;
        let seeds = self.of_seeds(traces);
        let mut maps = Array3::zeros((self.seeds.len(), height, width));
        let row = (frames * width * 4) as u64 * 3;
        let fit = usize::try_from(session.memory / row.max(1)).unwrap_or(usize::MAX);
        for rows in tiles(height, fit.clamp(1, height.max(1))) {
            let movie = dff.read(0..frames, rows.clone())?;
            let of_rows = correlation::maps(movie.view(), seeds.view(), 0..frames)?;
            maps.slice_mut(s![.., rows, ..]).assign(&of_rows);
        }
        Ok(maps)
    }
}

fn tiles(length: usize, step: usize) -> impl Iterator<Item = Range<usize>> {
    (0..length)
        .step_by(step)
        .map(move |from| from..length.min(from + step))
}

/// Means over trials, of what is finite.
#[derive(Default)]
struct Mean {
    maps: Option<Sum<Ix3>>,
    matrix: Option<Sum<Ix2>>,
    trials: usize,
}

impl Mean {
    fn add(&mut self, maps: Array3<f64>, matrix: Array2<f64>) {
        self.trials += 1;
        Sum::add(&mut self.maps, &maps);
        Sum::add(&mut self.matrix, &matrix);
    }

    fn arrays(&self, config: &Config, seeds: &Seeds, left_out: &[(&str, &str)]) -> Hdf5Arrays {
        let orientation = Orientation::from(config.output.orientation);
        let mut arrays = Hdf5Arrays::new()
            .texts("seeds", config.products.seeds.iter().map(String::as_str))
            .texts("names", seeds.areas.names())
            .attribute(
                "units",
                "1; Pearson's r over whole trials, mean over trials",
            )
            .attribute(
                "axes",
                format!(
                    "of maps: seed, then {}",
                    orientation.name().trim_end_matches(", t")
                ),
            )
            .attribute("trials", self.trials as f64)
            .attribute("left_out", said(left_out));
        if let Some(maps) = &self.maps {
            let mean = images(orientation, maps.mean().view());
            arrays = arrays.array("maps", mean.view().into_dyn());
        }
        if let Some(matrix) = &self.matrix {
            arrays = arrays.array("matrix", matrix.mean().view().into_dyn());
        }
        arrays
    }
}

/// Sum of what is finite, and how many that are.
struct Sum<D: Dimension> {
    sum: Array<f64, D>,
    n: Array<f64, D>,
}

impl<D: Dimension> Sum<D> {
    fn add(to: &mut Option<Self>, values: &Array<f64, D>) {
        let zeros = || Array::zeros(values.raw_dim());
        let Self { sum, n } = to.get_or_insert_with(|| Self {
            sum: zeros(),
            n: zeros(),
        });
        Zip::from(sum).and(n).and(values).for_each(|sum, n, value| {
            if value.is_finite() {
                *sum += value;
                *n += 1.0;
            }
        });
    }

    fn mean(&self) -> Array<f64, D> {
        &self.sum / &self.n
    }
}
