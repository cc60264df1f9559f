//! Image operators of widefield calcium imaging: arrays in, arrays out.

#[cfg(feature = "simulate")]
pub mod simulate;
