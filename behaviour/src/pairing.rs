//! Which entry of a log or table belongs to which movie.
//!
//! Movies and entries are given as slices, and named in the answer by their places in them. Nothing is
//! guessed: what cannot be told apart is an error that names both sides, and what has no counterpart is
//! listed.

use std::collections::BTreeMap;

/// Seconds of a quarter of an hour: clocks that are set by hand or by daylight differ by whole ones.
const QUARTER_S: f64 = 900.0;
/// Quarters of an hour between the farthest time zones, 26 hours.
const MOST_QUARTERS: i32 = 4 * 26;

/// The entry of each movie.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Pairing {
    /// One a movie: the place of its entry; `None` if it has none.
    pub entries: Vec<Option<usize>>,
    /// Places of the entries without movie, ascending.
    pub without_movie: Vec<usize>,
    /// By [`by_time`], what the entries' clock is ahead of the movies', seconds; else 0.
    pub offset_s: f64,
}

/// Why there is no pairing. Movies and entries are named by their places.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Movies that nothing tells apart.
    #[error("several movies have one name or number")]
    SameMovies(Vec<usize>),
    /// Entries that nothing tells apart.
    #[error("several entries are for one name or number")]
    SameEntries(Vec<usize>),
    /// In order, one side has something left.
    #[error("{movies} movies and {entries} entries cannot be paired in order")]
    Counts {
        /// Number of movies.
        movies: usize,
        /// Number of entries.
        entries: usize,
    },
    /// A time is not finite, or a limit no positive number below half of a quarter of an hour.
    #[error("{what} is {value}")]
    Range {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// Times fit equally well by several offsets of the clocks.
    #[error(
        "{pairs} movies find their entries with clocks {first_s} s apart, and as many with {second_s} s"
    )]
    Tie {
        /// How many are paired.
        pairs: usize,
        /// One offset.
        first_s: f64,
        /// Another.
        second_s: f64,
    },
    /// Several movies are as near to one entry as may be, or several entries to one movie.
    #[error("within the limit {} movies and {} entries stand for one another", movies.len(), entries.len())]
    Ambiguous {
        /// The movies.
        movies: Vec<usize>,
        /// The entries.
        entries: Vec<usize>,
    },
}

impl Pairing {
    /// Whether every movie has an entry, and every entry a movie.
    ///
    /// ```
    /// use widefield_behaviour::pairing::by_key;
    /// assert!(by_key(&[Some(2), Some(1)], &[Some(1), Some(2)])?.is_one_to_one());
    /// # Ok::<(), widefield_behaviour::pairing::Error>(())
    /// ```
    #[must_use]
    pub fn is_one_to_one(&self) -> bool {
        self.without_movie.is_empty() && self.entries.iter().all(Option::is_some)
    }

    /// Places of the movies without entry, ascending.
    pub fn without_entry(&self) -> impl Iterator<Item = usize> {
        let places = self.entries.iter().enumerate();
        places
            .filter(|(_, entry)| entry.is_none())
            .map(|(movie, _)| movie)
    }

    fn new(entries: Vec<Option<usize>>, count: usize, offset_s: f64) -> Self {
        let mut is_used = vec![false; count];
        for &entry in entries.iter().flatten() {
            is_used[entry] = true;
        }
        let without_movie = (0..count).filter(|&entry| !is_used[entry]).collect();
        Self {
            entries,
            without_movie,
            offset_s,
        }
    }
}

/// By what both have: the number, or the name. `None` has no counterpart.
///
/// ```
/// use widefield_behaviour::pairing::by_key;
/// let pairing = by_key(&[Some(3), None, Some(1)], &[Some(1), Some(2), Some(3)])?;
/// assert_eq!(pairing.entries, [Some(2), None, Some(0)]);
/// assert_eq!(pairing.without_movie, [1]);
/// # Ok::<(), widefield_behaviour::pairing::Error>(())
/// ```
///
/// # Errors
/// [`Error::SameMovies`], [`Error::SameEntries`] where a key stands twice on one side.
pub fn by_key<K: Ord>(movies: &[Option<K>], entries: &[Option<K>]) -> Result<Pairing, Error> {
    let places = |keys: &[Option<K>]| -> Result<(), Vec<usize>> {
        let mut seen: BTreeMap<&K, Vec<usize>> = BTreeMap::new();
        for (at, key) in keys.iter().enumerate() {
            if let Some(key) = key {
                seen.entry(key).or_default().push(at);
            }
        }
        match seen.into_values().find(|places| places.len() > 1) {
            Some(places) => Err(places),
            None => Ok(()),
        }
    };
    places(movies).map_err(Error::SameMovies)?;
    places(entries).map_err(Error::SameEntries)?;
    let known = entries.iter().enumerate();
    let known: BTreeMap<&K, usize> = known
        .filter_map(|(at, key)| Some((key.as_ref()?, at)))
        .collect();
    let found = |key: &Option<K>| known.get(key.as_ref()?).copied();
    Ok(Pairing::new(
        movies.iter().map(found).collect(),
        entries.len(),
        0.0,
    ))
}

/// The first with the first, and so on.
///
/// # Errors
/// [`Error::Counts`] unless there are as many of one as of the other.
pub fn by_order(movies: usize, entries: usize) -> Result<Pairing, Error> {
    if movies != entries {
        return Err(Error::Counts { movies, entries });
    }
    Ok(Pairing::new((0..movies).map(Some).collect(), entries, 0.0))
}

/// By when both began, in seconds of any one epoch, in any order.
///
/// The two clocks may differ by any whole number of quarters of an hour up to 26 hours (time zone,
/// daylight saving), the same throughout, and by less than `limit_s` besides. The offset is that with
/// which most movies find an entry; so it does not come from the pairing that it is to give. Sessions at
/// a regular pace may fit by several offsets, which is an error rather than a choice.
///
/// ```
/// use widefield_behaviour::pairing::by_time;
/// // The camera's computer is two hours behind, and the second movie was not logged.
/// let movies = [10.2, 26.9, 45.1];
/// let pairing = by_time(&movies, &[7210.0, 7245.3, 7262.8], 5.0)?;
/// assert_eq!((&pairing.entries[..], pairing.offset_s), (&[Some(0), None, Some(1)][..], 7200.0));
/// assert_eq!(pairing.without_movie, [2]);
/// # Ok::<(), widefield_behaviour::pairing::Error>(())
/// ```
///
/// # Errors
/// [`Error::Tie`], [`Error::Ambiguous`]; [`Error::Range`] for a time that is not finite, or a limit that
/// is not above 0 and below 450 s.
pub fn by_time(movies: &[f64], entries: &[f64], limit_s: f64) -> Result<Pairing, Error> {
    if !(limit_s > 0.0 && limit_s < QUARTER_S / 2.0) {
        return Err(Error::Range {
            what: "the limit in seconds",
            value: limit_s,
        });
    }
    for (what, times) in [("a movie's time", movies), ("an entry's time", entries)] {
        if let Some(&value) = times.iter().find(|time| !time.is_finite()) {
            return Err(Error::Range { what, value });
        }
    }
    let (movies, entries) = (Sorted::new(movies), Sorted::new(entries));
    let mut best: Vec<(f64, usize)> = Vec::new();
    for quarters in -MOST_QUARTERS..=MOST_QUARTERS {
        let offset_s = QUARTER_S * f64::from(quarters);
        let pairs = groups(&movies, &entries, offset_s, limit_s).len();
        match best.first() {
            Some((_, most)) if pairs < *most => {}
            Some((_, most)) if pairs == *most => best.push((offset_s, pairs)),
            _ => best = vec![(offset_s, pairs)],
        }
    }
    let (offset_s, pairs) = match best[..] {
        [(first_s, pairs), (second_s, _), ..] if pairs > 0 => {
            return Err(Error::Tie {
                pairs,
                first_s,
                second_s,
            });
        }
        // Nothing fits, whatever the clocks: no offset is told.
        [(_, 0), ..] | [] => (0.0, 0),
        [(offset_s, pairs), ..] => (offset_s, pairs),
    };
    let mut found = vec![None; movies.0.len()];
    let together = match pairs {
        0 => Vec::new(),
        _ => groups(&movies, &entries, offset_s, limit_s),
    };
    for (of_movies, of_entries) in together {
        match (&of_movies[..], &of_entries[..]) {
            ([movie], [entry]) => found[*movie] = Some(*entry),
            _ => {
                return Err(Error::Ambiguous {
                    movies: of_movies,
                    entries: of_entries,
                });
            }
        }
    }
    Ok(Pairing::new(found, entries.0.len(), offset_s))
}

/// Times with their places, in the order of time.
struct Sorted(Vec<(f64, usize)>);

impl Sorted {
    fn new(times: &[f64]) -> Self {
        let mut sorted: Vec<(f64, usize)> = times.iter().copied().zip(0..).collect();
        sorted.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        Self(sorted)
    }
}

/// Movies and entries that are within the limit of one another, by way of others too: one movie and one
/// entry where nothing is in doubt.
fn groups(
    movies: &Sorted,
    entries: &Sorted,
    offset_s: f64,
    limit_s: f64,
) -> Vec<(Vec<usize>, Vec<usize>)> {
    let mut groups: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
    let mut from = 0;
    // One past the last entry of the last group.
    let mut taken = 0;
    for &(time, movie) in &movies.0 {
        let time = time + offset_s;
        while entries
            .0
            .get(from)
            .is_some_and(|(t, _)| *t < time - limit_s)
        {
            from += 1;
        }
        let near = entries.0[from..]
            .iter()
            .take_while(|(t, _)| *t <= time + limit_s);
        let end = from + near.count();
        if end == from {
            continue;
        }
        let begin = match groups.last_mut() {
            // It shares an entry with the movie before.
            Some((together, _)) if from < taken => {
                together.push(movie);
                taken
            }
            _ => {
                groups.push((vec![movie], Vec::new()));
                from
            }
        };
        if let Some((_, of_entries)) = groups.last_mut() {
            of_entries.extend(
                entries.0[begin.min(end)..end]
                    .iter()
                    .map(|(_, entry)| *entry),
            );
        }
        taken = taken.max(end);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_stand_twice_are_named() {
        let two = by_key(&[Some("a"), Some("b"), Some("a")], &[Some("a")]);
        assert_eq!(two, Err(Error::SameMovies(vec![0, 2])));
        let two = by_key(&[Some(1)], &[None, Some(1), Some(1), None]);
        assert_eq!(two, Err(Error::SameEntries(vec![1, 2])));
        let none = by_key::<u32>(&[None, None], &[None]).unwrap();
        assert_eq!((none.entries, none.without_movie), (vec![None; 2], vec![0]));
    }

    #[test]
    fn order_needs_equal_numbers() {
        assert!(by_order(0, 0).unwrap().is_one_to_one());
        assert_eq!(by_order(2, 2).unwrap().entries, [Some(0), Some(1)]);
        assert!(matches!(
            by_order(3, 2),
            Err(Error::Counts {
                movies: 3,
                entries: 2
            })
        ));
    }

    /// Begins of trials at an uneven pace.
    fn begins(count: usize) -> Vec<f64> {
        let pause = |k: usize| 17.0 + (k * k % 11) as f64 * 0.7;
        let mut now = 1_487_067_753.25;
        (0..count)
            .map(|k| {
                now += pause(k);
                now
            })
            .collect()
    }

    #[test]
    fn any_offset_of_quarters_and_a_little_is_found() {
        let movies = begins(40);
        for quarters in [-104, -4, -1, 0, 1, 4, 22, 104] {
            let offset_s = 900.0 * f64::from(quarters);
            let jitter = |k: usize| (k % 7) as f64 * 0.6 - 1.8;
            let entries: Vec<f64> = movies
                .iter()
                .enumerate()
                .map(|(k, t)| t + offset_s + jitter(k))
                .collect();
            let pairing = by_time(&movies, &entries, 5.0).unwrap();
            assert!(pairing.is_one_to_one(), "{quarters}");
            assert_eq!(pairing.offset_s, offset_s);
            assert!(
                pairing
                    .entries
                    .iter()
                    .enumerate()
                    .all(|(k, e)| *e == Some(k))
            );
        }
    }

    #[test]
    fn what_is_missing_on_either_side_shifts_nothing() {
        let all = begins(30);
        let without = |lost: &[usize]| -> Vec<f64> {
            let kept = all.iter().enumerate().filter(|(k, _)| !lost.contains(k));
            kept.map(|(_, t)| *t).collect()
        };
        // In another order, too.
        let mut movies = without(&[0, 7, 29]);
        movies.reverse();
        let entries = without(&[3, 8]);
        let pairing = by_time(&movies, &entries, 5.0).unwrap();
        for (movie, entry) in pairing.entries.iter().enumerate() {
            let logged = entries.contains(&movies[movie]);
            assert_eq!(entry.map(|e| entries[e]), logged.then_some(movies[movie]));
        }
        assert_eq!(pairing.without_entry().count(), 2);
        assert_eq!(pairing.without_movie.len(), 3);
    }

    #[test]
    fn a_regular_pace_that_fits_twice_is_a_tie() {
        // Every 18 s, so that 50 trials are a quarter of an hour.
        let entries: Vec<f64> = (0..200).map(|k| 18.0 * f64::from(k)).collect();
        let tie = by_time(&entries[60..70], &entries, 5.0).unwrap_err();
        assert!(matches!(tie, Error::Tie { pairs: 10, .. }), "{tie}");
        // The whole session fits once, since each other offset leaves trials over.
        assert!(by_time(&entries, &entries, 5.0).unwrap().is_one_to_one());
    }

    #[test]
    fn movies_too_near_to_one_another_are_ambiguous() {
        let movies = [0.0, 4.0, 100.0];
        let found = by_time(&movies, &[2.0, 100.0, 130.0], 5.0).unwrap_err();
        let expected = Error::Ambiguous {
            movies: vec![0, 1],
            entries: vec![0],
        };
        assert_eq!(found, expected);
        let found = by_time(&[2.0, 50.0, 90.0], &[0.0, 4.0, 50.0, 90.0], 5.0).unwrap_err();
        let expected = Error::Ambiguous {
            movies: vec![0],
            entries: vec![0, 1],
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_and_what_never_fits() {
        assert_eq!(by_time(&[], &[], 5.0), Ok(Pairing::default()));
        let none = by_time(&[0.0, 20.0], &[300.0, 320.0], 5.0).unwrap();
        assert_eq!(
            (none.entries, none.without_movie),
            (vec![None; 2], vec![0, 1])
        );
        assert_eq!(none.offset_s, 0.0);
        for limit in [0.0, -1.0, 450.0, f64::NAN] {
            assert!(matches!(by_time(&[], &[], limit), Err(Error::Range { .. })));
        }
        assert!(matches!(
            by_time(&[f64::NAN], &[], 5.0),
            Err(Error::Range { .. })
        ));
    }
}
