//! Which pixels lie within an outline, by ImageJ's rules.
//!
//! Pixel `(y, x)` is the square from `(x, y)` to `(x + 1, y + 1)`, and belongs to an outline that holds its centre. Source of both
//! rules: ImageJ 1.53t, `PolygonFiller` and `OvalRoi`, which are in the public domain; `tests/areas.rs` compares with it.

use ndarray::{Array2, Axis};

/// A point, x before y, in pixels from the upper left corner of the frame.
pub(super) type Point = [f64; 2];

/// What a region of interest encloses.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outline {
    /// Closed paths; what an odd number of them encloses is inside.
    Paths(Vec<Vec<Point>>),
    /// The ellipse in the rectangle of whole pixels with this corner, width and height.
    Oval([i32; 4]),
}

impl Outline {
    /// The rectangle of this left, top, width and height.
    pub(super) fn rectangle([left, top, width, height]: [i32; 4]) -> Self {
        let [x, y, width, height] = [left, top, width, height].map(f64::from);
        let (right, bottom) = (x + width, y + height);
        Outline::Paths(vec![vec![[x, y], [right, y], [right, bottom], [x, bottom]]])
    }

    /// The least and the largest coordinates; nothing if there is no point, or one that is not finite.
    pub(super) fn bounds(&self) -> Option<[Point; 2]> {
        let mut bounds = [[f64::INFINITY; 2], [f64::NEG_INFINITY; 2]];
        let mut take = |point: Point| {
            for (axis, value) in point.into_iter().enumerate() {
                bounds[0][axis] = bounds[0][axis].min(value);
                bounds[1][axis] = bounds[1][axis].max(value);
            }
            point[0].is_finite() && point[1].is_finite()
        };
        let finite = match self {
            Outline::Paths(paths) => paths.iter().flatten().all(|&point| take(point)),
            &Outline::Oval(oval) => {
                let [left, top, width, height] = oval.map(f64::from);
                take([left, top]) && take([left + width, top + height])
            }
        };
        (finite && bounds[0][0] <= bounds[1][0]).then_some(bounds)
    }

    /// The pixels inside, of a frame of `(height, width)`.
    pub(super) fn fill(&self, size: (usize, usize)) -> Array2<bool> {
        match self {
            Outline::Paths(paths) => fill_paths(paths, size),
            &Outline::Oval(oval) => fill_oval(oval, size),
        }
    }
}

/// Even-odd filling: each edge marks, in the rows whose centres it passes, the pixel from which on it lies to the left; a pixel
/// is inside after an odd number of marks.
///
/// A centre on a left or upper edge is outside, on a right or lower one inside.
fn fill_paths(paths: &[Vec<Point>], size: (usize, usize)) -> Array2<bool> {
    let mut mask = Array2::from_elem(size, false);
    let (height, width) = size;
    for path in paths {
        let ends = path.iter().skip(1).chain(path.first());
        for (&from, &to) in path.iter().zip(ends) {
            let ([x1, y1], [x2, y2]) = if from[1] <= to[1] {
                (from, to)
            } else {
                (to, from)
            };
            for row in within(y1, height)..within(y2, height) {
                let centre = row as f64 + 0.5;
                // The addend is ImageJ's: a centre on the edge counts as left of it despite rounding.
                let x = x1 + (centre - y1) * ((x2 - x1) / (y2 - y1)) + 1e-8;
                if let Some(mark) = mask.get_mut((row, within(x, width))) {
                    *mark ^= true;
                }
            }
        }
    }
    for mut row in mask.axis_iter_mut(Axis(0)) {
        let mut inside = false;
        for pixel in &mut row {
            inside ^= *pixel;
            *pixel = inside;
        }
    }
    mask
}

/// The first of `count` pixels whose centre lies at `edge` or beyond it; `count` if there is none.
#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped, and NaN becomes 0"
)]
fn within(edge: f64, count: usize) -> usize {
    (edge + 0.5).floor().clamp(0.0, count as f64) as usize
}

/// The pixels whose centres the ellipse holds.
fn fill_oval(oval: [i32; 4], size: (usize, usize)) -> Array2<bool> {
    let [left, top, width, height] = oval.map(f64::from);
    let (a, b) = (width / 2.0, height / 2.0);
    Array2::from_shape_fn(size, |(y, x)| {
        let dx = x as f64 - left - (a - 0.5);
        let dy = y as f64 - top - (b - 0.5);
        dx * dx / (a * a) + dy * dy / (b * b) <= 1.0
    })
}

/// Most halvings of a curve, which then is 1024 lines.
const MOST_HALVINGS: u32 = 10;
/// How far a line may lie from the curve that it stands for, in pixels: ImageJ's `FILL_FLATNESS`.
const FLATNESS: f64 = 0.01;

/// Appends a cubic Bézier curve as lines: halved until its control points are close to the chord, as Java's
/// `FlatteningPathIterator` does. How many points these are.
pub(super) fn curve(path: &mut Vec<Point>, points: [Point; 4]) -> usize {
    let before = path.len();
    halve(path, points, MOST_HALVINGS);
    path.len() - before
}

fn halve(path: &mut Vec<Point>, points: [Point; 4], left: u32) {
    let [start, c1, c2, end] = points;
    let flat = |point| distance_squared(point, start, end) < FLATNESS * FLATNESS;
    if left == 0 || (flat(c1) && flat(c2)) {
        path.push(end);
        return;
    }
    let middle = |p: Point, q: Point| [f64::midpoint(p[0], q[0]), f64::midpoint(p[1], q[1])];
    let (a, b, c) = (middle(start, c1), middle(c1, c2), middle(c2, end));
    let (d, e) = (middle(a, b), middle(b, c));
    let half = middle(d, e);
    halve(path, [start, a, d, half], left - 1);
    halve(path, [half, e, c, end], left - 1);
}

/// Square of the distance from a point to the line between two others.
fn distance_squared(point: Point, start: Point, end: Point) -> f64 {
    let along = [end[0] - start[0], end[1] - start[1]];
    let to = [point[0] - start[0], point[1] - start[1]];
    let length = along[0] * along[0] + along[1] * along[1];
    let part = ((to[0] * along[0] + to[1] * along[1]) / length).clamp(0.0, 1.0);
    // Of a line without length its start is the nearest point.
    let part = if part.is_nan() { 0.0 } else { part };
    let rest = [to[0] - part * along[0], to[1] - part * along[1]];
    rest[0] * rest[0] + rest[1] * rest[1]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(mask: &Array2<bool>) -> Vec<String> {
        let text = |row: ndarray::ArrayView1<'_, bool>| {
            row.iter()
                .map(|&inside| if inside { '#' } else { '.' })
                .collect()
        };
        mask.rows().into_iter().map(text).collect()
    }

    #[test]
    fn a_rectangle_is_its_pixels() {
        let mask = Outline::rectangle([1, 2, 3, 1]).fill((4, 5));
        assert_eq!(rows(&mask), [".....", ".....", ".###.", "....."]);
    }

    #[test]
    fn centres_on_edges_are_inside_at_the_right_and_below() {
        // From centre to centre: the edges pass through the centres of rows 0 and 2, columns 0 and 2.
        let square = vec![[0.5, 0.5], [2.5, 0.5], [2.5, 2.5], [0.5, 2.5]];
        let mask = Outline::Paths(vec![square]).fill((4, 4));
        assert_eq!(rows(&mask), ["....", ".##.", ".##.", "...."]);
    }

    #[test]
    fn a_path_within_a_path_is_a_hole() {
        let outer = vec![[0.0, 0.0], [5.0, 0.0], [5.0, 3.0], [0.0, 3.0]];
        let inner = vec![[1.0, 1.0], [1.0, 2.0], [4.0, 2.0], [4.0, 1.0]];
        let mask = Outline::Paths(vec![outer, inner]).fill((3, 5));
        assert_eq!(rows(&mask), ["#####", "#...#", "#####"]);
    }

    #[test]
    fn paths_that_leave_the_frame_are_cut_at_it() {
        let big = Outline::rectangle([-2, -2, 4, 100]);
        assert_eq!(rows(&big.fill((2, 3))), ["##.", "##."]);
        let nothing = Outline::Paths(vec![vec![], vec![[1.0, 1.0]], vec![[0.0, 0.0], [3.0, 3.0]]]);
        assert_eq!(rows(&nothing.fill((2, 2))), ["..", ".."]);
        assert_eq!(Outline::Paths(vec![]).bounds(), None);
        assert_eq!(Outline::Paths(vec![vec![[f64::NAN, 1.0]]]).bounds(), None);
        assert_eq!(big.bounds(), Some([[-2.0, -2.0], [2.0, 98.0]]));
    }

    #[test]
    fn a_curve_keeps_to_its_tolerance() {
        // A quarter of the unit circle times 100, which this cubic follows within 0.03.
        let k = 55.228_474_98;
        let mut path = vec![[100.0, 0.0]];
        let added = curve(
            &mut path,
            [[100.0, 0.0], [100.0, k], [k, 100.0], [0.0, 100.0]],
        );
        assert_eq!(path.len(), 1 + added);
        assert_eq!(path.last(), Some(&[0.0, 100.0]));
        assert!(path.len() < 100);
        for pair in path.windows(2) {
            let middle = [
                f64::midpoint(pair[0][0], pair[1][0]),
                f64::midpoint(pair[0][1], pair[1][1]),
            ];
            assert!((middle[0].hypot(middle[1]) - 100.0).abs() < 0.04);
        }
    }
}
