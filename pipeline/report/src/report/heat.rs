//! Heat maps: rows of values against time or against each other.

use super::figures;
use super::html::escape;
use super::image::Map;
use super::plot::{label, ticks};
use ndarray::{Array2, ArrayView2, s};
use std::fmt::Write as _;
use widefield::render::Scale;

const WIDTH: f64 = 300.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 16.0;
const TALL: f64 = 140.0;
const BOTTOM: f64 = 36.0;

/// Most rows and columns of the image; more are averaged.
const MOST: [usize; 2] = [280, 200];

/// Rows that belong together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rows {
    /// What they are called, short.
    pub(super) name: String,
    /// Of the style sheet.
    pub(super) colour: usize,
    pub(super) rows: usize,
}

/// Rows over time, group by group from the top.
pub(super) struct Heat<'a> {
    pub(super) title: String,
    pub(super) note: String,
    pub(super) x: &'a str,
    /// `(row, time)`.
    pub(super) values: ArrayView2<'a, f64>,
    /// Time of the first and the last column.
    pub(super) time_s: [f64; 2],
    pub(super) groups: &'a [Rows],
    /// Times with a name.
    pub(super) places: &'a [(f64, String)],
    pub(super) scale: Scale,
    pub(super) map: Map,
}

impl Heat<'_> {
    pub(super) fn figure(&self) -> String {
        let title = escape(&self.title);
        format!(
            "<figure>{}<figcaption>{title}</figcaption></figure>",
            self.svg()
        )
    }

    /// The same as a file.
    pub(super) fn file(&self) -> String {
        let (title, tall) = figures::lines(10.0, 20.0, WIDTH - 20.0, &self.title);
        let height = TOP + TALL + BOTTOM;
        let y = 10.0 + tall;
        let placed = format!("<svg y=\"{y}\" height=\"{height}\" ");
        let mut drawing = title + &self.svg().replacen("<svg ", &placed, 1);
        let below = y + height + 8.0;
        drawing.push_str(&figures::scale(
            LEFT,
            below,
            WIDTH - LEFT - RIGHT,
            self.map,
            self.scale,
        ));
        let (note, tall) = figures::lines(10.0, below + 40.0, WIDTH - 20.0, &self.note);
        drawing.push_str(&note);
        figures::file(WIDTH, below + 34.0 + tall, &self.title, &drawing)
    }

    fn svg(&self) -> String {
        let (right, bottom) = (WIDTH - RIGHT, TOP + TALL);
        let image = shrunk(self.values, MOST);
        let png = self.map.png(image.view(), self.scale, None);
        let mut svg = format!(
            "<svg class=\"plot\" paint-order=\"stroke\" viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-label=\"{}: trials against {}\">\
             <image href=\"data:image/png;base64,{png}\" x=\"{LEFT}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{TALL}\" preserveAspectRatio=\"none\"/>",
            bottom + BOTTOM,
            escape(&self.title),
            escape(self.x),
            right - LEFT
        );
        self.groups(&mut svg);
        // A column is as wide as a frame lasts: its time is where it begins.
        let columns = self.values.ncols();
        let [first, last] = self.time_s;
        let step = (last - first) / columns.saturating_sub(1).max(1) as f64;
        let end = last + step;
        let px = |time: f64| LEFT + (time - first) / (end - first) * (right - LEFT);
        let across = ticks(first, end, 5.0);
        let mut marks = String::new();
        for &tick in &across {
            let x = px(tick);
            let _ = write!(marks, "M{x:.1} {bottom}v4");
            svg.push_str(&figures::text(x, bottom + 16.0, "m", &label(tick, &across)));
        }
        let _ = write!(svg, "<path class=\"grid\" d=\"{marks}\"/>");
        svg.push_str(&figures::text(
            (LEFT + right) / 2.0,
            bottom + 30.0,
            "m",
            self.x,
        ));
        for (time, _) in self.places.iter().filter(|(t, _)| (first..end).contains(t)) {
            let x = px(*time);
            let _ = write!(
                svg,
                "<path class=\"mark\" d=\"M{x:.1} {:.0}V{bottom}\"/>",
                TOP - 6.0
            );
        }
        svg.push_str("</svg>");
        svg
    }

    /// A strip and a name beside each group, names apart from each other.
    fn groups(&self, svg: &mut String) {
        let rows: usize = self.groups.iter().map(|group| group.rows).sum();
        let each = TALL / rows.max(1) as f64;
        let (mut from, mut free) = (TOP, TOP);
        for group in self.groups {
            let height = each * group.rows as f64;
            let _ = write!(
                svg,
                "<path class=\"strip s{}\" d=\"M{:.1} {:.2}V{:.2}\"/>",
                group.colour,
                LEFT - 4.0,
                from,
                from + (height - 0.6).max(0.3)
            );
            let y = (from + height / 2.0 + 4.0).max(free + 9.0);
            svg.push_str(&figures::text(LEFT - 9.0, y, "e", &group.name));
            free = y + 2.0;
            from += height;
        }
    }
}

/// With at most so many rows and columns, each the mean of the finite values that it stands for.
fn shrunk(values: ArrayView2<'_, f64>, [most_rows, most_columns]: [usize; 2]) -> Array2<f32> {
    let (rows, columns) = values.dim();
    let (h, w) = (rows.min(most_rows), columns.min(most_columns));
    Array2::from_shape_fn((h, w), |(y, x)| {
        let part = values.slice(s![
            y * rows / h..(y + 1) * rows / h,
            x * columns / w..(x + 1) * columns / w
        ]);
        let finite = part.iter().filter(|v| v.is_finite());
        let (n, sum) = finite.fold((0.0, 0.0), |(n, sum), v| (n + 1.0, sum + v));
        #[expect(clippy::cast_possible_truncation, reason = "to be looked at")]
        let mean = (sum / n) as f32;
        mean
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_are_averaged_where_they_are_finite() {
        let values = ndarray::array![[1.0, 3.0, f64::NAN], [5.0, f64::NAN, f64::NAN]];
        assert_eq!(shrunk(values.view(), [9, 9]).dim(), (2, 3));
        assert_eq!(shrunk(values.view(), [1, 1]), ndarray::array![[3.0]]);
        let two = shrunk(values.view(), [2, 2]);
        assert!(two[(0, 0)] == 1.0 && two[(0, 1)] == 3.0 && two[(1, 1)].is_nan());
        assert_eq!(shrunk(Array2::zeros((0, 4)).view(), [2, 2]).dim(), (0, 2));
    }

    #[test]
    fn groups_events_and_times_are_beside_the_image() {
        let values = Array2::from_shape_fn((4, 10), |(y, x)| (y + x) as f64);
        let group = |name: &str, rows| Rows {
            name: name.into(),
            colour: 2,
            rows,
        };
        let heat = Heat {
            title: "V1 <left>".into(),
            note: String::new(),
            x: "time (s)",
            values: values.view(),
            time_s: [-1.0, 0.8],
            groups: &[group("H 3", 3), group("M 1", 1)],
            places: &[(0.0, "cue".into()), (7.0, "late".into())],
            scale: Scale {
                low: -9.0,
                high: 9.0,
            },
            map: Map::Signed,
        };
        let figure = heat.figure();
        assert!(figure.contains("V1 &lt;left&gt;") && figure.contains(">H 3</text>"));
        assert_eq!(figure.matches("class=\"mark\"").count(), 1);
        // Half way from -1 to 1.
        assert!(figure.contains("M170.0 10V156"), "{figure}");
        let file = heat.file();
        assert!(file.contains("<image xlink:href=") && !file.contains("<image href="));
    }
}
