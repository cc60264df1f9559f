//! One trial through the product, from its file to dF/F, with any variant in the place of a step.

use std::hint::black_box;
use std::ops::Range;

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, ArrayViewMut3, Axis, s};
use widefield::{BackgroundLevel, Mask, MovieSource, Subtract};
use widefield_pipeline::config::Config;
use widefield_pipeline::contract::Decided;
use widefield_pipeline::step::{
    Background, Cause, Clip, Held, Identity, Masking, Normal, Normalise, Step,
};
use widefield_pipeline::widefield_storage::Place;
use widefield_pipeline::{Error, Experiment, Observer, Own, Plan, StepError};

use crate::variants::{Variant, background, dff, segment};

/// A session of one trial, whose file is in memory.
#[derive(Debug)]
pub struct Trial {
    place: String,
    side: usize,
}

/// Takes the blocks of dF/F as they come, as the writers of a run do, and keeps none.
struct Seen;

impl Trial {
    /// A trial of these bytes of a DCIMG file, kept under that name for as long as the process runs, to be resized to a square
    /// of `side` px.
    ///
    /// # Errors
    /// If there is no such place.
    pub fn new(name: &str, file: &[u8], side: usize) -> Result<Self, Error> {
        let place = format!("memory://{name}");
        Place::open(&place)?.put("trial_1.dcimg", file.to_vec())?;
        Ok(Self { place, side })
    }

    /// The session, with steps of one's own or none.
    ///
    /// # Errors
    /// If the session cannot be planned.
    pub fn plan(&self, own: Own) -> Result<Plan, Error> {
        let mut config = Config::new("trial_");
        config.data.url.clone_from(&self.place);
        config.analysis.resolution = Some([self.side; 2]);
        let experiment = Experiment::from_config(config, ".")?;
        experiment.with(|_| own).plan()
    }

    /// From the file to dF/F.
    ///
    /// # Errors
    /// Those of the steps.
    pub fn run(plan: &Plan) -> Result<(), Error> {
        plan.observe(0, &Decided::default(), &mut Seen)
    }
}

impl Observer for Seen {
    type Error = StepError;

    fn block(
        &mut self,
        _: usize,
        _: ArrayView3<'_, f32>,
        dff: ArrayView3<'_, f32>,
    ) -> Result<(), StepError> {
        black_box(dff);
        Ok(())
    }
}

fn identity(name: &str) -> Identity {
    Identity {
        name: name.into(),
        revision: 1,
        parameters: Default::default(),
    }
}

impl Step for Variant<background::Run> {
    fn identity(&self) -> Identity {
        identity(self.name)
    }
}

impl Background for Variant<background::Run> {
    fn estimate(&self, image: ArrayView2<'_, f64>) -> Result<BackgroundLevel, Cause> {
        #[expect(clippy::cast_possible_truncation, reason = "counts of a frame are f32")]
        let frame = image.mapv(|count| count as f32);
        let value = (self.run)(frame.view())?;
        let known = widefield::Background::Constant { counts: value };
        Ok(known.estimate_image(image)?)
    }
}

impl Step for Variant<segment::Run> {
    fn identity(&self) -> Identity {
        identity(self.name)
    }
}

impl Masking for Variant<segment::Run> {
    fn mask(&self, mean: ArrayView2<'_, f64>) -> Result<Mask, Cause> {
        Ok(Mask::from_kept((self.run)(mean)?))
    }
}

impl Step for Variant<dff::Run> {
    fn identity(&self) -> Identity {
        identity(self.name)
    }
}

impl Normalise for Variant<dff::Run> {
    fn frames(&self, _: &Clip) -> Result<Range<usize>, Cause> {
        Ok(0..0)
    }

    fn held(&self, clip: &Clip, _: usize) -> Held {
        // Counts and dF/F of the whole movie.
        Held {
            always: 2 * clip.frames as u64 * clip.frame_bytes(),
            ..Held::default()
        }
    }

    fn prepare(
        &self,
        movie: &dyn MovieSource,
        subtract: &Subtract,
        mask: &Mask,
        _: &Clip,
    ) -> Result<Box<dyn Normal>, Cause> {
        let (frames, height, width) = movie.dim();
        let mut counts = Array3::zeros((frames, height, width));
        movie.frames_into(0..frames, counts.view_mut())?;
        Ok(Box::new(Made {
            dff: (self.run)(counts.view(), subtract, mask.kept().view())?,
            f0: Array2::from_elem((height, width), f64::NAN),
        }))
    }
}

/// dF/F that was made of a whole movie; its function does not tell F0.
struct Made {
    dff: Array3<f32>,
    f0: Array2<f64>,
}

impl Normal for Made {
    fn f0(&self) -> ArrayView2<'_, f64> {
        self.f0.view()
    }

    fn nonfinite_pixels(&self) -> usize {
        0
    }

    fn describe(&self, _ratio: bool) -> String {
        "a variant".into()
    }

    fn block_into(
        &self,
        _: &dyn MovieSource,
        first: usize,
        block: ArrayView3<'_, f32>,
        mut out: ArrayViewMut3<'_, f32>,
    ) -> Result<(), Cause> {
        let end = first + block.len_of(Axis(0));
        out.assign(&self.dff.slice(s![first..end, .., ..]));
        Ok(())
    }
}
