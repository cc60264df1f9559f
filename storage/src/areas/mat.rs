//! Masks in MAT files: variables of their own, or as OCIA saves those that were drawn in it.
//!
//! OCIA's TrialView (snapshot 790559d, `OCIA_trialview_saveROIs.m`, `_loadROIs.m`) saves one variable `ROIs`: a structure whose
//! cells `ROIMasks`, `ROINames` and `axeH` have an entry per region, or, older, a cell array with a row per region of name, identity,
//! mask and axes. Axes are `wf` for the movie, `behav` for that of behaviour; files without them hold those of the movie alone.

use ndarray::{Array2, ArrayD, ArrayView3, Axis, Ix3};

use super::{Areas, MOST_BYTES, check_room, check_size};
use crate::mat::{Class, Value, Variable};
use crate::{Error, Orientation, ReadLimits};

/// Whether it looks like a MAT file of level 5, or of version 7.3, which has the same header.
pub(super) fn is(file: &[u8]) -> bool {
    matches!(file.get(126..128), Some(b"IM" | b"MI"))
}

/// The areas of a file whose image axes lie as `orientation` says.
pub(super) fn read(
    object: &str,
    file: &[u8],
    size: (usize, usize),
    orientation: Orientation,
) -> Result<Areas, Error> {
    if file
        .get(124..126)
        .is_some_and(|version| version.contains(&2))
    {
        let reason = "is a MAT file of version 7.3: save it with save(..., '-v7')";
        return Err(Error::format(object, reason));
    }
    let limits = ReadLimits::default().bytes(MOST_BYTES);
    let variables =
        crate::mat::read_values(file, limits).map_err(|error| error.of_object(object))?;
    let mut masks = Masks {
        object,
        size,
        orientation,
        areas: Areas::new(),
    };
    for (name, value) in &variables {
        match value {
            Value::Numbers(variable) => masks.variable(name, variable)?,
            Value::Fields(fields) if name == "ROIs" => masks.regions(fields)?,
            Value::Cells(shape, cells) if name == "ROIs" => masks.rows(shape, cells)?,
            _ => {}
        }
    }
    if masks.areas.is_empty() {
        let found: Vec<String> = variables.iter().map(described).collect();
        let found = match found.as_slice() {
            [] => "nothing".to_owned(),
            found => found.join(", "),
        };
        let (height, width) = size;
        let axes = orientation.name();
        let reason = format!(
            "has no masks of {height} rows and {width} columns (its axes are {axes}); it holds {found}"
        );
        return Err(Error::format(object, reason));
    }
    Ok(masks.areas)
}

/// A variable in a message.
fn described((name, value): &(String, Value)) -> String {
    match value {
        Value::Numbers(variable) => {
            let sizes: Vec<String> = variable
                .values
                .shape()
                .iter()
                .map(usize::to_string)
                .collect();
            format!("{name} ({})", sizes.join(" x "))
        }
        _ => name.clone(),
    }
}

struct Masks<'a> {
    object: &'a str,
    size: (usize, usize),
    orientation: Orientation,
    areas: Areas,
}

impl Masks<'_> {
    fn wrong(&self, reason: &str) -> Error {
        Error::format(self.object, reason)
    }

    /// A matrix, or pages of masks. What is logical and no list must be of the frame's size; of numbers those are masks that are,
    /// and 0 or 1.
    fn variable(&mut self, name: &str, variable: &Variable) -> Result<(), Error> {
        let values = &variable.values;
        let axes = self.orientation.axes(self.size.0, self.size.1);
        let fits = values.shape().starts_with(&axes);
        let list = values.ndim() > 3 || values.shape().iter().take(2).any(|&size| size < 2);
        if list && !fits {
            return Ok(());
        }
        if variable.class != Class::Logical && !(fits && truth(values)) {
            return Ok(());
        }
        if values.ndim() == 2 {
            return self.add(name.to_owned(), values);
        }
        let pages = values.len_of(Axis(2));
        check_room(
            self.object,
            self.areas.len().saturating_add(pages),
            self.size,
        )?;
        for (index, page) in values.axis_iter(Axis(2)).enumerate() {
            self.add(format!("{name}_{}", index + 1), &page.to_owned())?;
        }
        Ok(())
    }

    /// The structure that OCIA saves.
    fn regions(&mut self, fields: &[(String, Value)]) -> Result<(), Error> {
        let cells = |name: &str| {
            fields.iter().find_map(|(known, value)| match value {
                Value::Cells(_, cells) if known == name => Some(cells.as_slice()),
                _ => None,
            })
        };
        let (Some(masks), Some(names)) = (cells("ROIMasks"), cells("ROINames")) else {
            return Err(self.wrong("ROIs has no cells ROIMasks and ROINames"));
        };
        let axes = cells("axeH");
        if names.len() != masks.len() || axes.is_some_and(|axes| axes.len() != masks.len()) {
            return Err(self.wrong("ROIs has not as many names and axes as masks"));
        }
        for (index, (name, mask)) in names.iter().zip(masks).enumerate() {
            self.region(name, mask, axes.and_then(|axes| axes.get(index)))?;
        }
        Ok(())
    }

    /// The rows that it saved before.
    fn rows(&mut self, shape: &[usize], cells: &[Value]) -> Result<(), Error> {
        let (rows, columns) = match *shape {
            [rows, columns] if columns > 2 => (rows, columns),
            _ => {
                let reason = "ROIs is no cell array of name, identity, mask and axes";
                return Err(self.wrong(reason));
            }
        };
        let at = |row: usize, column: usize| {
            let index = column.checked_mul(rows)?.checked_add(row)?;
            cells.get(index)
        };
        for row in 0..rows {
            let axes = if columns > 3 { at(row, 3) } else { None };
            let (Some(name), Some(mask)) = (at(row, 0), at(row, 2)) else {
                return Err(self.wrong("ROIs has not all its cells"));
            };
            self.region(name, mask, axes)?;
        }
        Ok(())
    }

    fn region(&mut self, name: &Value, mask: &Value, axes: Option<&Value>) -> Result<(), Error> {
        let Value::Text(name) = name else {
            return Err(self.wrong("a region in ROIs has no text as name"));
        };
        match axes {
            None => {}
            Some(Value::Text(axes)) if axes == "wf" => {}
            Some(Value::Text(axes)) if axes == "behav" => return Ok(()),
            Some(_) => {
                let reason =
                    format!("the region {name} in ROIs is of other axes than wf and behav");
                return Err(self.wrong(&reason));
            }
        }
        match mask {
            Value::Numbers(mask) if truth(&mask.values) => self.add(name.clone(), &mask.values),
            _ => Err(self.wrong(&format!("the region {name} in ROIs has no mask"))),
        }
    }

    /// A mask of the frame.
    fn add(&mut self, name: String, values: &ArrayD<f64>) -> Result<(), Error> {
        let file = values.view().insert_axis(Axis(values.ndim()));
        let Ok(file) = file.into_dimensionality::<Ix3>() else {
            return Err(self.wrong(&format!("{name} is no matrix")));
        };
        let image: ArrayView3<'_, f64> = self.orientation.undo(file);
        let (_, height, width) = image.dim();
        check_size(
            &format!("{}: {name}", self.object),
            &format!("the mask (its axes are {})", self.orientation.name()),
            (height, width),
            self.size,
        )?;
        check_room(self.object, self.areas.len() + 1, self.size)?;
        let mask: Array2<bool> = image.index_axis_move(Axis(0), 0).mapv(|value| value != 0.0);
        self.areas.push((name, mask));
        Ok(())
    }
}

/// Whether all values are 0 or 1.
fn truth(values: &ArrayD<f64>) -> bool {
    values.iter().all(|&value| value == 0.0 || value == 1.0)
}
