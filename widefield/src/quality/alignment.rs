//! Whether movies and log entries with the same number began together.

use crate::number::count;
use crate::percentiles;
use std::collections::BTreeMap;

/// What [`align`] finds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Alignment {
    /// Per movie that has an entry in the log: its number, and by how many seconds its begin lies off after the
    /// median over the movies was taken away.
    pub residuals_s: Vec<(u32, f64)>,
    /// Where numbers slip, if that explains the residuals.
    pub shift: Option<Shift>,
    /// The median over the movies: by how many seconds the camera's clock is ahead of the rig's. NaN if no movie has
    /// an entry.
    pub offset_s: f64,
    /// What to think of that offset.
    pub offset: Offset,
}

/// What the difference of two clocks says about numbers.
///
/// Clocks that are set differ by little, or, by time zone and daylight saving, by a multiple of 15 minutes. Where
/// intervals are nearly constant, numbers that are all off by one look like clocks that differ by one interval.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Offset {
    /// Within 5 s of a multiple of 15 minutes; or nothing is known, as no movie has an entry.
    Usual,
    /// Anything else: clocks that were never set, by minutes apart, or numbers that are wrong in a way not tried.
    Odd,
    /// Odd, and usual as soon as every movie is given to another entry.
    Relabelled(Relabelling),
}

/// Other numbers for all movies, with which the clocks agree.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Relabelling {
    /// What to add to the number of every movie to find its entry; not 0.
    pub by: i32,
    /// The offset of the clocks that is left then, seconds.
    pub offset_s: f64,
}

/// From some movie on, numbers belong to a neighbouring entry of the log.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Shift {
    /// Number of the first movie that slipped.
    pub from: u32,
    /// What to add to the number of a movie to find its entry: 1, or -1 where the first movie that slipped has none.
    pub by: i32,
    /// Mean residual with the numbers as they are, seconds.
    pub before_s: f64,
    /// Mean residual after the slip is undone, seconds.
    pub after_s: f64,
}

/// How often the residual must shrink for a slip to be believed.
const TENFOLD: f64 = 10.0;
/// Time zones differ by multiples of this, seconds.
const ZONE_S: f64 = 900.0;
/// How far from a multiple of 15 minutes two clocks that are set may be, seconds.
pub const USUAL_WITHIN_S: f64 = 5.0;
/// Most entries by which all numbers may be off. Each one tried makes an odd clock look usual by chance once in 90
/// times, where intervals are even.
const MOST: i32 = 5;
/// How much larger residuals may be with other numbers: their ratio, and seconds to which clocks are read.
const WORSE: (f64, f64) = (1.5, 0.02);

/// Compares when movies began, by the camera's clock, with when their entries of the log began, by the rig's.
///
/// Both lists are (number, seconds); the clocks may differ by any constant, as the median difference is taken
/// away. Where a residual exceeds `limit_s`, every movie at which the residual jumps by more than that is tried as the
/// begin of a slip by one entry up or down. The best one is reported if it makes the mean residual ten
/// times smaller, over at least three movies, half of all, and one that slipped.
///
/// Where that constant is odd, giving all movies to entries up to five further up or down is tried, too. It explains the
/// constant if the one that is left is usual, all residuals are within `limit_s`, and they are hardly larger than
/// with the numbers as they are; of several the nearest entry counts.
///
/// ```
/// use widefield::quality::align;
///
/// // Trials 17 to 20 s apart; the camera was restarted during trial 3, so its movie 3 is trial 4.
/// let log: Vec<(u32, f64)> = (1..).zip([0.0, 17.0, 36.0, 54.0, 74.0, 91.0]).collect();
/// let camera: Vec<(u32, f64)> = (1..).zip([3600.0, 3617.0, 3654.0, 3674.0, 3691.0]).collect();
/// let shift = align(&camera, &log, 2.0).shift.unwrap();
/// assert_eq!((shift.from, shift.by), (3, 1));
/// assert!(align(&log, &log, 2.0).shift.is_none());
/// ```
///
/// ```
/// use widefield::quality::{Offset, align};
///
/// // Every 17 s; the numbers of the movies began one too late, in another time zone.
/// let log: Vec<(u32, f64)> = (1..9).map(|n| (n, 17.0 * f64::from(n))).collect();
/// let camera: Vec<(u32, f64)> = log[..7].iter().map(|&(n, s)| (n, s + 17.0 + 3600.0)).collect();
/// let found = align(&camera, &log, 2.0);
/// assert_eq!(found.offset_s, 3617.0);
/// let Offset::Relabelled(relabelling) = found.offset else { panic!("one interval off") };
/// assert_eq!((relabelling.by, relabelling.offset_s), (1, 3600.0));
/// ```
#[must_use]
pub fn align(camera_s: &[(u32, f64)], log_s: &[(u32, f64)], limit_s: f64) -> Alignment {
    let log: BTreeMap<u32, f64> = log_s.iter().copied().collect();
    let mut movies: Vec<(u32, f64)> = camera_s
        .iter()
        .copied()
        .filter(|(_, s)| s.is_finite())
        .collect();
    movies.sort_by_key(|(number, _)| *number);
    let difference = |&(number, camera): &(u32, f64), by: i32| {
        let entry = number.checked_add_signed(by)?;
        log.get(&entry).map(|start| camera - start)
    };
    let known: Vec<(u32, f64)> = movies
        .iter()
        .filter_map(|movie| Some((movie.0, difference(movie, 0)?)))
        .collect();
    let median = percentiles::median(known.iter().map(|(_, d)| *d)).unwrap_or(f64::NAN);
    let residuals_s: Vec<(u32, f64)> = known.iter().map(|(n, d)| (*n, d - median)).collect();

    let worst = residuals_s.iter().map(|(_, r)| r.abs()).fold(0.0, f64::max);
    let mut shift: Option<Shift> = None;
    if worst > limit_s {
        let jumps = residuals_s
            .windows(2)
            .filter(|pair| (pair[1].1 - pair[0].1).abs() > limit_s)
            .map(|pair| pair[1].0);
        let first = residuals_s.first().map(|(n, _)| *n);
        for from in first.into_iter().chain(jumps) {
            for by in [1, -1] {
                let of = |movie: &(u32, f64)| {
                    let slipped = movie.0 >= from;
                    // One recording too many: the first that slipped has no entry at all.
                    if by < 0 && movie.0 == from {
                        return None;
                    }
                    let after = difference(movie, if slipped { by } else { 0 })?;
                    Some((slipped, difference(movie, 0)?, after))
                };
                let pairs: Vec<(bool, f64, f64)> = movies.iter().filter_map(of).collect();
                let enough = pairs.len() >= 3 && 2 * pairs.len() >= known.len();
                if !enough || !pairs.iter().any(|p| p.0) {
                    continue;
                }
                let found = Shift {
                    from,
                    by,
                    before_s: Spread::of(&pairs.iter().map(|p| p.1).collect::<Vec<_>>()).mean,
                    after_s: Spread::of(&pairs.iter().map(|p| p.2).collect::<Vec<_>>()).mean,
                };
                let better = shift.is_none_or(|s| found.after_s < s.after_s);
                if found.after_s * TENFOLD <= found.before_s && better {
                    shift = Some(found);
                }
            }
        }
    }
    let relabelled = |by| {
        let pairs = movies.iter().filter_map(|movie| difference(movie, by));
        let differences: Vec<f64> = pairs.collect();
        (differences.len() >= 3 && 2 * differences.len() >= known.len())
            .then(|| Spread::of(&differences))
    };
    let offset = match relabelled(0) {
        Some(given) if !usual(given.middle) => (1..=MOST)
            .flat_map(|by| [by, -by])
            .filter_map(|by| Some((by, relabelled(by)?)))
            .find(|(_, other)| {
                usual(other.middle)
                    && other.largest <= limit_s
                    && other.mean <= WORSE.0 * given.mean + WORSE.1
            })
            .map_or(Offset::Odd, |(by, other)| {
                let offset_s = other.middle;
                Offset::Relabelled(Relabelling { by, offset_s })
            }),
        None if median.is_finite() && !usual(median) => Offset::Odd,
        _ => Offset::Usual,
    };
    Alignment {
        residuals_s,
        shift,
        offset_s: median,
        offset,
    }
}

/// Whether set clocks may differ by so many seconds.
fn usual(offset_s: f64) -> bool {
    (offset_s - (offset_s / ZONE_S).round() * ZONE_S).abs() <= USUAL_WITHIN_S
}

/// Where differences lie, and how far from there.
struct Spread {
    middle: f64,
    mean: f64,
    largest: f64,
}

impl Spread {
    fn of(differences: &[f64]) -> Self {
        let middle = percentiles::median(differences.iter().copied()).unwrap_or(f64::NAN);
        let off = differences.iter().map(|d| (d - middle).abs());
        Self {
            middle,
            mean: off.clone().sum::<f64>() / count(differences.len()),
            largest: off.fold(0.0, f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(intervals: &[f64]) -> Vec<(u32, f64)> {
        let mut start = 0.0;
        (1..)
            .zip(intervals)
            .map(|(n, i)| {
                start += i;
                (n, start)
            })
            .collect()
    }

    /// Equal intervals to a quarter of a second, as a rig has them.
    const EVEN: [f64; 9] = [17.1, 17.0, 17.2, 16.9, 17.1, 17.0, 17.2, 17.0, 17.1];

    #[test]
    fn a_lost_recording_shifts_all_later_ones() {
        let log = session(&EVEN);
        // Recording 4 was lost; what is called 4 to 8 belongs to entries 5 to 9.
        let mut camera: Vec<(u32, f64)> = log.iter().map(|&(n, s)| (n, s + 7200.0)).collect();
        camera.remove(3);
        for (n, movie) in (1..).zip(&mut camera) {
            movie.0 = n;
        }
        let found = align(&camera, &log, 2.0).shift.unwrap();
        assert_eq!((found.from, found.by), (4, 1));
        assert!(found.after_s < 1e-9 && found.before_s > 5.0);
    }

    #[test]
    fn a_recording_too_many_shifts_the_other_way() {
        let log = session(&EVEN);
        let mut camera = log.clone();
        camera.insert(5, (0, camera[4].1 + 8.0));
        for (n, movie) in (1..).zip(&mut camera) {
            movie.0 = n;
        }
        camera.truncate(9);
        let found = align(&camera, &log, 2.0).shift.unwrap();
        assert_eq!(found.by, -1);
        assert_eq!(found.from, 6);
    }

    #[test]
    fn one_late_movie_is_no_slip() {
        let log = session(&EVEN);
        for late in 0..9 {
            let mut camera = log.clone();
            camera[late].1 += 5.0;
            let found = align(&camera, &log, 2.0);
            assert!(found.shift.is_none(), "{late}: {found:?}");
            let off: Vec<u32> = found
                .residuals_s
                .iter()
                .filter(|(_, r)| r.abs() > 2.0)
                .map(|(n, _)| *n)
                .collect();
            assert_eq!(off, [log[late].0]);
        }
    }

    /// `camera` where the movies of a log have numbers that are `by` too small, and a clock that is ahead.
    fn relabelled(log: &[(u32, f64)], by: u32, ahead_s: f64) -> Vec<(u32, f64)> {
        let moved = log.iter().filter(|(n, _)| *n > by);
        moved.map(|&(n, s)| (n - by, s + ahead_s)).collect()
    }

    #[test]
    fn all_numbers_off_by_one_are_no_constant_of_the_clocks() {
        let log = session(&EVEN);
        for ahead in [0.0, 3.1, -4.0, 7200.0, -900.0, 2.0 * 86_400.0] {
            for by in 1..=3_u32 {
                let found = align(&relabelled(&log, by, ahead), &log, 2.0);
                let Offset::Relabelled(relabelling) = found.offset else {
                    panic!("{by} off, {ahead} s ahead: {found:?}");
                };
                assert_eq!(relabelling.by, by as i32);
                assert!((relabelling.offset_s - ahead).abs() < 1e-6);
                assert!(
                    (found.offset_s - ahead - 17.1 * f64::from(by)).abs() < 0.2 * f64::from(by)
                );
                assert!(found.shift.is_none());
                // And the other way round: the log's numbers are too small.
                let found = align(&log, &relabelled(&log, by, -ahead), 2.0);
                let Offset::Relabelled(relabelling) = found.offset else {
                    panic!("{by} off, {ahead} s ahead: {found:?}");
                };
                assert_eq!(relabelling.by, -(by as i32));
            }
        }
    }

    #[test]
    fn clocks_that_were_never_set_are_odd_and_set_ones_are_not() {
        let log = session(&EVEN);
        // 917.1 s is a quarter of an hour and one interval; but then residuals grow from 0 to those of the intervals.
        for ahead in [100.0, -250.0, 440.0, 17.1, 917.1, -34.2] {
            let found = align(&relabelled(&log, 0, ahead), &log, 2.0);
            assert_eq!(found.offset, Offset::Odd, "{ahead} s");
            assert!((found.offset_s - ahead).abs() < 1e-9);
        }
        for ahead in [0.0, 4.9, -4.9, 900.0, 3604.0, -7197.0] {
            let found = align(&relabelled(&log, 0, ahead), &log, 2.0);
            assert_eq!(found.offset, Offset::Usual, "{ahead} s");
        }
        // Uneven intervals tell numbers by themselves: residuals beyond the limit, no constant.
        let uneven = session(&[17.0, 25.0, 14.0, 31.0, 19.0, 22.0, 16.0]);
        let found = align(&relabelled(&uneven, 0, 40.0), &uneven, 2.0);
        assert_eq!(found.offset, Offset::Odd);
    }

    #[test]
    fn two_movies_do_not_decide_on_numbers() {
        let log = session(&EVEN);
        let two = align(&relabelled(&log[..3], 1, 0.0), &log, 2.0);
        assert_eq!(two.offset, Offset::Odd);
        let none = align(&[(40, 1.0)], &log, 2.0);
        assert!(none.offset_s.is_nan());
        assert_eq!(none.offset, Offset::Usual);
    }

    #[test]
    fn nothing_to_compare() {
        let log = session(&EVEN);
        assert_eq!(align(&[], &log, 2.0).residuals_s, []);
        assert_eq!(
            align(&[(40, 1.0), (1, f64::NAN)], &log, 2.0).residuals_s,
            []
        );
        let two = align(
            &[(1, 0.0), (u32::MAX, 50.0)],
            &[(1, 0.0), (u32::MAX, 17.0)],
            2.0,
        );
        assert!(two.shift.is_none());
    }
}
