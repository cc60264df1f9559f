//! Scores another lab's table, in which a stimulus is spelt otherwise and a trial is to be left out.
//!
//! `cargo run -p widefield-behaviour --example own_table`

use widefield_behaviour::Correct::{Go, NoGo};
use widefield_behaviour::table::Table;
use widefield_behaviour::{Correction, Matching, Stimuli, Unlabelled};

const TABLE: &str = "\
file;stimulus;decision;exclude;weight_g
rec-01;tone 8 kHz;Go;;21.5
rec-02;tone 16 kHz;No Go;;21.5
rec-03;tone 8 kHz;Go;true;21.4
rec-04;tone 16kHz;Go;;21.4
rec-05;tone 16 kHz;Inappropriate Response;;21.4
rec-06;tone 8 kHz;No Response;;21.4
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let table = Table::parse(TABLE)?;
    let listed = [("tone 8 kHz", Go), ("tone 16 kHz", NoGo)];
    let stimuli = Stimuli::new(&listed, Matching::FullName)?;
    // No trial goes missing unnoticed, unless that is asked for.
    if let Err(error) = table.score(&stimuli) {
        println!("{error}");
    }
    let score = table.score(&stimuli.unlabelled(Unlabelled::LeaveOut))?;
    assert_eq!(
        (score.hits(), score.misses(), score.false_alarms()),
        (1, 1, 1)
    );
    assert_eq!(score.left_out(), 2);
    for correction in [Correction::HalfTrial, Correction::LogLinear] {
        println!("d' {:.3} ({correction})", score.d_prime(correction));
    }
    Ok(())
}
