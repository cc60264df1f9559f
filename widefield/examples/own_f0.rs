//! dF/F with an F0 of one's own: the frame-wise mean of a reference recording, with a floor for dark pixels.
//!
//! `cargo run -p widefield --example own_f0`

use ndarray::{Array3, Axis};
use widefield::{Denominator, F0, Mask, Normaliser, Quantity, Subtract};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Light that rises to the right; in frame 3 every pixel is 10 % brighter.
    let light = |x: usize| 10.0 * x as f32;
    let reference = Array3::from_shape_fn((5, 8, 8), |(_, _, x)| 100.0 + light(x));
    let movie = Array3::from_shape_fn((5, 8, 8), |(t, _, x)| {
        100.0 + if t == 3 { 1.1 } else { 1.0 } * light(x)
    });
    let subtract = Subtract {
        background: 100.0,
        clamp_negative: true,
    };

    let f0 = F0::from_image(subtract.mean(reference.view())?);
    let mask = Mask::keep_all((8, 8));
    let floor = Denominator::Floor(20.0);
    let own = Normaliser::from_f0(f0, floor, Quantity::DeltaF, &movie, &subtract, &mask)?;
    let mut dff = Array3::zeros(movie.raw_dim());
    own.block_into(&movie, 0, movie.view(), dff.view_mut())?;

    let response = dff.index_axis(Axis(0), 3);
    println!(
        "right: {:.3}, left: {:.3}",
        response[(0, 7)],
        response[(0, 1)]
    );
    assert!((response[(0, 7)] - 0.1).abs() < 1e-5);
    // 1 count over the floor of 20.
    assert!((response[(0, 1)] - 0.05).abs() < 1e-5);
    Ok(())
}
