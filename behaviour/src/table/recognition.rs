//! A table or a log?

use std::borrow::Cow;

use super::read::{KNOWN, Separator, reader};
use crate::date::DateOrder;
use crate::encoding::utf16;
use crate::event::Event;
use crate::line::{Line, Reader};
use crate::parse::lines;

/// Whether the bytes of a file are a table of trials, for [`Table::from_bytes`](super::Table::from_bytes), rather than a log,
/// for [`Log::from_bytes`](crate::Log::from_bytes).
///
/// A table's header has one of the columns that [`Table`](super::Table) knows, whatever separates them. It is a log all the
/// same if
///
/// - the columns, with tabs between, are `Date`, `Time`, `Trial` and `Event` and no other, in any case,
/// - or the first line is an event with date, time and trial number,
/// - or any line is the event `Begin Trial`.
///
/// Nothing else is asked, so that tables with faults are tables, and the faults can be told. False for what is neither.
///
/// ```
/// use widefield_behaviour::table::is_table;
/// assert!(is_table(b"Date\tTime\tTrial\tOutcome\n14.02.2017\t10:22:33\t1\thit\n"));
/// assert!(!is_table(b"Date\tTime\tTrial\tEvent\n14.02.2017\t10:22:33\t1\tBegin Trial\n"));
/// ```
pub fn is_table(bytes: &[u8]) -> bool {
    let text = utf16(bytes).map_or_else(|| String::from_utf8_lossy(bytes), Cow::Owned);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).trim_start();
    has_known_column(text) && !is_log(text)
}

fn has_known_column(text: &str) -> bool {
    // By each separator: it may be just what is at fault.
    Separator::ALL.into_iter().any(|separator| {
        let header = reader(text, separator).into_records().next();
        let header = header.and_then(Result::ok).unwrap_or_default();
        let mut names = header.iter();
        names.any(|name| KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name)))
    })
}

/// Whether a text that begins with a table's header is a log nevertheless.
fn is_log(text: &str) -> bool {
    let first = lines(text).next().unwrap_or_default();
    let names = first.split('\t').map(str::trim).filter(|n| !n.is_empty());
    let header = ["date", "time", "trial", "event"].into_iter();
    if header.eq(names.map(str::to_ascii_lowercase)) {
        return true;
    }
    let mut reader = Reader::new(DateOrder::default());
    let mut events = lines(text).map(|line| match reader.read(line) {
        Ok(Line::Entry(entry)) => Some(Event::from_trimmed(entry.event)),
        _ => None,
    });
    events.next().flatten().is_some() || events.any(|e| matches!(e, Some(Event::Begin(_))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Log, table::Table};

    const LOG: &str = "Date\tTime\tTrial\tEvent\t\n\
        14.02.2017\t10:22:33\t1\tBegin Trial\n14.02.2017\t10:22:40\t1\tEnd Trial\n";

    /// In every encoding and with every line end that both readers know.
    fn assert_is(text: &str, table: bool) {
        for text in [
            text.to_owned(),
            text.replace('\n', "\r\n"),
            text.replace('\n', "\r"),
        ] {
            let marked = format!("\u{feff}{text}");
            let utf16 =
                |text: &str, of: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(of).collect();
            for bytes in [
                text.clone().into_bytes(),
                marked.clone().into_bytes(),
                utf16(&text, u16::to_le_bytes),
                utf16(&marked, u16::to_le_bytes),
                utf16(&marked, u16::to_be_bytes),
            ] {
                assert_eq!(is_table(&bytes), table, "{text:?} as {bytes:?}");
            }
        }
    }

    #[test]
    fn logs() {
        let body = LOG.split_once('\n').unwrap().1;
        for header in [
            "Date\tTime\tTrial\tEvent",
            "Date \tTime \tTrial \tEvent \t",
            "DATE\tTIME\tTRIAL\tEVENT",
            "\n \nDate\tTime\tTrial\tEvent",
            "Date\tTime\tTrial\tMessage",
            "Date\tTime\tTrial\tEvent\tStimulus",
            "Date\tTime",
            // What somebody wrote above it.
            "Mouse 3\ttrial\tof 14 Feb",
            "trial",
        ] {
            let text = format!("{header}\n{body}");
            assert_eq!(Log::read(&text).trials().len(), 1, "{header}");
            assert_is(&text, false);
        }
        assert_is(body, false);
        // Nothing was done yet, or the log was cut.
        assert_is("Date\tTime\tTrial\tEvent\n", false);
        assert_is(
            &format!(
                "Date\tTime\tTrial\tEvent\n{}",
                body.split_once('\n').unwrap().1
            ),
            false,
        );
        // Events that are called as a column is.
        assert_is(
            "14.02.2017\t10:22:33\t1\tTrial\n14.02.2017\t10:22:33\t1\tfile\n",
            false,
        );
    }

    #[test]
    fn tables() {
        for text in [
            "file\na\n",
            "Date,Trial,Outcome\n14.02.2017,1,hit\n",
            "Date\tTime\tTrial\tStimulus\tDecision\n14.02.2017\t10:22:33\t1\tTexture 1 P100\tGo\n",
            "Date\tTime\tTrial\tEvent\tOutcome\n14.02.2017\t10:22:33\t1\tReward\thit\n",
            "DATE;TIME;TRIAL;EVENT\n14.02.2017;10:22:33;1;x\n",
            "\tFILE\n0\ta\n",
            "\"two\nlines\",\"trial\"\nx,1\n",
            "\"trial\"\n1\n",
        ] {
            Table::parse(text).unwrap();
            assert_is(text, true);
        }
    }

    #[test]
    fn tables_with_faults_are_tables() {
        for text in [
            "file,note\na\n",
            "name,outcome\na,hit\n",
            "file;a,b\n1\n",
            "\n \nfile,trial,Trial\n",
            "file\n\"a\n",
            "Date\tTime\tTrial\tOutcome\n14.02.2017\t10:22:33\t1\twon\n",
        ] {
            assert!(Table::parse(text).is_err(), "{text:?}");
            assert_is(text, true);
        }
        assert!(is_table(b"file,note\na,\xe9\n"));
    }

    #[test]
    fn what_is_neither() {
        for text in ["", "\n", "x", "hit\nmiss\n", "mouse,weight\na,21\n"] {
            assert_is(text, false);
        }
        let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
        assert!(!is_table(&bytes));
        assert!(!is_table(b"\xff\xfe"));
        assert!(!is_table(b"\x89HDF\r\n\x1a\n\0trial\0,file\0"));
    }
}
