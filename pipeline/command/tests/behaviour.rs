//! `widefield behaviour`: logs and tables of trials.

use crate::common::{golden_session, run, widefield};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use widefield_behaviour::table::Table;

/// Status, stdout and stderr of the command on a file.
fn behaviour(path: &Path, more: &[&str]) -> (i32, String, String) {
    run(widefield().arg("behaviour").arg(path).args(more))
}

fn table(dir: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = dir.path().join("trials.csv");
    std::fs::write(&path, text).unwrap();
    path
}

const TABLE: &str = "\u{feff}File;Trial;Stimulus;Condition;Decision;Outcome;onset_s;onset;Exclude;weight_g\r\n\
    rec-1.dcimg;1;tone 8 kHz;;Go;;3.02;;;21.5\r\n\
    rec-2;2;tone 8 kHz;;No Response;;;14.02.2017 10:22:36,25;;\r\n\
    ;3;noise;;No Go;;;;false;\r\n\
    ;4;;A;;false alarm;-1;;;\r\n\
    ;5;tone 8 kHz;;Go;hit;;;TRUE;\r\n\
    ;6;buzz;;Go;;;;;\r\n\
    ;7;hum;;Go;miss;;;;\r\n\
    ;8;;;;;;;;\r\n";

const STIMULI: [&str; 4] = ["--stimulus", "tone 8 kHz=Go", "--stimulus", "noise=No Go"];

#[test]
fn a_table_for_people() {
    let dir = tempfile::tempdir().unwrap();
    let path = table(&dir, TABLE);
    let (status, stdout, stderr) = behaviour(&path, &STIMULI);
    assert_eq!(status, 0, "{stderr}");
    assert_eq!(
        stdout,
        "trial  stimulus    decision     outcome            onset                       excluded\n\
         rec-1  tone 8 kHz  Go           hit                3.02 s                      no\n\
         rec-2  tone 8 kHz  No Response  miss               2017-02-14 10:22:36.250000  no\n\
         3      noise       No Go        correct rejection  -                           no\n\
         4      A           -            false alarm        -1 s                        no\n\
         5      tone 8 kHz  Go           hit                -                           yes\n\
         6      buzz        Go           not scored         -                           no\n\
         7      hum         Go           miss               -                           no\n\
         8      -           -            not scored         -                           no\n\
         \n\
         Go trials (tone 8 kHz): 3\n\
         No Go trials (noise): 2\n\
         Correct responses: 1\n\
         Correct rejects: 1\n\
         Missed responses: 2\n\
         False alarms: 1\n\
         Early: 0\n\
         Unscored: 0\n\
         Damaged: 0\n\
         Not scored: 3\n\
         Excluded: 1\n\
         Separator: semicolon\n\
         Other columns: weight_g\n\
         \n\
         Hit rate: 0.333 (95 % 0.061 to 0.792)\n\
         False-alarm rate: 0.500 (95 % 0.095 to 0.905)\n\
         d': -0.319  criterion: 0.159  beta: 0.951  (log-linear)\n"
    );
    // Only what a listed stimulus would change is asked for.
    assert_eq!(
        stderr,
        "not scored, since no correct decision is given: buzz; add for instance --stimulus 'buzz=Go'\n"
    );
}

#[test]
fn outcomes_need_no_stimuli() {
    let dir = tempfile::tempdir().unwrap();
    let path = table(
        &dir,
        "trial\toutcome\n1\thit\n2\tfalse_alarm\n3\tcorrect_rejection\n",
    );
    let (status, stdout, stderr) = behaviour(&path, &[]);
    assert_eq!((status, stderr.as_str()), (0, ""));
    for line in [
        "1      -         -         hit                -      no\n",
        "\nGo trials: 1\nNo Go trials: 2\n",
        "\nSeparator: tab\n",
    ] {
        assert!(stdout.contains(line), "{line}: {stdout}");
    }
    assert!(!stdout.contains("Other columns"), "{stdout}");
    let (_, stdout, _) = behaviour(&path, &["--correction", "none"]);
    assert!(stdout.contains("(no correction)"), "{stdout}");
}

#[test]
fn a_table_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let path = table(&dir, TABLE);
    let (status, stdout, _) = behaviour(&path, &[&STIMULI[..], &["--json"]].concat());
    assert_eq!(status, 0);
    let found: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(
        found["trials"][0],
        json!({
            "file": "rec-1", "trial": 1, "line": 2, "stimulus": "tone 8 kHz", "condition": null,
            "decision": "Go", "outcome": "hit", "onset_s": 3.02, "onset": null, "excluded": false,
            "other": {"weight_g": "21.5"},
        })
    );
    assert_eq!(found["trials"][1]["onset"], "2017-02-14T10:22:36.25");
    assert_eq!(found["trials"][4]["outcome"], "hit");
    assert_eq!(
        (
            &found["separator"],
            &found["excluded"],
            &found["not_scored"]
        ),
        (&json!("semicolon"), &json!(1), &json!(3))
    );
    assert_eq!(
        (&found["score"]["hits"], &found["score"]["misses"]),
        (&json!(1), &json!(2))
    );
    let names: Vec<_> = found["by_stimulus"].as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 4, "{names:?}");
    // What has its outcome from the table is among them, the one unlisted is not.
    assert_eq!(found["by_stimulus"]["A"]["false_alarms"], 1);
    assert_eq!(found["by_stimulus"]["tone 8 kHz"]["go_trials"], 2);
    assert_eq!(found["reaction_of_hits_s"]["trials"], 0);
    assert_eq!(found["problems"], json!([]));
}

#[test]
fn a_table_as_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let path = table(&dir, TABLE);
    let (status, stdout, _) = behaviour(&path, &[&STIMULI[..], &["--csv"]].concat());
    assert_eq!(status, 0);
    assert_eq!(
        stdout,
        "file,trial,line,stimulus,condition,correct,decision,outcome,onset_s,onset,exclude,weight_g\n\
         rec-1,1,2,tone 8 kHz,,Go,Go,hit,3.02,,false,21.5\n\
         rec-2,2,3,tone 8 kHz,,Go,No Response,miss,,2017-02-14T10:22:36.25,false,\n\
         ,3,4,noise,,No Go,No Go,correct rejection,,,false,\n\
         ,4,5,,A,,,false alarm,-1,,false,\n\
         ,5,6,tone 8 kHz,,Go,Go,hit,,,true,\n\
         ,6,7,buzz,,,Go,,,,false,\n\
         ,7,8,hum,,,Go,miss,,,false,\n\
         ,8,9,,,,,,,,false,\n"
    );
    // With the outcomes in it, it scores alike without the stimuli.
    let anew = dir.path().join("anew.csv");
    std::fs::write(&anew, &stdout).unwrap();
    assert_eq!(Table::parse(&stdout).unwrap().other().len(), 3);
    let score = |path: &Path, more: &[&str]| {
        let (_, stdout, _) = behaviour(path, &[more, &["--json"]].concat());
        serde_json::from_str::<Value>(&stdout).unwrap()["score"].clone()
    };
    assert_eq!(score(&anew, &[]), score(&path, &STIMULI));
}

#[test]
fn stimuli_of_a_table_by_grit() {
    let dir = tempfile::tempdir().unwrap();
    let path = table(
        &dir,
        "trial,stimulus,decision\n1,Texture 5 P100,Go\n2,Texture 1 P100,No Go\n",
    );
    let (status, stdout, stderr) = behaviour(&path, &["--by-grit", "--stimulus", "P100=Go"]);
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert!(stdout.contains("Go trials (P100): 2"), "{stdout}");
}

#[test]
fn faults_of_a_table_say_where_and_what_helps() {
    let dir = tempfile::tempdir().unwrap();
    for (text, said) in [
        (
            "trial\tonset_s\n1\t3,02\n",
            "trials.csv: line 2, column 2 (onset_s): \"3,02\" is no number of seconds; the decimal sign is a point",
        ),
        (
            "name,outcome\na,hit\n",
            "trials.csv: line 1: no column is called file or trial, so rows cannot be matched to movies; there are: \
             name, outcome",
        ),
        (
            "Date\tTime\tTrial\tOutcome\n14.02.2017\t10:22:33\t1\twon\n",
            "line 2, column 4 (Outcome): \"won\" is no outcome: hit, miss",
        ),
        (
            "file\na\n\na.dcimg\n",
            "line 4, column 1 (file): line 2 is of the same movie",
        ),
        ("file,outcome\n", "trials.csv: holds no trial"),
        (
            "Recording;Stim;Result\na;A;hit\n",
            "trials.csv: line 1: no column is called file or trial, so rows cannot be matched to movies; there are: \
             Recording, Stim, Result",
        ),
    ] {
        let path = table(&dir, text);
        for more in [&[][..], &["--json"], &["--csv"]] {
            let (status, stdout, stderr) = behaviour(&path, more);
            assert_eq!((status, stdout.as_str()), (2, ""), "{stderr}");
            // Lines are broken anywhere to fit a terminal.
            let plain = |text: &str| text.replace(|c: char| c.is_whitespace() || c == '│', "");
            assert!(plain(&stderr).contains(&plain(said)), "{said}: {stderr}");
        }
    }
}

#[test]
fn a_table_does_not_steer_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let path = table(
        &dir,
        "file,stimulus,decision,\"a\u{1b}[2J\"\nx,\"to\nne\u{1b}]0;title\u{7}\",Go,\n",
    );
    let (status, stdout, stderr) = behaviour(&path, &[]);
    assert_eq!(status, 0, "{stderr}");
    for text in [&stdout, &stderr] {
        assert!(text.contains("to\\nne\\u{1b}]0;title\\u{7}"), "{text}");
        assert!(
            !text.contains(|c: char| c.is_control() && c != '\n'),
            "{text:?}"
        );
    }
}

#[test]
fn a_log_is_shown_as_ever() {
    let log = golden_session().join("behaviour.txt");
    let stimuli = [
        "--stimulus",
        "Texture 1 P100=Go",
        "--stimulus",
        "Texture 7 P1200=No Go",
    ];
    let (status, stdout, stderr) = behaviour(&log, &stimuli);
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert_eq!(
        stdout,
        "trial  logged  start                       stimulus         decision     outcome\n\
         1      1       2017-02-14 10:22:33.250000  Texture 1 P100   Go           hit\n\
         2      2       2017-02-14 10:22:50.150000  Texture 7 P1200  Go           false alarm\n\
         3      3       2017-02-14 10:23:07.050000  Texture 1 P100   No Response  miss\n\
         \n\
         Go trials (Texture 1 P100): 2\n\
         No Go trials (Texture 7 P1200): 1\n\
         Correct responses: 1\n\
         Correct rejects: 0\n\
         Missed responses: 1\n\
         False alarms: 1\n\
         Early: 0\n\
         Unscored: 0\n\
         Damaged: 0\n\
         Not scored: 0\n\
         Incomplete: 0\n\
         \n\
         Hit rate: 0.500 (95 % 0.095 to 0.905)\n\
         False-alarm rate: 1.000 (95 % 0.207 to 1.000)\n\
         d': -0.674  criterion: -0.337  beta: 1.255  (log-linear)\n\
         Reaction time of hits: median 0.700 s, quartiles 0.700 and 0.700 s, 1 trials\n"
    );
    let (_, stdout, _) = behaviour(&log, &[&stimuli[..], &["--csv"]].concat());
    assert_eq!(
        stdout,
        "running,running_at_end,logged,line,start,stimulus,condition,correct,decision,outcome,damaged,recording,\
         stimulus_line_s,texture_s,delay_s,report_s,decision_s,end_s,stimulus_onset_s,reaction_from_onset_s,\
         reaction_from_report_s,z_plane,rewards,auto_rewards,puffs,other_events\n\
         1,1,1,2,2017-02-14T10:22:33.25,Texture 1 P100,100,Go,Go,hit,false,yes,1.1,3,,7.9,8.6,10.6,3,5.6,0.7,,0,0,0,0\n\
         2,2,2,8,2017-02-14T10:22:50.15,Texture 7 P1200,1200,No Go,Go,false alarm,false,yes,1.1,3,,7.9,8.6,10.6,3,5.6,\
         0.7,,0,0,0,0\n\
         3,3,3,14,2017-02-14T10:23:07.05,Texture 1 P100,100,Go,No Response,miss,false,yes,1.1,3,,7.9,8.6,10.6,3,,,,0,0,0,\
         0\n"
    );
    let (_, stdout, _) = behaviour(&log, &[&stimuli[..], &["--json"]].concat());
    let found: Value = serde_json::from_str(&stdout).expect("JSON");
    let mut keys: Vec<_> = found.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(
        keys,
        [
            "by_stimulus",
            "incomplete",
            "not_scored",
            "problems",
            "reaction_of_hits_s",
            "score",
            "trials"
        ]
    );
    assert_eq!(
        found["trials"][1],
        json!({
            "running": 2, "logged": 2, "start": "2017-02-14T10:22:50.15", "stimulus": "Texture 7 P1200",
            "decision": "Go", "outcome": "false alarm", "reaction_s": 0.7, "damaged": false,
        })
    );
    assert_eq!(found["by_stimulus"]["Texture 1 P100"]["misses"], 1);
    assert_eq!(found["by_stimulus"]["Texture 7 P1200"]["false_alarms"], 1);
}
