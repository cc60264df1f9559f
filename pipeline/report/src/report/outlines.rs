//! Outlines of areas, drawn over maps.

use super::image::Map;
use ndarray::ArrayView2;
use std::fmt::Write as _;

/// Name of the drawing in a page or file.
const ID: &str = "outlines";

/// What they are, for captions.
pub(super) const WORDS: &str = " Lines: the areas.";

/// Where areas begin and end: one drawing, which every map of a page uses.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outlines {
    /// Height and width of the frames.
    size: (usize, usize),
    /// Along the sides of pixels, in pixels.
    path: String,
}

impl Outlines {
    /// Of an image `(y, x)` that says which area a pixel belongs to, 0 where to none.
    pub(super) fn of(areas: ArrayView2<'_, f32>) -> Self {
        let (height, width) = areas.dim();
        // Rows and columns are counted from 1: before and behind the frame there is no area.
        let area = |y: usize, x: usize| {
            let place = y.checked_sub(1).zip(x.checked_sub(1));
            let area = place.and_then(|place| areas.get(place));
            area.copied().unwrap_or(0.0).to_bits()
        };
        let mut path = String::new();
        // Sides of pixels where an area ends; what lies side by side is one line.
        for y in 1..height + 2 {
            for (x, length) in runs(1..width + 1, |x| area(y, x) != area(y - 1, x)) {
                let _ = write!(path, "M{} {}h{length}", x - 1, y - 1);
            }
        }
        for x in 1..width + 2 {
            for (y, length) in runs(1..height + 1, |y| area(y, x) != area(y, x - 1)) {
                let _ = write!(path, "M{} {}v{length}", x - 1, y - 1);
            }
        }
        Self {
            size: (height, width),
            path,
        }
    }

    /// The drawing, once in a page or file that uses it.
    pub(super) fn defined(&self) -> String {
        let (height, width) = self.size;
        format!(
            "<svg width=\"0\" height=\"0\" style=\"position:absolute\" aria-hidden=\"true\"><symbol id=\"{ID}\" viewBox=\"0 0 {width} {height}\" \
             preserveAspectRatio=\"none\" overflow=\"visible\"><path d=\"{}\" fill=\"none\" stroke-width=\"0.7\" \
             vector-effect=\"non-scaling-stroke\"/></symbol></svg>",
            self.path
        )
    }

    /// Over an image of the page.
    pub(super) fn html(map: Map) -> String {
        let stroke = map.line();
        format!(
            "<svg class=\"outlines\" stroke=\"{stroke}\" aria-hidden=\"true\"><use href=\"#{ID}\" width=\"100%\" height=\"100%\"/></svg>"
        )
    }

    /// Over an image of a file, at `x`, `y` of this size.
    pub(super) fn placed(x: f64, y: f64, [width, height]: [f64; 2], map: Map) -> String {
        format!(
            "<use href=\"#{ID}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" stroke=\"{}\"/>",
            map.line()
        )
    }
}

/// Where `holds` begins to hold within a range, and how long it does each time.
fn runs(range: std::ops::Range<usize>, holds: impl Fn(usize) -> bool) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for place in range.filter(|place| holds(*place)) {
        match found.last_mut() {
            Some((first, length)) if *first + *length == place => *length += 1,
            _ => found.push((place, 1)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    fn path(areas: &Array2<f32>) -> String {
        Outlines::of(areas.view()).path
    }

    #[test]
    fn lines_run_along_the_sides_of_pixels() {
        let areas = array![
            [0.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 1.0, 0.0],
            [0.0, 0.0, 0.0, 0.0]
        ];
        assert_eq!(path(&areas), "M1 1h2M1 2h2M1 1v1M3 1v1");
    }

    #[test]
    fn areas_reach_the_edge_of_the_frame_and_share_their_border() {
        assert_eq!(path(&array![[1.0, 2.0]]), "M0 0h2M0 1h2M0 0v1M1 0v1M2 0v1");
        assert_eq!(path(&Array2::zeros((2, 2))), "");
        assert_eq!(path(&Array2::zeros((0, 2))), "");
    }

    #[test]
    fn one_drawing_is_used_by_page_and_file() {
        let outlines = Outlines::of(Array2::ones((3, 4)).view());
        let defined = outlines.defined();
        assert!(defined.contains("id=\"outlines\" viewBox=\"0 0 4 3\""));
        assert!(Outlines::html(Map::Peak).contains("href=\"#outlines\""));
        let placed = Outlines::placed(1.0, 2.0, [8.0, 6.0], Map::Signed);
        assert!(placed.contains("href=\"#outlines\" x=\"1.0\" y=\"2.0\" width=\"8.0\""));
        assert_ne!(Map::Peak.line(), Map::Signed.line());
    }
}
