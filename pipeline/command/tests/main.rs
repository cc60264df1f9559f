//! What the program does, run as users run it; one binary, since each would be linked with all of the program's crates.

mod common;

mod any_lab;
mod bad_input;
mod behaviour;
mod claimed;
mod command;
mod damaged_results;
mod documents;
mod errors;
mod export;
mod given_mask;
mod golden_session;
mod interop;
mod killed;
mod memory;
mod nothing_lost;
mod one_bad_entry;
mod patience;
mod planted_faults;
mod products;
mod progress;
mod refused_objects;
mod said_aloud;
mod sessions;
mod shapes;
mod slurm;
mod spark;
mod swift_session;
mod view;
mod worker;
