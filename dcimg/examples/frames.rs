//! Prints geometry, clock and the mean of each frame of a DCIMG file.
//!
//! ```sh
//! cargo run -p dcimg --example frames -- FILE
//! ```
//!
//! Without a file it builds a small one in memory.

use std::error::Error;
use std::io::Cursor;

use dcimg::write::{Spec, Writer};
use dcimg::{Dcimg, File, Movie, Stamp, Timestamp, Warning};
use ndarray::Array2;

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args_os().nth(1) {
        Some(path) => {
            let file = File::open(path)?;
            print(file.movie(), file.warnings())
        }
        None => {
            let bytes = example()?;
            let file = Dcimg::parse(&bytes)?;
            print(file.movie(), file.warnings())
        }
    }
}

fn print(movie: Movie<'_>, warnings: &[Warning]) -> Result<(), Box<dyn Error>> {
    let (n, width, height) = (movie.len(), movie.width(), movie.height());
    println!("{n} frames of {width} x {height} px, {}", movie.pixel());
    println!("relocated pixels: {}", movie.relocation()?);
    let clock = movie.clock()?;
    if let Some(first) = clock.times().first() {
        println!(
            "from {first}, {:.3} Hz, {} dropped",
            clock.rate_hz(),
            clock.dropped()
        );
    }
    for warning in warnings {
        println!("warning: {warning}");
    }
    let mut pixels = Array2::<f32>::zeros((height, width));
    for frame in movie.frames() {
        frame.read_into(pixels.view_mut())?;
        println!(
            "frame {:4}  mean {:.2}",
            frame.index(),
            pixels.mean().unwrap_or(f32::NAN)
        );
    }
    Ok(())
}

/// Five frames at 20 Hz, one dropped before the last, with relocated pixels in row 3.
fn example() -> Result<Vec<u8>, dcimg::write::Error> {
    let spec = Spec::framed(64, 48)
        .model("C11440-22C", "S/N: 001634")
        .relocated_at(3, 0);
    let mut writer = Writer::new(Cursor::new(Vec::new()), &spec)?;
    for framestamp in [0u16, 1, 2, 3, 5] {
        let frame = Array2::from_elem((48, 64), 100 + framestamp);
        let framestamp = u32::from(framestamp);
        let time = Timestamp {
            seconds: 1_487_067_753,
            microseconds: 50_000 * framestamp,
        };
        writer.push(frame.view(), Stamp { framestamp, time })?;
    }
    Ok(writer.finish()?.into_inner())
}
