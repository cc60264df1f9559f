//! The lab's regression over the trials of a session.

use crate::Error;
use crate::dff_file::{DffFile, check_size};
use crate::image::{image, images};
use crate::made::{Files, identity};
use crate::trials::{Trials, said};
use std::collections::BTreeSet;
use widefield::glm::{Cells, CellsOfTrial, Glm, Windows};
use widefield_pipeline::consumer::Session;
use widefield_storage::{Hdf5Arrays, Orientation};

/// Folder of its file beside `run.json`.
pub(crate) const FOLDER: &str = "glm";

pub(crate) fn make(
    session: &Session<'_>,
    trials: &Trials<'_>,
    files: &mut Files<'_>,
) -> Result<(), Error> {
    let config = &session.record.config;
    let output = &config.output;
    let (conditions, mut left_out) = trials.by_condition();
    let names: Vec<&str> = conditions.keys().copied().collect();
    let used: Vec<_> = trials
        .used
        .iter()
        .filter(|t| t.record.condition.is_some())
        .collect();
    let inputs: Vec<_> = used
        .iter()
        .map(|t| (t.dff.crc32c, &t.record.condition, t.record.onset))
        .collect();
    let of = identity(&(
        inputs,
        &left_out,
        output.orientation,
        config.experiment.sample_rate_hz,
    ));
    let name = output.beside(&format!("{FOLDER}/glm.h5"));
    if files.keep(std::slice::from_ref(&name), of) {
        return Ok(());
    }
    let windows = Windows::default();
    let mut size = None;
    let mut glm = None;
    for trial in &used {
        let file = DffFile::open(files.place(), config, trial)?;
        check_size(&mut size, trial, &file)?;
        let [_, height, width] = file.shape;
        let glm = match &mut glm {
            Some(glm) => glm,
            empty => empty.insert(Glm::new(&names, windows.clone(), (height, width))?),
        };
        let condition = trial.record.condition.as_deref().unwrap_or_default();
        match cells(
            session,
            trial.record.onset.map(|onset| onset.s),
            &file,
            &windows,
        ) {
            Ok(cells) => _ = glm.add(condition, &cells)?,
            // It ends before them, say.
            Err(Error::Formula(widefield::Error::Window { .. })) => {
                left_out.push((&trial.record.file, "without frames in a window"));
            }
            Err(error) => return Err(error),
        }
    }
    let Some(glm) = glm.filter(|glm| glm.trials().any(|(_, trials)| trials > 0)) else {
        let left_out = said(&left_out);
        return Err(Error::NoTrial { left_out });
    };
    let fit = glm.fit();
    let orientation = Orientation::from(output.orientation);
    let axes = orientation.name().trim_end_matches(", t");
    let trials: BTreeSet<String> = glm
        .trials()
        .map(|(name, n)| format!("{name}: {n}"))
        .collect();
    let trials: Vec<String> = trials.into_iter().collect();
    let arrays = Hdf5Arrays::new()
        .array("rsq", image(orientation, fit.rsq.view()).view().into_dyn())
        .array("intercept", image(orientation, fit.intercept.view()).view().into_dyn())
        .array("betas", images(orientation, fit.betas.view()).view().into_dyn())
        .texts("names", fit.names.iter().map(String::as_str))
        .attribute("axes", format!("of betas: names, then {axes}"))
        .attribute("units", "1; of (F - F0) / F0")
        .attribute("trials", trials.join("; "))
        .attribute("left_out", said(&left_out))
        .attribute("how", "descriptive: rows of a trial depend on each other, maxima over windows of different length do not compare, and R2 counts a baseline that is 0 by construction");
    files.may_write()?;
    files.made(files.place().put_hdf5(&name, &arrays)?, of);
    Ok(())
}

/// The five values of each pixel of a trial.
fn cells(
    session: &Session<'_>,
    onset_s: Option<f64>,
    file: &DffFile,
    windows: &Windows,
) -> Result<Cells, Error> {
    let axis = session.record.config.experiment.axis(onset_s);
    let [frames, height, width] = file.shape;
    let mut cells = CellsOfTrial::new((height, width), &axis, windows);
    file.blocks(0..frames, |first, block| {
        if session.cancelled() {
            return Err(Error::Interrupted);
        }
        Ok(cells.add(first, block.view())?)
    })?;
    Ok(cells.finish()?)
}
