//! Which entry is which movie's, as the configuration says.

use crate::{Error, Movie, Sources, recorded, seconds_at};
use std::cmp::Ordering;
use widefield_behaviour::pairing::{self, Pairing, by_key, by_order, by_time};
use widefield_behaviour::table::{Onset, Row, Table};
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
            Some((_, log)) => of_log(config, log.trials(), movies)?,
            None => Vec::new(),
        };
        let table = match &sources.table {
            Some((name, table)) => of_table(config, name, table, movies)?,
            None => Vec::new(),
        };
        Ok(Self { log, table })
    }
}

/// The movie of each entry, from the entry of each of some movies.
fn turned(
    pairing: &Pairing,
    movies: &[usize],
    entries: &[usize],
    count: usize,
) -> Vec<Option<usize>> {
    let mut of = vec![None; count];
    for (movie, entry) in movies.iter().zip(&pairing.entries) {
        if let Some(entry) = entry {
            of[entries[*entry]] = Some(*movie);
        }
    }
    of
}

fn of_log(
    config: &Config,
    trials: &[widefield_behaviour::Trial],
    movies: &[Movie<'_>],
) -> Result<Vec<Option<usize>>, Error> {
    let all: Vec<usize> = (0..trials.len()).collect();
    let imaged: Vec<usize> = all
        .iter()
        .copied()
        .filter(|&i| recorded(&trials[i]))
        .collect();
    let name = |i: usize| format!("{} of {}", trials[i].running, trials[i].start);
    match config.data.matching {
        Match::Order => in_order(movies, &every(movies), &imaged, trials.len(), name),
        Match::Time => {
            let begin = |&i: &usize| Ok(seconds_at(trials[i].start));
            in_time(movies, &every(movies), &imaged, trials.len(), begin, name)
        }
        _ => {
            let movies: Vec<Option<u32>> = movies.iter().map(|movie| movie.number).collect();
            let numbers: Vec<Option<u32>> =
                trials.iter().map(|trial| Some(trial.running)).collect();
            let places: Vec<usize> = (0..movies.len()).collect();
            // Movies of one number have been refused, and a log counts its trials.
            let pairing = by_key(&movies, &numbers).unwrap_or_default();
            Ok(turned(&pairing, &places, &all, trials.len()))
        }
    }
}

/// A row that names a file is of that movie, the others as `data.match` says.
fn of_table(
    config: &Config,
    name: &str,
    table: &Table,
    movies: &[Movie<'_>],
) -> Result<Vec<Option<usize>>, Error> {
    let rows = table.rows();
    let stems: Vec<Option<&str>> = movies.iter().map(|movie| Some(movie.stem())).collect();
    let files: Vec<Option<&str>> = rows.iter().map(|row| row.file.as_deref()).collect();
    // Both are told apart by now: files by their names, rows where the table was read.
    let named = by_key(&stems, &files).unwrap_or_default();
    let all: Vec<usize> = (0..rows.len()).collect();
    let mut of = turned(&named, &every(movies), &all, rows.len());
    let rest: Vec<usize> = all
        .iter()
        .copied()
        .filter(|&i| rows[i].file.is_none())
        .collect();
    if rest.is_empty() {
        return Ok(of);
    }
    let spare: Vec<usize> = every(movies)
        .into_iter()
        .filter(|&m| named.entries.get(m).copied().flatten().is_none())
        .collect();
    let called = |i: usize| format!("line {}", rows[i].line);
    let found = match config.data.matching {
        Match::Order => in_order(movies, &spare, &rest, rows.len(), called)?,
        Match::Time => {
            let begin = |&i: &usize| begin_of(config, name, &rows[i]);
            in_time(movies, &spare, &rest, rows.len(), begin, called)?
        }
        _ => {
            let numbers: Vec<Option<u32>> = movies.iter().map(|movie| movie.number).collect();
            let trials: Vec<Option<u32>> = rest.iter().map(|&i| rows[i].trial).collect();
            let pairing =
                by_key(&numbers, &trials).map_err(|error| two_rows(name, rows, &rest, &error))?;
            turned(&pairing, &every(movies), &rest, rows.len())
        }
    };
    for i in rest {
        let Some(movie) = found[i] else { continue };
        if let Some(other) = of.iter().position(|m| *m == Some(movie)) {
            return Err(Error::Row {
                name: name.to_owned(),
                line: rows[i].line,
                cause: format!(
                    "line {} is of the same movie, {}",
                    rows[other].line, movies[movie].file
                ),
            });
        }
        of[i] = Some(movie);
    }
    Ok(of)
}

fn two_rows(name: &str, rows: &[Row], of: &[usize], error: &pairing::Error) -> Error {
    let line = match error {
        pairing::Error::SameEntries(places) => places.last().map_or(0, |&i| rows[of[i]].line),
        _ => rows.first().map_or(0, |row| row.line),
    };
    Error::Row {
        name: name.to_owned(),
        line,
        cause: error.to_string(),
    }
}

/// When the recording of a row began by the rig's clock, as far as a fixed onset says.
fn begin_of(config: &Config, name: &str, row: &Row) -> Result<f64, Error> {
    match row.onset {
        Some(Onset::At(moment)) => Ok(seconds_at(moment) + config.experiment.first_frame_s),
        _ => Err(Error::Row {
            name: name.to_owned(),
            line: row.line,
            cause:
                "data.match = \"time\" needs the date and time of each row's onset, column onset"
                    .into(),
        }),
    }
}

fn every(movies: &[Movie<'_>]) -> Vec<usize> {
    (0..movies.len()).collect()
}

fn in_order(
    movies: &[Movie<'_>],
    of: &[usize],
    entries: &[usize],
    count: usize,
    name: impl Fn(usize) -> String,
) -> Result<Vec<Option<usize>>, Error> {
    let mut sorted = of.to_vec();
    sorted.sort_by(|&a, &b| natural(movies[a].stem(), movies[b].stem()));
    let pairing = by_order(sorted.len(), entries.len()).map_err(|error| Error::Pairing {
        by: "order",
        cause: error.to_string(),
        movies: files(movies, sorted.iter().copied()),
        entries: entries.iter().map(|&i| name(i)).collect(),
    })?;
    Ok(turned(&pairing, &sorted, entries, count))
}

fn in_time(
    movies: &[Movie<'_>],
    of: &[usize],
    entries: &[usize],
    count: usize,
    begin: impl Fn(&usize) -> Result<f64, Error>,
    name: impl Fn(usize) -> String,
) -> Result<Vec<Option<usize>>, Error> {
    let wrong = |cause: String, of_movies: Vec<usize>, of_entries: Vec<usize>| Error::Pairing {
        by: "time",
        cause,
        movies: files(movies, of_movies.iter().map(|&m| of[m])),
        entries: of_entries.iter().map(|&i| name(entries[i])).collect(),
    };
    let begins: Vec<Option<f64>> = of.iter().map(|&m| movies[m].begin_s).collect();
    let unknown: Vec<usize> = (0..of.len()).filter(|&m| begins[m].is_none()).collect();
    if !unknown.is_empty() {
        let cause = "it is not known when these movies began: neither has data.name {date} and {time}, nor can their time stamps \
                     be read";
        return Err(wrong(cause.into(), unknown, Vec::new()));
    }
    let begins: Vec<f64> = begins.into_iter().flatten().collect();
    let times: Vec<f64> = entries.iter().map(begin).collect::<Result<_, _>>()?;
    let (all_movies, all_entries) = ((0..of.len()).collect(), (0..entries.len()).collect());
    let pairing = match by_time(&begins, &times, LIMIT_S) {
        Ok(pairing) => pairing,
        Err(pairing::Error::Ambiguous { movies, entries }) => {
            let cause = format!("within {LIMIT_S} s these stand for one another");
            return Err(wrong(cause, movies, entries));
        }
        Err(error) => return Err(wrong(error.to_string(), all_movies, all_entries)),
    };
    if !pairing.is_one_to_one() {
        let cause = format!(
            "with clocks {:+} s apart, these have nothing that began within {LIMIT_S} s of them",
            pairing.offset_s
        );
        return Err(wrong(
            cause,
            pairing.without_entry().collect(),
            pairing.without_movie,
        ));
    }
    Ok(turned(&pairing, of, entries, count))
}

fn files(movies: &[Movie<'_>], places: impl Iterator<Item = usize>) -> Vec<String> {
    places.map(|m| movies[m].file.to_owned()).collect()
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
