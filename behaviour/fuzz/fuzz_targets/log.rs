//! Any bytes as a log: nothing panics, and what is promised of every log holds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use widefield_behaviour::{Correct, Error, Log, Matching, ReactionFrom, Rules, Score, Stimuli};
use widefield_behaviour::table::{self, Table};
use widefield_behaviour::{reaction_times_s, sliding, text};

fuzz_target!(|bytes: &[u8]| {
    let source = String::from_utf8_lossy(bytes);
    for rules in [Rules::default(), Rules::notebook()] {
        let log = Log::read_with(&source, rules);
        match Log::parse_with(&source, rules) {
            Ok(strict) => assert_eq!(strict, log),
            Err(Error::Unusable(problem)) => {
                assert!(log.problems_omitted() > 0 || log.problems().contains(&problem))
            }
            Err(error) => panic!("{error}"),
        }
        check(&log);
    }

    let log = Log::read(&source);
    let mut numbers: Vec<u32> = log
        .trials()
        .iter()
        .chain(log.incomplete())
        .map(|trial| trial.running)
        .collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(1..=log.begun()));
});

fn check(log: &Log) {
    for problem in log.problems() {
        assert!(problem.line >= 1 && problem.line <= log.lines() && problem.column >= 1);
        assert!(problem.to_string().len() < 2000);
    }
    let trials = log.trials();
    assert!(Table::parse(&table::trials(trials, None)).is_err(), "no column names the movie");
    table::events(trials);
    reaction_times_s(trials, ReactionFrom::StimulusOnset);
    if let Ok(rows) = text::read_trial_list(&text::trial_list(trials)) {
        assert_eq!(rows.len(), trials.len());
    }

    let stimuli = [
        ("Texture 1 P100", Correct::Go),
        ("Texture 7 P1200", Correct::NoGo),
    ];
    for matching in [Matching::FullName, Matching::Grit] {
        let stimuli = Stimuli::new(&stimuli, matching).expect("no contradiction");
        if let Ok(score) = Score::from_trials(trials, &stimuli) {
            assert_eq!(score.trials() as usize, trials.len());
            let windows = sliding(trials, &stimuli, 3, 2).expect("scored above");
            assert_eq!(windows.len(), trials.len().saturating_sub(1) / 2);
            let counts =
                text::read_performance(&text::performance(&score, &stimuli)).expect("just written");
            assert_eq!(counts.hits, score.hits());
        }
    }
}
