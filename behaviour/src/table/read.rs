//! Reading a table of trials.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::DateTime;

use super::fault::{Fault, What};
use crate::date::DateOrder;
use crate::encoding::utf16;
use crate::event::Decision;
use crate::outcome::{Outcome, Verdict};
use crate::problem::excerpt;
use crate::score::Score;
use crate::stimuli::{Stimuli, nearest};
use crate::time::parse_date_time;

/// A table of trials, one a row.
///
/// Columns are found by their names in the header line, in any order, case ignored:
///
/// | column | content |
/// | --- | --- |
/// | `file` | name of the movie, with or without `.dcimg` |
/// | `trial` | or its number |
/// | `stimulus` | what was shown |
/// | `condition` | its name in files, as it stands |
/// | `decision` | what the animal did, as [`Decision`] spells it |
/// | `outcome` | or what that means, as [`Outcome`] spells it; where both are given it is this that counts |
/// | `onset_s` | when the stimulus began, seconds from the recording's first frame; between semicolons the decimal sign may be a comma |
/// | `onset` | its date and time; beside `onset_s` it tells which movie it is |
/// | `exclude` | `true` or `false`: is in no score |
///
/// One of `file` and `trial` is needed in the header, and in each row. Empty cells are what is not
/// known, rows of empty cells nothing. Other columns that have a name are [kept](Row::other). What separates the columns
/// is what the header line has most of: commas, semicolons or tabs.
///
/// ```
/// use widefield_behaviour::table::{Onset, Table};
/// let text = "file;Stimulus;Outcome;onset_s;weight_g\nrec-000001.dcimg;tone 8 kHz;hit;3.02;21.5\n";
/// let table = Table::parse(text)?;
/// let row = &table.rows()[0];
/// assert_eq!((row.file.as_deref(), row.onset), (Some("rec-000001"), Some(Onset::Seconds(3.02))));
/// assert_eq!((table.other(), &row.other[..]), (&["weight_g".to_owned()][..], &["21.5".to_owned()][..]));
/// # Ok::<(), widefield_behaviour::table::Fault>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    separator: Separator,
    columns: Columns,
    other: Vec<String>,
    rows: Vec<Row>,
}

/// One trial of a table.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Row {
    /// Line of the text, from 1.
    pub line: usize,
    /// Name of the movie, without `.dcimg`.
    pub file: Option<String>,
    /// Number of the trial.
    pub trial: Option<u32>,
    /// What was shown.
    pub stimulus: Option<String>,
    /// Its name in files.
    pub condition: Option<String>,
    /// What the animal did.
    pub decision: Option<Decision>,
    /// What that means.
    pub outcome: Option<Outcome>,
    /// When the stimulus began: seconds where both are given.
    pub onset: Option<Onset>,
    /// Its date and time, by which movies may be matched.
    pub at: Option<DateTime>,
    /// Is in no score.
    pub exclude: bool,
    /// The cells of the other columns, in the order of [`Table::other`].
    pub other: Vec<String>,
}

/// When a stimulus began.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Onset {
    /// So many seconds after the recording's first frame; finite.
    Seconds(f64),
    /// Then, by the rig's clock.
    At(DateTime),
}

/// What stands between the cells of a row; `Display` writes `comma`, `semicolon` or `tab`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Separator {
    /// `,`
    #[default]
    Comma,
    /// `;`
    Semicolon,
    /// A tab.
    Tab,
}

/// Where the known columns are, counted from 0.
#[derive(Clone, Debug, Default, PartialEq)]
struct Columns {
    names: Vec<String>,
    known: BTreeMap<&'static str, usize>,
}

pub(super) const KNOWN: [&str; 9] = [
    "file",
    "trial",
    "stimulus",
    "condition",
    "decision",
    "outcome",
    "onset_s",
    "onset",
    "exclude",
];

impl Table {
    /// Reads a table; dates such as `03/04/2017` are day first.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Self::parse_with(text, DateOrder::default())
    }

    /// [`Table::parse`] of the bytes of a file: UTF-8 with or without byte order mark, or UTF-16 with
    /// one.
    ///
    /// # Errors
    /// The first [`Fault`]; [`What::NoUtf8`] for any other encoding.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        if let Some(text) = utf16(bytes) {
            return Self::parse(&text);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text),
            Err(error) => {
                let sound = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let line = 1 + sound.iter().filter(|&&byte| byte == b'\n').count();
                Err(Fault::of_line(line, What::NoUtf8))
            }
        }
    }

    /// [`Table::parse`] with another order of day and month.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn parse_with(text: &str, order: DateOrder) -> Result<Self, Fault> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let separator = Separator::of(text)?;
        let mut reader = reader(text, separator);
        let mut lines = Lines::of(text, separator);
        let mut records = reader.records().map(|record| {
            let (line, sound) = lines.next_row();
            // Texts are UTF-8, and any number of cells will do: nothing else can be wrong.
            match record {
                Ok(record) if sound => Ok((line, record)),
                _ => Err(Fault::of_line(line, What::Quotes)),
            }
        });
        let Some(header) = records.next() else {
            return Err(Fault::of_line(1, What::Empty));
        };
        let (line, header) = header?;
        let columns = Columns::of(line, &header)?;
        let mut table = Self {
            separator,
            other: columns.other().map(|(_, name)| name.to_owned()).collect(),
            rows: Vec::new(),
            columns,
        };
        let mut movies = Movies::default();
        for record in records {
            let (line, record) = record?;
            if record.iter().all(str::is_empty) {
                continue;
            }
            let row = table.columns.row(line, &record, order, separator)?;
            movies.add(&row, &table.columns)?;
            table.rows.push(row);
        }
        Ok(table)
    }

    /// The trials, in the order of the table.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The trials, owned.
    pub fn into_rows(self) -> Vec<Row> {
        self.rows
    }

    /// Names of the columns that mean nothing here, in their order, as the header spells them.
    pub fn other(&self) -> &[String] {
        &self.other
    }

    /// What stands between the cells.
    pub fn separator(&self) -> Separator {
        self.separator
    }

    /// The place of a column that [is understood](Table), from 1; `None` if the header has it not.
    ///
    /// ```
    /// let table = widefield_behaviour::table::Table::parse("weight_g,Trial\n21,1\n")?;
    /// assert_eq!((table.column("trial"), table.column("file")), (Some(2), None));
    /// # Ok::<(), widefield_behaviour::table::Fault>(())
    /// ```
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.known.get(name).map(|at| at + 1)
    }

    /// Whether the header has a column of this name, case ignored.
    pub fn has(&self, column: &str) -> bool {
        let mut names = self.columns.names.iter();
        names.any(|name| name.eq_ignore_ascii_case(column))
    }

    /// What becomes of a row of this table in a score: its outcome, or that of its decision where the
    /// stimulus is listed. Excluded rows, and those with neither, are left out.
    ///
    /// # Errors
    /// [`What::Stimulus`] for a decision whose stimulus is missing or not listed, unless
    /// [such trials are left out](crate::Unlabelled::LeaveOut).
    pub fn judge(&self, row: &Row, stimuli: &Stimuli) -> Result<Verdict, Fault> {
        let (false, Some(decision)) = (row.exclude, row.decision) else {
            let outcome = row.outcome.filter(|_| !row.exclude);
            return Ok(outcome.map_or(Verdict::LeftOut, Verdict::Scored));
        };
        if let Some(outcome) = row.outcome {
            return Ok(outcome.into());
        }
        let stimulus = row.stimulus.as_deref().unwrap_or_default();
        match stimuli.correct(stimulus) {
            Some(correct) => Ok(Outcome::from_decision(correct, decision).into()),
            None if stimuli.leaves_out() => Ok(Verdict::LeftOut),
            None => {
                let near = nearest(stimulus, stimuli.iter().map(|(name, _)| name));
                let what = What::Stimulus(excerpt(stimulus), near.map(str::to_owned));
                Err(self.columns.fault(row.line, "stimulus", what))
            }
        }
    }

    /// Counts what becomes of the trials.
    ///
    /// # Errors
    /// Like [`Table::judge`], for the first row.
    pub fn score(&self, stimuli: &Stimuli) -> Result<Score, Fault> {
        self.rows
            .iter()
            .map(|row| self.judge(row, stimuli))
            .collect()
    }
}

/// The rows, the header among them; any number of cells will do.
pub(super) fn reader(text: &str, separator: Separator) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .delimiter(separator.byte())
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes())
}

impl Fault {
    fn of_line(line: usize, what: What) -> Self {
        Fault {
            line,
            column: None,
            header: None,
            what,
        }
    }
}

impl Columns {
    fn of(line: usize, header: &csv::StringRecord) -> Result<Self, Fault> {
        let mut columns = Self {
            names: header.iter().map(str::to_owned).collect(),
            known: BTreeMap::new(),
        };
        for (at, name) in columns.names.iter().enumerate() {
            let before = &columns.names[..at];
            if !name.is_empty() && before.iter().any(|b| b.eq_ignore_ascii_case(name)) {
                return Err(Fault {
                    line,
                    column: Some(at + 1),
                    header: Some(excerpt(name)),
                    what: What::RepeatedColumn,
                });
            }
            let known = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name));
            if let Some(known) = known {
                columns.known.insert(known, at);
            }
        }
        if ["file", "trial"]
            .iter()
            .any(|c| columns.known.contains_key(c))
        {
            return Ok(columns);
        }
        let names = columns.names.iter().take(16).map(|name| excerpt(name));
        Err(Fault::of_line(line, What::NoMovieColumn(names.collect())))
    }

    /// The columns that are not known, with their places. Those without a name are none: spreadsheets
    /// leave empty ones behind.
    fn other(&self) -> impl Iterator<Item = (usize, &str)> {
        let names = self.names.iter().enumerate();
        names
            .filter(|(at, name)| !name.is_empty() && !self.known.values().any(|known| known == at))
            .map(|(at, name)| (at, name.as_str()))
    }

    /// A fault in a known column.
    fn fault(&self, line: usize, column: &str, what: What) -> Fault {
        let at = self.known.get(column).copied();
        Fault {
            line,
            column: at.map(|at| at + 1),
            header: at.and_then(|at| Some(excerpt(self.names.get(at)?))),
            what,
        }
    }

    fn row(
        &self,
        line: usize,
        record: &csv::StringRecord,
        order: DateOrder,
        separator: Separator,
    ) -> Result<Row, Fault> {
        let (found, needed) = (record.len(), self.names.len());
        if found != needed {
            return Err(Fault::of_line(line, What::Cells { found, needed }));
        }
        let cell = |column: &str| {
            let cell = record.get(*self.known.get(column)?)?;
            (!cell.is_empty()).then_some(cell)
        };
        let text = |column| cell(column).map(str::to_owned);
        let wrong = |column: &'static str, what: fn(String) -> What| {
            move |cell: &str| self.fault(line, column, what(excerpt(cell)))
        };
        let read =
            |column: &'static str, what: fn(String) -> What| (cell(column), wrong(column, what));

        let (trial, no_trial) = read("trial", What::Trial);
        let (decision, no_decision) = read("decision", What::Decision);
        let (outcome, no_outcome) = read("outcome", What::Outcome);
        let (exclude, neither) = read("exclude", What::Exclude);
        let (seconds, no_seconds) = read("onset_s", What::Seconds);
        let (at, no_moment) = read("onset", What::DateTime);
        let at = at.map(|cell| parse_date_time(cell, order).map_err(|_| no_moment(cell)));
        let at = at.transpose()?;
        let onset = match seconds {
            Some(cell) => {
                // Where the decimal sign is a comma, spreadsheets separate by semicolons.
                let plain = match separator {
                    Separator::Semicolon if !cell.contains('.') => cell.replacen(',', ".", 1),
                    _ => cell.to_owned(),
                };
                let seconds = plain.parse().ok().filter(|s: &f64| s.is_finite());
                Some(Onset::Seconds(seconds.ok_or_else(|| no_seconds(cell))?))
            }
            None => at.map(Onset::At),
        };
        let row = Row {
            line,
            file: cell("file").map(|name| stem(name).to_owned()),
            trial: trial
                .map(|cell| cell.parse().map_err(|_| no_trial(cell)))
                .transpose()?,
            stimulus: text("stimulus"),
            condition: text("condition"),
            decision: decision
                .map(|cell| cell.parse().map_err(|_| no_decision(cell)))
                .transpose()?,
            outcome: outcome
                .map(|cell| cell.parse().map_err(|_| no_outcome(cell)))
                .transpose()?,
            onset,
            at,
            exclude: exclude
                .map(|cell| match cell.to_ascii_lowercase().as_str() {
                    "true" => Ok(true),
                    "false" => Ok(false),
                    _ => Err(neither(cell)),
                })
                .transpose()?
                .unwrap_or(false),
            other: self
                .other()
                .map(|(at, _)| record.get(at).unwrap_or_default().to_owned())
                .collect(),
        };
        if row.file.is_none() && row.trial.is_none() {
            return Err(Fault::of_line(line, What::NoMovie));
        }
        Ok(row)
    }
}

/// The movies that rows were of so far, with the lines.
#[derive(Default)]
struct Movies {
    files: BTreeMap<String, usize>,
    trials: BTreeMap<u32, usize>,
}

impl Movies {
    fn add(&mut self, row: &Row, columns: &Columns) -> Result<(), Fault> {
        let file = row.file.clone();
        let file = file.and_then(|file| self.files.insert(file, row.line));
        let trial = row
            .trial
            .and_then(|trial| self.trials.insert(trial, row.line));
        for (column, before) in [("file", file), ("trial", trial)] {
            // Numbers may begin anew where files are named.
            let line = before.filter(|_| column == "file" || row.file.is_none());
            if let Some(line) = line {
                return Err(columns.fault(row.line, column, What::RepeatedMovie { line }));
            }
        }
        Ok(())
    }
}

/// A movie's name without `.dcimg`, in any case.
///
/// ```
/// use widefield_behaviour::table::stem;
/// assert_eq!([stem("a_7.DCIMG"), stem("a_7"), stem(".dcimg")], ["a_7", "a_7", ".dcimg"]);
/// ```
#[must_use]
pub fn stem(name: &str) -> &str {
    let ending = name.len().checked_sub(".dcimg".len());
    let cut = ending.and_then(|at| name.split_at_checked(at));
    match cut {
        Some((stem, end)) if end.eq_ignore_ascii_case(".dcimg") && !stem.is_empty() => stem,
        _ => name,
    }
}

impl Separator {
    pub(super) const ALL: [Separator; 3] = [Separator::Comma, Separator::Semicolon, Separator::Tab];

    fn byte(self) -> u8 {
        match self {
            Separator::Comma => b',',
            Separator::Semicolon => b';',
            Separator::Tab => b'\t',
        }
    }

    /// Of the first line that is not blank, what is most frequent outside of quotes.
    fn of(text: &str) -> Result<Self, Fault> {
        let mut lines = text
            .split('\n')
            .flat_map(|line| line.split('\r'))
            .enumerate();
        let Some((at, header)) = lines.find(|(_, line)| !line.trim().is_empty()) else {
            return Err(Fault::of_line(1, What::Empty));
        };
        let mut quoted = false;
        let mut counts = [0; 3];
        for byte in header.bytes() {
            quoted ^= byte == b'"';
            for (count, separator) in counts.iter_mut().zip(Self::ALL) {
                *count += usize::from(!quoted && byte == separator.byte());
            }
        }
        let most = counts.iter().copied().max().unwrap_or(0);
        let mut found = Self::ALL
            .into_iter()
            .zip(counts)
            .filter(|(_, count)| *count == most)
            .map(|(separator, _)| separator);
        match (found.next(), found.next()) {
            (Some(one), Some(other)) if most > 0 => {
                let [one, other] = [one, other].map(|s| char::from(s.byte()));
                Err(Fault::of_line(at + 1, What::Separators(one, other)))
            }
            // A single column has none.
            (one, _) => Ok(one.unwrap_or_default()),
        }
    }
}

impl fmt::Display for Separator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Separator::Comma => "comma",
            Separator::Semicolon => "semicolon",
            Separator::Tab => "tab",
        })
    }
}

/// Walks over a text row by row beside the reader, which is lenient about quotation marks: where each row
/// begins, and whether its marks are as RFC 4180 has them.
struct Lines<'a> {
    rest: &'a [u8],
    separator: u8,
    line: usize,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str, separator: Separator) -> Self {
        Self {
            rest: text.as_bytes(),
            separator: separator.byte(),
            line: 1,
        }
    }

    /// The line of the next row that is not blank, and whether its marks are sound.
    fn next_row(&mut self) -> (usize, bool) {
        while let [b'\r', b'\n', rest @ ..] | [b'\r' | b'\n', rest @ ..] = self.rest {
            self.line += 1;
            self.rest = rest;
        }
        let begun = self.line;
        let mut sound = true;
        let mut state = State::Start;
        while let [byte, rest @ ..] = self.rest {
            state = match (state, byte) {
                (State::Quoted, b'"') => State::Closed,
                (State::Quoted, b'\n') => {
                    self.line += 1;
                    State::Quoted
                }
                (State::Quoted, _) | (State::Closed, b'"') => State::Quoted,
                (_, b'\n' | b'\r') => break,
                (_, byte) if *byte == self.separator => State::Start,
                (State::Start, b'"') => State::Quoted,
                (State::Closed, b' ') => State::Closed,
                (State::Closed, _) => {
                    sound = false;
                    State::Plain
                }
                (State::Start | State::Plain, byte) => {
                    sound &= *byte != b'"';
                    State::Plain
                }
            };
            self.rest = rest;
        }
        (begun, sound && !matches!(state, State::Quoted))
    }
}

/// Where in a cell a byte stands.
#[derive(Clone, Copy)]
enum State {
    Start,
    Plain,
    Quoted,
    /// After a mark within quotes: the end, or the first of two.
    Closed,
}
