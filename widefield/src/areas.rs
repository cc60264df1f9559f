//! Named sets of pixels, and their mean over time.

use crate::Error;
use crate::error::same_shape;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, ArrayView3, Axis};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Named areas of frames of one size; they may overlap.
///
/// ```
/// use ndarray::array;
/// use widefield::Areas;
///
/// let areas = Areas::from_labels(array![[0, 7, 7], [2, 2, 0]].view());
/// assert_eq!(areas.names().collect::<Vec<_>>(), ["2", "7"]);
/// let frame = array![[[9.0, 1.0, 3.0], [4.0, f32::NAN, 9.0]]];
/// assert_eq!(areas.means(frame.view())?, array![[4.0, 2.0]]);
/// # Ok::<(), widefield::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Areas {
    dim: (usize, usize),
    areas: Vec<Area>,
}

/// One of [`Areas`].
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    name: String,
    dim: (usize, usize),
    /// Its pixels as runs of indices of the frame, row after row.
    runs: Vec<Range<usize>>,
}

impl Areas {
    /// Areas of frames `(height, width)` from masks with their names, in this order. No masks are no areas.
    ///
    /// # Errors
    /// [`Error::AreaShape`] if a mask has another shape, [`Error::AreaEmpty`] if it has no pixel, as then most likely
    /// it was drawn for another frame, [`Error::AreaTwice`] if two have the same name.
    pub fn from_masks<N: Into<String>>(
        (height, width): (usize, usize),
        masks: impl IntoIterator<Item = (N, Array2<bool>)>,
    ) -> Result<Self, Error> {
        let dim = (height, width);
        let (mut areas, mut names) = (Vec::new(), BTreeSet::new());
        for (name, mask) in masks {
            let name = name.into();
            if mask.dim() != dim {
                return Err(Error::AreaShape {
                    name,
                    expected: vec![height, width],
                    found: mask.shape().to_vec(),
                });
            }
            if !names.insert(name.clone()) {
                return Err(Error::AreaTwice { name });
            }
            let mut runs = Vec::new();
            for (pixel, _) in mask.iter().enumerate().filter(|(_, inside)| **inside) {
                push(&mut runs, pixel);
            }
            if runs.is_empty() {
                return Err(Error::AreaEmpty { name });
            }
            areas.push(Area { name, dim, runs });
        }
        Ok(Self { dim, areas })
    }

    /// The areas of a label image `(y, x)`, in ascending order of their numbers, which are their names; 0 is no area.
    pub fn from_labels(labels: ArrayView2<'_, u32>) -> Self {
        let dim = labels.dim();
        let mut of_label = BTreeMap::<u32, Vec<Range<usize>>>::new();
        for (pixel, label) in labels.iter().enumerate().filter(|(_, label)| **label != 0) {
            push(of_label.entry(*label).or_default(), pixel);
        }
        let area = |(label, runs): (u32, _)| {
            let name = label.to_string();
            Area { name, dim, runs }
        };
        let areas = of_label.into_iter().map(area).collect();
        Self { dim, areas }
    }

    /// Height and width of the frames.
    pub fn dim(&self) -> (usize, usize) {
        self.dim
    }

    /// How many areas there are.
    pub fn len(&self) -> usize {
        self.areas.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.areas.is_empty()
    }

    /// The areas, in the order of the columns of [`Areas::means`].
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Area> {
        self.areas.iter()
    }

    /// Their names, in this order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.areas.iter().map(Area::name)
    }

    /// The area of this name.
    pub fn get(&self, name: &str) -> Option<&Area> {
        self.areas.iter().find(|area| area.name == name)
    }

    /// Mean over the finite pixels of each area in each frame `(t, y, x)`: `(t, area)`; NaN where no pixel is finite.
    ///
    /// Sums are f64 and take the pixels row after row, so blocks of any length and any number of threads give the same
    /// bits.
    ///
    /// # Errors
    /// [`Error::Shape`] if the frames have another shape.
    pub fn means(&self, frames: ArrayView3<'_, f32>) -> Result<Array2<f64>, Error> {
        let (height, width) = self.dim;
        same_shape("frames", &[height, width], &frames.shape()[1..])?;
        let mut means = Array2::from_elem((frames.len_of(Axis(0)), self.len()), f64::NAN);
        means
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .zip(frames.axis_iter(Axis(0)))
            .for_each(|(mut means, frame)| {
                let frame = frame.as_standard_layout();
                let pixels = frame.as_slice().unwrap_or_default();
                for (mean, area) in means.iter_mut().zip(&self.areas) {
                    *mean = area.mean(pixels);
                }
            });
        Ok(means)
    }
}

impl Area {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many pixels it has, at least 1.
    pub fn pixels(&self) -> usize {
        self.runs.iter().map(Range::len).sum()
    }

    /// The mask `(y, x)`, true within the area; [`render::outline`](crate::render::outline) gives its edge.
    pub fn mask(&self) -> Array2<bool> {
        let mut mask = Array2::from_elem(self.dim, false);
        if let Some(pixels) = mask.as_slice_mut() {
            for run in &self.runs {
                pixels[run.clone()].fill(true);
            }
        }
        mask
    }

    /// Mean over the finite pixels of a frame, row after row; sums of every eighth pixel of a run do not wait for each other.
    fn mean(&self, frame: &[f32]) -> f64 {
        let (mut n, mut sums) = ([0_u32; 8], [0.0; 8]);
        for run in &self.runs {
            for values in frame.get(run.clone()).unwrap_or_default().chunks(8) {
                for ((value, n), sum) in values.iter().zip(&mut n).zip(&mut sums) {
                    let finite = value.is_finite();
                    *n += u32::from(finite);
                    *sum += f64::from(if finite { *value } else { 0.0 });
                }
            }
        }
        sums.iter().sum::<f64>() / f64::from(n.iter().sum::<u32>())
    }
}

/// Adds a pixel behind those that are there.
fn push(runs: &mut Vec<Range<usize>>, pixel: usize) {
    match runs.last_mut() {
        Some(run) if run.end == pixel => run.end += 1,
        _ => runs.push(pixel..pixel + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::direct;
    use ndarray::{Array3, array, s};

    /// A disc, a frame around everything, and a single pixel: they overlap.
    fn areas() -> Areas {
        let disc = |(y, x): (usize, usize)| y.abs_diff(4).pow(2) + x.abs_diff(5).pow(2) < 10;
        let border = |(y, x)| y == 0 || x == 0 || y == 8 || x == 10;
        let masks = [
            ("disc", Array2::from_shape_fn((9, 11), disc)),
            ("border", Array2::from_shape_fn((9, 11), border)),
            ("pixel", Array2::from_shape_fn((9, 11), |at| at == (4, 5))),
        ];
        Areas::from_masks((9, 11), masks).unwrap()
    }

    fn movie() -> Array3<f32> {
        let mut movie = Array3::from_shape_fn((7, 9, 11), |(t, y, x)| {
            ((t * 31 + y * 17 + x * 7) % 23) as f32 * 0.1 - 1.0
        });
        movie[(2, 4, 5)] = f32::NAN;
        movie[(3, 4, 6)] = f32::INFINITY;
        movie
    }

    #[test]
    fn equal_to_the_mean_over_the_pixels_of_the_mask() {
        let (areas, movie) = (areas(), movie());
        let means = areas.means(movie.view()).unwrap();
        for ((t, area), mean) in means.indexed_iter() {
            let mask = areas.areas[area].mask();
            let want = direct::area_mean(movie.index_axis(Axis(0), t), mask.view());
            assert_eq!(mean.to_bits(), want.to_bits(), "frame {t}, area {area}");
        }
        assert!(means[(2, 2)].is_nan());
        assert_eq!(means[(3, 2)], f64::from(movie[(3, 4, 5)]));
    }

    #[test]
    fn frames_with_any_strides_and_in_any_blocks_give_the_same_bits() {
        let (areas, movie) = (areas(), movie());
        let whole = areas.means(movie.view()).unwrap().mapv(f64::to_bits);
        let turned = movie
            .view()
            .permuted_axes([0, 2, 1])
            .as_standard_layout()
            .into_owned();
        let strided = areas.means(turned.view().permuted_axes([0, 2, 1])).unwrap();
        assert_eq!(strided.mapv(f64::to_bits), whole);
        let later = areas.means(movie.slice(s![3.., .., ..])).unwrap();
        assert_eq!(later.mapv(f64::to_bits), whole.slice(s![3.., ..]));
    }

    #[test]
    fn labels_are_their_masks() {
        let labels = array![[0, 30, 30], [2, 2, 30]];
        let areas = Areas::from_labels(labels.view());
        assert_eq!(areas.names().collect::<Vec<_>>(), ["2", "30"]);
        let area = areas.get("30").unwrap();
        assert_eq!(area.mask(), labels.mapv(|label| label == 30));
        assert_eq!(area.pixels(), 3);
        let masks = areas.iter().map(|area| (area.name(), area.mask()));
        assert_eq!(Areas::from_masks((2, 3), masks).unwrap(), areas);
    }

    #[test]
    fn nothing_gives_nothing() {
        let none = Areas::from_labels(Array2::zeros((2, 3)).view());
        assert!(none.is_empty());
        let means = none.means(Array3::zeros((5, 2, 3)).view()).unwrap();
        assert_eq!(means.dim(), (5, 0));
        let masks: [(&str, Array2<bool>); 0] = [];
        assert_eq!(Areas::from_masks((2, 3), masks).unwrap(), none);
        let no_frames = areas().means(Array3::zeros((0, 9, 11)).view()).unwrap();
        assert_eq!(no_frames.dim(), (0, 3));
        let no_pixels = Areas::from_labels(Array2::zeros((0, 3)).view());
        assert!(no_pixels.means(Array3::zeros((5, 0, 3)).view()).is_ok());
    }

    #[test]
    fn areas_that_cannot_be_meant_are_refused_by_name() {
        let all = || Array2::from_elem((2, 3), true);
        let found = |masks| Areas::from_masks((2, 3), masks).unwrap_err().to_string();
        assert_eq!(
            found(vec![("V1", all()), ("M2", Array2::from_elem((3, 2), true))]),
            "the area \"M2\" is a mask of shape [3, 2], the frames have [2, 3]"
        );
        assert_eq!(
            found(vec![("V1", all()), ("V1", all())]),
            "two areas have the name \"V1\""
        );
        assert_eq!(
            found(vec![("V1", Array2::from_elem((2, 3), false))]),
            "the area \"V1\" has no pixel in the frame"
        );
        let wrong = areas().means(Array3::zeros((1, 11, 9)).view());
        assert!(matches!(wrong, Err(Error::Shape { .. })));
    }
}
