//! Correlation with areas: a map for each seed, and of areas with each other.

use super::figures::{self, Figures};
use super::html::{self, escape};
use super::image::{Map, Rule};
use super::maps::Tiles;
use super::outlines::{self, Outlines};
use ndarray::{Array2, Array3, Axis};
use std::fmt::Write as _;
use widefield::render::{self, Scale};

/// Longest side of a map, pixels.
const LONGEST: usize = 128;
/// Most maps, and most areas of a matrix with their names.
const MOST: usize = 40;

const SCALE: Scale = Scale {
    low: -1.0,
    high: 1.0,
};

/// Correlation as products write it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seeds {
    pub(super) seeds: Vec<String>,
    /// `(seed, y, x)`.
    pub(super) maps: Array3<f32>,
    pub(super) names: Vec<String>,
    /// `(area, area)`.
    pub(super) matrix: Array2<f32>,
}

pub(super) fn section(
    page: &mut String,
    seeds: Option<&Seeds>,
    rule: Option<&Rule>,
    outlines: Option<&Outlines>,
    figures: &mut Figures,
) {
    let Some(seeds) = seeds else { return };
    let small: Vec<Array2<f32>> = seeds
        .maps
        .axis_iter(Axis(0))
        .map(|map| render::reduce(map, LONGEST))
        .collect();
    let maps = seeds.seeds.iter().cloned().zip(&small).take(MOST);
    let maps = maps.map(|(name, map)| (name, map.view()));
    let tiles = Tiles {
        title: "Correlation of every pixel with a seed, mean over trials".into(),
        note: "Not corrected for haemodynamics.".into(),
        tiles: maps.collect(),
        scale: SCALE,
        map: Map::Correlation,
        rule,
        outlines,
    };
    let (areas, _) = seeds.matrix.dim();
    let matrix = areas > 1 && areas == seeds.names.len() && seeds.matrix.is_square();
    if tiles.tiles.is_empty() && !matrix {
        return;
    }
    html::section(page, "seeds", "Correlation");
    let bar = rule.map(|rule| format!(" Bar: {}.", rule.words));
    let _ = write!(
        page,
        "<p class=\"quiet\">Pearson's r over time, mean over trials. Not corrected for haemodynamics, which all pixels share.{}{}</p>\
         <div class=\"scale\">{}</div>",
        bar.unwrap_or_default(),
        outlines.map_or("", |_| outlines::WORDS),
        Map::Correlation.bar(SCALE)
    );
    if !tiles.tiles.is_empty() {
        let _ = write!(page, "<div class=\"large\">{}</div>", tiles.html());
        figures.add(&["seeds"], || tiles.svg(140.0));
    }
    if matrix {
        let svg = grid(&seeds.matrix, &seeds.names);
        let title = "Correlation of areas with each other, mean over trials";
        let _ = write!(
            page,
            "<div class=\"plots\"><figure>{svg}<figcaption>{title}</figcaption></figure></div>"
        );
        figures.add(&["areas"], || {
            let placed = format!("<svg y=\"26\" height=\"{SIDE}\" ");
            let drawing = figures::text(10.0, 20.0, "s", title)
                + &svg.replacen("<svg ", &placed, 1)
                + &figures::scale(
                    LEFT,
                    SIDE + 36.0,
                    SIDE - LEFT - 10.0,
                    Map::Correlation,
                    SCALE,
                );
            figures::file(SIDE, SIDE + 68.0, title, &drawing)
        });
    }
}

const SIDE: f64 = 320.0;
const LEFT: f64 = 64.0;

/// The matrix as an image with the names of its rows and columns.
fn grid(matrix: &Array2<f32>, names: &[String]) -> String {
    let png = Map::Correlation.png(matrix.view(), SCALE, None);
    let wide = SIDE - LEFT - 10.0;
    let mut svg = format!(
        "<svg class=\"plot\" viewBox=\"0 0 {SIDE} {SIDE}\" role=\"img\" aria-label=\"Correlation of areas with each other\">\
         <image href=\"data:image/png;base64,{png}\" x=\"{LEFT}\" y=\"10\" width=\"{wide}\" height=\"{wide}\" preserveAspectRatio=\"none\"/>"
    );
    let each = wide / names.len() as f64;
    // Names of many areas would lie over each other.
    let skip = names.len().div_ceil(MOST / 2).max(1);
    for (i, name) in names.iter().enumerate().step_by(skip) {
        let name: String = name.chars().take(10).collect();
        let at = 10.0 + each * (i as f64 + 0.5) + 4.0;
        svg.push_str(&figures::text(LEFT - 5.0, at, "e", &name));
        let (x, y) = (LEFT + at - 10.0, SIDE - LEFT + 5.0);
        let _ = write!(
            svg,
            "<text transform=\"translate({x:.1} {y:.1}) rotate(-90)\" class=\"e\">{}</text>",
            escape(&name)
        );
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_and_matrix_have_the_names_of_areas() {
        let seeds = Seeds {
            seeds: vec!["V1".into()],
            maps: Array3::from_elem((1, 4, 6), 0.5),
            names: vec!["V1".into(), "<M2>".into()],
            matrix: ndarray::array![[1.0, 0.3], [0.3, 1.0]],
        };
        let (mut page, mut figures) = (String::new(), Figures::new(true));
        section(&mut page, Some(&seeds), None, None, &mut figures);
        assert_eq!(
            (page.matches("<img").count(), page.matches("<image").count()),
            (1, 1)
        );
        assert!(page.contains("&lt;M2&gt;") && page.contains("\u{2212}1.00"));
        let names: Vec<&str> = figures.files.keys().map(String::as_str).collect();
        assert_eq!(names, ["areas", "seeds"]);
    }

    #[test]
    fn without_seeds_there_is_no_section() {
        let (mut page, mut figures) = (String::new(), Figures::default());
        section(&mut page, None, None, None, &mut figures);
        let nothing = Seeds {
            seeds: Vec::new(),
            maps: Array3::zeros((0, 0, 0)),
            names: vec!["V1".into()],
            matrix: Array2::zeros((1, 1)),
        };
        section(&mut page, Some(&nothing), None, None, &mut figures);
        assert!(page.is_empty());
    }
}
