//! Equality with what other programs gave for the same logs; see `data/README.md`.

use jiff::SignedDuration;
use serde_json::Value;
use widefield_behaviour::Correct::{Go, NoGo};
use widefield_behaviour::write::LogWriter;
use widefield_behaviour::{
    Correct, DateOrder, Decision, Log, Matching, ReactionFrom, Rules, Score, Stimuli,
    format_date_time, parse_date_time, text,
};

const STIMULI: [(&str, Correct); 2] = [("Texture 1 P100", Go), ("Texture 7 P1200", NoGo)];
const EVERY_DECISION: &str = include_str!("data/every_decision.txt");
const SESSION: &str = include_str!("data/session.txt");

fn stimuli() -> Stimuli {
    Stimuli::new(&STIMULI, Matching::FullName).unwrap()
}

#[test]
fn every_decision_gives_the_notebooks_trials_and_counts() {
    let expected: Value = serde_json::from_str(include_str!("data/every_decision.json")).unwrap();
    let rows: Vec<String> = expected.as_array().unwrap().iter().map(row).collect();
    for rules in [Rules::default(), Rules::notebook()] {
        let log = Log::parse_with(EVERY_DECISION, rules).unwrap();
        assert!(log.problems().is_empty());
        assert_eq!(
            text::trial_list(log.trials()).lines().collect::<Vec<_>>(),
            rows
        );
        let score = Score::from_trials(log.trials(), &stimuli()).unwrap();
        assert_eq!(
            text::performance(&score, &stimuli()),
            include_str!("data/every_decision_performance.txt")
        );
        assert_eq!(
            (score.early(), score.unscored(), score.damaged()),
            (2, 2, 0)
        );
    }
}

fn row(values: &Value) -> String {
    let cells: Vec<String> = values.as_array().unwrap().iter().map(cell).collect();
    cells.join("\t")
}

fn cell(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn session_texts_are_byte_equal() {
    let log = Log::parse(SESSION).unwrap();
    let score = Score::from_trials(log.trials(), &stimuli()).unwrap();
    assert_eq!(
        text::trial_list(log.trials()),
        include_str!("data/session_trial_list.txt")
    );
    assert_eq!(
        text::performance(&score, &stimuli()),
        include_str!("data/session_performance.txt")
    );
}

#[test]
fn session_texts_read_back() {
    let log = Log::parse(SESSION).unwrap();
    let rows = text::read_trial_list(include_str!("data/session_trial_list.txt")).unwrap();
    assert_eq!(rows.len(), log.trials().len());
    for (row, trial) in rows.iter().zip(log.trials()) {
        assert_eq!(
            (row.running, row.logged, row.start),
            (trial.running, trial.logged, trial.start)
        );
        assert_eq!(
            (&row.stimulus, row.decision),
            (&trial.stimulus, trial.decision)
        );
    }
    let counts = text::read_performance(include_str!("data/session_performance.txt")).unwrap();
    assert_eq!(counts.go_stimuli, ["Texture 1 P100"]);
    assert_eq!(counts.no_go_stimuli, ["Texture 7 P1200"]);
    assert_eq!((counts.go_trials, counts.no_go_trials), (2, 1));
    assert_eq!(
        (
            counts.hits,
            counts.correct_rejections,
            counts.misses,
            counts.false_alarms
        ),
        (1, 0, 1, 1)
    );
}

#[test]
fn session_reaction_times() {
    let log = Log::parse(SESSION).unwrap();
    let seconds = |from| -> Vec<_> {
        log.trials()
            .iter()
            .map(|trial| trial.reaction_time(from))
            .collect()
    };
    let lick = |ms| Some(SignedDuration::from_millis(ms));
    assert_eq!(seconds(ReactionFrom::Report), [lick(700), lick(700), None]);
    assert_eq!(
        seconds(ReactionFrom::StimulusOnset),
        [lick(5600), lick(5600), None]
    );
}

#[test]
fn the_writer_writes_the_session_log() {
    let mut log = LogWriter::new();
    for trial in Log::parse(SESSION).unwrap().trials() {
        let stimulus = trial.stimulus.as_deref().unwrap();
        let reaction = SignedDuration::from_millis(700);
        log.trial(
            trial.logged,
            trial.start,
            stimulus,
            trial.decision,
            reaction,
        )
        .unwrap();
    }
    assert_eq!(log.finish(), SESSION);
}

#[test]
fn timestamps_in_every_spelling() {
    let table: Value = serde_json::from_str(include_str!("data/timestamps.json")).unwrap();
    let table = table.as_array().unwrap();
    assert_eq!(table.len(), 9);
    for case in table {
        let spelling = case["text"].as_str().unwrap();
        let time = parse_date_time(spelling, DateOrder::DayFirst).unwrap();
        assert_eq!(
            format_date_time(time),
            case["day_first"].as_str().unwrap(),
            "{spelling}"
        );
    }
}

#[test]
fn stimuli_of_any_number() {
    let log = Log::parse(EVERY_DECISION).unwrap();
    let all_go = [("Texture 1 P100", Go), ("Texture 7 P1200", Go)];
    let all_go = Stimuli::new(&all_go, Matching::FullName).unwrap();
    let score = Score::from_trials(log.trials(), &all_go).unwrap();
    assert_eq!(
        text::performance(&score, &all_go),
        "Go trials (Texture 1 P100, Texture 7 P1200): 6\nNo Go trials (none): 0\nCorrect responses: 2\n\
         Correct rejects: 0\nMissed responses: 4\nFalse alarms: 0\n"
    );
    let counts = text::read_performance(&text::performance(&score, &all_go)).unwrap();
    assert_eq!(counts.go_stimuli, ["Texture 1 P100", "Texture 7 P1200"]);
    assert!(counts.no_go_stimuli.is_empty());
}

#[test]
fn faults_of_the_two_texts_name_their_line() {
    let list = include_str!("data/session_trial_list.txt");
    for (from, to) in [
        ("No Response", "Maybe"),
        ("\t3\t", "\tx\t"),
        ("10:23:07", "10:23"),
        ("\t3\t", "  "),
    ] {
        let error = text::read_trial_list(&list.replacen(from, to, 1))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("line 3: "), "{error}");
    }
    let performance = include_str!("data/session_performance.txt");
    for (from, to) in [
        ("rejects: 0", "rejects: many"),
        ("Correct rejects", "Rejects"),
    ] {
        let error = text::read_performance(&performance.replacen(from, to, 1))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("line 4: "), "{error}");
    }
    assert!(
        text::read_performance("")
            .unwrap_err()
            .to_string()
            .starts_with("line 1: ")
    );
    let missing = "1\t1\t2017-02-14 10:22:33\tmissing\tEarly\n";
    let row = &text::read_trial_list(missing).unwrap()[0];
    assert_eq!(
        (row.stimulus.as_deref(), row.decision),
        (None, Decision::Early)
    );
}

#[test]
fn scores_by_stimulus_and_by_grit() {
    let log = Log::parse(EVERY_DECISION).unwrap();
    let other_rig = [("Texture 3 P100", Go), ("P1200", NoGo)];
    let by_grit = Stimuli::new(&other_rig, Matching::Grit).unwrap();
    assert_eq!(
        Score::from_trials(log.trials(), &by_grit),
        Score::from_trials(log.trials(), &stimuli())
    );

    let scores = Score::by_stimulus(log.trials(), &by_grit).unwrap();
    let [(go, of_go), (no_go, of_no_go)] = &scores[..] else {
        panic!("{scores:?}")
    };
    assert_eq!((*go, *no_go), ("Texture 1 P100", "Texture 7 P1200"));
    assert_eq!(
        (
            of_go.hits(),
            of_go.misses(),
            of_go.early(),
            of_go.unscored()
        ),
        (1, 2, 1, 1)
    );
    assert_eq!(
        (
            of_no_go.correct_rejections(),
            of_no_go.false_alarms(),
            of_no_go.trials()
        ),
        (1, 2, 5)
    );
}

#[test]
fn a_missing_stimulus_reads_missing() {
    let text = SESSION.replace("Texture 7 P1200", "Something else");
    let list = text::trial_list(Log::parse(&text).unwrap().trials());
    assert_eq!(
        list.lines().nth(1),
        Some("2\t2\t2017-02-14 10:22:50.150000\tmissing\tGo")
    );
    assert_eq!(text::read_trial_list(&list).unwrap()[1].stimulus, None);
}
