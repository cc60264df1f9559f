//! Outlines of areas, drawn over maps.

use super::image::Map;
use ndarray::{ArrayView2, ArrayView3};
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
    /// Of masks `(area, y, x)`, above 0.5 within the area.
    pub(super) fn of(masks: ArrayView3<'_, f32>) -> Self {
        let (_, height, width) = masks.dim();
        let mut path = String::new();
        let within = |mask: &ArrayView2<'_, f32>, y: usize, x: usize| {
            // Above and to the left of the frame there is nothing, too.
            let before = y.checked_sub(1).zip(x.checked_sub(1));
            before.is_some_and(|(y, x)| mask.get((y, x)).is_some_and(|v| *v > 0.5))
        };
        // Sides of pixels where any area ends, counted from 1; what lies side by side is one line.
        for y in 1..height + 2 {
            let ends = |x| {
                let differs =
                    |mask: ArrayView2<'_, f32>| within(&mask, y, x) != within(&mask, y - 1, x);
                masks.outer_iter().any(differs)
            };
            for (x, length) in runs(1..width + 1, ends) {
                let _ = write!(path, "M{} {}h{length}", x - 1, y - 1);
            }
        }
        for x in 1..width + 2 {
            let ends = |y| {
                let differs =
                    |mask: ArrayView2<'_, f32>| within(&mask, y, x) != within(&mask, y, x - 1);
                masks.outer_iter().any(differs)
            };
            for (y, length) in runs(1..height + 1, ends) {
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
    use ndarray::Array3;

    fn path(masks: &Array3<f32>) -> String {
        Outlines::of(masks.view()).path
    }

    #[test]
    fn lines_run_along_the_sides_of_pixels() {
        let mut masks = Array3::zeros((1, 3, 4));
        masks[(0, 1, 1)] = 1.0;
        masks[(0, 1, 2)] = 1.0;
        assert_eq!(path(&masks), "M1 1h2M1 2h2M1 1v1M3 1v1");
    }

    #[test]
    fn areas_reach_the_edge_of_the_frame_and_share_their_border() {
        let masks = Array3::from_shape_fn((2, 1, 2), |(area, _, x)| f32::from(u8::from(area == x)));
        assert_eq!(path(&masks), "M0 0h2M0 1h2M0 0v1M1 0v1M2 0v1");
        assert_eq!(path(&Array3::zeros((0, 2, 2))), "");
        assert_eq!(path(&Array3::from_elem((1, 2, 2), f32::NAN)), "");
    }

    #[test]
    fn one_drawing_is_used_by_page_and_file() {
        let outlines = Outlines::of(Array3::ones((1, 3, 4)).view());
        let defined = outlines.defined();
        assert!(defined.contains("id=\"outlines\" viewBox=\"0 0 4 3\""));
        assert!(Outlines::html(Map::Peak).contains("href=\"#outlines\""));
        let placed = Outlines::placed(1.0, 2.0, [8.0, 6.0], Map::Signed);
        assert!(placed.contains("href=\"#outlines\" x=\"1.0\" y=\"2.0\" width=\"8.0\""));
        assert_ne!(Map::Peak.line(), Map::Signed.line());
    }
}
