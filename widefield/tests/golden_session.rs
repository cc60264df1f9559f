//! The chain from resized movie to dF/F against NumPy and SciPy.

use ndarray::{Array3, ArrayView3, Axis, s};
use serde_json::Value;
use widefield::{Background, Baseline, Mask, Segmentation, Subtract, dff};

fn read(name: &str) -> Vec<u8> {
    std::fs::read(format!(
        "{}/tests/data/session/{name}",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap()
}

/// A movie of the files, (x, reversed y, t), as (t, y, x).
fn movie(name: &str) -> Array3<f32> {
    use ndarray_npy::ReadNpyExt;
    let stored = Array3::<f32>::read_npy(read(name).as_slice()).unwrap();
    let mut camera = stored.permuted_axes([2, 1, 0]);
    camera.invert_axis(Axis(1));
    camera.as_standard_layout().into_owned()
}

fn normalised(
    movie: ArrayView3<'_, f32>,
    subtract: &Subtract,
    mask: &Mask,
    baseline: &Baseline,
) -> Array3<f32> {
    let f0 = baseline.f0(movie, subtract).unwrap();
    let mut out = Array3::zeros(movie.raw_dim());
    dff::normalise_into(movie, subtract, f0.view(), mask, out.view_mut()).unwrap();
    out
}

#[test]
fn background_mask_and_dff_equal_scipy() {
    let expected: Value = serde_json::from_slice(&read("expected.json")).unwrap();
    let number = |value: &Value| value.as_f64().unwrap();
    let smoothing_sd_px = Some(number(&expected["smoothing_sd_px"]));
    let frames =
        [0, 1].map(|i| usize::try_from(expected["baseline_frames"][i].as_u64().unwrap()).unwrap());
    let baseline = Baseline::frames(frames[0]..frames[1]);
    let trials = expected["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 3);
    for trial in trials {
        let file = trial["file"].as_str().unwrap();
        let movie = movie(&format!("{file}.mov.npy"));

        let level = Background::GaussianFit { smoothing_sd_px }
            .estimate(movie.index_axis(Axis(0), 0))
            .unwrap();
        let fit = level.fit.unwrap();
        let amplitude = number(&trial["fit"]["amplitude"]);
        // Lengths are of the order of 10 px, so this is 1e-8 of a length too, and of the angle.
        let found = [
            ("amplitude", fit.amplitude, amplitude),
            ("x0", fit.x0, 10.0),
            ("y0", fit.y0, 10.0),
            ("sigma_x", fit.sigma_x, 10.0),
            ("sigma_y", fit.sigma_y, 10.0),
            ("theta", fit.theta, 1.0),
            ("offset", fit.offset, amplitude),
        ];
        for (name, value, scale) in found {
            let scipy = number(&trial["fit"][name]);
            assert!(
                (value - scipy).abs() < 1e-7 * scale,
                "{file}: {name} {value} and {scipy}"
            );
        }
        let background = number(&trial["background"]);
        assert!(
            (level.value - background).abs() < 1e-8 * amplitude,
            "{file}: {} and {background}",
            level.value
        );

        let subtract = Subtract {
            background: level.value,
            clamp_negative: true,
        };
        let mean = subtract.mean(movie.view()).unwrap();
        let cutoff = number(&expected["density_cutoff"]);
        let mask = Segmentation::DensityCutoff {
            density_cutoff: cutoff,
        }
        .mask(mean.view())
        .unwrap();
        let threshold = number(&trial["threshold"]);
        // The same grid point: the points are 7 counts apart, and move with the background, which is
        // itself good to 1e-8 of the amplitude (curve_fit stops 3.6e-5 counts before the minimum).
        assert!(
            (mask.threshold() - threshold).abs() < 1e-8 * amplitude,
            "{file}: {} and {threshold}",
            mask.threshold()
        );
        assert_eq!(
            mask.masked_pixels() as u64,
            trial["masked_pixels"].as_u64().unwrap()
        );
        for (ours, scipy) in mask
            .density()
            .iter()
            .zip(trial["density_head"].as_array().unwrap())
        {
            assert!(
                (ours / number(scipy) - 1.0).abs() < 1e-7,
                "{file}: {ours} and {scipy}"
            );
        }

        let ours = normalised(movie.view(), &subtract, &mask, &baseline);
        let numpy = self::movie(&format!("{file}.dff.npy"));
        assert_eq!(ours.dim(), numpy.dim());
        let mut finite = 0;
        for ((at, ours), numpy) in ours.indexed_iter().zip(&numpy) {
            assert_eq!(
                ours.is_nan(),
                numpy.is_nan(),
                "{file}: mask differs at {at:?}"
            );
            if !ours.is_nan() {
                assert!(
                    (ours - numpy).abs() < 1e-6,
                    "{file} at {at:?}: {ours} and {numpy}"
                );
                finite += 1;
            }
        }
        assert_eq!(
            finite,
            (48 * 48 - mask.masked_pixels()) * movie.len_of(Axis(0))
        );

        let blocks = [0..1, 1..7, 7..movie.len_of(Axis(0))];
        let f0 = baseline.f0(movie.view(), &subtract).unwrap();
        for block in blocks {
            let part = movie.slice(s![block.clone(), .., ..]);
            let mut out = Array3::zeros(part.raw_dim());
            dff::normalise_into(part, &subtract, f0.view(), &mask, out.view_mut()).unwrap();
            let bits = |values: ArrayView3<'_, f32>| {
                values
                    .iter()
                    .map(|value| value.to_bits())
                    .collect::<Vec<_>>()
            };
            assert_eq!(bits(out.view()), bits(ours.slice(s![block, .., ..])));
        }
    }
}
