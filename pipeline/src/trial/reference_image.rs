//! The mean that the reference image is made of, kept from the pass over its movie.

use ndarray::Array2;
use std::sync::{Mutex, PoisonError};

/// The mean over frames of the first trial of a session, in the order of names, that went well here.
///
/// One image, however many trials there are.
#[derive(Debug, Default)]
pub(crate) struct ReferenceImage {
    kept: Mutex<Option<(String, Array2<f64>)>>,
}

impl ReferenceImage {
    /// Keeps the mean of `file`, unless that of an earlier name is kept.
    pub(super) fn offer(&self, file: &str, mean: Array2<f64>) {
        // A panic elsewhere leaves a whole value behind.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept
            .as_ref()
            .is_none_or(|(first, _)| file <= first.as_str())
        {
            *kept = Some((file.to_owned(), mean));
        }
    }

    /// The mean of `file`, if that is the one kept.
    pub(super) fn of(&self, file: &str) -> Option<Array2<f64>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, mean) = kept.as_ref().filter(|(first, _)| first == file)?;
        Some(mean.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_stays_in_whatever_order_trials_end() {
        let reference = ReferenceImage::default();
        for (file, value) in [("b_2", 2.0), ("b_1", 1.0), ("b_3", 3.0)] {
            reference.offer(file, Array2::from_elem((1, 1), value));
        }
        assert_eq!(reference.of("b_1"), Some(Array2::from_elem((1, 1), 1.0)));
        assert_eq!(reference.of("b_2"), None);
    }
}
