//! A mask as text: its shape and how many pixels in turn are masked and kept.
//!
//! Brain and surround are connected, so a mask has a few runs a row where it has hundreds of pixels.

use ndarray::Array2;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// More pixels than any camera has: a damaged text must not take all memory.
const MOST_PIXELS: usize = 1 << 28;

#[derive(Serialize, Deserialize)]
struct Runs {
    height: usize,
    width: usize,
    /// Row by row: pixels masked, kept, masked, ...; the first may be 0.
    runs: Vec<usize>,
}

pub(super) fn serialize<S: Serializer>(
    kept: &Array2<bool>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let (height, width) = kept.dim();
    let mut runs = vec![0];
    let mut at = false;
    for &pixel in kept {
        if pixel != at {
            runs.push(0);
            at = pixel;
        }
        if let Some(run) = runs.last_mut() {
            *run += 1;
        }
    }
    Runs {
        height,
        width,
        runs,
    }
    .serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Array2<bool>, D::Error> {
    let Runs {
        height,
        width,
        runs,
    } = Runs::deserialize(deserializer)?;
    let pixels = height.checked_mul(width).filter(|&n| n <= MOST_PIXELS);
    let covered = runs
        .iter()
        .try_fold(0_usize, |sum, &run| sum.checked_add(run));
    if pixels.is_none() || covered != pixels {
        let message = format!("the runs of a mask do not make {width} x {height} pixels");
        return Err(D::Error::custom(message));
    }
    let values = runs
        .iter()
        .enumerate()
        .flat_map(|(i, &run)| std::iter::repeat_n(i % 2 == 1, run));
    Array2::from_shape_vec((height, width), values.collect()).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use crate::{Mask, Segmentation};
    use ndarray::Array2;

    #[test]
    fn masks_come_back_whole() {
        let checks = Array2::from_shape_fn((5, 7), |(y, x)| (x + y) % 3 == 0);
        let light = Array2::from_shape_fn((20, 10), |(y, x)| (200 * (y / 5) + x) as f64);
        let decided = Segmentation::DensityCutoff {
            density_cutoff: 0.0015,
        }
        .mask(light.view());
        let masks = [
            Mask::from_kept(checks),
            Mask::keep_all((3, 2)),
            Mask::from_kept(Array2::from_elem((4, 4), false)),
            Mask::from_kept(Array2::from_elem((0, 4), false)),
            decided.expect("mask"),
        ];
        for mask in masks {
            let text = serde_json::to_string(&mask).expect("JSON");
            let again: Mask = serde_json::from_str(&text).expect("JSON");
            assert_eq!(again, mask, "{text}");
        }
    }

    #[test]
    fn runs_must_make_the_shape() {
        let text = serde_json::to_string(&Mask::keep_all((3, 4))).expect("JSON");
        assert!(text.contains("[0,12]"), "{text}");
        for wrong in ["[0,11]", "[]", "[0,12,1]", "[18446744073709551615,13]"] {
            let broken = text.replace("[0,12]", wrong);
            assert!(serde_json::from_str::<Mask>(&broken).is_err(), "{wrong}");
        }
        let huge = text.replace("\"height\":3", "\"height\":4611686018427387904");
        assert!(serde_json::from_str::<Mask>(&huge).is_err());
    }
}
