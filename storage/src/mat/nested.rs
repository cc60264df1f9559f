//! Texts, cell arrays and structures of MAT files, level 5, beside their numbers.

use super::element::{INT8, INT32, MATRIX};
use super::read::{Head, Reader, Variable, arrays, too_large};
use crate::{Error, ReadLimits};

/// How deep cells and structures may lie within each other.
const DEEPEST: usize = 8;
/// What each array takes beside its numbers, so that a million empty cells count too.
const EACH: usize = 256;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A real numeric array; within others without a name.
    Numbers(Variable),
    /// A row of characters.
    Text(String),
    /// A cell array: its sizes, and its cells, the first axis running fastest.
    Cells(Vec<usize>, Vec<Value>),
    /// A single structure: its fields.
    Fields(Vec<(String, Value)>),
    /// Anything else, such as objects, sparse and complex arrays, and empty cells.
    Other,
}

/// The variables of a MAT file with their names, in file order; all together within `limits`, numbers as f64.
pub(crate) fn read_values(
    bytes: &[u8],
    mut limits: ReadLimits,
) -> Result<Vec<(String, Value)>, Error> {
    let mut variables = Vec::new();
    arrays(bytes, limits, |mut array| {
        variables.push(array.value(&mut limits, 0)?);
        Ok(())
    })?;
    Ok(variables)
}

impl Reader<'_> {
    /// Name and value of an array; `limits` loses what it takes.
    fn value(&mut self, limits: &mut ReadLimits, depth: usize) -> Result<(String, Value), Error> {
        if depth > DEEPEST {
            return Err(self.wrong("cells or structures lie too deep within each other"));
        }
        let flags = self.flags()?;
        // Objects and later classes are laid out otherwise.
        if !(1..=15).contains(&(flags & 0xff)) {
            return Ok((String::new(), Value::Other));
        }
        let head = self.head()?;
        let value = match flags & 0xff {
            1 => {
                let cells = self.cells(&head, limits, depth)?;
                Value::Cells(head.shape.clone(), cells)
            }
            2 if head.elements() == Some(1) => Value::Fields(self.fields(limits, depth)?),
            4 if head.shape.first().is_some_and(|&rows| rows < 2) => self.text(limits)?,
            _ => match self.numbers_of(flags, &head, *limits)? {
                Some(variable) => {
                    charge(limits, variable.values.len().saturating_mul(8))?;
                    Value::Numbers(variable)
                }
                None => Value::Other,
            },
        };
        Ok((head.name, value))
    }

    /// The array within this one that comes next.
    fn inner(&mut self, limits: &mut ReadLimits, depth: usize) -> Result<Value, Error> {
        let (MATRIX, data) = self.element(true)? else {
            return Err(self.wrong("an array within another is missing"));
        };
        charge(limits, EACH)?;
        // An empty cell may have nothing but its tag.
        if data.is_empty() {
            return Ok(Value::Other);
        }
        let (_, value) = self.within(data).value(limits, depth + 1)?;
        Ok(value)
    }

    fn cells(
        &mut self,
        head: &Head,
        limits: &mut ReadLimits,
        depth: usize,
    ) -> Result<Vec<Value>, Error> {
        // Each takes a tag at least, so that the file bounds them.
        let count = head.elements().unwrap_or(usize::MAX);
        let mut cells = Vec::new();
        for _ in 0..count {
            cells.push(self.inner(limits, depth)?);
        }
        Ok(cells)
    }

    fn fields(
        &mut self,
        limits: &mut ReadLimits,
        depth: usize,
    ) -> Result<Vec<(String, Value)>, Error> {
        let (INT32, length) = self.element(true)? else {
            return Err(self.wrong("the length of field names is missing"));
        };
        let length = length.first_chunk().map(|&length| self.u32(length));
        let length = length.and_then(|length| usize::try_from(length).ok());
        let (INT8, names) = self.element(true)? else {
            return Err(self.wrong("field names are missing"));
        };
        let Some(length @ 1..) = length else {
            return Err(self.wrong("field names without a length"));
        };
        let mut fields = Vec::new();
        for name in names.chunks(length) {
            let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
            let name = String::from_utf8_lossy(name).into_owned();
            fields.push((name, self.inner(limits, depth)?));
        }
        Ok(fields)
    }

    fn text(&mut self, limits: &mut ReadLimits) -> Result<Value, Error> {
        let (kind, data) = self.element(true)?;
        charge(limits, data.len().saturating_mul(3))?;
        Ok(match kind {
            // UTF-8, or characters of one byte, which are ASCII.
            1 | 2 | 16 => Value::Text(String::from_utf8_lossy(data).into_owned()),
            // UTF-16.
            4 | 17 => {
                let (units, _) = data.as_chunks::<2>();
                let units: Vec<u16> = units.iter().map(|&unit| self.u16(unit)).collect();
                Value::Text(String::from_utf16_lossy(&units))
            }
            _ => Value::Other,
        })
    }
}

/// Takes `bytes` from what may still be used.
fn charge(limits: &mut ReadLimits, bytes: usize) -> Result<(), Error> {
    let bytes = bytes as u64;
    let Some(left) = limits.bytes.checked_sub(bytes) else {
        return Err(too_large(bytes, limits.bytes));
    };
    *limits = limits.bytes(left);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mat::{Class, MatFile};
    use crate::{ErrorKind, ReadLimits};

    /// An element of `kind`, padded.
    fn element(kind: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = kind.to_le_bytes().to_vec();
        bytes.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    /// An array of 1 x `count` of a class.
    fn array(class: u8, count: u8, name: &str, content: &[Vec<u8>]) -> Vec<u8> {
        let flags = element(6, &[class, 0, 0, 0, 0, 0, 0, 0]);
        let sizes = element(INT32, &[1, 0, 0, 0, count, 0, 0, 0]);
        let parts = [
            flags,
            sizes,
            element(INT8, name.as_bytes()),
            content.concat(),
        ];
        element(MATRIX, &parts.concat())
    }

    fn read(array: &[u8]) -> Result<Vec<(String, Value)>, Error> {
        let header = MatFile::new().encode(0).unwrap();
        read_values(&[&header, array].concat(), ReadLimits::default())
    }

    #[test]
    fn what_matlab_nests_is_read() {
        // Texts as MATLAB saves them, 16 bits a character, and as others do.
        let wide = array(4, 2, "", &[element(4, &[b'M', 0, 0xb5, 0])]);
        let utf8 = array(4, 2, "", &[element(16, "µ".as_bytes())]);
        let number = array(6, 2, "", &[element(2, &[3, 250])]);
        let empty = element(MATRIX, &[]);
        let cells = array(1, 4, "", &[wide, utf8, number, empty]);
        let names = [*b"a\0\0\0", *b"bcd\0"].concat();
        let fields = [
            element(INT32, &[4, 0, 0, 0]),
            element(INT8, &names),
            cells,
            array(4, 1, "", &[element(1, b"x")]),
        ];
        let read = read(&array(2, 1, "ROIs", &fields)).unwrap();
        let values = ndarray::array![[3.0, 250.0]].into_dyn();
        let (name, class) = (String::new(), Class::Double);
        let number = Variable {
            name,
            class,
            values,
        };
        let cells = vec![
            Value::Text("Mµ".to_owned()),
            Value::Text("µ".to_owned()),
            Value::Numbers(number),
            Value::Other,
        ];
        let fields = vec![
            ("a".to_owned(), Value::Cells(vec![1, 4], cells)),
            ("bcd".to_owned(), Value::Text("x".to_owned())),
        ];
        assert_eq!(read, [("ROIs".to_owned(), Value::Fields(fields))]);
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth| {
            (0..depth).fold(array(6, 1, "", &[element(2, &[1])]), |inner, _| {
                array(1, 1, "x", &[inner])
            })
        };
        assert!(read(&nested(DEEPEST)).is_ok());
        let error = read(&nested(DEEPEST + 1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }

    #[test]
    fn more_cells_than_bytes_are_an_error() {
        let flags = element(6, &[1, 0, 0, 0, 0, 0, 0, 0]);
        let sizes = element(INT32, &[0xff; 4].map(|byte| byte >> 1).repeat(2));
        let parts = [flags, sizes, element(INT8, b"x")].concat();
        let error = read(&element(MATRIX, &parts)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }

    #[test]
    fn limits_hold_for_all_numbers_together() {
        let file = MatFile::new().row("a", &[0.0; 100]).row("b", &[0.0; 100]);
        let bytes = file.encode(1).unwrap();
        let limits = ReadLimits::default();
        assert_eq!(read_values(&bytes, limits.bytes(1600)).unwrap().len(), 2);
        let error = read_values(&bytes, limits.bytes(1599)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        let empty = vec![element(MATRIX, &[]); 100];
        let header = MatFile::new().encode(0).unwrap();
        let bytes = [header, array(1, 100, "x", &empty)].concat();
        assert!(read_values(&bytes, limits.bytes(25_600)).is_ok());
        let error = read_values(&bytes, limits.bytes(25_599)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
    }
}
