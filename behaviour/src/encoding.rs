//! Texts that are not UTF-8.

/// The text of bytes that are UTF-16: with a byte order mark, or, since logs are ASCII, with a zero in
/// every other byte of the beginning. What is no character becomes U+FFFD. `None` for other bytes.
pub(crate) fn utf16(bytes: &[u8]) -> Option<String> {
    let zeros = |from: usize| {
        let mut half = bytes.iter().skip(from).step_by(2).take(32);
        half.len() > 0 && half.all(|&byte| byte == 0)
    };
    let (little, text) = match bytes {
        [0xFF, 0xFE, text @ ..] => (true, text),
        [0xFE, 0xFF, text @ ..] => (false, text),
        _ if zeros(1) && !zeros(0) => (true, bytes),
        _ if zeros(0) && !zeros(1) => (false, bytes),
        _ => return None,
    };
    let units = text.chunks(2).map(|pair| match (pair, little) {
        ([a, b], true) => u16::from_le_bytes([*a, *b]),
        ([a, b], false) => u16::from_be_bytes([*a, *b]),
        // Half a character.
        _ => 0xFFFD,
    });
    let decoded = char::decode_utf16(units);
    Some(
        decoded
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str, of: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(of).collect()
    }

    #[test]
    fn either_order_with_a_mark_or_without() {
        let text = "Date\tTime\r\n14.02.2017";
        for of in [u16::to_le_bytes, u16::to_be_bytes] {
            assert_eq!(utf16(&bytes(text, of)).as_deref(), Some(text));
            let marked = format!("\u{feff}{text}é𝄞");
            assert_eq!(utf16(&bytes(&marked, of)).as_deref(), Some(&marked[3..]));
        }
        assert_eq!(utf16(b"\xff\xfea\0b").as_deref(), Some("a\u{fffd}"));
        assert_eq!(utf16(b"\xff\xfe\x00\xd8").as_deref(), Some("\u{fffd}"));
    }

    #[test]
    fn other_texts_are_left_alone() {
        for other in [&b""[..], b"D", b"Date", b"\0\0\0\0", b"\xef\xbb\xbfDate"] {
            assert_eq!(utf16(other), None, "{other:?}");
        }
    }
}
