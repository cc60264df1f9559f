//! Line plots as SVG: axes, ticks, a few lines, marked places.

use super::figures;
use super::html::escape;
use std::fmt::Write as _;
use widefield::render::round_length;

/// Size in user units; the page scales it to its column.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 190.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 40.0;

/// A line, or dots, of one colour of the style sheet.
pub(super) struct Line {
    pub(super) colour: usize,
    pub(super) name: String,
    pub(super) points: Vec<[f64; 2]>,
    pub(super) look: Look,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Solid,
    Dashed,
    Dots,
}

/// A plot to be drawn. NaN interrupts a line.
#[derive(Default)]
pub(super) struct Plot {
    pub(super) title: String,
    /// Sentences below the title.
    pub(super) note: String,
    pub(super) x: &'static str,
    pub(super) y: &'static str,
    pub(super) lines: Vec<Line>,
    /// Colour, and x with low and high y of what lies behind the lines: their error.
    pub(super) ribbons: Vec<(usize, Vec<[f64; 3]>)>,
    /// Extent of the y axis, instead of that of the lines.
    pub(super) range: Option<[f64; 2]>,
    /// A stretch of x, with a name, behind everything.
    pub(super) band: Option<([f64; 2], &'static str)>,
    /// Vertical lines with a name.
    pub(super) places: Vec<(f64, String)>,
    /// Horizontal lines with a name.
    pub(super) levels: Vec<(f64, String)>,
    /// Powers of ten on the y axis.
    pub(super) log_y: bool,
    /// Most points a line may have; peaks are kept.
    pub(super) most: usize,
    /// Least extent of the y axis as a share of its values, so that noise does not look like change.
    pub(super) least: f64,
    /// The same in the unit of the y axis.
    pub(super) span: f64,
}

impl Plot {
    /// The figure: plot, caption, and names of the lines where there are several.
    pub(super) fn figure(&self) -> String {
        let mut names = String::new();
        if self.lines.len() > 1 {
            for line in &self.lines {
                let sign = match line.look {
                    Look::Solid => "━",
                    Look::Dashed => "╍",
                    Look::Dots => "●",
                };
                let _ = write!(
                    names,
                    " <span class=\"key\"><span class=\"c{}\" aria-hidden=\"true\">{sign}</span> {}</span>",
                    line.colour,
                    escape(&line.name)
                );
            }
        }
        let note = match self.note.as_str() {
            "" => String::new(),
            note => format!("<br>{}", escape(note)),
        };
        format!(
            "<figure>{}<figcaption>{}{names}{note}</figcaption></figure>",
            self.svg(),
            escape(&self.title)
        )
    }

    /// The plot as a file, with its title and the names of its lines.
    pub(super) fn file(&self) -> String {
        let (title, tall) = figures::lines(10.0, 20.0, WIDTH - 20.0, &self.title);
        let mut below = 10.0 + tall;
        let inner = self.svg().replacen(
            "<svg ",
            &format!("<svg y=\"{below}\" height=\"{HEIGHT}\" "),
            1,
        );
        let mut drawing = title + &inner;
        below += HEIGHT + 14.0;
        for line in &self.lines {
            let dashed = if line.look == Look::Dashed {
                " dashed"
            } else {
                ""
            };
            let _ = write!(
                drawing,
                "<path class=\"line{dashed} s{}\" d=\"M12 {:.1}h24\"/>{}",
                line.colour,
                below - 4.0,
                figures::text(42.0, below, "s", &line.name)
            );
            below += 14.0;
        }
        let (note, tall) = figures::lines(10.0, below, WIDTH - 20.0, &self.note);
        figures::file(WIDTH, below + tall, &self.title, &(drawing + &note))
    }

    fn scaled(&self, y: f64) -> f64 {
        if self.log_y { y.log10() } else { y }
    }

    /// Extent of what is drawn: x from, x to, y from, y to.
    fn extent(&self) -> Option<[f64; 4]> {
        let mut e = [
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ];
        for &[x, y] in self.lines.iter().flat_map(|line| &line.points) {
            let y = self.scaled(y);
            if x.is_finite() && y.is_finite() {
                e = [e[0].min(x), e[1].max(x), e[2].min(y), e[3].max(y)];
            }
        }
        for (level, _) in &self.levels {
            let level = self.scaled(*level);
            if level.is_finite() {
                e = [e[0], e[1], e[2].min(level), e[3].max(level)];
            }
        }
        if !e.iter().all(|v| v.is_finite()) {
            return None;
        }
        if let Some([low, high]) = self.range {
            (e[2], e[3]) = (low, high);
        }
        let (middle, size) = (f64::midpoint(e[2], e[3]), e[2].abs().max(e[3].abs()));
        let half = 0.5 * (self.least * size).max(self.span);
        e[2] = e[2].min(middle - half);
        e[3] = e[3].max(middle + half);
        for [low, high] in [[0, 1], [2, 3]] {
            if e[high] - e[low] <= 1e-9 * e[high].abs().max(1e-12) {
                let half = (0.1 * e[high].abs()).max(0.5);
                e[low] -= half;
                e[high] += half;
            }
        }
        // Dots are not cut by the axes.
        let dots = self.lines.iter().any(|line| line.look == Look::Dots);
        let aside = if dots { 0.04 * (e[1] - e[0]) } else { 0.0 };
        let room = 0.05 * (e[3] - e[2]);
        Some([e[0] - aside, e[1] + aside, e[2] - room, e[3] + room])
    }

    fn svg(&self) -> String {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        // Names of places stand above the plot, in as many lines as keep near ones apart.
        let rows = self.places.len().min(3);
        let top = TOP + 11.0 * rows.saturating_sub(1) as f64;
        let mut svg = format!(
            "<svg class=\"plot\" paint-order=\"stroke\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}: {} against {}\">",
            escape(&self.title),
            escape(self.y),
            escape(self.x)
        );
        let Some([x0, x1, y0, y1]) = self.extent() else {
            svg.push_str("<text x=\"150\" y=\"95\" class=\"m\">nothing to draw</text></svg>");
            return svg;
        };
        let px = |x: f64| LEFT + (x - x0) / (x1 - x0) * (right - LEFT);
        let py = |y: f64| bottom - (y - y0) / (y1 - y0) * (bottom - top);
        // Axes and ticks first, so that lines lie over them.
        let mut grid = String::new();
        let mut across = ticks(x0, x1, 5.0);
        if self.lines.iter().any(|line| line.look == Look::Dots) {
            // Dots stand for trials.
            across.retain(|tick| tick.fract() == 0.0);
        }
        if let Some(([from, to], name)) = self.band {
            let [from, to] = [from, to].map(|x| px(x.clamp(x0, x1)));
            let _ = write!(
                svg,
                "<path class=\"band\" d=\"M{from:.1} {top}H{to:.1}V{bottom}H{from:.1}z\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" class=\"s mark\">{}</text>",
                to + 2.0,
                bottom - 4.0,
                escape(name)
            );
        }
        for &tick in &across {
            let x = px(tick);
            let _ = write!(grid, "M{x:.1} {bottom}v4");
            let _ = write!(
                svg,
                "<text x=\"{x:.1}\" y=\"{}\" class=\"m\">{}</text>",
                bottom + 16.0,
                label(tick, &across)
            );
        }
        let steps = if self.log_y {
            powers(y0, y1)
        } else {
            ticks(y0, y1, 4.0)
        };
        for &tick in &steps {
            let y = py(tick);
            let _ = write!(grid, "M{LEFT} {y:.1}h{:.1}", right - LEFT);
            let text = if self.log_y {
                format!("1e{tick:.0}")
            } else {
                label(tick, &steps)
            };
            let _ = write!(
                svg,
                "<text x=\"{}\" y=\"{:.1}\" class=\"e\">{text}</text>",
                LEFT - 5.0,
                y + 4.0
            );
        }
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"{grid}\"/><path class=\"axis\" d=\"M{LEFT} {top}V{bottom}H{right}\"/>\
             <text x=\"{:.0}\" y=\"{}\" class=\"m\">{}</text>\
             <text transform=\"translate(11 {:.0}) rotate(-90)\" class=\"m\">{}</text>",
            (LEFT + right) / 2.0,
            HEIGHT - 6.0,
            escape(self.x),
            (top + bottom) / 2.0,
            escape(self.y)
        );
        for (colour, points) in &self.ribbons {
            // Each piece there along the low side and back along the high one.
            let finite = |a: &[f64; 3], b: &[f64; 3]| {
                a.iter().all(|v| v.is_finite()) == b.iter().all(|v| v.is_finite())
            };
            let mut d = String::new();
            for piece in points.chunk_by(finite) {
                if piece.iter().flatten().all(|v| v.is_finite()) {
                    let side =
                        |k: usize| piece.iter().map(move |p| [px(p[0]), py(self.scaled(p[k]))]);
                    let low = thinned(&side(1).collect::<Vec<_>>(), self.most);
                    let high = thinned(&side(2).collect::<Vec<_>>(), self.most);
                    let around: Vec<[f64; 2]> =
                        low.into_iter().chain(high.into_iter().rev()).collect();
                    let _ = write!(d, "{}z", path(&around));
                }
            }
            let _ = write!(svg, "<path class=\"ribbon f{colour}\" d=\"{d}\"/>");
        }
        for line in &self.lines {
            let at = |&[x, y]: &[f64; 2]| [px(x), py(self.scaled(y))];
            match line.look {
                Look::Dots => {
                    let mut d = String::new();
                    for [x, y] in line
                        .points
                        .iter()
                        .map(at)
                        .filter(|p| p.iter().all(|v| v.is_finite()))
                    {
                        let _ = write!(d, "M{x:.1} {y:.1}h0");
                    }
                    let _ = write!(svg, "<path class=\"dots s{}\" d=\"{d}\"/>", line.colour);
                }
                look => {
                    let dashed = if look == Look::Dashed { " dashed" } else { "" };
                    let points: Vec<[f64; 2]> = line.points.iter().map(at).collect();
                    let _ = write!(
                        svg,
                        "<path class=\"line{dashed} s{}\" d=\"{}\"/>",
                        line.colour,
                        path(&thinned(&points, self.most))
                    );
                }
            }
        }
        for (i, (x, name)) in self
            .places
            .iter()
            .filter(|(x, _)| (x0..=x1).contains(x))
            .enumerate()
        {
            let x = px(*x);
            // Near names take turns in height, and all stay within the picture.
            let (side, dx) = if x > right - 60.0 {
                ("e", -3.0)
            } else {
                ("s", 3.0)
            };
            let y = TOP - 4.0 + 11.0 * (i % rows.max(1)) as f64;
            let _ = write!(
                svg,
                "<path class=\"mark\" d=\"M{x:.1} {:.0}V{bottom}\"/><text x=\"{:.1}\" y=\"{y}\" class=\"{side} mark\">{}</text>",
                y - 8.0,
                x + dx,
                escape(name)
            );
        }
        for (level, name) in &self.levels {
            let y = py(self.scaled(*level));
            if y.is_finite() {
                let _ = write!(
                    svg,
                    "<path class=\"mark\" d=\"M{LEFT} {y:.1}H{right}\"/><text x=\"{:.0}\" y=\"{:.1}\" class=\"e mark\">{}</text>",
                    right - 3.0,
                    y - 3.0,
                    escape(name)
                );
            }
        }
        svg.push_str("</svg>");
        svg
    }
}

/// Absolute first point, then steps in tenths, which takes the fewest letters.
fn path(points: &[[f64; 2]]) -> String {
    let mut d = String::new();
    let mut last: Option<[f64; 2]> = None;
    for point in points {
        if !point.iter().all(|v| v.is_finite()) {
            last = None;
            continue;
        }
        let here = point.map(|v| (10.0 * v).round() / 10.0);
        match last {
            None => {
                let _ = write!(d, "M{} {}l", here[0], here[1]);
            }
            Some(before) => {
                let [dx, dy] = [0, 1].map(|k| ((here[k] - before[k]) * 10.0).round() / 10.0);
                let _ = write!(d, "{dx},{dy} ");
            }
        }
        last = Some(here);
    }
    d
}

/// At most about `most` points: of each stretch the lowest and the highest, so that no peak is lost.
fn thinned(points: &[[f64; 2]], most: usize) -> Vec<[f64; 2]> {
    let most = most.max(8);
    if points.len() <= most {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(most / 2);
    let mut kept = Vec::with_capacity(most + 2);
    for part in points.chunks(stretch) {
        let by = |a: &(usize, &[f64; 2]), b: &(usize, &[f64; 2])| a.1[1].total_cmp(&b.1[1]);
        let low = part.iter().enumerate().min_by(by);
        let high = part.iter().enumerate().max_by(by);
        if let (Some((a, low)), Some((b, high))) = (low, high) {
            let (first, second) = if a < b { (low, high) } else { (high, low) };
            kept.push(*first);
            if a != b {
                kept.push(*second);
            }
        }
    }
    kept
}

/// Round numbers from `low` to `high`, about `wanted` of them.
pub(super) fn ticks(low: f64, high: f64, wanted: f64) -> Vec<f64> {
    let step = round_length((high - low) / wanted * 1.6);
    if !step.is_finite() {
        return Vec::new();
    }
    let first = (low / step).ceil();
    let tick = |i: u32| (first + f64::from(i)) * step;
    (0..50)
        .map(tick)
        .take_while(|t| *t <= high + 1e-9 * step)
        .collect()
}

/// Whole powers of ten, at most 6 of them.
fn powers(low: f64, high: f64) -> Vec<f64> {
    let step = ((high - low) / 5.0).ceil().max(1.0);
    let first = (low / step).ceil() * step;
    let power = |i: u32| first + f64::from(i) * step;
    (0..10).map(power).take_while(|p| *p <= high).collect()
}

/// A number with the digits that tell ticks apart.
pub(super) fn label(value: f64, ticks: &[f64]) -> String {
    let step = match ticks {
        [first, second, ..] => second - first,
        _ => 1.0,
    };
    let enough = |digits: &usize| {
        let unit = std::iter::repeat_n(0.1, *digits).product::<f64>();
        step >= 0.999 * unit
    };
    let digits = (0..6).find(enough).unwrap_or(6);
    let text = format!("{value:.digits$}");
    // No minus before zero, and a real minus before numbers.
    let zero = text.bytes().all(|b| matches!(b, b'-' | b'0' | b'.'));
    if zero {
        text.replace('-', "")
    } else {
        text.replace('-', "\u{2212}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: Vec<[f64; 2]>) -> Line {
        Line {
            colour: 0,
            name: "a<b".into(),
            points,
            look: Look::Solid,
        }
    }

    #[test]
    fn ticks_are_round_and_within() {
        assert_eq!(ticks(-3.0, 7.0, 5.0), [-2.0, 0.0, 2.0, 4.0, 6.0]);
        assert_eq!(ticks(0.0, 0.01, 4.0).len(), 6);
        assert_eq!(powers(-7.2, -2.0), [-6.0, -4.0, -2.0]);
        assert!(ticks(1.0, 1.0, 4.0).is_empty());
        assert_eq!(label(-0.0, &[-2.0, 0.0]), "0");
        assert_eq!(label(0.5, &[0.0, 0.5]), "0.5");
        assert_eq!(label(-2.0, &[-2.0, 0.0]), "\u{2212}2");
    }

    #[test]
    fn a_peak_survives_thinning() {
        let mut points: Vec<[f64; 2]> = (0..1000).map(|i| [f64::from(i), 0.0]).collect();
        points[777][1] = 9.0;
        let few = thinned(&points, 50);
        assert!(few.len() <= 52 && few.iter().any(|p| p[1] == 9.0));
    }

    #[test]
    fn nothing_finite_and_flat_lines_are_drawn() {
        let plot = |points| Plot {
            lines: vec![line(points)],
            most: 100,
            ..Plot::default()
        };
        assert!(
            plot(vec![[0.0, f64::NAN]])
                .figure()
                .contains("nothing to draw")
        );
        let flat = plot(vec![[0.0, 5.0], [1.0, 5.0]]).figure();
        assert!(!flat.contains("NaN") && !flat.contains("inf"));
        let gap = plot(vec![[0.0, 5.0], [1.0, f64::NAN], [2.0, 6.0], [3.0, 7.0]]).figure();
        assert!(!gap.contains("NaN"));
        // Two pieces of line.
        assert_eq!(
            gap.split("class=\"line")
                .nth(1)
                .expect("line")
                .split("/>")
                .next()
                .expect("path")
                .matches('M')
                .count(),
            2
        );
    }

    #[test]
    fn ribbons_are_closed_and_end_where_nothing_is() {
        let plot = Plot {
            lines: vec![line(vec![[0.0, 1.0], [3.0, 1.0]])],
            ribbons: vec![(
                2,
                vec![
                    [0.0, 0.5, 1.5],
                    [1.0, 0.5, 1.5],
                    [2.0, f64::NAN, f64::NAN],
                    [3.0, 0.9, 1.1],
                ],
            )],
            range: Some([-1.0, 3.0]),
            most: 100,
            ..Plot::default()
        };
        let svg = plot.svg();
        let ribbon = svg
            .split("class=\"ribbon f2\" d=\"")
            .nth(1)
            .expect("ribbon");
        let d = ribbon.split('"').next().expect("path");
        assert_eq!(
            (d.matches('M').count(), d.matches('z').count()),
            (2, 2),
            "{d}"
        );
        assert!(
            svg.contains(">\u{2212}1</text>") && svg.contains(">3</text>"),
            "{svg}"
        );
        let file = plot.file();
        assert!(file.starts_with("<svg xmlns=") && file.contains("a&lt;b"));
    }

    #[test]
    fn names_are_escaped() {
        let two = Plot {
            title: "x & y".into(),
            lines: vec![line(vec![[0.0, 1.0]]), line(vec![[0.0, 2.0]])],
            places: vec![(0.0, "<event>".into())],
            most: 10,
            ..Plot::default()
        };
        let figure = two.figure();
        assert!(
            figure.contains("a&lt;b")
                && figure.contains("x &amp; y")
                && figure.contains("&lt;event&gt;")
        );
    }
}
