//! Mean dF/F over trials in images of a quarter of a second, and what is made of them: means, differences, peaks.

use ndarray::{Array2, Array3, ArrayView2, Axis, Zip, s};

/// Mean dF/F of a group of trials.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Montage {
    pub(super) condition: String,
    /// `None`: all of them.
    pub(super) outcome: Option<String>,
    /// Trials.
    pub(super) n: usize,
    /// `(t, y, x)`, NaN where no trial is finite.
    pub(super) images: Array3<f32>,
    /// Which image of the common time is the first: image k begins at k times `step_s`.
    pub(super) first: i64,
    pub(super) step_s: f64,
}

/// Most images that are looked at: an hour of them.
const MOST_IMAGES: i64 = 4 * 3600;

impl Montage {
    /// When an image begins, seconds.
    pub(super) fn time_s(&self, image: usize) -> f64 {
        self.first.saturating_add_unsigned(image as u64) as f64 * self.step_s
    }

    /// The image of the common time `k`.
    fn at(&self, k: i64) -> Option<ArrayView2<'_, f32>> {
        let image = usize::try_from(k.checked_sub(self.first)?).ok()?;
        (image < self.images.len_of(Axis(0))).then(|| self.images.index_axis(Axis(0), image))
    }

    fn end(&self) -> i64 {
        self.first
            .saturating_add_unsigned(self.images.len_of(Axis(0)) as u64)
    }

    /// Height and width of an image.
    pub(super) fn size(&self) -> (usize, usize) {
        let (_, height, width) = self.images.dim();
        (height, width)
    }

    fn alike(&self, other: &Self) -> bool {
        self.size() == other.size() && (self.step_s - other.step_s).abs() <= 1e-9 * self.step_s
    }

    /// Mean over groups, each as often as it has trials, at every pixel over the groups that are finite there. `None` without
    /// one, or where their images differ in size or length.
    pub(super) fn mean(groups: &[&Self]) -> Option<Self> {
        let one = groups.first()?;
        let first = groups.iter().map(|group| group.first).min()?;
        let end = groups.iter().map(|group| group.end()).max()?;
        let fits = end.saturating_sub(first) <= MOST_IMAGES;
        if !fits || !groups.iter().all(|group| group.alike(one)) {
            return None;
        }
        let (height, width) = one.size();
        let length = usize::try_from(end - first).ok()?;
        let mut images = Array3::zeros((length, height, width));
        for (k, mut image) in (first..end).zip(images.outer_iter_mut()) {
            let mut n = Array2::<f32>::zeros((height, width));
            for group in groups {
                let Some(of) = group.at(k) else { continue };
                let trials = group.n as f32;
                Zip::from(&mut image)
                    .and(&mut n)
                    .and(of)
                    .for_each(|sum, n, value| {
                        if value.is_finite() {
                            *sum += trials * value;
                            *n += trials;
                        }
                    });
            }
            // 0 / 0 is NaN.
            image /= &n;
        }
        Some(Self {
            n: groups.iter().map(|group| group.n).sum(),
            images,
            first,
            ..(*one).clone()
        })
    }

    /// This minus another, where both have an image; nothing where none is.
    pub(super) fn minus(&self, other: &Self) -> Option<Self> {
        let (first, end) = (self.first.max(other.first), self.end().min(other.end()));
        if !self.alike(other) || first >= end {
            return None;
        }
        let (height, width) = self.size();
        let mut images = Array3::zeros((usize::try_from(end - first).ok()?, height, width));
        for (k, mut image) in (first..end).zip(images.outer_iter_mut()) {
            image.assign(&(&self.at(k)? - &other.at(k)?));
        }
        Some(Self {
            images,
            first,
            ..self.clone()
        })
    }

    /// The largest value of each pixel from time 0 on; over everything where that has none. NaN where no image is finite.
    pub(super) fn peak(&self) -> Array2<f32> {
        let images = self.images.len_of(Axis(0));
        let from = match usize::try_from(0_i64.saturating_sub(self.first).max(0)) {
            Ok(from) if from < images => from,
            _ => 0,
        };
        let lanes = self.images.slice(s![from.., .., ..]);
        let largest = |of: ndarray::ArrayView1<'_, f32>| {
            let finite = of.iter().copied().filter(|v| v.is_finite());
            finite.fold(f32::NAN, f32::max)
        };
        lanes.map_axis(Axis(0), largest)
    }
}

#[cfg(test)]
impl Montage {
    /// Images of one pixel each beside a masked one.
    pub(super) fn of(outcome: Option<&str>, n: usize, first: i64, values: &[f32]) -> Self {
        let images = Array3::from_shape_fn((values.len(), 1, 2), |(t, _, x)| match x {
            0 => values[t],
            _ => f32::NAN,
        });
        Self {
            condition: "P100".into(),
            outcome: outcome.map(str::to_owned),
            n,
            images,
            first,
            step_s: 0.25,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(of: &Montage) -> Vec<f32> {
        of.images.slice(s![.., 0, 0]).to_vec()
    }

    #[test]
    fn means_count_trials_where_they_are_finite() {
        let a = Montage::of(None, 3, -1, &[1.0, 2.0, f32::NAN]);
        let b = Montage::of(None, 1, 0, &[6.0, 5.0, 7.0]);
        let mean = Montage::mean(&[&a, &b]).expect("alike");
        assert_eq!((mean.n, mean.first, mean.time_s(1)), (4, -1, 0.0));
        assert_eq!(left(&mean), [1.0, 3.0, 5.0, 7.0]);
        assert!(mean.images[(0, 0, 1)].is_nan());
        assert_eq!(Montage::mean(&[]), None);
        let far = Montage::of(None, 1, i64::MAX - 1, &[1.0]);
        assert_eq!(Montage::mean(&[&a, &far]), None);
        let mut other = b.clone();
        other.step_s = 0.5;
        assert_eq!(Montage::mean(&[&a, &other]), None);
    }

    #[test]
    fn differences_are_where_both_are() {
        let a = Montage::of(None, 3, -1, &[1.0, 2.0, 4.0]);
        let b = Montage::of(None, 1, 0, &[6.0, 5.0, 7.0]);
        let difference = a.minus(&b).expect("alike");
        assert_eq!((difference.first, left(&difference)), (0, vec![-4.0, -1.0]));
        assert_eq!(a.minus(&Montage::of(None, 1, 9, &[1.0])), None);
    }

    #[test]
    fn peaks_are_from_time_0_on() {
        let peak = |first, values: &[f32]| Montage::of(None, 1, first, values).peak()[(0, 0)];
        assert_eq!(peak(-2, &[9.0, 8.0, 1.0, 3.0, 2.0]), 3.0);
        assert_eq!(peak(1, &[1.0, f32::NAN]), 1.0);
        assert_eq!(peak(-2, &[1.0, 2.0]), 2.0);
        assert!(peak(0, &[f32::NAN]).is_nan());
    }
}
