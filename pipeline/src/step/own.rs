//! Steps that a program brings: in their places among the configured ones, and known to its workers.

use super::{Background, Identity, Masking, Normalise, Parameters, Register, Step, Transform};
use crate::config::Config;
use crate::consumer::Consumer;
use crate::order_of_steps::Steps;
use serde::{Deserialize, Serialize};
use serde_json::{Value, from_value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a step stands in the order of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Slot {
    /// While movies are read, in place of the configured one.
    Register,
    /// Before the background; one after the other.
    Transform,
    /// In place of the configured background.
    Background,
    /// In place of the configured mask.
    Mask,
    /// In place of the configured baseline.
    Normalise,
}

/// A step of one's own as records, manifests and requests have it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placed {
    /// Where it stands.
    pub slot: Slot,
    /// Which step it is.
    #[serde(flatten)]
    pub step: Identity,
}

/// A program's own steps and consumers.
#[derive(Clone, Default)]
#[must_use]
pub struct Own {
    pub(crate) register: Option<Arc<dyn Register>>,
    transforms: Vec<Arc<dyn Transform>>,
    background: Option<Arc<dyn Background>>,
    pub(crate) mask: Option<Arc<dyn Masking>>,
    normalise: Option<Arc<dyn Normalise>>,
    pub(crate) consumers: Vec<Arc<dyn Consumer>>,
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let consumers = self.consumers.iter().map(|consumer| consumer.name());
        f.debug_struct("Own")
            .field("steps", &self.placed())
            .field("consumers", &consumers.collect::<Vec<_>>())
            .finish()
    }
}

impl Own {
    /// Takes motion away by this.
    pub fn register(mut self, step: impl Register + 'static) -> Self {
        self.register = Some(Arc::new(step));
        self
    }

    /// Lets every movie go through this before its background is estimated, after the transforms that are there.
    pub fn transform(mut self, step: impl Transform + 'static) -> Self {
        self.transforms.push(Arc::new(step));
        self
    }

    /// Estimates backgrounds by this.
    pub fn background(mut self, step: impl Background + 'static) -> Self {
        self.background = Some(Arc::new(step));
        self
    }

    /// Makes masks by this.
    pub fn mask(mut self, step: impl Masking + 'static) -> Self {
        self.mask = Some(Arc::new(step));
        self
    }

    /// Takes F0 and makes dF/F by this.
    pub fn normalise(mut self, step: impl Normalise + 'static) -> Self {
        self.normalise = Some(Arc::new(step));
        self
    }

    /// Shows every trial to this, and the session when it ends.
    pub fn consumer(mut self, consumer: impl Consumer + 'static) -> Self {
        self.consumers.push(Arc::new(consumer));
        self
    }

    /// The steps with their places, in order.
    #[must_use]
    pub fn placed(&self) -> Vec<Placed> {
        fn place<S: Step + ?Sized>(slot: Slot, step: &Arc<S>) -> Placed {
            let step = step.identity();
            Placed { slot, step }
        }
        let mut all: Vec<Placed> = Vec::new();
        all.extend(self.register.iter().map(|s| place(Slot::Register, s)));
        all.extend(self.transforms.iter().map(|s| place(Slot::Transform, s)));
        all.extend(self.background.iter().map(|s| place(Slot::Background, s)));
        all.extend(self.mask.iter().map(|s| place(Slot::Mask, s)));
        all.extend(self.normalise.iter().map(|s| place(Slot::Normalise, s)));
        all
    }

    /// Refuses steps whose parameters cannot be told from others.
    pub(crate) fn refuse_lost(&self) -> Result<(), crate::Error> {
        for Placed { step, .. } in self.placed() {
            if let Some(why) = step.parameters.get(super::LOST) {
                let (name, why) = (step.name.clone(), format!("its parameters: {why}"));
                return Err(crate::Error::UnknownStep { name, why });
            }
        }
        Ok(())
    }

    /// Consumers that make results of a session, and the others.
    pub(crate) fn makers(&self, config: &Config) -> (Vec<&dyn Consumer>, Vec<&dyn Consumer>) {
        let consumers = self.consumers.iter().map(|consumer| &**consumer);
        consumers.partition(|consumer| consumer.makes(config))
    }

    /// The share of the memory that consumers hold.
    pub(crate) fn share(&self, config: &Config) -> f64 {
        let shares = self.consumers.iter().map(|consumer| consumer.share(config));
        shares.sum::<f64>().clamp(0.0, 0.5)
    }

    /// Those that workers must know.
    pub(crate) fn consumer_names(&self) -> Vec<String> {
        let keeps = self.consumers.iter().filter(|c| c.extension().is_some());
        keeps.map(|consumer| consumer.name().to_owned()).collect()
    }

    pub(super) fn take_their_places(&self, mut steps: Steps) -> Steps {
        steps.transforms.extend(self.transforms.iter().cloned());
        let Self {
            register,
            background,
            mask,
            normalise,
            ..
        } = self.clone();
        steps.register = register.or(steps.register);
        steps.background = background.unwrap_or(steps.background);
        steps.mask = mask.unwrap_or(steps.mask);
        steps.normalise = normalise.unwrap_or(steps.normalise);
        steps
    }
}

/// Puts a step, made again from its parameters, in its place.
type Make = Arc<dyn Fn(Own, Value) -> Result<Own, serde_json::Error> + Send + Sync>;

/// What a program that works for others can make again from a request: the steps it knows by name.
///
/// ```
/// # use ndarray::ArrayView2;
/// # use serde::{Deserialize, Serialize};
/// # use widefield_pipeline::step::{Cause, Known, Masking, Own, Parameters};
/// # #[derive(Serialize, Deserialize)]
/// # struct Vessels { darkest: f64 }
/// # impl Parameters for Vessels { const NAME: &'static str = "vessels"; }
/// # impl Masking for Vessels {
/// #     fn mask(&self, mean: ArrayView2<'_, f64>) -> Result<widefield::Mask, Cause> { todo!() }
/// # }
/// let known = Known::default().mask::<Vessels>();
/// let asked = Own::default().mask(Vessels { darkest: 0.2 }).placed();
/// assert_eq!(known.own(&asked)?.placed(), asked);
/// assert!(Known::default().own(&asked).is_err());
/// # Ok::<(), widefield_pipeline::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Known {
    steps: BTreeMap<(Slot, &'static str), (u32, Make)>,
    consumers: Vec<Arc<dyn Consumer>>,
}

impl Known {
    fn knows<T: Parameters>(mut self, slot: Slot, put: fn(Own, T) -> Own) -> Self {
        let make = move |own, value| Ok(put(own, from_value(value)?));
        self.steps
            .insert((slot, T::NAME), (T::REVISION, Arc::new(make)));
        self
    }

    /// Knows a way to take motion away.
    pub fn register<T: Register + Parameters>(self) -> Self {
        self.knows::<T>(Slot::Register, Own::register)
    }

    /// Knows a transform.
    pub fn transform<T: Transform + Parameters>(self) -> Self {
        self.knows::<T>(Slot::Transform, Own::transform)
    }

    /// Knows a way to estimate backgrounds.
    pub fn background<T: Background + Parameters>(self) -> Self {
        self.knows::<T>(Slot::Background, Own::background)
    }

    /// Knows a way to make masks.
    pub fn mask<T: Masking + Parameters>(self) -> Self {
        self.knows::<T>(Slot::Mask, Own::mask)
    }

    /// Knows a way to take F0.
    pub fn normalise<T: Normalise + Parameters>(self) -> Self {
        self.knows::<T>(Slot::Normalise, Own::normalise)
    }

    /// Knows a consumer.
    pub fn consumer(mut self, consumer: impl Consumer + 'static) -> Self {
        self.consumers.push(Arc::new(consumer));
        self
    }

    /// Makes steps and consumers again.
    ///
    /// # Errors
    /// [`crate::Error::UnknownStep`] for a step that is not known by that name and revision, or whose parameters are
    /// not those of that step.
    pub fn own(&self, placed: &[Placed]) -> Result<Own, crate::Error> {
        placed.iter().try_fold(Own::default(), |own, placed| {
            let Identity {
                name,
                revision,
                parameters,
            } = &placed.step;
            let unknown = |why: String| crate::Error::UnknownStep {
                name: name.clone(),
                why,
            };
            match self.steps.get(&(placed.slot, name.as_str())) {
                None => Err(unknown("this program has no such step".into())),
                Some((ours, _)) if ours != revision => Err(unknown(format!(
                    "its revision is {revision}, that of this program {ours}"
                ))),
                Some((_, make)) => {
                    make(own, parameters.clone()).map_err(|e| unknown(e.to_string()))
                }
            }
        })
    }

    /// As [`Known::own`], with the consumers of these names.
    pub(crate) fn with_consumers(
        &self,
        placed: &[Placed],
        names: &[String],
    ) -> Result<Own, crate::Error> {
        let mut own = self.own(placed)?;
        for name in names {
            let known = self
                .consumers
                .iter()
                .find(|consumer| consumer.name() == name);
            let unknown = || crate::Error::UnknownStep {
                name: name.clone(),
                why: "this program has no such consumer".into(),
            };
            own.consumers.push(Arc::clone(known.ok_or_else(unknown)?));
        }
        Ok(own)
    }
}
