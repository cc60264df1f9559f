//! From text to a log.

use nom::FindSubstring;

use crate::assemble::Assembler;
use crate::encoding::utf16;
use crate::error::Error;
use crate::log::Log;
use crate::problem::{Done, Problem, What};
use crate::rules::Rules;

impl Log {
    /// Reads a log of which every line must be usable.
    ///
    /// What is unusual but usable (a missing header, an incomplete trial) is no error; see
    /// [`Log::problems`].
    ///
    /// # Errors
    /// [`Error::Unusable`] for the first line that cannot be used, with line, column and reason.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_with(text, Rules::default())
    }

    /// [`Log::parse`] with other rules.
    ///
    /// # Errors
    /// Like [`Log::parse`].
    pub fn parse_with(text: &str, rules: Rules) -> Result<Self, Error> {
        let mut assembler = Assembler::new(rules);
        for (index, line) in lines(text).enumerate() {
            if let Some(problem) = assembler.line(index + 1, line) {
                return Err(Error::Unusable(problem));
            }
        }
        Ok(assembler.finish())
    }

    /// Reads what can be read of any text; never fails.
    pub fn read(text: &str) -> Self {
        Self::read_with(text, Rules::default())
    }

    /// [`Log::read`] with other rules.
    pub fn read_with(text: &str, rules: Rules) -> Self {
        let mut assembler = Assembler::new(rules);
        for (index, line) in lines(text).enumerate() {
            assembler.line(index + 1, line);
        }
        assembler.finish()
    }

    /// [`Log::read`] of the bytes of a file.
    ///
    /// A text in UTF-16, as some editors save it, is read and reported. What is no UTF-8 otherwise
    /// becomes U+FFFD: names of stimuli are ASCII, and a stray byte of another encoding must not cost
    /// the log.
    ///
    /// ```
    /// # use widefield_behaviour::Log;
    /// let utf16: Vec<u8> = "Date\tTime\tTrial\tEvent\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    /// let log = Log::from_bytes(&utf16);
    /// assert_eq!(log.problems()[0].to_string(), "line 1, column 1: the text is UTF-16, not UTF-8: used as it is");
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let Some(text) = utf16(bytes) else {
            return Self::read(&String::from_utf8_lossy(bytes));
        };
        let mut log = Self::read(&text);
        let encoding = Problem {
            line: 1,
            column: 1,
            what: What::Utf16,
            done: Done::Used,
        };
        log.problems.insert(0, encoding);
        log
    }
}

/// Lines without their ends. Of a text that has no LF at all, CR ends the lines.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let end = if text.as_bytes().find_substring("\n").is_some() {
        "\n"
    } else {
        "\r"
    };
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        // nom searches bytes by vectors, twice as fast as str::split. The end is ASCII, so the cut
        // lies between characters.
        let at = rest.as_bytes().find_substring(end).unwrap_or(rest.len());
        let line = rest.get(..at)?;
        rest = rest.get(at + 1..).unwrap_or_default();
        Some(line)
    })
}
