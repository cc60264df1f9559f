//! Which entry is which movie's, as the configuration says.

use crate::error::Cell;
use crate::{Error, Movie, Sources, recorded, seconds_at};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use widefield_behaviour::pairing::{self, by_key, by_order, by_time};
use widefield_behaviour::table::{Row, Table};
use widefield_behaviour::{Log, Trial};
use widefield_experiment::{Config, Match};

/// Most seconds between the begins of a movie and of its entry, whole quarters of an hour taken away.
const LIMIT_S: f64 = 5.0;

/// The place of the movie of each trial of the log, and of each row of the table.
pub(crate) struct Pairs {
    pub(crate) log: Vec<Option<usize>>,
    pub(crate) table: Vec<Option<usize>>,
}

impl Pairs {
    pub(crate) fn find(
        config: &Config,
        sources: &Sources,
        movies: &[Movie<'_>],
    ) -> Result<Self, Error> {
        let log = match &sources.log {
            Some((_, log)) => of_log(config, log, movies)?,
            None => Vec::new(),
        };
        let table = match &sources.table {
            Some((name, table)) => of_table(config, name, table, movies, sources.log.is_some())?,
            None => Vec::new(),
        };
        Ok(Self { log, table })
    }
}

fn of_log(config: &Config, log: &Log, movies: &[Movie<'_>]) -> Result<Vec<Option<usize>>, Error> {
    // The camera records a trial from its begin on, whether it ends or not.
    let mut trials: Vec<&Trial> = log.trials().iter().collect();
    if config.data.matching != Match::Number {
        trials.extend(log.incomplete());
    }
    // Numbers count every trial; what was not recorded has no place in an order, and no movie that began with it.
    let imaged = |&i: &usize| config.data.matching == Match::Number || recorded(trials[i]);
    let mut places: Vec<usize> = (0..trials.len()).filter(imaged).collect();
    places.sort_by_key(|&i| trials[i].running);
    let ended = log.trials().len();
    let entries = Entries {
        places,
        number: &|i| Some(trials[i].running),
        begin_s: &|i| Ok(seconds_at(trials[i].start)),
        optional: &|i| i >= ended,
        name: &|i| {
            let not = if i < ended { "" } else { ", which has no end" };
            format!("{} of {}{not}", trials[i].running, trials[i].start)
        },
    };
    let mut of = vec![None; ended];
    for (movie, entry) in entries.paired(config, movies, every(movies))? {
        if let Some(of) = of.get_mut(entry) {
            *of = Some(movie);
        }
    }
    Ok(of)
}

/// A row that names a file is of that movie, the others as `data.match` says; beside a log that is matched otherwise than by
/// number, of the movie of the log's trial, which is for later to find.
fn of_table(
    config: &Config,
    name: &str,
    table: &Table,
    movies: &[Movie<'_>],
    has_log: bool,
) -> Result<Vec<Option<usize>>, Error> {
    let rows = table.rows();
    // Of movies that share a name but for the ending, which is refused where they can be read, the first.
    let mut taken = BTreeSet::new();
    let stems = movies.iter().map(Movie::stem);
    let stems: Vec<Option<&str>> = stems
        .map(|stem| taken.insert(stem).then_some(stem))
        .collect();
    let files: Vec<Option<&str>> = rows.iter().map(|row| row.file.as_deref()).collect();
    let by_file = by_key(&stems, &files).unwrap_or_default();
    let mut of = vec![None; rows.len()];
    let mut row_of = vec![None; movies.len()];
    for (movie, row) in by_file.entries.iter().enumerate() {
        if let Some(row) = row {
            of[*row] = Some(movie);
            row_of[movie] = Some(*row);
        }
    }
    let entries = Entries {
        places: (0..rows.len()).filter(|&i| files[i].is_none()).collect(),
        number: &|i| rows[i].trial,
        begin_s: &|i| begin_s(config, name, table, &rows[i]),
        optional: &|_| false,
        name: &|i| format!("line {}", rows[i].line),
    };
    let by_number = config.data.matching == Match::Number;
    if entries.places.is_empty() || (has_log && !by_number) {
        return Ok(of);
    }
    // A number may be of a movie that another row names: those contradict each other.
    let free = |m: &usize| by_number || row_of[*m].is_none();
    let candidates: Vec<usize> = every(movies).into_iter().filter(free).collect();
    for (movie, row) in entries.paired(config, movies, candidates)? {
        if let Some(other) = row_of[movie] {
            let (line, file) = (rows[other].line, movies[movie].file);
            return Err(Error::Row {
                name: name.to_owned(),
                at: Cell::of_movie(table, &rows[row]),
                cause: format!("line {line} is of the same movie, {file}"),
            });
        }
        of[row] = Some(movie);
    }
    Ok(of)
}

/// When the recording of a row began by the rig's clock, as far as a fixed onset says.
fn begin_s(config: &Config, name: &str, table: &Table, row: &Row) -> Result<f64, Error> {
    match row.at {
        Some(moment) => Ok(seconds_at(moment) + config.experiment.first_frame_s),
        None => Err(Error::Row {
            name: name.to_owned(),
            at: Cell::of(table, row, "onset"),
            cause:
                "data.match = \"time\" needs the date and time of each row's onset, column onset"
                    .into(),
        }),
    }
}

fn every(movies: &[Movie<'_>]) -> Vec<usize> {
    (0..movies.len()).collect()
}

/// Trials of a log or rows of a table that look for their movies, by their places.
struct Entries<'a> {
    places: Vec<usize>,
    number: &'a dyn Fn(usize) -> Option<u32>,
    begin_s: &'a dyn Fn(usize) -> Result<f64, Error>,
    /// Whether it is no loss if there is no movie that began with it.
    optional: &'a dyn Fn(usize) -> bool,
    name: &'a dyn Fn(usize) -> String,
}

impl Entries<'_> {
    /// Movies among the `candidates`, each with its entry.
    fn paired(
        &self,
        config: &Config,
        movies: &[Movie<'_>],
        mut candidates: Vec<usize>,
    ) -> Result<Vec<(usize, usize)>, Error> {
        let entries = match config.data.matching {
            Match::Order => {
                candidates.sort_by(|&a, &b| natural(movies[a].stem(), movies[b].stem()));
                self.in_order(movies, &candidates)?
            }
            Match::Time => self.in_time(movies, &candidates)?,
            _ => {
                let numbers: Vec<_> = candidates.iter().map(|&m| movies[m].number).collect();
                let trials: Vec<_> = self.places.iter().map(|&i| (self.number)(i)).collect();
                by_key(&numbers, &trials)
                    .map_err(|error| {
                        let cause = error.to_string();
                        let (of, entries) = match error {
                            pairing::Error::SameMovies(of) => (of, Vec::new()),
                            pairing::Error::SameEntries(entries) => (Vec::new(), entries),
                            _ => Default::default(),
                        };
                        self.wrong("number", &cause, movies, &candidates, &of, &entries)
                    })?
                    .entries
            }
        };
        let pairs = candidates.iter().zip(entries);
        Ok(pairs
            .filter_map(|(movie, entry)| Some((*movie, self.places[entry?])))
            .collect())
    }

    fn in_order(
        &self,
        movies: &[Movie<'_>],
        candidates: &[usize],
    ) -> Result<Vec<Option<usize>>, Error> {
        let pairing = by_order(candidates.len(), self.places.len()).map_err(|error| {
            let all = |n: usize| (0..n).collect::<Vec<_>>();
            let (of, entries) = (all(candidates.len()), all(self.places.len()));
            self.wrong(
                "order",
                &error.to_string(),
                movies,
                candidates,
                &of,
                &entries,
            )
        })?;
        Ok(pairing.entries)
    }

    /// The entry of each candidate, by its place among them.
    fn in_time(
        &self,
        movies: &[Movie<'_>],
        candidates: &[usize],
    ) -> Result<Vec<Option<usize>>, Error> {
        let wrong = |cause: &str, of: &[usize], entries: &[usize]| {
            self.wrong("time", cause, movies, candidates, of, entries)
        };
        // A movie that cannot be read does not say when it began, and cannot be processed either: it may be that of any
        // entry that is left over.
        let known: Vec<usize> = (0..candidates.len())
            .filter(|&i| movies[candidates[i]].begin_s.is_some())
            .collect();
        let unknown = candidates.len() - known.len();
        if known.is_empty() && unknown > 0 {
            let cause = "it is not known when any movie began: neither has data.name {date} and {time}, nor can their time \
                         stamps be read";
            return Err(wrong(
                cause,
                &(0..candidates.len()).collect::<Vec<_>>(),
                &[],
            ));
        }
        let begins: Vec<f64> = known
            .iter()
            .filter_map(|&i| movies[candidates[i]].begin_s)
            .collect();
        let times = self.places.iter().map(|&i| (self.begin_s)(i));
        let times: Vec<f64> = times.collect::<Result<_, _>>()?;
        let all = |of: Vec<usize>| of.into_iter().map(|i| known[i]).collect::<Vec<_>>();
        let found = by_time(&begins, &times, LIMIT_S).map_err(|error| match error {
            pairing::Error::Ambiguous { movies, entries } => {
                let cause = format!("within {LIMIT_S} s these stand for one another");
                wrong(&cause, &all(movies), &entries)
            }
            error => {
                let entries: Vec<usize> = (0..times.len()).collect();
                wrong(&error.to_string(), &known, &entries)
            }
        })?;
        let lonely: Vec<usize> = found.without_entry().collect();
        let needed = |&&entry: &&usize| !(self.optional)(self.places[entry]);
        let left: Vec<usize> = found.without_movie.iter().filter(needed).copied().collect();
        if !lonely.is_empty() || left.len() > unknown {
            let cause = format!(
                "with clocks {:+} s apart, these have nothing that began within {LIMIT_S} s of them",
                found.offset_s
            );
            return Err(wrong(&cause, &all(lonely), &left));
        }
        let mut entries = vec![None; candidates.len()];
        for (i, entry) in known.into_iter().zip(found.entries) {
            entries[i] = entry;
        }
        Ok(entries)
    }

    /// That some of the candidates and some of the entries, by their places among them, do not belong together.
    fn wrong(
        &self,
        by: &'static str,
        cause: &str,
        movies: &[Movie<'_>],
        candidates: &[usize],
        of: &[usize],
        entries: &[usize],
    ) -> Error {
        let file = |&m: &usize| movies[candidates[m]].file.to_owned();
        Error::Pairing {
            by,
            cause: cause.to_owned(),
            movies: of.iter().map(file).collect(),
            entries: entries
                .iter()
                .map(|&i| (self.name)(self.places[i]))
                .collect(),
        }
    }
}

/// Names in the order in which people count: `t2` before `t10`.
fn natural(a: &str, b: &str) -> Ordering {
    parts(a).cmp(&parts(b)).then_with(|| a.cmp(b))
}

/// Text before a number, and the number without leading zeros: the more digits, the larger.
fn parts(name: &str) -> Vec<(&str, usize, &str)> {
    let mut rest = name;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let at = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (text, from) = rest.split_at(at);
        let end = from
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(from.len());
        let digits = from[..end].trim_start_matches('0');
        parts.push((text, digits.len(), digits));
        rest = &from[end..];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_as_people_do() {
        let mut names = ["t10_a", "t2_b", "t2_a", "t02_c", "s", "t"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["s", "t", "t2_a", "t2_b", "t02_c", "t10_a"]);
    }
}
