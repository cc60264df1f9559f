//! Tables for statistics programs.

use jiff::civil::DateTime;

use super::read::{Onset, Row, Table};
use crate::event::Recording;
use crate::stimuli::Stimuli;
use crate::stimulus::condition;
use crate::trial::{ReactionFrom, Trial};

/// The columns of [`trials`].
const TRIALS: [&str; 26] = [
    "running",
    "running_at_end",
    "logged",
    "line",
    "start",
    "stimulus",
    "condition",
    "correct",
    "decision",
    "outcome",
    "damaged",
    "recording",
    "stimulus_line_s",
    "texture_s",
    "delay_s",
    "report_s",
    "decision_s",
    "end_s",
    "stimulus_onset_s",
    "reaction_from_onset_s",
    "reaction_from_report_s",
    "z_plane",
    "rewards",
    "auto_rewards",
    "puffs",
    "other_events",
];

/// One row per trial, with every field of [`Trial`].
///
/// What is missing is an empty cell. Times ending in `_s` are seconds after the trial's start.
/// `correct` and `outcome` come from the stimuli; they are empty without them, and for stimuli that
/// are not listed. `rewards`, `auto_rewards` (those among the rewards that are automatic), `puffs` and
/// `other_events` are counts; [`events`] has a row for each. `start` is ISO 8601 to the nanosecond.
///
/// ```
/// use widefield_behaviour::{Log, table};
/// let log = Log::parse(include_str!("../../tests/data/session.txt"))?;
/// let table = table::trials(log.trials(), None);
/// assert!(table.lines().nth(1).unwrap().starts_with("1,1,1,2,2017-02-14T10:22:33.25,Texture 1 P100,100,"));
/// # Ok::<(), widefield_behaviour::Error>(())
/// ```
pub fn trials(trials: &[Trial], stimuli: Option<&Stimuli>) -> String {
    written(&TRIALS, trials.iter().map(|trial| cells(trial, stimuli)))
}

fn cells(trial: &Trial, stimuli: Option<&Stimuli>) -> [String; TRIALS.len()] {
    let stimulus = trial.stimulus.as_deref();
    let seconds = |at: Option<DateTime>| seconds(trial, at);
    let reaction = |from| shown(trial.reaction_time(from).map(|time| time.as_secs_f64()));
    let recording = match trial.recording {
        Recording::Yes => "yes",
        Recording::No => "no",
        Recording::Unknown => "",
    };
    [
        trial.running.to_string(),
        shown(trial.running_at_end),
        trial.logged.to_string(),
        trial.line.to_string(),
        trial.start.to_string(),
        shown(stimulus),
        shown(stimulus.and_then(condition)),
        shown(
            stimuli
                .zip(stimulus)
                .and_then(|(stimuli, stimulus)| stimuli.correct(stimulus)),
        ),
        trial.decision.to_string(),
        shown(stimuli.and_then(|stimuli| stimuli.judge(trial).ok()?.outcome())),
        trial.damaged.to_string(),
        recording.to_owned(),
        seconds(trial.stimulus_line_at),
        seconds(trial.texture_at),
        seconds(trial.delay_at),
        seconds(trial.report_at),
        seconds(trial.decision_at),
        seconds(trial.end),
        seconds(trial.stimulus_onset()),
        reaction(ReactionFrom::StimulusOnset),
        reaction(ReactionFrom::Report),
        shown(trial.z_plane),
        trial.rewards.len().to_string(),
        trial
            .rewards
            .iter()
            .filter(|reward| reward.automatic)
            .count()
            .to_string(),
        trial.puffs.len().to_string(),
        trial.other.len().to_string(),
    ]
}

/// One row per reward, puff and unknown event of the trials: `running`, `time_s`, `event` (`reward`,
/// `auto_reward`, `puff`, `other`), `text` (of unknown events).
///
/// Rows of a trial are in the order of time, those of one time in the order above.
pub fn events(trials: &[Trial]) -> String {
    let rows = trials.iter().flat_map(|trial| {
        let kind = |automatic| if automatic { "auto_reward" } else { "reward" };
        let rewards = trial
            .rewards
            .iter()
            .map(|reward| (reward.at, kind(reward.automatic), ""));
        let puffs = trial.puffs.iter().map(|at| (*at, "puff", ""));
        let other = trial
            .other
            .iter()
            .map(|event| (event.at, "other", event.text.as_str()));
        let mut rows: Vec<_> = rewards.chain(puffs).chain(other).collect();
        rows.sort_by_key(|(at, _, _)| *at);
        rows.into_iter().map(move |(at, event, words)| {
            [
                trial.running.to_string(),
                seconds(trial, Some(at)),
                event.to_owned(),
                words.to_owned(),
            ]
        })
    });
    written(&["running", "time_s", "event", "text"], rows)
}

fn seconds(trial: &Trial, at: Option<DateTime>) -> String {
    shown(at.map(|at| at.duration_since(trial.start).as_secs_f64()))
}

fn shown(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// The columns of [`rows`], before those that mean nothing here.
const ROWS: [&str; 11] = [
    "file",
    "trial",
    "line",
    "stimulus",
    "condition",
    "correct",
    "decision",
    "outcome",
    "onset_s",
    "onset",
    "exclude",
];

/// A table written anew, commas between: its columns, those that are kept last, and what the stimuli make of them.
///
/// `line`, `correct` and `outcome` are as in [`trials`], but an outcome that the table gives stays as it is, in excluded rows
/// too. The first two are left out where the table has columns of its own with these names. [`Table`] reads it again.
///
/// ```
/// use widefield_behaviour::{Correct, Matching, Stimuli, table};
/// let read = table::Table::parse("trial;stimulus;decision;weight_g\n7;tone;Go;21.5\n")?;
/// let stimuli = Stimuli::new(&[("tone", Correct::Go)], Matching::FullName)?;
/// assert_eq!(
///     table::rows(&read, Some(&stimuli)),
///     "file,trial,line,stimulus,condition,correct,decision,outcome,onset_s,onset,exclude,weight_g\n\
///      ,7,2,tone,,Go,Go,hit,,,false,21.5\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn rows(table: &Table, stimuli: Option<&Stimuli>) -> String {
    let keep = ROWS.map(|name| !(["line", "correct"].contains(&name) && table.has(name)));
    let all = |cells: [String; ROWS.len()], other: &[String]| -> Vec<String> {
        let cells = cells.into_iter().zip(keep).filter(|(_, keep)| *keep);
        cells
            .map(|(cell, _)| cell)
            .chain(other.iter().cloned())
            .collect()
    };
    let header = all(ROWS.map(str::to_owned), table.other());
    let rows = table.rows().iter();
    written(
        &header,
        rows.map(|row| all(row_cells(table, row, stimuli), &row.other)),
    )
}

fn row_cells(table: &Table, row: &Row, stimuli: Option<&Stimuli>) -> [String; ROWS.len()] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let judged = || stimuli.and_then(|stimuli| table.judge(row, stimuli).ok()?.outcome());
    let seconds = match row.onset {
        Some(Onset::Seconds(seconds)) => Some(seconds),
        _ => None,
    };
    [
        text(&row.file),
        shown(row.trial),
        row.line.to_string(),
        text(&row.stimulus),
        text(&row.condition),
        shown(
            stimuli
                .zip(row.stimulus.as_deref())
                .and_then(|(stimuli, stimulus)| stimuli.correct(stimulus)),
        ),
        shown(row.decision),
        shown(row.outcome.or_else(judged)),
        shown(seconds),
        shown(row.at),
        row.exclude.to_string(),
    ]
}

/// Comma-separated, with a header line, LF at line ends, quotes where a text needs them.
fn written(
    header: &[impl AsRef<[u8]>],
    rows: impl IntoIterator<Item: IntoIterator<Item: AsRef<[u8]>>>,
) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to a Vec cannot fail, and neither can rows of one length.
    let _ = writer.write_record(header);
    for row in rows {
        let _ = writer.write_record(row);
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stimuli::Matching;
    use crate::stimulus::Correct;
    use crate::trial::{OtherEvent, Reward};
    use crate::{Log, Rules};
    use jiff::civil::date;

    #[test]
    fn a_trial_with_everything() {
        let text = "Date\tTime\tTrial\tEvent\n\
            14.02.2017\t23:59:58.5\t7\tBegin Trial / Recording\n\
            14.02.2017\t23:59:59\t7\tZ-Plane 150.5\n\
            14.02.2017\t23:59:59\t7\tStimulus Cue\n\
            15.02.2017\t00:00:01\t7\tTexture 1 P100\n\
            15.02.2017\t00:00:02\t7\tDelay\n\
            15.02.2017\t00:00:03\t7\tReport\n\
            15.02.2017\t00:00:03.75\t7\tGo\n\
            15.02.2017\t00:00:04\t7\tAuto Reward\n\
            15.02.2017\t00:00:04\t7\tReward\n\
            15.02.2017\t00:00:05\t7\tPuff\n\
            15.02.2017\t00:00:06\t7\tsays \"hello\", then \n\
            15.02.2017\t00:00:07\t7\tEnd Trial\n";
        let log = Log::parse_with(text, Rules::default()).unwrap();
        let stimuli = Stimuli::new(&[("Texture 1 P100", Correct::Go)], Matching::FullName).unwrap();
        let csv = trials(log.trials(), Some(&stimuli));
        assert_eq!(
            csv.lines().nth(1).unwrap(),
            "1,1,7,2,2017-02-14T23:59:58.5,Texture 1 P100,100,Go,Go,hit,false,yes,\
             0.5,2.5,3.5,4.5,5.25,8.5,2.5,2.75,0.75,150.5,2,1,1,1"
        );
        assert_eq!(
            csv.lines().next().unwrap().split(',').count(),
            csv.lines().nth(1).unwrap().split(',').count()
        );
        assert_eq!(
            events(log.trials()),
            "running,time_s,event,text\n1,5.5,auto_reward,\n1,5.5,reward,\n1,6.5,puff,\n\
             1,7.5,other,\"says \"\"hello\"\", then\"\n"
        );
    }

    #[test]
    fn texts_are_quoted_where_they_must_be() {
        for (text, cell) in [
            ("a b", "a b"),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("a\nb", "\"a\nb\""),
            ("a\rb", "\"a\rb\""),
        ] {
            let text = written(&["a", "b"], [["1".to_owned(), text.to_owned()]]);
            assert_eq!(text, format!("a,b\n1,{cell}\n"));
        }
    }

    #[test]
    fn a_table_written_anew_is_read_as_the_same() {
        let text = "\u{feff}Trial;File;stimulus;condition;decision;outcome;onset_s;exclude;Line;a \"note\"\n".replace(
            "a \"note\"",
            "\"a \"\"note\"\"\"",
        ) + "7;a.dcimg;T;A;Go;;3.25;;9;\"x\n;,\"\n;b;T;;No Go;hit;;TRUE;;y\n8;;;;;correct_rejection;-1e-7;;;\n";
        let read = Table::parse(&text).unwrap();
        let stimuli = Stimuli::new(&[("T", Correct::Go)], Matching::FullName).unwrap();
        let anew = rows(&read, Some(&stimuli));
        assert_eq!(
            anew,
            "file,trial,stimulus,condition,correct,decision,outcome,onset_s,onset,exclude,Line,\"a \"\"note\"\"\"\n\
             a,7,T,A,Go,Go,hit,3.25,,false,9,\"x\n;,\"\n\
             b,,T,,Go,No Go,hit,,,true,,y\n\
             ,8,,,,,correct rejection,-0.0000001,,false,,\n"
        );
        let again = Table::parse(&rows(&read, None)).unwrap();
        let plain = |table: Table| {
            let rows = table.into_rows().into_iter();
            rows.map(|row| Row {
                line: 0,
                other: Vec::new(),
                ..row
            })
            .collect::<Vec<_>>()
        };
        assert_eq!(plain(again), plain(read));

        let moments = Table::parse("trial\tonset\n1\t14.02.2017 10:22:36,25\n").unwrap();
        let anew = rows(&moments, None);
        let row = ",1,2,,,,,,,2017-02-14T10:22:36.25,false";
        assert_eq!(anew.lines().nth(1), Some(row));
        assert_eq!(plain(Table::parse(&anew).unwrap()), plain(moments));
    }

    #[test]
    fn a_trial_with_nothing() {
        let start = date(2017, 2, 14).at(10, 0, 0, 0);
        let mut trial = Trial::new(2, 3, start);
        let row = "2,,3,0,2017-02-14T10:00:00,,,,Early,,false,,,,,,,,,,,,0,0,0,0";
        assert_eq!(
            trials(std::slice::from_ref(&trial), None).lines().nth(1),
            Some(row)
        );

        // Rows are in order of time, whatever the order of the log.
        trial.other.push(OtherEvent {
            at: start,
            text: "a".into(),
        });
        trial.rewards.push(Reward {
            at: start,
            automatic: false,
        });
        trial.puffs.push(date(2017, 2, 14).at(9, 59, 59, 0));
        assert_eq!(
            events(&[trial]).lines().skip(1).collect::<Vec<_>>(),
            ["2,-1,puff,", "2,0,reward,", "2,0,other,a"]
        );
    }
}
