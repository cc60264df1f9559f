//! Where every variant of `widefield_benches::variants` stands; one added there appears by itself.
//!
//! `cargo run --release -p widefield-benches --example accuracy`

use widefield_benches::variants::Tables;
use widefield_benches::{Failure, accuracy};

fn main() -> Result<(), Failure> {
    accuracy::print(&Tables::default())
}
