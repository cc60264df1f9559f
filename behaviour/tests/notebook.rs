//! Equality with the reference notebook's rules, written apart in Python, on random logs.
//!
//! Ten logs with what the rules give are kept: `python/notebook_rules.py --logs 10 --seed 7`. With the
//! environment variable `WIDEFIELD_PYTHON`, the path of a Python interpreter, a thousand more are made.

use std::io::Write;
use std::process::Command;

use serde_json::Value;
use widefield_behaviour::{Correct, Log, Matching, Rules, Score, Stimuli, text};

#[test]
fn kept_logs_give_the_notebooks_trials_and_counts() {
    let (logs, plain, trials) = compare(include_str!("data/notebook_logs.jsonl"));
    assert_eq!((logs, plain), (10, 2));
    assert_eq!(trials, 82);
}

#[test]
fn a_thousand_logs_give_the_notebooks_trials_and_counts() {
    let Some(python) = std::env::var_os("WIDEFIELD_PYTHON") else {
        // Past the capture of the test harness, so that the gap is seen.
        writeln!(
            std::io::stderr(),
            "SKIPPED {}: WIDEFIELD_PYTHON is not set",
            module_path!()
        )
        .unwrap();
        return;
    };
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/python/notebook_rules.py"
    );
    let run = Command::new(python)
        .args([script, "--logs", "1000"])
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );

    let (logs, plain, trials) = compare(&String::from_utf8(run.stdout).unwrap());
    assert_eq!(logs, 1000);
    assert!(
        plain > 200 && trials > 10_000,
        "{plain} plain logs, {trials} trials"
    );
}

/// Compares each log, and counts them, those on which all rules agree, and trials.
fn compare(cases: &str) -> (usize, usize, usize) {
    let (mut logs, mut plain, mut trials) = (0, 0, 0);
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let string = |key: &str| case[key].as_str().unwrap();
        let stimuli: Vec<(&str, Correct)> = case["stimuli"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| {
                (
                    pair[0].as_str().unwrap(),
                    pair[1].as_str().unwrap().parse().unwrap(),
                )
            })
            .collect();
        let stimuli = Stimuli::new(&stimuli, Matching::FullName).unwrap();

        let mut rules = vec![Rules::notebook()];
        if case["plain"].as_bool().unwrap() {
            rules.push(Rules::default());
            plain += 1;
        }
        for rules in rules {
            let log = Log::parse_with(string("text"), rules).unwrap();
            assert_eq!(
                text::trial_list(log.trials()),
                string("trial_list"),
                "{}",
                string("text")
            );
            let score = Score::from_trials(log.trials(), &stimuli).unwrap();
            assert_eq!(
                text::performance(&score, &stimuli),
                string("performance"),
                "{}",
                string("text")
            );
            trials += log.trials().len();
        }
        logs += 1;
    }
    (logs, plain, trials)
}
