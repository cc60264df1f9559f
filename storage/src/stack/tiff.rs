//! What stands before the frames of a BigTIFF: header, OME-XML, and a directory for every frame.
//!
//! Sources: TIFF 6.0 for the tags, the BigTIFF design of Aware Systems for the widths, the OME-TIFF specification and
//! schema 2016-06 for the description. Everything is known before the first frame, so the file is written front to back.
//! The crate `tiff` was weighed for this: it writes each directory behind its frame, and a stack that is to be mapped into
//! memory as one array must not have them between. The tests read by it.

use std::io::{self, Write};

use super::{Sample, Stack};

const SHORT: u16 = 3;
const LONG: u16 = 4;
const LONG8: u16 = 16;
const ASCII: u16 = 2;
const RATIONAL: u16 = 5;

/// Tag, type, count, and the value or where it is, as eight bytes.
type Entry = (u16, u16, u64, [u8; 8]);

/// Writes all that stands before the first frame.
pub(super) fn write_head(stack: &Stack, out: &mut impl Write) -> io::Result<()> {
    let mut text = ome_xml(stack).into_bytes();
    text.push(0);
    let length = text.len() as u64;
    text.resize(text.len().next_multiple_of(8), 0);

    let frames = stack.shape[0] as u64;
    let size = |entries: usize| 8 + 20 * entries as u64 + 8;
    let [first, other] = [Some(length), None].map(|text| size(entries(stack, 0, text).len()));
    let directories = HEADER + text.len() as u64;
    let pixels = (directories + first + (frames - 1) * other).next_multiple_of(16);

    out.write_all(b"II")?;
    for number in [43_u16, 8, 0] {
        out.write_all(&number.to_le_bytes())?;
    }
    out.write_all(&directories.to_le_bytes())?;
    out.write_all(&text)?;
    let mut end = directories;
    for frame in 0..frames {
        let entries = entries(
            stack,
            pixels + frame * stack.frame_bytes(),
            (frame == 0).then_some(length),
        );
        end += size(entries.len());
        out.write_all(&(entries.len() as u64).to_le_bytes())?;
        for (tag, kind, count, value) in entries {
            out.write_all(&tag.to_le_bytes())?;
            out.write_all(&kind.to_le_bytes())?;
            out.write_all(&count.to_le_bytes())?;
            out.write_all(&value)?;
        }
        let next = if frame + 1 < frames { end } else { 0 };
        out.write_all(&next.to_le_bytes())?;
    }
    let gap = usize::try_from(pixels - end).map_err(io::Error::other)?;
    out.write_all(&[0; 16][..gap])
}

/// Bytes of the header, behind which the description begins.
const HEADER: u64 = 16;

/// The directory of a frame whose pixels lie at `offset`; the first one has a description of so many bytes.
fn entries(stack: &Stack, offset: u64, text: Option<u64>) -> Vec<Entry> {
    let [_, height, width] = stack.shape.map(|n| n as u64);
    let one = |tag, kind, value: u64| (tag, kind, 1, value.to_le_bytes());
    let format = match stack.sample {
        Sample::U16 => 1,
        Sample::F32 => 3,
    };
    // Numerator 1, denominator 1.
    let ratio = 1 | 1 << 32;
    let entries = [
        Some(one(256, LONG, width)),
        Some(one(257, LONG, height)),
        Some(one(258, SHORT, 8 * stack.sample.bytes() as u64)),
        // Not compressed; 0 is black.
        Some(one(259, SHORT, 1)),
        Some(one(262, SHORT, 1)),
        text.map(|length| (270, ASCII, length, HEADER.to_le_bytes())),
        Some(one(273, LONG8, offset)),
        // One sample a pixel; all rows in one strip.
        Some(one(277, SHORT, 1)),
        Some(one(278, LONG, height)),
        Some(one(279, LONG8, stack.frame_bytes())),
        // Square pixels of no unit: TIFF has none for micrometres.
        Some(one(282, RATIONAL, ratio)),
        Some(one(283, RATIONAL, ratio)),
        Some(one(296, SHORT, 1)),
        Some(one(339, SHORT, format)),
    ];
    entries.into_iter().flatten().collect()
}

/// What the image is, in ASCII: everything else as references, since the tag knows nothing else.
fn ome_xml(stack: &Stack) -> String {
    let [t, y, x] = stack.shape;
    let kind = match stack.sample {
        Sample::U16 => "uint16",
        Sample::F32 => "float",
    };
    let name = escaped(&stack.name);
    let description = match stack.description.as_str() {
        "" => String::new(),
        text => format!("<Description>{}</Description>", escaped(text)),
    };
    // In the schema's default units, micrometres and seconds.
    let size = stack
        .pixel_um
        .map(|um| format!(r#" PhysicalSizeX="{um}" PhysicalSizeY="{um}""#));
    let interval = stack
        .frame_interval_s
        .map(|s| format!(r#" TimeIncrement="{s}""#));
    let [size, interval] = [size, interval].map(Option::unwrap_or_default);
    format!(
        concat!(
            r#"<?xml version="1.0" encoding="UTF-8"?>"#,
            r#"<OME xmlns="{ns}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" "#,
            r#"xsi:schemaLocation="{ns} {ns}/ome.xsd" Creator="widefield-storage {version}">"#,
            r#"<Image ID="Image:0" Name="{name}">{description}"#,
            r#"<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="{kind}" BigEndian="false" "#,
            r#"SizeX="{x}" SizeY="{y}" SizeC="1" SizeZ="1" SizeT="{t}"{size}{interval}>"#,
            r#"<Channel ID="Channel:0:0" SamplesPerPixel="1"/><TiffData IFD="0" PlaneCount="{t}"/>"#,
            r#"</Pixels></Image></OME>"#,
        ),
        ns = "http://www.openmicroscopy.org/Schemas/OME/2016-06",
        version = env!("CARGO_PKG_VERSION"),
        name = name,
        description = description,
        kind = kind,
        x = x,
        y = y,
        t = t,
        size = size,
        interval = interval,
    )
}

/// Text of an element or attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // XML has no way to write these two, nor what steers a terminal.
            '\u{fffe}' | '\u{ffff}' => out.push('?'),
            c if c.is_control() => out.push('?'),
            '&' | '<' | '>' | '"' | '\'' => out.push_str(&format!("&#{};", u32::from(c))),
            c if c.is_ascii() => out.push(c),
            c => out.push_str(&format!("&#{};", u32::from(c))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Place, StackFormat};
    use ::tiff::decoder::{Decoder, DecodingResult};
    use ::tiff::tags::Tag;
    use ndarray::Array3;
    use std::io::Cursor;

    fn written(stack: Stack, movie: &Array3<f32>) -> Vec<u8> {
        let place = Place::open("memory://").unwrap();
        let mut file = place.create_stack("x.tif", stack).unwrap();
        file.push(movie.view()).unwrap();
        file.finish().unwrap();
        place.read("x.tif").unwrap().into()
    }

    #[test]
    fn another_reader_finds_every_frame_and_the_description() {
        let movie = Array3::from_shape_fn((7, 3, 5), |(t, y, x)| match x {
            0 => f32::NAN,
            _ => (100 * t + 10 * y + x) as f32 - 0.25,
        });
        let stack = Stack::new(StackFormat::Tiff, [7, 3, 5])
            .named("a <b> \"µ\"\u{7}", "dF/F & more")
            .frame_interval_s(0.05)
            .pixel_um(20.5);
        let bytes = written(stack, &movie);
        let mut decoder = Decoder::new(Cursor::new(&bytes)).unwrap();
        let text = decoder.get_tag_ascii_string(Tag::ImageDescription).unwrap();
        for part in [
            r#"Name="a &#60;b&#62; &#34;&#181;&#34;?""#,
            "<Description>dF/F &#38; more</Description>",
            r#"SizeX="5" SizeY="3" SizeC="1" SizeZ="1" SizeT="7""#,
            r#"PhysicalSizeX="20.5" PhysicalSizeY="20.5" TimeIncrement="0.05""#,
        ] {
            assert!(text.contains(part), "{text}");
        }
        for (t, frame) in movie.outer_iter().enumerate() {
            assert_eq!(decoder.dimensions().unwrap(), (5, 3));
            let DecodingResult::F32(found) = decoder.read_image().unwrap() else {
                panic!("not f32");
            };
            let bits = |value: &f32| value.to_bits();
            assert!(found.iter().map(bits).eq(frame.iter().map(bits)), "{t}");
            assert_eq!(decoder.more_images(), t < 6);
            if t < 6 {
                decoder.next_image().unwrap();
            }
        }
    }

    #[test]
    fn counts_are_read_as_counts_and_what_is_unknown_is_not_said() {
        let movie = Array3::from_shape_fn((1, 2, 3), |(_, y, x)| (65_530 + 3 * y + x) as f32);
        let stack = Stack::new(StackFormat::Tiff, [1, 2, 3])
            .sample(Sample::U16)
            .frame_interval_s(f64::INFINITY)
            .pixel_um(0.0);
        let bytes = written(stack, &movie);
        let mut decoder = Decoder::new(Cursor::new(&bytes)).unwrap();
        let text = decoder.get_tag_ascii_string(Tag::ImageDescription).unwrap();
        for word in ["Increment", "Physical", "Description"] {
            assert!(!text.contains(word), "{text}");
        }
        let DecodingResult::U16(found) = decoder.read_image().unwrap() else {
            panic!("not u16");
        };
        assert_eq!(found, [65_530, 65_531, 65_532, 65_533, 65_534, 65_535]);
        assert!(!decoder.more_images());
    }
}
