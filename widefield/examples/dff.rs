//! From a synthetic recording to dF/F, step by step.
//!
//! `cargo run -p widefield --example dff` prints what each step finds.

use ndarray::{Array3, Axis, s};
use widefield::{Background, Baseline, Mask, Resize, Segmentation, Size, Subtract, TimeAxis, dff};

const OFFSET: f32 = 100.0;

fn main() -> Result<(), widefield::Error> {
    let counts = recording();
    let axis = TimeAxis {
        sample_rate_hz: 20.0,
        first_frame_s: -3.0,
    };

    let size = Size {
        width: 64,
        height: 64,
    };
    let movie = Resize::Triangle.movie(counts.view(), size)?;
    println!(
        "resized: {} frames of {} x {} px",
        movie.len_of(Axis(0)),
        size.width,
        size.height
    );

    let first = movie.index_axis(Axis(0), 0);
    let level = Background::GaussianFit {
        smoothing_sd_px: Some(2.0),
    }
    .estimate(first)?;
    println!(
        "background: {:.2} counts, the camera's offset is {OFFSET}",
        level.value
    );

    let subtract = Subtract {
        background: level.value,
        clamp_negative: true,
    };
    let mask = Segmentation::DensityCutoff {
        density_cutoff: 0.0005,
    }
    .mask(subtract.mean(movie.view())?.view())?;
    println!(
        "mask: {} px are darker than {:.0} counts",
        mask.masked_pixels(),
        mask.threshold()
    );

    // Up to 2 s before the stimulus at 0 s.
    let baseline = Baseline::frames(0..axis.frames_before(-2.0, movie.len_of(Axis(0))));
    let f0 = baseline.f0(movie.view(), &subtract)?;
    println!(
        "pixels without a finite dF/F: {}",
        dff::nonfinite_pixels(f0.view(), &mask)
    );

    // In blocks of 32 frames, as a movie larger than memory would be.
    let mut trace = Vec::new();
    for block in movie.axis_chunks_iter(Axis(0), 32) {
        let mut out = Array3::zeros(block.raw_dim());
        dff::normalise_into(block, &subtract, f0.view(), &mask, out.view_mut())?;
        trace.extend(
            out.axis_iter(Axis(0))
                .map(|frame| mean_of_area(frame, &mask)),
        );
    }
    let peak = (0..trace.len())
        .max_by(|&a, &b| trace[a].total_cmp(&trace[b]))
        .unwrap_or(0);
    println!(
        "largest response: {:.2} % at {:.2} s",
        100.0 * trace[peak],
        axis.time_s(peak)
    );
    Ok(())
}

/// 100 frames of 128 x 128 px at 20 Hz: light that fades from the middle, and an area that brightens by
/// 5 % and decays after 0 s.
fn recording() -> Array3<f32> {
    Array3::from_shape_fn((100, 128, 128), |(t, y, x)| {
        let squared = |cx: f32, cy: f32| (x as f32 - cx).powi(2) + (y as f32 - cy).powi(2);
        let light = 4000.0 * (-squared(60.0, 66.0) / 1000.0).exp();
        let after = (t as f32 / 20.0 - 3.0).max(0.0);
        let response = 0.05 * (-squared(72.0, 60.0) / 200.0).exp() * after * (1.0 - after).exp();
        OFFSET + light * (1.0 + response)
    })
}

/// Mean dF/F of the middle of the responding area, masked pixels left out.
fn mean_of_area(frame: ndarray::ArrayView2<'_, f32>, mask: &Mask) -> f32 {
    let area = s![28..33, 34..39];
    let kept = mask.kept();
    let values = frame.slice(area);
    let kept = values
        .iter()
        .zip(kept.slice(area))
        .filter(|(_, kept)| **kept);
    let (n, sum) = kept.fold((0.0, 0.0), |(n, sum), (value, _)| (n + 1.0, sum + value));
    sum / n
}
