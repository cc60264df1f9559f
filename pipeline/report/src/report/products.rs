//! What products of the session the page shows, read from their files.

use super::areas::Traces;
use super::montage::Montage;
use super::outlines::Outlines;
use super::seeds::Seeds;
use super::session::OUTCOMES;
use ndarray::{Array2, Array3, ArrayD, Axis, Ix2, Ix3};
use widefield_pipeline::config::Config;
use widefield_pipeline::record::RunRecord;
use widefield_storage::{Attribute, Error, Hdf5Dataset, Hdf5File, Orientation, Place, ReadLimits};

/// Most bytes of an array that is read: pages show small ones.
const MOST_BYTES: u64 = 1 << 28;

/// What is shown of them.
#[derive(Debug, Default)]
pub(super) struct Products {
    /// By condition and, in the order in which they are counted, outcome; all outcomes of a condition first.
    pub(super) montages: Vec<Montage>,
    pub(super) traces: Option<Traces>,
    /// Of the areas of the traces.
    pub(super) outlines: Option<Outlines>,
    pub(super) seeds: Option<Seeds>,
}

impl Products {
    /// Reads those that the record lists; what cannot be read is told, and not shown.
    pub(super) fn read(record: &RunRecord, place: &Place, mut failed: impl FnMut(&Error)) -> Self {
        let mut products = Self::default();
        let averages = record.config.output.beside("h5_avg/");
        for output in &record.totals.outputs {
            if output.path.starts_with(&averages) && output.path.ends_with(".h5") {
                match montage(&record.config, place, &output.path) {
                    Ok(montage) => products.montages.extend(montage),
                    Err(error) => failed(&error),
                }
            }
        }
        let listed = |name: &str| {
            let name = record.config.output.beside(name);
            let mut outputs = record.totals.outputs.iter();
            outputs.any(|output| output.path == name).then_some(name)
        };
        if let Some(name) = listed("traces.h5") {
            match traces(&record.config, place, &name) {
                Ok((traces, outlines)) => (products.traces, products.outlines) = (traces, outlines),
                Err(error) => failed(&error),
            }
        }
        if let Some(name) = listed("seeds.h5") {
            match seeds(&record.config, place, &name) {
                Ok(seeds) => products.seeds = seeds,
                Err(error) => failed(&error),
            }
        }
        let of = |m: &Montage| {
            let outcome = m.outcome.as_deref();
            let place = OUTCOMES
                .iter()
                .position(|(name, ..)| Some(*name) == outcome);
            (m.condition.clone(), place, m.outcome.clone())
        };
        products.montages.sort_by_key(of);
        products
    }
}

fn open(place: &Place, name: &str) -> Result<Hdf5File, Error> {
    place.open_hdf5_with(name, ReadLimits::default().bytes(MOST_BYTES))
}

/// A whole dataset.
fn whole(dataset: &Hdf5Dataset<'_>) -> Result<ArrayD<f64>, Error> {
    let all: Vec<(usize, usize)> = dataset.shape().iter().map(|&n| (0, n)).collect();
    dataset.read(&all)
}

/// Traces of areas and these areas' outlines; nothing where the file has other axes, or does not say where areas are.
fn traces(
    config: &Config,
    place: &Place,
    name: &str,
) -> Result<(Option<Traces>, Option<Outlines>), Error> {
    let file = open(place, name)?;
    let outlines = match file.dataset_names()?.iter().any(|name| name == "areas") {
        true => outlines(config, &file.dataset("areas")?)?,
        false => None,
    };
    let dff = whole(&file.dataset("dff")?)?;
    let Ok(dff) = dff.into_dimensionality::<Ix3>() else {
        return Ok((None, outlines));
    };
    let traces = Traces {
        dff,
        time_s: whole(&file.dataset("time_s")?)?.into_iter().collect(),
        names: file.texts("names")?,
        condition: file.texts("condition")?,
        outcome: file.texts("outcome")?,
    };
    Ok((Some(traces), outlines))
}

fn outlines(config: &Config, dataset: &Hdf5Dataset<'_>) -> Result<Option<Outlines>, Error> {
    let Ok(areas) = whole(dataset)?.into_dimensionality::<Ix2>() else {
        return Ok(None);
    };
    #[expect(clippy::cast_possible_truncation, reason = "numbers of areas")]
    let areas = areas.insert_axis(Axis(2)).map(|area| *area as f32);
    // As a movie of one frame.
    let movie = orientation(config, dataset).undo(areas);
    Ok(Some(Outlines::of(movie.index_axis(Axis(0), 0))))
}

/// Images `(k, y, x)`; nothing where the dataset has other axes.
fn images(config: &Config, dataset: &Hdf5Dataset<'_>) -> Result<Option<Array3<f32>>, Error> {
    let orientation = orientation(config, dataset);
    let Ok(images) = whole(dataset)?.into_dimensionality::<Ix3>() else {
        return Ok(None);
    };
    #[expect(clippy::cast_possible_truncation, reason = "to be looked at")]
    let narrow = |value: &f64| *value as f32;
    // As a movie whose time is the image.
    let movie = orientation.undo(images.permuted_axes([1, 2, 0]));
    Ok(Some(movie.map(narrow).as_standard_layout().into_owned()))
}

/// Correlation with areas; nothing where the arrays have other axes.
fn seeds(config: &Config, place: &Place, name: &str) -> Result<Option<Seeds>, Error> {
    let file = open(place, name)?;
    let maps = images(config, &file.dataset("maps")?)?;
    let matrix = whole(&file.dataset("matrix")?)?.into_dimensionality::<Ix2>();
    let (Some(maps), Ok(matrix)) = (maps, matrix) else {
        return Ok(None);
    };
    #[expect(clippy::cast_possible_truncation, reason = "to be looked at")]
    let matrix: Array2<f32> = matrix.map(|value| *value as f32);
    Ok(Some(Seeds {
        seeds: file.texts("seeds")?,
        maps,
        names: file.texts("names")?,
        matrix,
    }))
}

/// The axes that a dataset says it has, or those of the session.
fn orientation(config: &Config, dataset: &Hdf5Dataset<'_>) -> Orientation {
    let named = text(dataset, "axes").and_then(|axes| Orientation::from_name(&axes));
    named.unwrap_or(config.output.orientation.into())
}

fn text(dataset: &Hdf5Dataset<'_>, name: &str) -> Option<String> {
    match dataset.attribute(name)? {
        Attribute::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn number(dataset: &Hdf5Dataset<'_>, name: &str) -> Option<f64> {
    match dataset.attribute(name)? {
        Attribute::Float(value) => Some(*value),
        _ => None,
    }
    .filter(|value| value.is_finite())
}

/// The small version of an average; nothing where the file has none that says what it is.
fn montage(config: &Config, place: &Place, name: &str) -> Result<Option<Montage>, Error> {
    let file = open(place, name)?;
    let names = file.dataset_names()?;
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let mean = ["dff_AVG", "mean"].into_iter().find(|name| has(name));
    let (Some(mean), true) = (mean, has("montage")) else {
        return Ok(None);
    };
    let (mean, small) = (file.dataset(mean)?, file.dataset("montage")?);
    let said = (text(&mean, "condition"), text(&mean, "outcome"));
    let times = (number(&small, "first_s"), number(&small, "step_s"));
    let ((Some(condition), Some(outcome)), (Some(first_s), Some(step_s))) = (said, times) else {
        return Ok(None);
    };
    if step_s <= 0.0 {
        return Ok(None);
    }
    let outcome = (outcome != "all").then(|| outcome.replace('_', " "));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates"
    )]
    let (n, first) = (
        number(&small, "n").unwrap_or(0.0) as usize,
        (first_s / step_s).round() as i64,
    );
    Ok(Some(Montage {
        condition,
        outcome,
        n,
        images: small.read_movie(orientation(config, &small), .., ..)?,
        first,
        step_s,
    }))
}

#[cfg(test)]
impl Products {
    /// Noise of two conditions, 27 areas and so many trials.
    #[expect(clippy::cast_possible_truncation, reason = "noise")]
    pub(super) fn fill(&mut self, trials: usize) {
        let noise = |k: usize| {
            let z = (k as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let z = (z ^ (z >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (z >> 40) as f64 / f64::from(1 << 24) - 0.5
        };
        let names: Vec<String> = (1..28).map(|k| format!("area {k}")).collect();
        let outcomes = ["hit", "miss", "correct rejection", "false alarm"];
        for (k, outcome) in outcomes.into_iter().enumerate() {
            for outcome in [None, Some(outcome.to_owned())].into_iter().skip(k % 2) {
                let value = |(t, y, x)| noise(t << 16 | y << 8 | x) as f32;
                self.montages.push(Montage {
                    condition: (k / 2).to_string(),
                    outcome,
                    n: trials / 4,
                    images: Array3::from_shape_fn((40, 128, 128), value),
                    first: -12,
                    step_s: 0.25,
                });
            }
        }
        let value = |(trial, t, area)| noise(trial << 16 | t << 8 | area);
        self.traces = Some(Traces {
            dff: Array3::from_shape_fn((trials, 200, 27), value),
            time_s: (0..200).map(|t| f64::from(t) / 20.0 - 3.0).collect(),
            names: names.clone(),
            condition: (0..trials).map(|k| (k % 4 / 2).to_string()).collect(),
            outcome: (0..trials).map(|k| outcomes[k % 4].into()).collect(),
        });
        // 27 areas side by side.
        let areas = Array2::from_shape_fn((256, 256), |(_, x)| (x / 9) as f32);
        self.outlines = Some(Outlines::of(areas.view()));
        self.seeds = Some(Seeds {
            seeds: names.clone(),
            maps: Array3::from_shape_fn((27, 256, 256), |(k, y, x)| {
                noise(k << 16 | y << 8 | x) as f32
            }),
            names,
            matrix: Array2::from_elem((27, 27), 0.5),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use widefield_pipeline::record::Output;
    use widefield_storage::{Dataset, Hdf5Arrays};

    /// An average as products write it.
    fn average(place: &Place, name: &str, outcome: &str, images: &Array3<f32>) {
        let dataset = |name: &str| {
            let (t, y, x) = images.dim();
            let orientation = Orientation::Notebook;
            Dataset::new(name, [t, y, x])
                .orientation(orientation)
                .attribute("axes", orientation.name())
        };
        let mean = match outcome {
            "all" => "dff_AVG",
            _ => "mean",
        };
        let mean = dataset(mean)
            .attribute("condition", "1")
            .attribute("outcome", outcome);
        let small = dataset("montage")
            .attribute("n", 3.0)
            .attribute("first_s", -0.5)
            .attribute("step_s", 0.25);
        let mut file = place.create_hdf5_of(name, &[mean, small]).expect("file");
        file.push_to(0, images.view()).expect("frames");
        file.push_to(1, images.view()).expect("frames");
        file.finish().expect("file");
    }

    fn record(outputs: &[&str]) -> RunRecord {
        let mut record = super::super::tests::record();
        let output = |path: &&str| Output {
            path: (*path).into(),
            bytes: 1,
            crc32c: 0,
        };
        record.totals.outputs = outputs.iter().map(output).collect();
        record
    }

    #[test]
    fn montages_are_read_as_the_camera_saw_them() {
        let place = Place::open("memory://").expect("place");
        let images = Array3::from_shape_fn((4, 2, 3), |(t, y, x)| (100 * t + 10 * y + x) as f32);
        average(
            &place,
            "h5_avg/dff_1_false_alarm.h5",
            "false_alarm",
            &images,
        );
        average(&place, "h5_avg/dff_P100_AVG.h5", "all", &images);
        let record = record(&[
            "h5_avg/dff_1_false_alarm.h5",
            "h5_avg/dff_P100_AVG.h5",
            "other/x.h5",
        ]);
        let products = Products::read(&record, &place, |error| panic!("{error}"));
        let [all, one] = products.montages.as_slice() else {
            panic!("{products:?}");
        };
        assert_eq!((all.outcome.as_deref(), all.n), (None, 3));
        assert_eq!(one.outcome.as_deref(), Some("false alarm"));
        assert_eq!((&one.images, one.first, one.step_s), (&images, -2, 0.25));
    }

    #[test]
    fn traces_and_seeds_are_read() {
        let place = Place::open("memory://").expect("place");
        let dff = Array3::from_shape_fn((2, 3, 1), |(trial, t, _)| (10 * trial + t) as f64);
        // The bottom left pixel of two columns and three rows.
        let areas = ndarray::array![[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]];
        let arrays = Hdf5Arrays::new()
            .array("dff", dff.view().into_dyn())
            .array("time_s", ndarray::arr1(&[-0.5, 0.0, 0.5]).view().into_dyn())
            .array("areas", areas.view().into_dyn())
            .texts("names", ["V1"])
            .texts("condition", ["1", ""])
            .texts("outcome", ["hit", ""]);
        place.put_hdf5("traces.h5", &arrays).expect("put");
        // Two columns, three rows from the bottom: as notebooks have them.
        let maps = Array3::from_shape_fn((1, 2, 3), |(_, x, y)| (10 * x + y) as f64);
        let arrays = Hdf5Arrays::new()
            .array("maps", maps.view().into_dyn())
            .array("matrix", ndarray::arr2(&[[1.0]]).view().into_dyn())
            .texts("seeds", ["V1"])
            .texts("names", ["V1"]);
        place.put_hdf5("seeds.h5", &arrays).expect("put");
        let record = record(&["traces.h5", "seeds.h5"]);
        let products = Products::read(&record, &place, |error| panic!("{error}"));
        let traces = products.traces.expect("traces");
        assert!(traces.fits() && traces.dff == dff && traces.outcome == ["hit", ""]);
        let corner = ndarray::array![[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]];
        assert_eq!(products.outlines, Some(Outlines::of(corner.view())));
        let seeds = products.seeds.expect("seeds");
        assert_eq!(
            seeds.maps,
            ndarray::array![[[2.0, 12.0], [1.0, 11.0], [0.0, 10.0]]]
        );
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let place = Place::open("memory://").expect("place");
        place.put("h5_avg/dff_1_hit.h5", "no HDF5").expect("put");
        let record = record(&["h5_avg/dff_1_hit.h5", "h5_avg/gone.h5"]);
        let mut told = 0;
        let products = Products::read(&record, &place, |_| told += 1);
        assert_eq!((told, products.montages.len()), (2, 0));
    }
}
