//! What holds for every log and every count.

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};
use proptest::prelude::*;
use widefield_behaviour::sdt::{Counts, beta, criterion, d_prime};
use widefield_behaviour::table::is_table;
use widefield_behaviour::write::{LineEnd, LogWriter, Timing};
use widefield_behaviour::{Correction, Decision, Log, Rules, Trial, parse_date_time, text};

const HEADER: &str = "Date\tTime\tTrial\tEvent\t\n";

fn decision() -> impl Strategy<Value = Decision> {
    prop::sample::select(vec![
        Decision::Go,
        Decision::NoGo,
        Decision::NoResponse,
        Decision::InappropriateResponse,
        Decision::Early,
    ])
}

fn stimulus() -> impl Strategy<Value = String> {
    (1u8..9, 0u16..2000).prop_map(|(index, grit)| format!("Texture {index} P{grit}"))
}

fn start() -> impl Strategy<Value = DateTime> {
    (0i64..4_000_000_000, 0i32..1000).prop_map(|(s, ms)| {
        date(1970, 1, 1).at(0, 0, 0, ms * 1_000_000) + SignedDuration::from_secs(s)
    })
}

fn correction() -> impl Strategy<Value = Correction> {
    prop::sample::select(vec![
        Correction::None,
        Correction::HalfTrial,
        Correction::LogLinear,
    ])
}

/// Lines of a log, many of them sensible, in any order.
fn line() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "Begin Trial / Recording",
        "Begin Trial w/o Recording",
        "End Trial",
        "End Trial / Recording",
        "Texture 1 P100",
        "Texture 7 P1200",
        "Stimulus Cue",
        "Response Cue",
        "Go",
        "No Go",
        "No Response",
        "Inappropriate Response",
        "Early Lick",
        "Reward",
        "Puff",
    ])
    .prop_map(str::to_owned);
    let event = prop_oneof![9 => known, 1 => "[^\n]{0,12}"];
    let entry = (0u8..60, 0u8..60, 0u32..1200, event)
        .prop_map(|(m, s, n, event)| format!("14.02.2017\t10:{m:02}:{s:02}\t{n}\t{event}"));
    prop_oneof![12 => entry, 1 => "[^\n]{0,30}", 1 => Just("Date\tTime\tTrial\tEvent".to_owned()), 1 => Just(String::new())]
}

proptest! {
    #[test]
    fn any_text_reads(text in "\\PC*", lines in prop::collection::vec(line(), 0..60)) {
        Log::read(&text);
        let log = Log::read(&lines.join("\n"));
        prop_assert!(!is_table(lines.join("\n").as_bytes()));
        for trials in [log.trials(), log.incomplete()] {
            prop_assert!(trials.windows(2).all(|pair| pair[0].running < pair[1].running));
        }
        let numbers: std::collections::BTreeSet<u32> =
            log.trials().iter().chain(log.incomplete()).map(|trial| trial.running).collect();
        prop_assert_eq!(numbers, (1..=log.begun()).collect());
        let repeated = Log::read_with(&lines.join("\n"), Rules::notebook());
        prop_assert!(repeated.trials().windows(2).all(|pair| pair[0].running <= pair[1].running));
    }

    #[test]
    fn lenient_equals_strict_where_strict_reads(lines in prop::collection::vec(line(), 0..40)) {
        let text = HEADER.to_owned() + &lines.join("\n");
        match Log::parse(&text) {
            Ok(log) => prop_assert_eq!(log, Log::read(&text)),
            Err(error) => {
                let log = Log::read(&text);
                let first = log.problems().iter().find(|problem| problem.is_unusable());
                prop_assert_eq!(first.unwrap().to_string(), error.to_string());
            }
        }
    }

    #[test]
    fn what_is_written_reads_back(
        start in start(),
        trials in prop::collection::vec((stimulus(), decision(), 0i64..3000, -1100i64..5000), 0..30),
        crlf in any::<bool>(),
    ) {
        let line_end = if crlf { LineEnd::CrLf } else { LineEnd::Lf };
        let mut writer = LogWriter::with(line_end, Timing::default());
        let mut expected = Vec::new();
        let mut at = start;
        for (index, (stimulus, decision, reaction, delay)) in trials.into_iter().enumerate() {
            let number = u32::try_from(index).unwrap() + 1;
            let [reaction, delay] = [reaction, delay].map(SignedDuration::from_millis);
            let end = writer.trial_delayed(number, at, &stimulus, decision, reaction, delay).unwrap();
            let onset = at + SignedDuration::from_secs(3) + delay;
            expected.push((number, number, at, Some(stimulus), Some(onset), decision, Some(end)));
            at = end + SignedDuration::from_millis(6300);
        }
        let log = Log::parse(&writer.finish()).unwrap();
        let read: Vec<_> = log
            .trials()
            .iter()
            .map(|t| (t.running, t.logged, t.start, t.stimulus.clone(), t.stimulus_onset(), t.decision, t.end))
            .collect();
        prop_assert_eq!(read, expected);
        prop_assert!(log.problems().is_empty() && log.incomplete().is_empty());

        let rows = text::read_trial_list(&text::trial_list(log.trials())).unwrap();
        for (row, trial) in rows.iter().zip(log.trials()) {
            prop_assert_eq!(row.start, trial.start);
            prop_assert_eq!(&row.stimulus, &trial.stimulus);
        }
        prop_assert_eq!(rows.len(), log.trials().len());
    }

    #[test]
    fn splitting_at_a_trial_boundary_and_joining_changes_nothing(
        lines in prop::collection::vec(line(), 0..80),
        choice in any::<prop::sample::Index>(),
    ) {
        let lines: Vec<String> = lines.into_iter().filter(|line| !line.starts_with("Date")).collect();
        let whole = Log::read(&(HEADER.to_owned() + &lines.join("\n")));
        // Behind end lines, and at the beginning.
        let cuts: Vec<usize> = (0..=lines.len())
            .filter(|&at| at == 0 || lines[at - 1].split('\t').nth(3).is_some_and(|event| event.starts_with("End Trial")))
            .collect();
        let (first, second) = lines.split_at(cuts[choice.index(cuts.len())]);
        let part = |lines: &[String]| Log::read(&(HEADER.to_owned() + &lines.join("\n")));
        let mut joined = part(first);
        joined.append(part(second));
        // The second part has a header line of its own.
        let plain = |trials: &[Trial]| -> Vec<Trial> {
            trials.iter().cloned().map(|mut trial| { trial.line = 0; trial }).collect()
        };
        prop_assert_eq!(plain(joined.trials()), plain(whole.trials()));
        prop_assert_eq!(plain(joined.incomplete()), plain(whole.incomplete()));
        prop_assert_eq!(joined.begun(), whole.begun());
    }

    #[test]
    fn the_order_of_unknown_events_changes_nothing(
        lines in prop::collection::vec(line(), 0..60),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..6),
    ) {
        let clean: Vec<String> = lines.into_iter().filter(|line| line.contains("\tReward") || line.contains("Trial") || line.contains("Texture")).collect();
        let insert = |which: &dyn Fn(&(prop::sample::Index, prop::sample::Index)) -> usize| {
            let mut lines = clean.clone();
            for place in &places {
                let at = which(place) % (lines.len() + 1);
                lines.insert(at, "14.02.2017\t10:30:00\t7\tSomething unknown".to_owned());
            }
            let mut log = Log::read(&(HEADER.to_owned() + &lines.join("\n")));
            (text::trial_list(log.trials()), log.begun(), std::mem::take(&mut log).into_trials().len())
        };
        let here = insert(&|place| place.0.index(1000));
        let there = insert(&|place| place.1.index(1000));
        prop_assert_eq!(here, there);
    }

    #[test]
    fn swapping_signal_and_noise_negates_d_prime(
        signal in 1u32..500, noise in 1u32..500, h in 0.0..=1.0f64, f in 0.0..=1.0f64, correction in correction(),
    ) {
        let part = |share: f64, of: u32| (0..=of).find(|&n| f64::from(n) >= share * f64::from(of)).unwrap();
        let counts = Counts { hits: part(h, signal), signal, false_alarms: part(f, noise), noise };
        let swapped = Counts { hits: counts.false_alarms, signal: noise, false_alarms: counts.hits, noise: signal };
        let (there, back) = (d_prime(counts, correction).unwrap(), d_prime(swapped, correction).unwrap());
        prop_assert!(there == -back || (there.is_nan() && back.is_nan()));
        let (there, back) = (criterion(counts, correction).unwrap(), criterion(swapped, correction).unwrap());
        prop_assert!(there == back || (there.is_nan() && back.is_nan()));
        if correction != Correction::None {
            let product = beta(counts, correction).unwrap() * beta(swapped, correction).unwrap();
            prop_assert!((product - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn any_date_time_text_is_read_or_refused(text in "[0-9./:, T-]{0,30}") {
        if let Ok(time) = parse_date_time(&text, Default::default()) {
            let year = format!("{:04}", time.year());
            prop_assert!(text.contains(&year), "{} became {}", text, time);
        }
    }
}
