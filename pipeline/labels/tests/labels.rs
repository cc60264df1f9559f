//! Log and table against movies, case by case.

use widefield_behaviour::write::LogWriter;
use widefield_behaviour::{Decision, Verdict};
use widefield_experiment::{Align, Answer, Config, Kind, Match, Stimulus};
use widefield_labels::{Error, Labels, Movie, Sources};
use widefield_record::{CheckName, Level, Onset, OnsetFrom};
use widefield_storage::Place;

/// Four trials, 20 s apart, the stimulus 3 s after each begin.
fn log() -> String {
    let mut log = LogWriter::new();
    let start = jiff::civil::datetime(2017, 2, 14, 10, 0, 0, 0);
    let trials = [
        ("Texture 1 P100", Decision::Go),
        ("Texture 7 P1200", Decision::NoGo),
        ("Texture 1 P100", Decision::NoResponse),
        ("Texture 7 P1200", Decision::InappropriateResponse),
    ];
    for (k, (stimulus, decision)) in (0..).zip(trials) {
        let start = start + jiff::SignedDuration::from_secs(20 * k);
        let reaction = jiff::SignedDuration::from_millis(700);
        log.trial(1, start, stimulus, decision, reaction)
            .expect("a trial");
    }
    log.finish()
}

fn config() -> Config {
    let mut config = Config::new("m");
    config.experiment.stimulus = vec![
        Stimulus::new("Texture 1 P100", Answer::Go),
        Stimulus::new("Texture 7 P1200", Answer::NoGo),
    ];
    config
}

/// With what is given of both, and movies by name, number and begin.
fn labels(
    config: &Config,
    log: Option<&str>,
    table: Option<&str>,
    movies: &[(&str, Option<u32>, Option<f64>)],
) -> Result<Labels, Error> {
    let data = Place::open("memory://").expect("place");
    let mut config = config.clone();
    for (name, text, key) in [
        ("log.txt", log, &mut config.data.behaviour_log),
        ("trials.csv", table, &mut config.data.trials),
    ] {
        if let Some(text) = text {
            data.put(name, text.as_bytes().to_vec()).expect("put");
            *key = Some(name.to_owned());
        }
    }
    let movies: Vec<Movie<'_>> = movies
        .iter()
        .map(|(file, number, begin_s)| {
            let mut movie = Movie::new(file);
            (movie.number, movie.begin_s) = (*number, *begin_s);
            movie
        })
        .collect();
    let sources = Sources::load(&config, &data)?.expect("sources");
    Labels::new(&config, sources, &movies)
}

fn numbered(count: u32) -> Vec<(&'static str, Option<u32>, Option<f64>)> {
    let names = ["m_1", "m_2", "m_3", "m_4", "m_5"];
    names
        .into_iter()
        .zip(1..=count)
        .map(|(name, n)| (name, Some(n), None))
        .collect()
}

/// Name of the MAT file of each movie.
fn files(labels: &Labels, movies: usize) -> Vec<Option<&str>> {
    (0..movies)
        .map(|m| labels.of(m)?.label.file_name.as_deref())
        .collect()
}

#[test]
fn a_log_alone_labels_by_number() {
    let found = labels(&config(), Some(&log()), None, &numbered(4)).expect("labels");
    let want = [
        "cond_100_trial1.mat",
        "cond_1200_trial1.mat",
        "cond_100_trial2.mat",
        "cond_1200_trial2.mat",
    ];
    assert_eq!(files(&found, 4), want.map(Some));
    let onset = Onset {
        s: 3.0,
        from: OnsetFrom::Log,
    };
    assert_eq!(found.of(2).and_then(|entry| entry.onset), Some(onset));
    let record = found.record();
    assert_eq!(
        (
            record.hits,
            record.correct_rejections,
            record.misses,
            record.false_alarms
        ),
        (1, 1, 1, 1)
    );
    assert!(
        found
            .checks(&config())
            .iter()
            .all(|check| check.level == Level::Pass),
        "{:?}",
        found.checks(&config())
    );
    // Without a movie an entry counts all the same, and is named.
    let found = labels(&config(), Some(&log()), None, &numbered(5)[1..]).expect("labels");
    let check = found.checks(&config()).pop().expect("a check");
    assert_eq!(
        (&check.name, check.value),
        (&CheckName::LogMatch, Some(2.0))
    );
    assert_eq!(
        check.message,
        "movies without an entry in the log: m_5; trials of the log without a movie: 1"
    );
}

#[test]
fn a_table_alone_labels_scores_and_aligns() {
    let table = "file;condition;outcome;onset_s;exclude;weight g\n\
                 rec-b.dcimg;B_2;miss;2.5;;21\nrec-a;A;hit;3.25;;\nrec-c;A;false_alarm;;true;20\n";
    let movies = [
        ("rec-a.dcimg", None, None),
        ("rec-b.dcimg", None, None),
        ("rec-c.dcimg", None, None),
    ];
    let found = labels(&Config::new("rec-"), None, Some(table), &movies).expect("labels");
    let want = [
        "cond_A_trial1.mat",
        "cond_B_2_trial1.mat",
        "cond_A_trial2.mat",
    ];
    assert_eq!(files(&found, 3), want.map(Some));
    let onset = |movie| found.of(movie).and_then(|entry| entry.onset);
    assert_eq!(
        onset(0),
        Some(Onset {
            s: 3.25,
            from: OnsetFrom::Table
        })
    );
    assert_eq!(onset(2), None);
    let third = found.of(2).expect("a row");
    assert_eq!(
        (third.exclude, third.outcome().as_str()),
        (true, "left out")
    );
    assert_eq!(
        third.columns.get("weight g").map(String::as_str),
        Some("20")
    );
    assert!(found.of(0).expect("a row").columns.is_empty());
    let record = found.record();
    assert_eq!(
        (
            record.trials,
            record.hits,
            record.misses,
            record.false_alarms,
            record.left_out
        ),
        (3, 1, 1, 0, 1)
    );
    let said = found.checks(&config());
    let table = said
        .iter()
        .find(|check| check.name == CheckName::Table)
        .expect("how it was read");
    assert!(
        table.message.contains("3 rows, semicolons") && table.message.contains("weight g"),
        "{}",
        table.message
    );
    let mut aligned = Config::new("rec-");
    aligned.experiment.align = Align::Log;
    let checks = |movie| found.checks_of(&aligned, movie, None);
    assert!(checks(0).is_empty());
    assert_eq!(
        (&checks(2)[0].name, checks(2)[0].level),
        (&CheckName::Onset, Level::Warn)
    );
    assert!(
        checks(2)[0].message.contains("3 s after its first frame"),
        "{}",
        checks(2)[0].message
    );
    let names: Vec<String> = found
        .files(&aligned)
        .expect("files")
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names,
        ["BehaviourPerformance.txt", "mat_out/trials_ind.mat"]
    );
}

#[test]
fn rows_go_before_the_log_cell_by_cell() {
    let table = "trial,stimulus,decision,outcome,onset_s,onset\n\
                 2,Texture 1 P100,,,,\n3,,Go,,,\n4,,,correct_rejection,3.5,\n1,,,,,2017-02-14 10:00:02.75\n";
    let found = labels(&config(), Some(&log()), Some(table), &numbered(4)).expect("labels");
    let want = [
        "cond_100_trial1.mat",
        "cond_100_trial2.mat",
        "cond_100_trial3.mat",
        "cond_1200_trial1.mat",
    ];
    assert_eq!(files(&found, 4), want.map(Some));
    let outcome = |movie| found.of(movie).expect("an entry").outcome();
    // Withheld to a stimulus that the table corrects to Go: what the animal did stays.
    let outcomes: Vec<String> = (0..4).map(outcome).collect();
    assert_eq!(outcomes, ["hit", "miss", "hit", "correct rejection"]);
    let onset = |movie| {
        found
            .of(movie)
            .and_then(|entry| entry.onset)
            .expect("onset")
    };
    assert_eq!(
        onset(0),
        Onset {
            s: 2.75,
            from: OnsetFrom::Table
        }
    );
    assert_eq!(
        onset(1),
        Onset {
            s: 3.0,
            from: OnsetFrom::Log
        }
    );
    assert_eq!(
        onset(3),
        Onset {
            s: 3.5,
            from: OnsetFrom::Table
        }
    );
    assert_eq!(found.entries().len(), 4);
}

#[test]
fn order_counts_as_people_do_and_leaves_nothing_over() {
    let mut config = config();
    config.data.matching = Match::Order;
    let movies = [
        ("t10", None, None),
        ("t9", None, None),
        ("t1", None, None),
        ("t2", None, None),
    ];
    let found = labels(&config, Some(&log()), None, &movies).expect("labels");
    assert_eq!(
        files(&found, 4)[2..],
        [Some("cond_100_trial1.mat"), Some("cond_1200_trial1.mat")]
    );
    assert_eq!(found.of(0).and_then(|entry| entry.logged()), Some(4));
    let error = labels(&config, Some(&log()), None, &movies[1..]).expect_err("one is missing");
    let Error::Pairing {
        by: "order",
        movies,
        entries,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!((movies.len(), entries.len()), (3, 4));
    assert!(error.to_string().contains("t1, t2, t9"), "{error}");
    // What was not recorded is no movie.
    let unrecorded = log().replacen("Begin Trial / Recording", "Begin Trial w/o Recording", 1);
    let found = labels(
        &config,
        Some(&unrecorded),
        None,
        &[("a", None, None), ("b", None, None), ("c", None, None)],
    );
    assert_eq!(
        found
            .expect("labels")
            .of(0)
            .and_then(|entry| entry.logged()),
        Some(2)
    );
}

#[test]
fn time_pairs_across_zones_and_never_guesses() {
    let mut config = config();
    config.data.matching = Match::Time;
    let begin = |k: f64| {
        Some(
            widefield_labels::seconds_at(jiff::civil::datetime(2017, 2, 14, 8, 0, 1, 0)) + 20.0 * k,
        )
    };
    let begins = [
        ("d", None, begin(3.0)),
        ("c", None, begin(2.0)),
        ("b", None, begin(1.0)),
        ("a", None, begin(0.0)),
    ];
    // Evenly spaced trials fit one trial further as well as they do in place, but not as many of them.
    let found = labels(&config, Some(&log()), None, &begins).expect("labels");
    let logged: Vec<Option<u32>> = (0..4)
        .map(|m| found.of(m).and_then(|entry| entry.logged()))
        .collect();
    assert_eq!(logged, [Some(4), Some(3), Some(2), Some(1)]);
    let error = labels(&config, Some(&log()), None, &begins[1..]).expect_err("one is missing");
    assert!(
        error
            .to_string()
            .contains("movies: none; entries: 4 of 2017-02-14T10:01:00"),
        "{error}"
    );
    // A movie that cannot be read is nobody's, and stops no other.
    let unknown = [("x", None, None), begins[1], begins[2], begins[3]];
    let found = labels(&config, Some(&log()), None, &unknown).expect("labels");
    assert_eq!(files(&found, 4)[..2], [None, Some("cond_100_trial2.mat")]);
    let message = &found.checks_of(&config, 0, None)[0].message;
    assert!(
        message.contains("it is not known when it began"),
        "{message}"
    );
    let nothing = [("a", None, None), ("b", None, None)];
    let error = labels(&config, Some(&log()), None, &nothing).expect_err("no begin");
    assert!(
        error
            .to_string()
            .contains("it is not known when any movie began"),
        "{error}"
    );
    // A trial that was begun and never ended has its movie, or none, and no label.
    let cut = log().replacen("End Trial", "Nothing", 1);
    let incomplete = widefield_behaviour::Log::parse(&cut)
        .expect("log")
        .incomplete()
        .len();
    assert_eq!(incomplete, 1);
    for movies in [&begins[..], &begins[..3]] {
        let found = labels(&config, Some(&cut), None, movies).expect("labels");
        assert_eq!(
            files(&found, 3),
            [
                Some("cond_1200_trial2.mat"),
                Some("cond_100_trial1.mat"),
                Some("cond_1200_trial1.mat")
            ]
        );
        assert!(found.of(3).is_none());
    }
    // Rows by the date and time of their onsets, which are 3 s after the begins.
    let table = "trial,condition,onset\n7,B,2017-02-14 10:00:23\n8,A,14.02.2017 10:00:03.5\n";
    let found = labels(&config, None, Some(table), &begins[2..]).expect("labels");
    assert_eq!(
        files(&found, 2),
        [Some("cond_B_trial1.mat"), Some("cond_A_trial1.mat")]
    );
    let error =
        labels(&config, None, Some("trial,condition\n7,B\n"), &begins[2..]).expect_err("no time");
    assert!(
        error.to_string().contains("trials.csv, line 2: data.match"),
        "{error}"
    );
}

#[test]
fn every_bad_table_says_where_and_what_helps() {
    let movies = [("m_1", Some(1), None), ("m_2", Some(2), None)];
    for (table, want) in [
        ("", "the table is empty"),
        ("file,condition\n", "the header line is all there is"),
        (
            "name,condition\nm_1,A\n",
            "line 1: no column is called file or trial",
        ),
        ("file,trial;x\n", "as many commas as semicolons"),
        ("file,condition\nm_1\n", "line 2: 1 cells, the header has 2"),
        (
            "file,condition\nm_1,\"A\n",
            "line 2: a quotation mark is not closed",
        ),
        (
            "file,condition\nm_1,A\nm_1.dcimg,B\n",
            "line 3, column 1 (file): line 2 is of the same movie",
        ),
        (
            "file,trial,condition\nm_1,,A\n,1,B\n",
            "trials.csv, line 3, column 2 (trial): line 2 is of the same movie, m_1",
        ),
        (
            "trial,condition\n1,A\n1,B\n",
            "line 3, column 1 (trial): line 2 is of the same movie",
        ),
        ("trial,condition\n-1,A\n", "line 2, column 1 (trial)"),
        ("trial,onset_s\n1,\"3,1\"\n", "line 2, column 2 (onset_s)"),
        ("trial,onset\n1,yesterday\n", "line 2, column 2 (onset)"),
        ("trial,outcome\n1,good\n", "line 2, column 2 (outcome)"),
        ("trial,decision\n1,lick\n", "line 2, column 2 (decision)"),
        ("trial,exclude\n1,maybe\n", "line 2, column 2 (exclude)"),
        (
            "trial,condition\n1,8 kHz\n",
            "line 2, column 2 (condition): condition `8 kHz` is no part of a valid name",
        ),
        (
            "trial,condition\n1,A\n2,a\n",
            "line 3, column 2 (condition): conditions `A` and `a` differ in case only",
        ),
    ] {
        let error = labels(&Config::new("m"), None, Some(table), &movies).expect_err(table);
        assert!(error.to_string().contains(want), "{table}: {error}");
        assert!(error.to_string().contains("trials.csv"), "{error}");
        assert!(
            error
                .help()
                .is_some_and(|help| help.contains("data.trials")),
            "{error:?}"
        );
    }
    // What has no counterpart is named with its line.
    let table = "file,condition\nm_1,A\nm_9,B\n";
    let found = labels(&Config::new("m"), None, Some(table), &movies).expect("labels");
    let check = found.checks(&config()).pop().expect("a check");
    assert_eq!(check.level, Level::Warn);
    assert_eq!(
        check.message,
        "movies without an entry in the table: m_2; trials of the table without a movie: m_9: line 3, column 1 (file)"
    );
    assert_eq!(
        found.checks_of(&Config::new("m"), 1, Some(2))[0].message,
        "the table has no entry for this movie: no row names its file; HDF5 is written, MAT is not"
    );
}

#[test]
fn onsets_need_what_relates_them_to_the_movie() {
    let mut config = config();
    config.experiment.align = Align::Log;
    // A begin line that cannot be used, and a trial that was not recorded, say nothing of the first frame.
    let unrecorded = log().replacen("Begin Trial / Recording", "Begin Trial w/o Recording", 1);
    let found = labels(&config, Some(&unrecorded), None, &numbered(4)).expect("labels");
    assert_eq!(found.of(0).and_then(|entry| entry.onset), None);
    assert!(found.of(1).and_then(|entry| entry.onset).is_some());
    let table = "trial,condition,onset\n1,A,2017-02-14 10:00:03\n";
    let found = labels(&config, None, Some(table), &numbered(1)).expect("labels");
    assert_eq!(found.of(0).and_then(|entry| entry.onset), None);
    let message = &found.checks_of(&config, 0, Some(1))[0].message;
    assert!(message.contains("give onset_s"), "{message}");
    config.experiment.align = Align::Fixed;
    config.experiment.kind = Kind::Spontaneous;
    let table = "trial,condition,onset_s\n1,awake,3\n";
    let found = labels(&config, None, Some(table), &numbered(1)).expect("labels");
    let entry = found.of(0).expect("a row");
    assert_eq!((entry.onset, entry.verdict), (None, Verdict::LeftOut));
    assert_eq!(entry.condition.as_deref(), Some("awake"));
}

#[test]
fn what_is_named_and_missing_is_an_error() {
    let mut config = Config::new("m");
    let data = Place::open("memory://").expect("place");
    data.put("other.csv", b"file\n".to_vec()).expect("put");
    config.data.trials = Some("trials.csv".into());
    let error = Sources::load(&config, &data).expect_err("missing");
    assert!(
        error
            .to_string()
            .contains("there is no such file; tables there: other.csv"),
        "{error}"
    );
    config.data.trials = None;
    assert!(
        Sources::load(&config, &data)
            .expect("nothing is asked for")
            .is_none()
    );
}

#[test]
fn what_a_table_does_not_say_is_a_warning() {
    let raised = |table: &str, config: &Config| {
        let movies = [("m_1", Some(1), None)];
        let found = labels(config, None, Some(table), &movies).expect("labels");
        let checks = found.checks(config).into_iter();
        let raised = checks.filter(|check| check.level != Level::Pass);
        raised
            .map(|check| (check.name, check.message))
            .collect::<Vec<_>>()
    };
    let [(CheckName::Table, said)] = &raised("trial;Stim;Result\n1;A;hit\n", &Config::new("m"))[..]
    else {
        panic!("no warning");
    };
    assert!(
        said.contains("no column is called stimulus or condition") && said.contains("Stim, Result"),
        "{said}"
    );
    let [(CheckName::Table, said)] = &raised("trial,stimulus\n1,Texture 1 P100\n", &config())[..]
    else {
        panic!("no warning");
    };
    assert!(said.contains("decision or outcome"), "{said}");
    let table = "trial,stimulus,outcome\n1,Texture 1 P100,false alarm\n";
    let [(CheckName::Outcome, said)] = &raised(table, &config())[..] else {
        panic!("no warning");
    };
    assert!(
        said.contains("line 2, false alarm to Texture 1 P100"),
        "{said}"
    );
    let mut ordered = Config::new("m");
    ordered.data.matching = Match::Order;
    let [(CheckName::Table, said)] = &raised("file,condition\nm_1,A\n", &ordered)[..] else {
        panic!("no warning");
    };
    assert!(said.contains("data.match has no say"), "{said}");
}

#[test]
fn rows_and_trials_of_the_log_are_the_same_ones() {
    let outcomes = |found: &Labels| -> Vec<String> {
        found
            .entries()
            .iter()
            .map(|entry| entry.outcome())
            .collect()
    };
    // The movie of trial 4 is gone; its row still is of that trial.
    let table = "file,outcome,exclude\nm_4.dcimg,,true\nm_1,miss,\n";
    let found = labels(&config(), Some(&log()), Some(table), &numbered(3)).expect("labels");
    assert_eq!(
        outcomes(&found),
        ["miss", "correct rejection", "miss", "left out"]
    );
    // A row says which movie a trial of the log has, whatever its name.
    let named = [("rec-a", None, None), ("m_1", Some(1), None)];
    let table = "file,trial,outcome\nrec-a.dcimg,3,hit\n";
    let found = labels(&config(), Some(&log()), Some(table), &named).expect("labels");
    assert_eq!(
        files(&found, 2),
        [Some("cond_100_trial2.mat"), Some("cond_100_trial1.mat")]
    );
    assert_eq!(outcomes(&found).len(), 4);
    let names: Vec<(String, Vec<u8>)> = found.files(&config()).expect("files");
    let list = String::from_utf8(names[0].1.clone()).expect("text");
    assert_eq!(list.lines().count(), 4);
    // In an order, rows are of the log's trials, too.
    let mut ordered = config();
    ordered.data.matching = Match::Order;
    let movies = [
        ("a", None, None),
        ("b", None, None),
        ("c", None, None),
        ("d", None, None),
    ];
    let table = "trial,stimulus,outcome\n2,Texture 1 P100,hit\n";
    let found = labels(&ordered, Some(&log()), Some(table), &movies).expect("labels");
    assert_eq!(
        found.of(1).map(|entry| entry.outcome()).as_deref(),
        Some("hit")
    );
    let list = String::from_utf8(found.files(&ordered).expect("files")[0].1.clone()).expect("text");
    assert!(
        list.lines()
            .nth(1)
            .is_some_and(|line| line.contains("Texture 1 P100")),
        "{list}"
    );
    for (table, want) in [
        (
            "file,trial\nm_1,3\n",
            "its movie is that of trial 1 of the log, not of 3",
        ),
        (
            "file,trial\nm_1,9\n",
            "its movie is that of trial 1 of the log, which has no such one",
        ),
        (
            "file,trial\nm_5,1\n",
            "the movie of trial 1 of the log is m_1",
        ),
        ("file,trial\nm_1,\nm_9,1\n", "line 2 is of the same trial"),
    ] {
        let error = labels(&config(), Some(&log()), Some(table), &numbered(5)).expect_err(table);
        assert!(error.to_string().contains(want), "{table}: {error}");
    }
    // Numbers that several animals share are none of the session.
    let movies = [("s1_t1", Some(1), None), ("s2_t1", None, None)];
    let table = "file,condition\ns2_t1,A\ns1_t1,A\n";
    let found = labels(&Config::new("s"), None, Some(table), &movies).expect("labels");
    let numbers: Vec<u32> = found.record().outcomes.iter().map(|o| o.trial).collect();
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn a_movie_without_a_row_is_told_so_however_others_are_matched() {
    for matching in [Match::Number, Match::Order, Match::Time] {
        let mut config = Config::new("m");
        config.data.matching = matching;
        let movies = [("m_1", Some(1), None), ("m_2", Some(2), None)];
        let found =
            labels(&config, None, Some("file,condition\nm_1,A\n"), &movies).expect("labels");
        let message = &found.checks_of(&config, 1, Some(2))[0].message;
        assert!(message.contains("no row names its file"), "{message}");
    }
}

#[test]
fn events_that_products_are_aligned_to() {
    let mut config = config();
    let aligned = |config: &Config, table: Option<&str>| -> Vec<Option<f64>> {
        let labels = labels(config, Some(&log()), table, &numbered(4)).expect("labels");
        let of = |m| labels.of(m).and_then(|entry| entry.aligned_s);
        (0..4).map(of).collect()
    };
    // The onset is what nothing needs to be said of.
    assert_eq!(aligned(&config, None), [None; 4]);
    config.products.align = "response_cue".into();
    let cue = aligned(&config, None);
    assert!(cue.iter().all(|s| *s > Some(3.0)), "{cue:?}");
    // The second animal withheld, the third did not answer.
    config.products.align = "answer".into();
    let answer = aligned(&config, None);
    assert_eq!(
        answer.iter().map(Option::is_some).collect::<Vec<_>>(),
        [true, false, false, true]
    );
    let reaction = answer[0].zip(cue[0]).map(|(answer, cue)| answer - cue);
    assert!(
        reaction.is_some_and(|s| (s - 0.7).abs() < 1e-9),
        "{reaction:?}"
    );
    // A column of the table is any event.
    config.products.align = "lick_s".into();
    let table = "trial,lick_s\n1,5.25\n2,\n3,late\n4,6\n";
    assert_eq!(
        aligned(&config, Some(table)),
        [Some(5.25), None, None, Some(6.0)]
    );
}
