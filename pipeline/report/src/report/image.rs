//! Images on the page and in figures: colours, scale bar, colour scale.

use super::html::escape;
use super::outlines::{self, Outlines};
use super::png;
use ndarray::{Array2, ArrayView2};
use widefield::render::{self, ColourMap, Scale};

/// Colours of a picture; more are not told apart, and fewer make smaller files.
const LEVELS: u8 = 48;
/// Odd, so that 0 has the colour in the middle.
const SIGNED_LEVELS: u8 = 63;

/// Colour of the outline: not in the colour maps, and visible on dark and bright.
const OUTLINE: [u8; 3] = [0, 229, 255];

/// Blue over grey to red, equally dark on both sides, for values around 0: told apart with any colour vision, and 0 from the
/// page behind it in light and dark.
///
/// Source: K. Moreland 2009, "Diverging color maps for scientific visualization", doi:10.1007/978-3-642-10520-3_9; every fourth
/// of his 33 colours.
const SIGNED: [[u8; 3]; 9] = [
    [59, 76, 192],
    [98, 130, 234],
    [141, 176, 254],
    [184, 208, 249],
    [221, 221, 221],
    [245, 196, 173],
    [244, 154, 123],
    [222, 96, 77],
    [180, 4, 38],
];

/// What is drawn, which says how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Map {
    Counts,
    /// dF/F that is above 0 nearly everywhere.
    Peak,
    /// dF/F and its differences, 0 in the middle.
    Signed,
    /// Correlation, 0 in the middle.
    Correlation,
}

impl Map {
    /// Name for the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Counts => "magma",
            Self::Peak => "viridis",
            Self::Signed | Self::Correlation => "signed",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Peak | Self::Signed => "%",
            Self::Correlation => "r",
        }
    }

    /// Colour of a share from 0 to 1.
    pub(super) fn colour(self, share: f64) -> [u8; 3] {
        match self {
            Self::Counts => ColourMap::Magma.colour(share),
            Self::Peak => ColourMap::Viridis.colour(share),
            Self::Signed | Self::Correlation => signed(share),
        }
    }

    /// Colour of lines over an image.
    pub(super) fn line(self) -> &'static str {
        match self {
            Self::Counts | Self::Peak => "#fff",
            Self::Signed | Self::Correlation => "#000",
        }
    }

    fn levels(self) -> u8 {
        match self {
            Self::Counts | Self::Peak => LEVELS,
            Self::Signed | Self::Correlation => SIGNED_LEVELS,
        }
    }

    /// A value as it is written: dF/F in %.
    fn text(self, value: f32) -> String {
        let value = f64::from(value);
        let text = match self {
            _ if value == 0.0 => "0".into(),
            Self::Counts => format!("{value:.0}"),
            Self::Peak | Self::Signed if value.abs() < 0.01 => format!("{:.2}", 100.0 * value),
            Self::Peak | Self::Signed => format!("{:.1}", 100.0 * value),
            Self::Correlation => format!("{value:.2}"),
        };
        text.replace('-', "\u{2212}")
    }

    /// Ends of a scale and their unit, as written below it.
    pub(super) fn ends(self, scale: Scale) -> [String; 3] {
        let unit = self.unit().to_owned();
        [self.text(scale.low), unit, self.text(scale.high)]
    }

    /// The scale below an image.
    pub(super) fn bar(self, scale: Scale) -> String {
        let [low, unit, high] = self.ends(scale);
        format!(
            "<div class=\"bar {}\"></div><div class=\"ends\"><span>{low}</span><span>{unit}</span><span>{high}</span></div>",
            self.class()
        )
    }

    /// Colours along the scale, for style sheets and gradients.
    pub(super) fn stops(self) -> Vec<String> {
        let stop = |i| {
            let [r, g, b] = self.colour(f64::from(i) / 16.0);
            format!("#{r:02x}{g:02x}{b:02x}")
        };
        (0..=16).map(stop).collect()
    }

    /// The image as PNG in base64, NaN transparent.
    pub(super) fn png(
        self,
        image: ArrayView2<'_, f32>,
        scale: Scale,
        edge: Option<&Array2<bool>>,
    ) -> String {
        let levels = self.levels();
        let last = f64::from(levels - 1);
        let mut colours: Vec<[u8; 3]> = (0..levels)
            .map(|i| self.colour(f64::from(i) / last))
            .collect();
        let mut shades = render::shades(image, scale, levels);
        // The palette: colours, outline, and what is beyond it is transparent.
        colours.push(OUTLINE);
        shades.mapv_inplace(|shade| if shade == levels { levels + 1 } else { shade });
        if let Some(edge) = edge.filter(|e| e.dim() == shades.dim()) {
            shades.zip_mut_with(edge, |shade, &edge| {
                if edge {
                    *shade = levels;
                }
            });
        }
        png::base64(&png::palette(&shades, &colours))
    }
}

/// Between the colours of the table.
fn signed(share: f64) -> [u8; 3] {
    let at = share.clamp(0.0, 1.0) * (SIGNED.len() - 1) as f64;
    // NaN has the first colour.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the table"
    )]
    let first = (at as usize).min(SIGNED.len() - 2);
    let between = (at - first as f64).max(0.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between two bytes"
    )]
    let mixed = |a: u8, b: u8| (f64::from(a) + between * (f64::from(b) - f64::from(a)) + 0.5) as u8;
    std::array::from_fn(|k| mixed(SIGNED[first][k], SIGNED[first + 1][k]))
}

/// The scale around 0 that `share` of the finite values (0 to 1) lie within, to two digits, upwards. `None` without one.
pub(super) fn around_0<'a>(values: impl Iterator<Item = &'a f32>, share: f64) -> Option<Scale> {
    let finite = values.copied().filter(|v| v.is_finite());
    let sizes = finite.map(|v| f64::from(v.abs()));
    let most = widefield::percentiles::percentile(sizes, 100.0 * share)?;
    if most <= 0.0 {
        return Some(Scale {
            low: -0.01,
            high: 0.01,
        });
    }
    let digit = 10.0_f64.powf(most.log10().floor() - 1.0);
    #[expect(clippy::cast_possible_truncation, reason = "ends of a colour scale")]
    let high = ((most / digit - 1e-6).ceil() * digit) as f32;
    Some(Scale { low: -high, high })
}

/// A scale bar: share of the image's width, and its length in words.
pub(super) struct Rule {
    pub(super) share: f64,
    pub(super) words: String,
}

impl Rule {
    /// For a movie of frames so many pixels wide; at most so long a share of the width.
    pub(super) fn of(width: usize, pixel_um: Option<f64>) -> Self {
        let width = width as f64;
        let unit = pixel_um.unwrap_or(1.0);
        let length = render::round_length(0.3 * width * unit);
        let words = match pixel_um {
            Some(_) if length >= 1000.0 => format!("{} mm", length / 1000.0),
            Some(_) => format!("{length} µm"),
            None => format!("{length} px"),
        };
        Self {
            share: length / (width * unit),
            words,
        }
    }

    /// Drawn over an image.
    pub(super) fn html(&self) -> String {
        let share = 100.0 * self.share;
        format!("<span class=\"rule\" style=\"width:{share:.1}%\"></span>")
    }
}

/// An image with its scale bar and colour scale.
pub(super) struct Figure<'a> {
    pub(super) scale: Scale,
    pub(super) map: Map,
    pub(super) edge: Option<&'a Array2<bool>>,
    /// Whether the page's outlines of areas are drawn over it.
    pub(super) outlined: bool,
    pub(super) title: &'a str,
    /// What it is of.
    pub(super) of: &'a str,
    pub(super) rule: &'a Rule,
}

impl Figure<'_> {
    pub(super) fn html(&self, image: ArrayView2<'_, f32>) -> String {
        let (height, width) = image.dim();
        let [low, unit, high] = self.map.ends(self.scale);
        format!(
            "<figure><div class=\"pic\"><img width=\"{width}\" height=\"{height}\" loading=\"lazy\" alt=\"{} of {}, {low} to {high} {unit}\" \
             src=\"data:image/png;base64,{}\">{}{}</div>{}<figcaption>{}. Bar: {}{}</figcaption></figure>",
            escape(self.title),
            escape(self.of),
            self.map.png(image, self.scale, self.edge),
            if self.outlined {
                Outlines::html(self.map)
            } else {
                String::new()
            },
            self.rule.html(),
            self.map.bar(self.scale),
            escape(self.title),
            self.rule.words,
            if self.outlined {
                format!(".{}", outlines::WORDS)
            } else {
                String::new()
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_grey_and_signs_differ_in_blue_and_red() {
        assert_eq!(signed(0.5), [221, 221, 221]);
        assert_eq!((signed(0.0), signed(1.0)), (SIGNED[0], SIGNED[8]));
        assert_eq!((signed(-3.0), signed(f64::NAN)), (SIGNED[0], SIGNED[0]));
        // Half way between two colours of the table.
        assert_eq!(signed(1.5 / 8.0), [120, 153, 244]);
        for i in 0..50 {
            let share = f64::from(i) / 100.0;
            let ([r, _, b], [s, _, c]) = (signed(share), signed(1.0 - share));
            assert!(b > r && s > c, "{share}");
        }
    }

    #[test]
    fn a_scale_around_0_is_symmetric_and_rounded_up() {
        let values = [0.01, -0.0421, f32::NAN, f32::INFINITY, 0.0];
        let scale = around_0(values.iter(), 1.0).expect("finite");
        assert_eq!((scale.low, scale.high), (-0.043, 0.043));
        let scale = around_0([0.2, -0.1].iter(), 1.0).expect("finite");
        assert_eq!(scale.high, 0.2);
        assert_eq!(around_0([0.0].iter(), 1.0).expect("finite").high, 0.01);
        assert_eq!(around_0([f32::NAN].iter(), 1.0), None);
    }

    #[test]
    fn nan_is_transparent_and_0_has_the_middle_colour() {
        let image = ndarray::array![[-1.0, 0.0, 1.0, f32::NAN]];
        let scale = Scale {
            low: -1.0,
            high: 1.0,
        };
        let file = png::from_base64(&Map::Signed.png(image.view(), scale, None)).expect("base64");
        let mut decoder = ::png::Decoder::new(std::io::Cursor::new(file));
        decoder.set_transformations(::png::Transformations::EXPAND);
        let mut reader = decoder.read_info().expect("PNG");
        let mut bytes = vec![0; reader.output_buffer_size().expect("small")];
        reader.next_frame(&mut bytes).expect("PNG");
        let [[r, g, b], [s, h, c]] = [SIGNED[0], SIGNED[8]];
        let want = [
            [r, g, b, 255],
            [221, 221, 221, 255],
            [s, h, c, 255],
            [0, 0, 0, 0],
        ];
        assert_eq!(bytes, want.concat());
    }

    #[test]
    fn lengths_of_bars_are_round() {
        let rule = Rule::of(512, Some(20.0));
        assert_eq!(rule.words, "2 mm");
        assert!((rule.share - 100.0 / 512.0).abs() < 1e-12);
        assert_eq!(Rule::of(100, None).words, "20 px");
        assert_eq!(Rule::of(100, Some(5.0)).words, "100 µm");
    }
}
