//! Camera counts made 2, 4 or 8 times smaller, in whole numbers, from rows as they come.
//!
//! Away from the edges the weights are then 1, 3, 5 ... 5, 3, 1 over a power of two. Sums of 16-bit counts
//! with such weights fit into 32 bits, and those along a row also into the 24 bits of an f32, so rounding
//! between the two passes changes nothing. Whole numbers rounded once at the end are the same bits as the
//! f64 sums of the definition. What the edge touches has other weights and takes the f64 sums.

mod halves;
mod pairs;
mod source;
mod sums;

pub(super) use source::{Filled, Source, Stored};

use super::weights::Weights;
use crate::number::count;
use halves::Halves;
use std::sync::Arc;
use sums::Sums;

/// Resizes frames a few rows at a time: rows are used while they are in the first cache, and only sums of the
/// last ones are kept.
#[derive(Clone, Debug)]
pub(in crate::resize) enum Whole {
    /// Both sides become half as long: the common case, in one pass over the rows.
    Halves(Halves),
    /// 4 or 8 times smaller.
    Sums(Sums),
}

impl Whole {
    /// If both axes have the weights of such a ratio.
    pub(super) fn new(horizontal: &Arc<Weights>, vertical: &Arc<Weights>) -> Option<Self> {
        let ratio = [2, 4, 8]
            .into_iter()
            .find(|&ratio| fits(horizontal, ratio) && fits(vertical, ratio))?;
        Some(match ratio {
            2 => Self::Halves(Halves::new(horizontal, vertical)?),
            _ => Self::Sums(Sums::new(ratio, horizontal, vertical)),
        })
    }

    /// Resizes a frame into `out`. Returns how many pixels were cleared.
    ///
    /// # Errors
    /// Those of the source, which end the frame.
    pub(super) fn frame<S: Source>(
        &mut self,
        source: S,
        out: &mut [f32],
    ) -> Result<usize, S::Error> {
        match self {
            Self::Halves(halves) => halves.frame(source, out),
            Self::Sums(sums) => sums.frame(source, out),
        }
    }
}

/// Whether the outputs `1..len - 1` of an axis have the weights 1, 3, 5 ... over `2 ratio^2`, first one at
/// `ratio i - ratio / 2`.
fn fits(weights: &Weights, ratio: usize) -> bool {
    let rising = (0..ratio).map(|i| 2 * i + 1);
    let expected: Vec<f64> = rising
        .clone()
        .chain(rising.rev())
        .map(|weight| count(weight) / count(2 * ratio * ratio))
        .collect();
    let inner = 1..weights.len().saturating_sub(1);
    !inner.is_empty()
        && inner
            .into_iter()
            .all(|i| weights.get(i) == (ratio * i - ratio / 2, &expected))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn filled<E, F: FnMut(usize, &mut [u16]) -> Result<(), E>>(fill: F) -> Filled<F> {
        Filled {
            fill,
            invalid_above: u16::MAX,
        }
    }

    #[test]
    fn powers_of_two_fit_and_others_do_not() {
        for ratio in [2, 4, 8] {
            assert!(fits(&Weights::triangle(ratio * 30, 30), ratio), "{ratio}");
            assert!(fits(&Weights::triangle(ratio * 3, 3), ratio), "{ratio}");
            assert!(
                !fits(&Weights::triangle(ratio * 30 + 1, 30), ratio),
                "{ratio}"
            );
            assert!(!fits(&Weights::triangle(ratio * 2, 2), ratio), "{ratio}");
        }
        assert!(!fits(&Weights::triangle(90, 30), 3));
        assert!(!fits(&Weights::triangle(30, 30), 1));
    }

    #[test]
    fn the_largest_counts_do_not_overflow() {
        for ratio in [2, 4, 8] {
            let weights = Arc::new(Weights::triangle(ratio * 5, 5));
            let mut whole = Whole::new(&weights, &weights).unwrap();
            let mut out = [0.0; 25];
            let fill = |_, row: &mut [u16]| {
                row.fill(u16::MAX);
                Ok::<(), Infallible>(())
            };
            let Ok(_) = whole.frame(filled(fill), &mut out);
            assert_eq!(out, [65535.0; 25], "{ratio}");
        }
    }

    #[test]
    fn rows_are_asked_for_once_in_order_until_the_source_fails() {
        let weights = Arc::new(Weights::triangle(8, 4));
        let mut whole = Whole::new(&weights, &weights).unwrap();
        let mut seen = Vec::new();
        let mut ask = |stop: usize| {
            seen.clear();
            let fill = |y, row: &mut [u16]| {
                assert_eq!(row.len(), 8);
                seen.push(y);
                if y == stop { Err(y) } else { Ok(()) }
            };
            let result = whole.frame(filled(fill), &mut [0.0; 16]);
            (result, seen.clone())
        };
        assert_eq!(ask(3), (Err(3), vec![0, 1, 2, 3]));
        assert_eq!(ask(99), (Ok(0), (0..8).collect()));
    }
}
