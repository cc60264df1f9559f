//! What a reader of the format must get right, case by case. Tests are numbered `case_NN`.
//!
//! Files come from the crate's own writer, or, where writer and reader could share an error,
//! from literal bytes put at absolute offsets.

#![allow(
    clippy::cast_possible_truncation,
    reason = "values are small or meant to wrap"
)]

#[path = "../common/mod.rs"]
mod common;

mod damaged;
mod framed;
mod literal;
mod packed;
