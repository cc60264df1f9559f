//! The cases in which readers of these logs go wrong, by the numbers of the format's description.

use jiff::SignedDuration;
use jiff::civil::date;
use widefield_behaviour::{
    Correct, Decision, Done, Error, Log, Matching, Rules, Score, Stimuli, Trial, Unlabelled, What,
};

const HEADER: &str = "Date\tTime\tTrial\tEvent\t\n";

/// A log of lines `time, number, event` on one day, plain tabs.
fn log(lines: &[(&str, u32, &str)]) -> String {
    let mut text = HEADER.to_owned();
    for (time, number, event) in lines {
        text.push_str(&format!("14.02.2017\t{time}\t{number}\t{event}\n"));
    }
    text
}

fn whole_trial() -> String {
    log(&[
        ("10:22:33.250", 1, "Begin Trial / Recording"),
        ("10:22:36.250", 1, "Texture 1 P100"),
        ("10:22:41.850", 1, "Go"),
        ("10:22:43.850", 1, "End Trial"),
    ])
}

fn running(trials: &[Trial]) -> Vec<u32> {
    trials.iter().map(|trial| trial.running).collect()
}

fn whats(log: &Log) -> Vec<(usize, &What, Done)> {
    log.problems()
        .iter()
        .map(|problem| (problem.line, &problem.what, problem.done))
        .collect()
}

#[test]
fn case_1_one_trial_with_plain_tabs() {
    let log = Log::parse(&whole_trial()).unwrap();
    assert!(log.problems().is_empty());
    let [trial] = log.trials() else {
        panic!("{:?}", log.trials())
    };
    assert_eq!(
        (trial.running, trial.running_at_end, trial.logged),
        (1, Some(1), 1)
    );
    assert_eq!(trial.start, date(2017, 2, 14).at(10, 22, 33, 250_000_000));
    assert_eq!(trial.stimulus.as_deref(), Some("Texture 1 P100"));
    assert_eq!(trial.decision, Decision::Go);
    assert_eq!(
        trial.decision_at,
        Some(date(2017, 2, 14).at(10, 22, 41, 850_000_000))
    );
    assert_eq!(trial.duration(), Some(SignedDuration::from_millis(10_600)));
    assert!(!trial.damaged);
}

#[test]
fn case_2_blanks_and_cr_lf_change_nothing() {
    let plain = whole_trial();
    let spelled = plain.replace("2017\t", "2017 \t").replace('\n', " \r\n");
    assert_ne!(plain, spelled);
    assert_eq!(Log::parse(&plain), Log::parse(&spelled));
    let marked = format!("\u{feff}{plain}");
    assert_eq!(Log::parse(&plain), Log::parse(&marked));
}

#[test]
fn case_3_dates_are_day_first() {
    let text = whole_trial().replace("14.02.2017", "03.02.2017");
    assert_eq!(
        Log::parse(&text).unwrap().trials()[0].start.date(),
        date(2017, 2, 3)
    );
}

#[test]
fn case_4_decimals_of_the_second() {
    for (time, nanoseconds) in [
        ("10:22:33", 0),
        ("10:22:33.2501", 250_100_000),
        ("10:22:33.250123", 250_123_000),
    ] {
        let text = whole_trial().replacen("10:22:33.250", time, 1);
        let start = Log::parse(&text).unwrap().trials()[0].start;
        assert_eq!(start, date(2017, 2, 14).at(10, 22, 33, nanoseconds));
    }
}

#[test]
fn case_5_trial_numbers_have_any_number_of_digits() {
    let text = whole_trial().replace("\t1\t", "\t1000\t");
    assert_eq!(Log::parse(&text).unwrap().trials()[0].logged, 1000);
    let text = whole_trial().replace("\t1\t", "\t0000000000001\t");
    assert_eq!(Log::parse(&text).unwrap().trials()[0].logged, 1);
    let text = whole_trial().replacen("\t1\t", "\t99999999999\t", 1);
    let error = Log::parse(&text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 2, column 25: \"99999999999\" is no trial number: line skipped"
    );
}

#[test]
fn case_6_no_go_is_not_go() {
    let text = whole_trial().replace("\tGo\n", "\tNo Go\n");
    assert_eq!(
        Log::parse(&text).unwrap().trials()[0].decision,
        Decision::NoGo
    );
}

#[test]
fn case_7_no_decision_line_is_early() {
    let text = whole_trial().replace("14.02.2017\t10:22:41.850\t1\tGo\n", "");
    let log = Log::parse(&text).unwrap();
    assert_eq!(log.trials()[0].decision, Decision::Early);
    assert_eq!(log.trials()[0].decision_at, None);
    assert!(log.problems().is_empty());
}

#[test]
fn case_8_a_begin_without_end_takes_a_running_number() {
    let text = log(&[
        ("10:00:00", 5, "Begin Trial / Recording"),
        ("10:00:01", 5, "Texture 1 P100"),
        ("10:01:00", 6, "Begin Trial / Recording"),
        ("10:01:01", 6, "Texture 1 P100"),
        ("10:01:09", 6, "End Trial"),
    ]);
    let log = Log::parse(&text).unwrap();
    assert_eq!(running(log.trials()), [2]);
    assert_eq!(log.trials()[0].running_at_end, Some(1));
    assert_eq!(running(log.incomplete()), [1]);
    assert_eq!(log.incomplete()[0].logged, 5);
    assert_eq!(
        whats(&log),
        [(2, &What::Incomplete { running: 1 }, Done::SetAside)]
    );
    assert_eq!(log.begun(), 2);
}

#[test]
fn case_9_a_missing_texture_is_not_inherited() {
    let mut text = whole_trial();
    text.push_str("14.02.2017\t10:23:00\t2\tBegin Trial\n14.02.2017\t10:23:09\t2\tEnd Trial\n");
    let log = Log::parse(&text).unwrap();
    assert_eq!(log.trials()[1].stimulus, None);
    assert_eq!(
        whats(&log),
        [(6, &What::NoStimulus { running: 2 }, Done::Missing)]
    );

    let notebook = Log::parse_with(&text, Rules::notebook()).unwrap();
    assert_eq!(
        notebook.trials()[1].stimulus.as_deref(),
        Some("Texture 1 P100")
    );
    assert_eq!(
        whats(&notebook),
        [(6, &What::NoStimulus { running: 2 }, Done::Carried)]
    );
}

#[test]
fn case_10_other_begin_texts() {
    for begin in [
        "Begin Trial + Recording",
        "Begin Trial w/o Recording",
        "Begin Trial",
    ] {
        let text = whole_trial().replace("Begin Trial / Recording", begin);
        assert_eq!(Log::parse(&text).unwrap().trials().len(), 1, "{begin}");
    }
}

#[test]
fn case_11_unknown_events_are_kept() {
    let text = whole_trial().replace(
        "\tGo\n",
        "\tGo\n14.02.2017\t10:22:42\t1\tKaffeepause, 3 µl\n",
    );
    let log = Log::parse(&text).unwrap();
    assert_eq!(log.trials()[0].decision, Decision::Go);
    assert_eq!(log.trials()[0].other.len(), 1);
    assert_eq!(log.trials()[0].other[0].text, "Kaffeepause, 3 µl");
    assert!(log.problems().is_empty());
}

fn stimuli(name: &str, correct: Correct) -> Stimuli {
    Stimuli::new(&[(name, correct)], Matching::FullName).unwrap()
}

#[test]
fn case_12_an_unknown_stimulus_is_named() {
    let log = Log::parse(&whole_trial()).unwrap();
    let error =
        Score::from_trials(log.trials(), &stimuli("Texture 7 P1200", Correct::NoGo)).unwrap_err();
    assert_eq!(
        error,
        Error::UnknownStimulus {
            stimulus: "Texture 1 P100".into(),
            running: 1
        }
    );
    assert!(error.to_string().contains("\"Texture 1 P100\""));

    assert!(Score::from_trials(log.trials(), &Stimuli::default()).is_err());
    let lenient = Stimuli::default().unlabelled(Unlabelled::LeaveOut);
    let score = Score::from_trials(log.trials(), &lenient).unwrap();
    assert_eq!((score.left_out(), score.trials()), (1, 1));
}

#[test]
fn case_13_midnight() {
    let text = format!(
        "{HEADER}14.02.2017\t23:59:55\t1\tBegin Trial\n14.02.2017\t23:59:58\t1\tTexture 1 P100\n\
         15.02.2017\t00:00:03\t1\tGo\n15.02.2017\t00:01:05\t1\tEnd Trial\n"
    );
    let log = Log::parse(&text).unwrap();
    assert_eq!(
        log.trials()[0].duration(),
        Some(SignedDuration::from_secs(70))
    );
    assert!(log.problems().is_empty());
}

#[test]
fn case_14_a_header_in_the_middle_is_reported() {
    let text = whole_trial() + &whole_trial();
    let log = Log::parse(&text).unwrap();
    assert_eq!(running(log.trials()), [1, 2]);
    assert_eq!(
        whats(&log),
        [
            (6, &What::RepeatedHeader, Done::Skipped),
            (7, &What::Backwards, Done::Used)
        ]
    );
}

#[test]
fn case_15_three_cells_are_an_error_with_line_number() {
    let text = whole_trial().replace("\t1\tGo\n", "\tGo\n");
    let error = Log::parse(&text).unwrap_err();
    let Error::Unusable(problem) = &error else {
        panic!("{error:?}")
    };
    assert_eq!((problem.line, problem.column), (4, 1));
    assert_eq!(problem.what, What::Cells { found: 3 });

    let log = Log::read(&text);
    assert_eq!(running(log.trials()), [1]);
    assert!(log.trials()[0].damaged);
    assert_eq!(log.problems(), std::slice::from_ref(problem));
}

/// Three trials, then the same with one line made unusable: which lines are hit, what must result.
#[test]
fn running_numbers_survive_any_unusable_line() {
    let mut lines = Vec::new();
    for number in 1..=3 {
        for event in [
            "Begin Trial / Recording",
            "Stimulus Cue",
            "Texture 1 P100",
            "Go",
            "End Trial",
        ] {
            lines.push(format!(
                "14.02.2017\t10:{number:02}:{:02}\t{number}\t{event}",
                lines.len()
            ));
        }
    }
    for broken in 0..lines.len() {
        let mut damaged = lines.clone();
        damaged[broken] = "14.02.2017\t10:00".to_owned();
        let log = Log::read(&(HEADER.to_owned() + &damaged.join("\n")));
        let hit = broken / 5;
        // The last line of all cannot be told from a log that was cut off.
        let listed: &[u32] = if broken == 14 { &[1, 2] } else { &[1, 2, 3] };
        assert_eq!(running(log.trials()), listed, "line {broken}");
        assert_eq!(log.begun(), 3, "line {broken}");
        for trial in log.trials().iter().chain(log.incomplete()) {
            assert_eq!(
                trial.damaged,
                trial.running as usize == hit + 1,
                "line {broken}"
            );
            assert_eq!(trial.logged, trial.running, "line {broken}");
            if broken % 5 != 2 {
                assert_eq!(
                    trial.stimulus.as_deref(),
                    Some("Texture 1 P100"),
                    "line {broken}"
                );
            }
        }
        let score =
            Score::from_trials(log.trials(), &stimuli("Texture 1 P100", Correct::Go)).unwrap();
        assert_eq!(score.hits(), 2, "line {broken}");
    }
}

#[test]
fn an_end_and_the_next_begin_may_both_be_lost() {
    let text = log(&[
        ("10:00:00", 1, "Begin Trial"),
        ("10:00:01", 1, "Texture 1 P100"),
        ("10:00:02", 1, "Go"),
        ("10:00", 1, "End Trial"),
        ("10:01", 2, "Begin Trial"),
        ("10:01:01", 2, "Texture 7 P1200"),
        ("10:01:02", 2, "No Go"),
        ("10:01:03", 2, "End Trial"),
    ]);
    let log = Log::read(&text);
    assert_eq!(running(log.trials()), [1, 2]);
    assert_eq!(log.trials()[0].decision, Decision::Go);
    assert_eq!(log.trials()[1].decision, Decision::NoGo);
    assert!(log.trials().iter().all(|trial| trial.damaged));
}

#[test]
fn a_lost_begin_counts_if_its_trial_shows_and_has_no_end() {
    let after = |event| {
        let text = log(&[
            ("10:00", 1, "Begin Trial"),
            ("10:00:01", 1, event),
            ("10:01:00", 2, "Begin Trial"),
            ("10:01:01", 2, "Texture 7 P1200"),
            ("10:01:03", 2, "End Trial"),
        ]);
        Log::read(&text)
    };
    for event in ["Texture 1 P100", "Stimulus Cue", "No Go"] {
        let log = after(event);
        assert_eq!(
            (running(log.incomplete()), running(log.trials())),
            (vec![1], vec![2]),
            "{event}"
        );
        assert!(log.incomplete()[0].damaged && !log.trials()[0].damaged);
    }
    // What may come between trials is no sign of one.
    for event in ["Puff", "Something else"] {
        let log = after(event);
        assert_eq!(
            (running(log.incomplete()), running(log.trials())),
            (vec![], vec![1]),
            "{event}"
        );
    }
}

#[test]
fn an_unusable_line_is_taken_for_the_end_only_if_it_is_the_last() {
    let text = log(&[
        ("10:00:00", 1, "Begin Trial"),
        ("10:00", 1, "Texture 1 P100"),
        ("10:00:02", 1, "Go"),
        ("10:01:00", 2, "Begin Trial"),
        ("10:01:01", 2, "Texture 7 P1200"),
        ("10:01:03", 2, "End Trial"),
    ]);
    let log = Log::read(&text);
    assert_eq!(
        (running(log.incomplete()), running(log.trials())),
        (vec![1], vec![2])
    );
    assert!(log.incomplete()[0].damaged);
}

#[test]
fn joined_logs_continue_numbers_and_lines() {
    let without_texture = log(&[("10:00:00", 1, "Begin Trial"), ("10:00:09", 1, "End Trial")]);
    let aborted = log(&[
        ("10:00:00", 1, "Begin Trial"),
        ("10:00:01", 1, "Texture 1 P100"),
    ]);
    let mut joined = Log::read(&(without_texture.clone() + "x\n"));
    joined.append(Log::read(
        &(aborted + &without_texture[HEADER.len()..] + "y"),
    ));
    assert_eq!(
        (running(joined.trials()), running(joined.incomplete())),
        (vec![1, 3], vec![2])
    );
    assert_eq!(joined.trials()[1].running_at_end, Some(2));
    assert_eq!(
        (joined.trials()[1].line, joined.lines(), joined.begun()),
        (8, 10, 3)
    );
    assert_eq!(
        whats(&joined),
        [
            (2, &What::NoStimulus { running: 1 }, Done::Missing),
            (4, &What::Cells { found: 1 }, Done::Skipped),
            (6, &What::Incomplete { running: 2 }, Done::SetAside),
            (8, &What::Backwards, Done::Used),
            (8, &What::NoStimulus { running: 3 }, Done::Missing),
            (10, &What::Cells { found: 1 }, Done::Skipped),
        ]
    );
}

#[test]
fn a_stray_unusable_line_between_trials_harms_none() {
    let text = whole_trial() + "a remark\n" + &whole_trial()[HEADER.len()..];
    let log = Log::read(&text);
    assert_eq!(running(log.trials()), [1, 2]);
    assert!(log.trials().iter().all(|trial| !trial.damaged));
}

#[test]
fn an_end_without_begin_is_reported() {
    let orphan = "14.02.2017\t10:22:50\t1\tEnd Trial\n";
    let log = Log::parse(&(whole_trial() + orphan)).unwrap();
    assert_eq!(running(log.trials()), [1]);
    assert_eq!(whats(&log), [(6, &What::EndWithoutBegin, Done::Ignored)]);

    let notebook = Log::parse_with(&(whole_trial() + orphan), Rules::notebook()).unwrap();
    assert_eq!(running(notebook.trials()), [1, 1]);
    assert_eq!(notebook.trials()[1].start, notebook.trials()[0].start);

    let alone = Log::parse_with(&format!("{HEADER}{orphan}"), Rules::notebook()).unwrap();
    assert!(alone.trials().is_empty());
    assert_eq!(whats(&alone), [(2, &What::EndWithoutBegin, Done::Ignored)]);
}

#[test]
fn a_missing_header_is_reported_and_nothing_is_lost() {
    let text = whole_trial();
    let log = Log::parse(&text[HEADER.len()..]).unwrap();
    assert_eq!(running(log.trials()), [1]);
    assert_eq!(whats(&log), [(1, &What::NoHeader, Done::Used)]);
}

#[test]
fn dates_of_the_other_order_are_reported_once() {
    let text = whole_trial().replace("14.02.2017", "02/14/2017");
    let log = Log::parse(&text).unwrap();
    assert_eq!(log.trials()[0].start.date(), date(2017, 2, 14));
    assert_eq!(
        whats(&log),
        [(2, &What::DateOrder("02/14/2017".into()), Done::Used)]
    );
}

#[test]
fn textures_outside_and_changed_ones_are_reported() {
    let text = log(&[
        ("10:00:00", 1, "Texture 1 P100"),
        ("10:00:01", 1, "Puff"),
        ("10:00:02", 1, "Begin Trial"),
        ("10:00:03", 1, "Texture 1 P100"),
        ("10:00:04", 1, "Texture 7 P1200"),
        ("10:00:05", 1, "Texture 7 P1200"),
        ("10:00:06", 1, "End Trial"),
    ]);
    let log = Log::parse(&text).unwrap();
    assert_eq!(log.trials()[0].stimulus.as_deref(), Some("Texture 7 P1200"));
    assert_eq!(log.trials()[0].puffs, []);
    assert_eq!(
        whats(&log),
        [
            (
                2,
                &What::OutsideTrial("Texture 1 P100".into()),
                Done::Ignored
            ),
            (6, &What::TwoStimuli { running: 1 }, Done::LastTaken),
        ]
    );
}

#[test]
fn the_last_decision_line_wins() {
    for (lines, expected, in_notebook) in [
        (["Go", "No Go"], Decision::NoGo, Decision::NoGo),
        (
            ["No Response", "Inappropriate Response"],
            Decision::InappropriateResponse,
            Decision::InappropriateResponse,
        ),
        (["Go", "Early Lick"], Decision::Early, Decision::Go),
    ] {
        let text = log(&[
            ("10:00:00", 1, "Begin Trial"),
            ("10:00:01", 1, "Texture 1 P100"),
            ("10:00:02", 1, lines[0]),
            ("10:00:03", 1, lines[1]),
            ("10:00:04", 1, "End Trial"),
        ]);
        assert_eq!(Log::parse(&text).unwrap().trials()[0].decision, expected);
        assert_eq!(
            Log::parse_with(&text, Rules::notebook()).unwrap().trials()[0].decision,
            in_notebook
        );
    }
}

#[test]
fn the_older_end_text_is_not_the_notebooks() {
    let text = whole_trial().replace("End Trial", "End Trial / Recording");
    assert_eq!(Log::parse(&text).unwrap().trials().len(), 1);
    let notebook = Log::parse_with(&text, Rules::notebook()).unwrap();
    assert_eq!(
        (notebook.trials().len(), notebook.incomplete().len()),
        (0, 1)
    );
}

#[test]
fn rewards_puffs_and_planes_are_kept() {
    let text = log(&[
        ("10:00:00", 1, "Begin Trial"),
        ("10:00:01", 1, "Z-Plane 150"),
        ("10:00:01", 1, "Stimulus Cue"),
        ("10:00:02", 1, "Texture 1 P100"),
        ("10:00:03", 1, "Delay"),
        ("10:00:04", 1, "Report"),
        ("10:00:05", 1, "Auto Reward"),
        ("10:00:06", 1, "Puff"),
        ("10:00:07", 1, "Puff"),
        ("10:00:08", 1, "Reward"),
        ("10:00:09", 1, "End Trial"),
    ]);
    let log = Log::parse(&text).unwrap();
    let trial = &log.trials()[0];
    let at = |s| date(2017, 2, 14).at(10, 0, s, 0);
    assert_eq!(trial.z_plane, Some(150.0));
    assert_eq!(trial.stimulus_line_at, Some(at(1)));
    assert_eq!(trial.delay_at, Some(at(3)));
    assert_eq!(trial.report_at, Some(at(4)));
    assert_eq!(trial.puffs, [at(6), at(7)]);
    let rewards: Vec<_> = trial
        .rewards
        .iter()
        .map(|reward| (reward.at, reward.automatic))
        .collect();
    assert_eq!(rewards, [(at(5), true), (at(8), false)]);
}

#[test]
fn damaged_trials_are_counted_apart() {
    let mut trial = Trial::new(4, 4, date(2017, 2, 14).at(10, 0, 0, 0));
    let stimuli = stimuli("Texture 1 P100", Correct::Go);
    assert_eq!(
        stimuli.judge(&trial),
        Err(Error::MissingStimulus { running: 4 })
    );
    trial.damaged = true;
    let score = Score::from_trials([&trial], &stimuli).unwrap();
    assert_eq!((score.damaged(), score.early(), score.trials()), (1, 0, 1));
}

#[test]
fn hostile_texts_end_without_harm() {
    for text in [
        "",
        "\n",
        "\r",
        "\0",
        "\t\t\t",
        "Date",
        "\u{feff}",
        "ü\tü\tü\tü",
        "\n\n\n14.02.2017\t",
    ] {
        let log = Log::read(text);
        assert!(log.trials().is_empty(), "{text:?}");
    }
    let nuls = whole_trial() + &"\0".repeat(4096);
    let log = Log::read(&nuls);
    assert_eq!(running(log.trials()), [1]);
    assert_eq!(whats(&log), [(6, &What::Cells { found: 1 }, Done::Skipped)]);

    let old_mac = whole_trial().replace('\n', "\r");
    assert_eq!(Log::parse(&old_mac), Log::parse(&whole_trial()));
}

#[test]
fn long_texts_are_kept_in_part() {
    // What is kept ends between characters.
    for (letter, kept) in [("x", 1024), ("ü", 1024), ("€", 1023)] {
        let long = letter.repeat(100_000);
        let bytes = long.len();
        let text = whole_trial().replace(
            "\tGo\n",
            &format!("\tGo\n14.02.2017\t10:22:42\t1\t{long}\n"),
        );
        let log = Log::parse(&text).unwrap();
        assert_eq!(log.trials()[0].other[0].text, long[..kept]);
        assert_eq!(whats(&log), [(5, &What::LongEvent { bytes }, Done::Cut)]);
    }
}

#[test]
fn of_repeated_lines_the_first_time_counts_but_for_textures() {
    let text = log(&[
        ("10:00:00", 1, "Begin Trial"),
        ("10:00:01", 1, "Stimulus Cue"),
        ("10:00:02", 1, "Texture 1 P100"),
        ("10:00:03", 1, "Delay"),
        ("10:00:04", 1, "Report"),
        ("10:00:11", 1, "Stimulus Cue"),
        ("10:00:12", 1, "Texture 1 P100"),
        ("10:00:13", 1, "Delay"),
        ("10:00:14", 1, "Report"),
        ("10:00:15", 1, "End Trial"),
    ]);
    let log = Log::parse(&text).unwrap();
    let trial = &log.trials()[0];
    let second = |at: Option<jiff::civil::DateTime>| at.unwrap().second();
    assert_eq!(
        (second(trial.stimulus_line_at), second(trial.texture_at)),
        (1, 12)
    );
    assert_eq!((second(trial.delay_at), second(trial.report_at)), (3, 4));
    assert!(log.problems().is_empty());
}

#[test]
fn problems_are_kept_up_to_a_number() {
    let text = HEADER.to_owned() + &"x\n".repeat(Log::MAX_PROBLEMS + 7);
    let log = Log::read(&text);
    assert_eq!(log.problems().len(), Log::MAX_PROBLEMS);
    assert_eq!(log.problems_omitted(), 7);
    assert_eq!(log.lines(), Log::MAX_PROBLEMS + 8);
}
