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

/// Compares when movies began, by the camera's clock, with when their entries of the log began, by the rig's.
///
/// Both lists are (number, seconds); the clocks may differ by any constant, as the median difference is taken
/// away. Where a residual exceeds `limit_s`, every movie at which the residual jumps by more than that is tried as the
/// begin of a slip by one entry up or down. The best one is reported if it makes the mean residual ten
/// times smaller, over at least three movies, half of all, and one that slipped.
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
                    before_s: mean_residual(pairs.iter().map(|p| p.1)),
                    after_s: mean_residual(pairs.iter().map(|p| p.2)),
                };
                let better = shift.is_none_or(|s| found.after_s < s.after_s);
                if found.after_s * TENFOLD <= found.before_s && better {
                    shift = Some(found);
                }
            }
        }
    }
    Alignment { residuals_s, shift }
}

fn mean_residual(differences: impl Iterator<Item = f64> + Clone) -> f64 {
    let middle = percentiles::median(differences.clone()).unwrap_or(f64::NAN);
    let (n, sum) = differences.fold((0, 0.0), |(n, sum), d| (n + 1, sum + (d - middle).abs()));
    sum / count(n)
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
