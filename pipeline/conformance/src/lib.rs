//! What every step promises, to be run on one's own: the same bits for any blocks and any number of threads, an answer
//! or an error but no panic for movies of a single frame, pixel or value, and an identity that makes it again.
//!
//! ```
//! use widefield::{Baseline, DeltaF, Segmentation};
//!
//! widefield_conformance::masking(&Segmentation::Otsu)?;
//! widefield_conformance::normalise(&DeltaF::new(Baseline::Median))?;
//! # Ok::<(), widefield_conformance::Broken>(())
//! ```

use ndarray::{Array2, Array3, ArrayView3, Axis, s};
use widefield::motion::Shift;
use widefield::{Mask, Size, Subtract, TimeAxis};
use widefield_pipeline::order_of_steps::rewrite;
use widefield_pipeline::recording::Movie;
use widefield_pipeline::step::{
    Apply, Background, Cause, Clip, Masking, Normal, Normalise, Parameters, Register, Step,
    Transform,
};

// What public signatures are made of, in the version they are made of.
pub use widefield_pipeline;

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// A promise that a step does not keep, and on what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(String);

fn broken(what: impl Into<String>) -> Result<(), Broken> {
    Err(Broken(what.into()))
}

const AXIS: TimeAxis = TimeAxis {
    sample_rate_hz: 20.0,
    first_frame_s: -1.0,
};

/// A window of light that is brighter from frame 20 on, with noise that is the same at every call.
fn movie() -> Array3<f32> {
    Array3::from_shape_fn((45, 18, 22), |(t, y, x)| {
        let (dx, dy) = (x as f32 - 11.0, y as f32 - 8.0);
        let light = 2000.0 * (-(dx * dx + dy * dy) / 60.0).exp();
        let noise = ((t * 396 + y * 22 + x) * 2_654_435_761 % 97) as f32;
        90.0 + noise + if t < 20 { light } else { 1.05 * light }
    })
}

/// Movies that nothing can be made of, with what is odd about them.
fn degenerate() -> Vec<(&'static str, Array3<f32>)> {
    vec![
        ("a single frame", movie().slice(s![..1, .., ..]).to_owned()),
        (
            "a single pixel",
            Array3::from_shape_fn((30, 1, 1), |(t, ..)| t as f32),
        ),
        ("one value everywhere", Array3::from_elem((30, 6, 5), 7.0)),
        ("nothing but 0", Array3::zeros((30, 6, 5))),
        ("nothing but NaN", Array3::from_elem((30, 6, 5), f32::NAN)),
        (
            "infinite values",
            Array3::from_elem((30, 6, 5), f32::INFINITY),
        ),
    ]
}

fn image(movie: ArrayView3<'_, f32>) -> Array2<f64> {
    movie.mapv(f64::from).mean_axis(Axis(0)).unwrap_or_default()
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(work),
        Err(_) => work(),
    }
}

/// Whether the identity of a step makes the same step again, and tells it from `other`, which has other parameters.
///
/// # Errors
/// [`Broken`] with the promise that is not kept.
pub fn identity<T: Parameters>(step: &T, other: &T) -> Result<(), Broken> {
    let (ours, theirs) = (step.identity(), other.identity());
    if ours == theirs {
        return broken("two steps with other parameters have one identity");
    }
    match serde_json::from_value::<T>(ours.parameters.clone()) {
        Ok(again) if again.identity() == ours => Ok(()),
        Ok(_) => broken("the step made again from its parameters is another"),
        Err(error) => broken(format!(
            "the step cannot be made again from its parameters: {error}"
        )),
    }
}

/// Whether the shifts of frames are the same in any blocks and on any number of threads, one for each frame, and settling
/// changes none of a frame that is not flagged.
///
/// # Errors
/// [`Broken`] with the promise that is not kept.
pub fn register(step: &dyn Register) -> Result<(), Broken> {
    let measured = |movie: &Array3<f32>, block: usize| -> Result<Vec<Shift>, Cause> {
        let first = movie.slice(s![..movie.len_of(Axis(0)).min(10), .., ..]);
        let locate = step.prepare(step.reference(first)?.view())?;
        let mut shifts = Vec::new();
        for frames in movie.axis_chunks_iter(Axis(0), block) {
            shifts.extend(locate.shifts(frames)?);
        }
        Ok(shifts)
    };
    let mut light = movie();
    // One that cannot be told.
    light.index_axis_mut(Axis(0), 20).fill(100.0);
    let whole = match measured(&light, light.len_of(Axis(0))) {
        Ok(whole) if whole.len() == light.len_of(Axis(0)) => whole,
        Ok(_) => return broken("there is not one shift for each frame"),
        Err(error) => return broken(format!("an ordinary movie is refused: {error}")),
    };
    for (block, threads) in [(1, 1), (7, 3), (16, 2)] {
        match on_threads(threads, || measured(&light, block)) {
            Ok(parts) if parts == whole => {}
            Ok(_) => {
                return broken(format!(
                    "blocks of {block} frames on {threads} threads give other shifts"
                ));
            }
            Err(error) => return broken(format!("blocks of {block} frames: {error}")),
        }
    }
    let mut settled = whole.clone();
    step.settle(&mut settled);
    let believed = |shifts: &[Shift]| -> Vec<Shift> {
        let all = whole.iter().zip(shifts);
        all.filter(|(was, _)| was.flag.is_none())
            .map(|(_, now)| *now)
            .collect()
    };
    if believed(&settled) != believed(&whole) {
        return broken("settling changes shifts that are not flagged");
    }
    if settled
        .iter()
        .zip(&whole)
        .any(|(now, was)| now.flag != was.flag)
    {
        return broken("settling changes flags");
    }
    for (_, movie) in degenerate() {
        // An answer or an error: what it must not do is panic.
        drop(measured(&movie, 16));
    }
    Ok(())
}

/// Whether a background is the same at every call and on any number of threads.
///
/// # Errors
/// [`Broken`] with the promise that is not kept.
pub fn background(step: &dyn Background) -> Result<(), Broken> {
    let image_of = |movie: &Array3<f32>| image(movie.view());
    let light = image_of(&movie());
    let levels = [1, 3].map(|threads| on_threads(threads, || step.estimate(light.view())));
    if let [Ok(one), Ok(three)] = &levels
        && one != three
    {
        return broken("another number of threads gives another background");
    }
    for (what, movie) in degenerate() {
        if let Ok(level) = step.estimate(image_of(&movie).view())
            && !level.value.is_finite()
        {
            return broken(format!(
                "{what}: the background is {}, and no error",
                level.value
            ));
        }
    }
    Ok(())
}

/// Whether a mask has the shape of its image, and is the same at every call and on any number of threads.
///
/// # Errors
/// [`Broken`] with the promise that is not kept.
pub fn masking(step: &dyn Masking) -> Result<(), Broken> {
    let light = image(movie().view());
    let masks = [1, 3].map(|threads| on_threads(threads, || step.mask(light.view())));
    if let [Ok(one), Ok(three)] = &masks
        && one.kept() != three.kept()
    {
        return broken("another number of threads gives another mask");
    }
    let all = degenerate().into_iter().chain([("light", movie())]);
    for (what, movie) in all {
        let image = image(movie.view());
        if let Ok(mask) = step.mask(image.view())
            && mask.kept().dim() != image.dim()
        {
            return broken(format!("{what}: the mask has another shape than its image"));
        }
    }
    Ok(())
}

fn bits(movie: &Array3<f32>) -> Vec<u32> {
    movie.iter().map(|value| value.to_bits()).collect()
}

/// Whether `work` gives the same bits for any blocks of a movie and any number of threads, and no panic.
fn same_in_blocks(
    work: impl Fn(&Array3<f32>, usize) -> Result<Array3<f32>, Cause> + Sync,
) -> Result<(), Broken> {
    let movie = movie();
    let whole = match work(&movie, movie.len_of(Axis(0))) {
        Ok(whole) => whole,
        Err(error) => return broken(format!("an ordinary movie is refused: {error}")),
    };
    for (block, threads) in [(1, 1), (7, 3), (16, 2)] {
        match on_threads(threads, || work(&movie, block)) {
            Ok(parts) if bits(&parts) == bits(&whole) => {}
            Ok(_) => {
                return broken(format!(
                    "blocks of {block} frames on {threads} threads give other bits"
                ));
            }
            Err(error) => return broken(format!("blocks of {block} frames: {error}")),
        }
    }
    for (_, movie) in degenerate() {
        // An answer or an error: what it must not do is panic.
        drop(work(&movie, 16));
    }
    Ok(())
}

fn rewritten(
    step: &dyn Transform,
    movie: &Array3<f32>,
    block: usize,
) -> Result<Array3<f32>, Cause> {
    let clip = Clip::of(&movie.view(), AXIS).block(block);
    let apply: Box<dyn Apply> = step.prepare(&movie.view(), &clip)?;
    let mut out = Movie::in_memory(movie.dim(), Some(movie.clone()));
    rewrite(&mut out, &clip, step.context(&clip), &*apply)?;
    Ok(out.into_memory().unwrap_or_default())
}

/// Whether a transform gives the same bits for any blocks and any number of threads.
///
/// # Errors
/// [`Broken`] with the promise that is not kept.
pub fn transform(step: &dyn Transform) -> Result<(), Broken> {
    same_in_blocks(|movie, block| rewritten(step, movie, block))
}

fn normalised(
    step: &dyn Normalise,
    movie: &Array3<f32>,
    block: usize,
) -> Result<Array3<f32>, Cause> {
    let (_, height, width) = movie.dim();
    let clip = Clip::of(&movie.view(), AXIS).block(block);
    let mut kept = Array2::from_elem((height, width), true);
    kept[(0, 0)] = height * width == 1;
    let mask = Mask::from_kept(kept);
    let subtract = Subtract {
        background: 80.0,
        clamp_negative: true,
    };
    let frames = step.frames(&clip)?;
    if frames.end > clip.frames {
        return Err(format!("frames {frames:?} are not in the movie").into());
    }
    let source = movie.view();
    let normal: Box<dyn Normal> = step.prepare(&source, &subtract, &mask, &clip)?;
    let mut out = Array3::zeros(movie.raw_dim());
    let blocks = movie
        .axis_chunks_iter(Axis(0), block)
        .zip(out.axis_chunks_iter_mut(Axis(0), block));
    for (i, (counts, out)) in blocks.enumerate() {
        normal.block_into(&source, i * block, counts, out)?;
    }
    if height * width > 1 && !out.slice(s![.., 0, 0]).iter().all(|value| value.is_nan()) {
        return Err("a pixel that the mask does not keep is not NaN".into());
    }
    Ok(out)
}

/// Whether dF/F has the same bits for any blocks and any number of threads, and masked pixels are NaN.
///
/// # Errors
/// [`Broken`] with the promise that is not kept.
pub fn normalise(step: &dyn Normalise) -> Result<(), Broken> {
    let size = Size {
        width: 22,
        height: 18,
    };
    // Whatever a header claims: no overflow.
    let _ = step.held(&Clip::new(usize::MAX, size, AXIS), usize::MAX);
    same_in_blocks(|movie, block| normalised(step, movie, block))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{ArrayView2, ArrayViewMut3};
    use std::ops::Range;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use widefield::baseline::Span;
    use widefield::motion::Rigid;
    use widefield::{Baseline, DeltaF, MovieSource, Segmentation};
    use widefield_pipeline::Steps;
    use widefield_pipeline::step::{Context, Held, Identity};

    #[test]
    fn ours_keep_their_promises() {
        let steps = Steps::default();
        register(&Rigid::default()).expect("motion");
        background(&*steps.background).expect("background");
        masking(&*steps.mask).expect("mask");
        normalise(&*steps.normalise).expect("F0");
        for rule in [
            Segmentation::Otsu,
            Segmentation::Triangle,
            Segmentation::Percentile { percentile: 30.0 },
        ] {
            masking(&rule).expect("mask");
        }
        for baseline in [
            Baseline::Mean,
            Baseline::Median,
            Baseline::SlidingPercentile {
                percentile: 8.0,
                span: Span::Seconds(0.45),
            },
            Baseline::Maximin {
                smoothing: Span::frames(2),
                span: Span::frames(9),
            },
            Baseline::Bleaching { frames: None },
        ] {
            normalise(&DeltaF::new(baseline)).expect("F0");
        }
    }

    /// Parameters of some step.
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Darkest {
        share: f64,
    }

    impl Parameters for Darkest {
        const NAME: &'static str = "darkest";
    }

    #[test]
    fn parameters_are_an_identity() {
        let darkest = |share| Darkest { share };
        identity(&darkest(0.3), &darkest(0.4)).expect("identity");
        assert!(identity(&darkest(0.3), &darkest(0.3)).is_err());
    }

    /// Breaks one promise after the other.
    struct Careless(&'static str, AtomicUsize);

    impl Step for Careless {
        fn identity(&self) -> Identity {
            Identity {
                name: "careless".into(),
                revision: 1,
                parameters: self.0.into(),
            }
        }
    }

    impl Masking for Careless {
        fn mask(&self, mean: ArrayView2<'_, f64>) -> Result<Mask, Cause> {
            let (height, width) = mean.dim();
            Ok(match self.0 {
                "other shape" => Mask::from_kept(Array2::from_elem((height + 1, width), true)),
                _ => {
                    let call = self.1.fetch_add(1, Ordering::Relaxed);
                    Mask::from_kept(mean.mapv(|value| value > call as f64 * 1000.0))
                }
            })
        }
    }

    impl Transform for Careless {
        fn context(&self, _: &Clip) -> Context {
            Context::default()
        }

        fn prepare(&self, _: &dyn MovieSource, _: &Clip) -> Result<Box<dyn Apply>, Cause> {
            Ok(Box::new(MeanOfBlock))
        }
    }

    /// The mean of the frames it is given, which depends on the blocks.
    struct MeanOfBlock;

    impl Apply for MeanOfBlock {
        fn apply(
            &self,
            _: usize,
            around: ArrayView3<'_, f32>,
            _: usize,
            mut out: ArrayViewMut3<'_, f32>,
        ) -> Result<(), Cause> {
            let mean = around.mean_axis(Axis(0)).ok_or("no frames")?;
            out.outer_iter_mut()
                .for_each(|mut frame| frame.assign(&mean));
            Ok(())
        }
    }

    impl Normalise for Careless {
        fn frames(&self, clip: &Clip) -> Result<Range<usize>, Cause> {
            Ok(0..clip.frames + 1)
        }

        fn held(&self, _: &Clip, _: usize) -> Held {
            Held::default()
        }

        fn prepare(
            &self,
            _: &dyn MovieSource,
            _: &Subtract,
            _: &Mask,
            _: &Clip,
        ) -> Result<Box<dyn Normal>, Cause> {
            Err("not reached".into())
        }
    }

    #[test]
    fn broken_promises_are_named() {
        let careless = |what| Careless(what, AtomicUsize::new(0));
        let said = |result: Result<(), Broken>| result.expect_err("broken").to_string();
        assert!(said(masking(&careless("other shape"))).contains("another shape"));
        assert!(said(masking(&careless("counts calls"))).contains("threads"));
        assert!(said(transform(&careless("blocks"))).contains("other bits"));
        assert!(said(normalise(&careless("frames"))).contains("not in the movie"));
    }
}
