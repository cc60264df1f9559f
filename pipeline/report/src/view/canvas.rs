//! One picture as numbers of colours: a line of text, the image, its colour scale.

use super::font;
use ndarray::{Array2, ArrayView2, s};
use widefield::render::{self, ColourMap, Scale};

/// Colours of the map. The next number is that of pixels without a value, as [`render::shades`] has it.
const LEVELS: u8 = 250;
const PAPER: u8 = LEVELS + 1;
const INK: u8 = LEVELS + 2;

/// The colours that the numbers of a picture stand for: those of the map, grey for pixels without a value,
/// white paper, black ink.
pub(super) fn palette(map: ColourMap) -> Vec<[u8; 3]> {
    let last = f64::from(LEVELS - 1);
    let mut colours: Vec<[u8; 3]> = (0..LEVELS)
        .map(|i| map.colour(f64::from(i) / last))
        .collect();
    colours.extend([[190; 3], [255; 3], [0; 3]]);
    colours
}

/// Where everything stands in the pictures of one recording, so that all frames of a movie are alike.
pub(super) struct Layout {
    /// Height and width of the image as it is drawn.
    image: (usize, usize),
    /// Pixels of the picture for one of the image, along each side.
    zoom: usize,
    /// Pixels of the picture for one of a letter, along each side.
    letter: usize,
    width: usize,
}

impl Layout {
    /// For images of that height and width, and texts of at most `letters` letters above and below them.
    pub(super) fn new(image: (usize, usize), zoom: Option<usize>, letters: usize) -> Self {
        let (_, columns) = image;
        // Small movies are enlarged until they can be seen.
        let zoom = zoom.unwrap_or_else(|| 256_usize.div_ceil(columns.max(1)).clamp(1, 16));
        let drawn = columns * zoom;
        let fits = |size: &usize| (letters + 1) * font::ADVANCE * size <= drawn;
        let letter = (1..=(drawn / 128).max(1)).rev().find(fits).unwrap_or(1);
        let width = drawn.max((letters + 1) * font::ADVANCE * letter);
        Self {
            image,
            zoom,
            letter,
            width,
        }
    }

    /// Height of a line of text with the room around it.
    fn line(&self) -> usize {
        (font::HEIGHT + 4) * self.letter
    }

    fn bar(&self) -> usize {
        5 * self.letter
    }

    /// Height and width of the pictures.
    pub(super) fn size(&self) -> (usize, usize) {
        let image = self.image.0 * self.zoom;
        let height = self.line() + image + 2 * self.letter + self.bar() + self.line();
        (height, self.width)
    }

    /// The picture of `image`: `left` and `right` above it, the colour scale with its ends and unit below.
    pub(super) fn draw(
        &self,
        image: ArrayView2<'_, f32>,
        scale: Scale,
        (left, right): (&str, &str),
        [low, unit, high]: [&str; 3],
    ) -> Array2<u8> {
        let mut picture = Array2::from_elem(self.size(), PAPER);
        let margin = self.letter * font::ADVANCE / 2;
        let right_of = |text: &str| self.width.saturating_sub(self.extent(text) + margin);
        let top = 2 * self.letter;
        self.write(&mut picture, top, margin, left);
        self.write(&mut picture, top, right_of(right), right);

        let top = self.line();
        let shades = render::shades(image, scale, LEVELS);
        for ((y, x), &shade) in shades.indexed_iter() {
            let (y, x) = (top + y * self.zoom, x * self.zoom);
            let end = (
                (y + self.zoom).min(picture.nrows()),
                (x + self.zoom).min(self.width),
            );
            picture.slice_mut(s![y..end.0, x..end.1]).fill(shade);
        }

        let top = top + self.image.0 * self.zoom + 2 * self.letter;
        for x in 0..self.width {
            let last = (self.width - 1).max(1);
            let level = x * usize::from(LEVELS - 1) / last;
            let level = u8::try_from(level).unwrap_or(LEVELS - 1);
            picture.slice_mut(s![top..top + self.bar(), x]).fill(level);
        }
        let top = top + self.bar() + 2 * self.letter;
        self.write(&mut picture, top, margin, low);
        let middle = (self.width.saturating_sub(self.extent(unit))) / 2;
        self.write(&mut picture, top, middle, unit);
        self.write(&mut picture, top, right_of(high), high);
        picture
    }

    /// Width of a text, pixels.
    fn extent(&self, text: &str) -> usize {
        text.chars().count() * font::ADVANCE * self.letter
    }

    /// Writes a text with its upper left corner at a place; what lies beyond the picture is left out.
    fn write(&self, picture: &mut Array2<u8>, top: usize, left: usize, text: &str) {
        let n = self.letter;
        for (i, c) in text.chars().enumerate() {
            for (row, bits) in font::glyph(c).into_iter().enumerate() {
                for column in (0..5).filter(|column| bits & (0b10000 >> column) != 0) {
                    let x = left + (i * font::ADVANCE + column) * n;
                    let y = top + row * n;
                    for place in (y..y + n).flat_map(|y| (x..x + n).map(move |x| (y, x))) {
                        if let Some(pixel) = picture.get_mut(place) {
                            *pixel = INK;
                        }
                    }
                }
            }
        }
    }
}

/// The ends of a scale in words, with the digits that tell them apart.
pub(super) fn ends(low: f64, high: f64) -> [String; 2] {
    let span = high - low;
    let enough = |digits: &usize| {
        let tenths = std::iter::repeat_n(10.0, *digits).product::<f64>();
        span * tenths >= 100.0
    };
    let digits = (0..6).find(enough).unwrap_or(6);
    [low, high].map(|value| {
        let text = format!("{value:.digits$}");
        // No minus before zero.
        match text.bytes().all(|b| matches!(b, b'-' | b'0' | b'.')) {
            true => text.replace('-', ""),
            false => text,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_image_stands_between_text_and_scale() {
        let layout = Layout::new((2, 3), Some(50), 10);
        let image = array![[0.0, 5.0, 10.0], [f32::NAN, 20.0, -1.0]];
        let scale = Scale {
            low: 0.0,
            high: 10.0,
        };
        let picture = layout.draw(image.view(), scale, ("1 s", "a"), ["0", "b", "10"]);
        assert_eq!(picture.dim(), layout.size());
        let at = |y: usize, x: usize| picture[(layout.line() + 50 * y + 25, 50 * x + 25)];
        assert_eq!([at(0, 0), at(0, 1), at(0, 2)], [0, 125, LEVELS - 1]);
        assert_eq!([at(1, 0), at(1, 1), at(1, 2)], [LEVELS, LEVELS - 1, 0]);
        // The scale rises from left to right over the whole width.
        let bar = picture.row(layout.line() + 100 + 2 * layout.letter);
        assert_eq!((bar[0], bar[149]), (0, LEVELS - 1));
        assert!(bar.iter().zip(bar.iter().skip(1)).all(|(a, b)| a <= b));
        let inked = |rows: std::ops::Range<usize>| {
            let ink = picture.slice(s![rows, ..]);
            ink.iter().filter(|&&v| v == INK).count()
        };
        assert!(inked(0..layout.line()) > 10);
        assert!(inked(layout.size().0 - layout.line()..layout.size().0) > 10);
        assert_eq!(palette(ColourMap::Viridis).len(), usize::from(INK) + 1);
    }

    #[test]
    fn narrow_images_get_room_for_the_text() {
        let layout = Layout::new((400, 1), Some(1), 30);
        assert_eq!(layout.size().1, 31 * font::ADVANCE);
        let picture = layout.draw(
            Array2::zeros((400, 1)).view(),
            Scale {
                low: 0.0,
                high: 1.0,
            },
            ("", ""),
            ["", "", ""],
        );
        assert_eq!(picture[(layout.line(), 0)], 0);
        assert_eq!(picture[(layout.line(), 1)], PAPER);
        // Small ones are enlarged, large ones are not.
        assert_eq!(Layout::new((30, 20), None, 1).size().1, 260);
        assert_eq!(Layout::new((30, 700), None, 1).size().1, 700);
    }

    #[test]
    fn ends_of_scales_have_the_digits_they_need() {
        assert_eq!(ends(0.0, 1234.5), ["0", "1234"]);
        assert_eq!(ends(-0.4, 5.25), ["-0.40", "5.25"]);
        assert_eq!(ends(-0.0001, 30.0), ["0.0", "30.0"]);
        assert_eq!(ends(7.0, 7.0), ["7.000000", "7.000000"]);
    }
}
