//! Tables as spreadsheets, R, pandas and people write them.

use jiff::civil::date;
use proptest::prelude::*;
use widefield_behaviour::table::{Fault, Onset, Row, Separator, Table, What, is_table};
use widefield_behaviour::{
    Correct, DateOrder, Decision, Matching, Outcome, Stimuli, Unlabelled, Verdict,
};

fn row(text: &str) -> Row {
    let table = Table::parse(text).unwrap();
    assert_eq!(table.rows().len(), 1, "{text:?}");
    table.into_rows().remove(0)
}

/// Line, column, and what is wrong.
fn fault(text: &str) -> (usize, Option<usize>, What) {
    let Fault {
        line, column, what, ..
    } = Table::parse(text).unwrap_err();
    (line, column, what)
}

#[test]
fn every_column() {
    let text = "Trial,FILE,stimulus,Condition,decision,outcome,onset_s,exclude,weight\n\
        7,rec-000007.DCIMG,Texture 1 P100,A,No Go,correct_rejection,-0.25,TRUE,21.5 g\n";
    let row = row(text);
    assert_eq!((row.line, row.trial), (2, Some(7)));
    assert_eq!(row.file.as_deref(), Some("rec-000007"));
    assert_eq!(row.stimulus.as_deref(), Some("Texture 1 P100"));
    assert_eq!(row.condition.as_deref(), Some("A"));
    assert_eq!(row.decision, Some(Decision::NoGo));
    assert_eq!(row.outcome, Some(Outcome::CorrectRejection));
    assert_eq!(row.onset, Some(Onset::Seconds(-0.25)));
    assert!(row.exclude);
    assert_eq!(row.other, ["21.5 g"]);
    let table = Table::parse(text).unwrap();
    assert_eq!(table.other(), ["weight"]);
    assert!(table.has("Outcome") && table.has("WEIGHT") && !table.has("onset"));
}

#[test]
fn what_is_left_empty_is_not_known() {
    let row =
        row("file,trial,stimulus,decision,outcome,onset_s,onset,exclude,note\n , 3 ,,,,,,,\n");
    let expected = Table::parse("trial,note\n3,\n")
        .unwrap()
        .into_rows()
        .remove(0);
    assert_eq!(row, expected);
    assert_eq!((row.trial, row.exclude, row.onset), (Some(3), false, None));
}

#[test]
fn separators_marks_and_line_ends() {
    for (separator, kind) in [
        (",", Separator::Comma),
        (";", Separator::Semicolon),
        ("\t", Separator::Tab),
    ] {
        for end in ["\n", "\r\n", "\r"] {
            for mark in ["", "\u{feff}"] {
                let lines = [
                    "file,note",
                    "\"a\",\"x, y; z\"",
                    "",
                    " b , \"\"\"q\"\" and",
                    "rest\"",
                ];
                // A separator stands between cells only.
                let text = [
                    lines[0].replace(',', separator),
                    lines[1].replacen(',', separator, 1),
                    lines[2].to_owned(),
                    format!("b{separator}\"\"\"q\"\" and"),
                    lines[4].to_owned(),
                    format!("c{separator}"),
                ];
                let table = Table::parse(&(mark.to_owned() + &text.join(end))).unwrap();
                assert_eq!(table.separator(), kind);
                let rows: Vec<_> = table
                    .rows()
                    .iter()
                    .map(|r| (r.line, r.file.as_deref().unwrap(), r.other[0].clone()))
                    .collect();
                let quoted = format!("\"q\" and{end}rest");
                assert_eq!(rows[0], (2, "a", "x, y; z".to_owned()));
                assert_eq!(rows[1], (4, "b", quoted));
                // The row before has two lines, which old ends within quotes do not count.
                let last = if end == "\r" { 5 } else { 6 };
                assert_eq!(rows[2], (last, "c", String::new()));
            }
        }
    }
    // A single column has no separator.
    assert_eq!(Table::parse("trial\n1\n2\n").unwrap().rows().len(), 2);
}

#[test]
fn a_header_that_may_be_read_in_two_ways_is_refused() {
    assert_eq!(fault("file;a,b\n"), (1, None, What::Separators(',', ';')));
    assert_eq!(
        fault("\nfile\t\"a,b\";c\n"),
        (2, None, What::Separators(';', '\t'))
    );
    assert!(Table::parse("file;\"a,b\"\n").is_ok());
}

#[test]
fn headers_without_use() {
    assert_eq!(fault(""), (1, None, What::Empty));
    assert_eq!(fault("\u{feff}\r\n\n"), (1, None, What::Empty));
    let columns = vec!["name".to_owned(), "onset_s".to_owned()];
    assert_eq!(
        fault("name,onset_s\na,1\n"),
        (1, None, What::NoMovieColumn(columns))
    );
    assert_eq!(
        fault("file,Note,note\n"),
        (1, Some(3), What::RepeatedColumn)
    );
    assert_eq!(fault("Trial,trial\n"), (1, Some(2), What::RepeatedColumn));
    // Columns that a spreadsheet leaves behind have no name, and no meaning.
    let table = Table::parse("trial,,note,\n1,,x,\n").unwrap();
    assert_eq!(
        (table.other(), &table.rows()[0].other),
        (&["note".to_owned()][..], &vec!["x".to_owned()])
    );
}

#[test]
fn rows_of_another_length_and_rows_of_nothing() {
    let (found, needed) = (3, 2);
    assert_eq!(
        fault("trial,note\n1,a\n2,b,c\n"),
        (3, None, What::Cells { found, needed })
    );
    let (found, needed) = (1, 2);
    assert_eq!(
        fault("trial,note\n\n1\n"),
        (3, None, What::Cells { found, needed })
    );
    // Of a table's lower end, where a spreadsheet goes on.
    assert_eq!(
        Table::parse("trial;note\n1;a\n;\n  ; \n\n")
            .unwrap()
            .rows()
            .len(),
        1
    );
    assert_eq!(fault("trial,file,note\n,,a\n"), (2, None, What::NoMovie));
}

#[test]
fn quotation_marks() {
    for (text, line) in [
        ("trial,note\n1,\"a\n2,b\n", 2),
        ("trial,note\n1,a\n2,\"b\"c\n", 3),
        ("trial,note\n1,5\" disk\n", 2),
        ("trial,note\n1, \"a\"\n", 2),
        ("trial,\"note\n1,a\n", 1),
    ] {
        assert_eq!(fault(text), (line, None, What::Quotes), "{text:?}");
    }
    assert_eq!(row("trial,note\n1,\"5\"\" disk\"\n").other, ["5\" disk"]);
}

#[test]
fn cells_that_are_not_what_the_column_says() {
    let text = |cell: &str| format!("file,trial,decision,outcome,onset_s,onset,exclude\n{cell}\n");
    type Fault = fn(String) -> What;
    let faulty: [(&str, usize, Fault); 18] = [
        ("a,1.0,,,,,", 2, What::Trial),
        ("a,-1,,,,,", 2, What::Trial),
        ("a,4294967296,,,,,", 2, What::Trial),
        ("a,NA,,,,,", 2, What::Trial),
        ("a,,lick,,,,", 3, What::Decision),
        ("a,,go,,,,", 3, What::Decision),
        ("a,,,hot,,,", 4, What::Outcome),
        ("a,,,1,,,", 4, What::Outcome),
        ("a,,,,NA,,", 5, What::Seconds),
        ("a,,,,nan,,", 5, What::Seconds),
        ("a,,,,inf,,", 5, What::Seconds),
        ("a,,,,1e999,,", 5, What::Seconds),
        ("a,,,,3 s,,", 5, What::Seconds),
        ("a,,,,,10:22:36,", 6, What::DateTime),
        ("a,,,,,14.02.17 10:22:36,", 6, What::DateTime),
        ("a,,,,,30.02.2017 10:22:36,", 6, What::DateTime),
        ("a,,,,,,x", 7, What::Exclude),
        ("a,,,,,,1", 7, What::Exclude),
    ];
    for (cells, column, what) in faulty {
        let cell = cells.split(',').nth(column - 1).unwrap();
        assert_eq!(
            fault(&text(cells)),
            (2, Some(column), what(cell.to_owned())),
            "{cells}"
        );
    }
    let both = Table::parse(&text("a,,,,3.0,2017-02-14 10:22:36,")).unwrap();
    let row = &both.rows()[0];
    assert_eq!(
        (row.onset, row.at.is_some()),
        (Some(Onset::Seconds(3.0)), true)
    );
    // Messages repeat no more than the beginning of what is wrong.
    let long = Table::parse(&text(&format!("a,{},,,,,", "9".repeat(100_000)))).unwrap_err();
    assert!(long.to_string().len() < 200, "{long}");
}

#[test]
fn decimal_commas_are_told() {
    let told = Table::parse("trial\tonset_s\n1\t3,02\n")
        .unwrap_err()
        .to_string();
    let expected = "line 2, column 2 (onset_s): \"3,02\" is no number of seconds; the decimal sign is a point, and \
        what is not known is left empty";
    assert_eq!(told, expected);
    // Where they separate by semicolons, spreadsheets write them.
    let read = Table::parse("trial;onset_s\n1;3,02\n2;3.5\n").unwrap();
    let onsets = read.rows().iter().map(|row| row.onset.unwrap());
    assert!(onsets.eq([Onset::Seconds(3.02), Onset::Seconds(3.5)]));
    for cell in ["1.000,5", "3,0,2", ",", "1,000.5"] {
        let fault = Table::parse(&format!("trial;onset_s\n1;{cell}\n")).unwrap_err();
        assert_eq!(fault.what, What::Seconds(cell.to_owned()));
    }
}

#[test]
fn moments_are_read_as_in_the_log() {
    let at = |text: &str, order| {
        let table = Table::parse_with(&format!("trial;onset\n1;{text}\n"), order).unwrap();
        table.rows()[0].onset.unwrap()
    };
    let [february, march] =
        [date(2017, 2, 3), date(2017, 3, 2)].map(|d| Onset::At(d.at(10, 22, 36, 250_000_000)));
    assert_eq!(at("03.02.2017 10:22:36.25", DateOrder::DayFirst), february);
    assert_eq!(at("03/02/2017 10:22:36,25", DateOrder::MonthFirst), march);
    assert_eq!(
        at("2017-02-03T10:22:36.25", DateOrder::MonthFirst),
        february
    );
}

#[test]
fn two_rows_for_one_movie() {
    let again = |line| What::RepeatedMovie { line };
    assert_eq!(fault("file\na\nb\na.dcimg\n"), (4, Some(1), again(2)));
    assert_eq!(fault("note,trial\nx,1\n\ny,01\n"), (4, Some(2), again(2)));
    // Numbers may begin anew where the file says which movie it is.
    assert_eq!(
        Table::parse("file,trial\na,1\nb,1\n").unwrap().rows().len(),
        2
    );
    assert_eq!(
        Table::parse("file\n.dcimg\ndcimg\nx.dcimg.dcimg\nx\n")
            .unwrap()
            .rows()
            .len(),
        4
    );
}

#[test]
fn bytes_of_a_file() {
    let text = "trial,note\r\n1,é\r\n";
    let expected = Table::parse(text).unwrap();
    assert_eq!(Table::from_bytes(text.as_bytes()), Ok(expected.clone()));
    let marked = format!("\u{feff}{text}");
    for of in [u16::to_le_bytes, u16::to_be_bytes] {
        let bytes: Vec<u8> = marked.encode_utf16().flat_map(of).collect();
        assert_eq!(Table::from_bytes(&bytes), Ok(expected.clone()));
    }
    let latin = Table::from_bytes(b"trial,note\r\n1,a\r\n2,\xe9\r\n").unwrap_err();
    assert_eq!((latin.line, latin.what), (3, What::NoUtf8));
}

#[test]
fn outcomes_of_a_table_are_scored_like_logged_ones() {
    let table = Table::parse(
        "trial,stimulus,decision,outcome,exclude\n\
         1,A,,Hit,\n2,,,false alarm,\n3,A,Go,,\n4,B,No Go,,\n5,A,Go,miss,\n6,A,Go,,true\n7,,,hit,true\n8,A,,,\n",
    )
    .unwrap();
    let stimuli = Stimuli::new(
        &[("A", Correct::Go), ("B", Correct::NoGo)],
        Matching::FullName,
    )
    .unwrap();
    let score = table.score(&stimuli).unwrap();
    assert_eq!(
        (score.hits(), score.misses(), score.false_alarms()),
        (2, 1, 1)
    );
    assert_eq!(
        (score.correct_rejections(), score.left_out(), score.trials()),
        (1, 3, 8)
    );

    let unlisted = Table::parse("trial,decision,stimulus\n1,Go,a\n").unwrap();
    let told = unlisted.score(&stimuli).unwrap_err().to_string();
    assert_eq!(
        told,
        "line 2, column 3 (stimulus): stimulus \"a\" is not listed; \"A\" is"
    );
    let lenient = stimuli.unlabelled(Unlabelled::LeaveOut);
    assert_eq!(
        unlisted.judge(&unlisted.rows()[0], &lenient),
        Ok(Verdict::LeftOut)
    );
}

#[cfg(feature = "serde")]
#[test]
fn rows_go_through_json_and_back() {
    let text = "trial,file,stimulus,decision,outcome,onset,note\n1,a,A,No Go,false_alarm,2017-02-14 10:22:36.25,x\n";
    let row = row(text);
    let json = serde_json::to_value(&row).unwrap();
    assert_eq!(
        (&json["outcome"], &json["decision"]),
        (&"false_alarm".into(), &"no_go".into())
    );
    assert_eq!(json["onset"]["at"], "2017-02-14T10:22:36.25");
    assert_eq!(serde_json::from_value::<Row>(json).unwrap(), row);
}

proptest! {
    /// Whatever cells a correct writer writes, they are read, with the lines they begin in.
    #[test]
    fn written_cells_are_read(
        cells in prop::collection::vec("[a-c\",;\t\n .é]{0,6}", 1..20),
        separator in prop::sample::select(vec![b',', b';', b'\t']),
        mark in any::<bool>(),
    ) {
        let mut writer = csv::WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
        writer.write_record(["trial", "note", "more"]).unwrap();
        for (k, cell) in cells.iter().enumerate() {
            writer.write_record([k.to_string().as_str(), cell, "x"]).unwrap();
        }
        let mut text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        if mark {
            text.insert(0, '\u{feff}');
        }
        prop_assert!(is_table(text.as_bytes()));
        let table = Table::from_bytes(text.as_bytes()).unwrap();
        let mut line = 2;
        for (k, (row, cell)) in table.rows().iter().zip(&cells).enumerate() {
            prop_assert_eq!(row.trial, u32::try_from(k).ok());
            prop_assert_eq!(row.other[0].as_str(), cell.trim());
            prop_assert_eq!(row.line, line);
            line += 1 + cell.matches('\n').count();
        }
        prop_assert_eq!(table.rows().len(), cells.len());
    }

    /// No text does harm; what is read lies where it says.
    #[test]
    fn any_text_ends_well(text in "(trial|file)?[ab1,;\"\r\n\t é]{0,40}") {
        match Table::parse(&text) {
            Ok(table) => {
                let ends = text.matches(['\r', '\n']).count();
                prop_assert!(table.rows().windows(2).all(|pair| pair[0].line < pair[1].line));
                prop_assert!(table.rows().iter().all(|row| row.line <= ends + 1));
            }
            Err(fault) => prop_assert!(fault.line >= 1 && fault.to_string().len() < 2000),
        }
    }
}
