//! Attributes of datasets.

use hdf5::types::{FixedAscii, FixedUnicode, TypeDescriptor, VarLenAscii, VarLenUnicode};
use hdf5::{Container, Location};

/// Longest fixed-length text that is read, in bytes.
const FIXED_TEXT: usize = 4096;
/// Most numbers of an attribute that is read; real ones have a few, forged ones any count.
const NUMBERS: usize = 1 << 20;

/// Value of an attribute.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Attribute {
    /// A text, UTF-8 without NUL characters.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Float(f64),
    /// A list of floating-point numbers, in row-major order if it had more dimensions.
    Floats(Vec<f64>),
}

impl From<&str> for Attribute {
    fn from(value: &str) -> Self {
        Attribute::Text(value.to_owned())
    }
}

impl From<String> for Attribute {
    fn from(value: String) -> Self {
        Attribute::Text(value)
    }
}

impl From<i64> for Attribute {
    fn from(value: i64) -> Self {
        Attribute::Integer(value)
    }
}

impl From<i32> for Attribute {
    fn from(value: i32) -> Self {
        Attribute::Integer(value.into())
    }
}

impl From<u32> for Attribute {
    fn from(value: u32) -> Self {
        Attribute::Integer(value.into())
    }
}

impl From<f64> for Attribute {
    fn from(value: f64) -> Self {
        Attribute::Float(value)
    }
}

impl From<Vec<f64>> for Attribute {
    fn from(value: Vec<f64>) -> Self {
        Attribute::Floats(value)
    }
}

impl From<&[f64]> for Attribute {
    fn from(value: &[f64]) -> Self {
        Attribute::Floats(value.to_vec())
    }
}

impl<const N: usize> From<[f64; N]> for Attribute {
    fn from(value: [f64; N]) -> Self {
        Attribute::Floats(value.to_vec())
    }
}

impl Attribute {
    /// Attaches the value to `target`.
    pub(super) fn write(&self, target: &Location, name: &str) -> Result<(), hdf5::Error> {
        match self {
            Attribute::Text(text) => {
                let text: VarLenUnicode = text
                    .parse()
                    .map_err(|error| format!("the text of the attribute {name}: {error}"))?;
                target
                    .new_attr::<VarLenUnicode>()
                    .create(name)?
                    .write_scalar(&text)
            }
            Attribute::Integer(value) => target.new_attr::<i64>().create(name)?.write_scalar(value),
            Attribute::Float(value) => target.new_attr::<f64>().create(name)?.write_scalar(value),
            Attribute::Floats(values) => target
                .new_attr::<f64>()
                .shape(values.len())
                .create(name)?
                .write_raw(values),
        }
    }

    /// Reads the value of an attribute; nothing if it is of a kind not listed above or far
    /// larger than any attribute is.
    pub(super) fn read(attribute: &Container) -> Result<Option<Self>, hdf5::Error> {
        let scalar = attribute.size() == 1;
        if attribute.size() > NUMBERS {
            return Ok(None);
        }
        Ok(match attribute.dtype()?.to_descriptor()? {
            TypeDescriptor::Integer(_) | TypeDescriptor::Boolean if scalar => attribute
                .read_raw::<i64>()?
                .first()
                .copied()
                .map(Attribute::Integer),
            TypeDescriptor::Unsigned(_) if scalar => {
                let value = attribute.read_raw::<u64>()?.first().copied();
                value
                    .and_then(|value| i64::try_from(value).ok())
                    .map(Attribute::Integer)
            }
            // A list of one number stays a list.
            TypeDescriptor::Float(_) if scalar && attribute.ndim() == 0 => attribute
                .read_raw::<f64>()?
                .first()
                .copied()
                .map(Attribute::Float),
            TypeDescriptor::Float(_) | TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_) => {
                Some(Attribute::Floats(attribute.read_raw::<f64>()?))
            }
            TypeDescriptor::VarLenUnicode if scalar => text(
                attribute
                    .read_raw::<VarLenUnicode>()?
                    .first()
                    .map(VarLenUnicode::as_str),
            ),
            TypeDescriptor::VarLenAscii if scalar => text(
                attribute
                    .read_raw::<VarLenAscii>()?
                    .first()
                    .map(VarLenAscii::as_str),
            ),
            TypeDescriptor::FixedUnicode(length) if scalar && length <= FIXED_TEXT => {
                let read = attribute.read_raw::<FixedUnicode<FIXED_TEXT>>()?;
                text(read.first().map(FixedUnicode::as_str))
            }
            TypeDescriptor::FixedAscii(length) if scalar && length <= FIXED_TEXT => {
                let read = attribute.read_raw::<FixedAscii<FIXED_TEXT>>()?;
                text(read.first().map(FixedAscii::as_str))
            }
            _ => None,
        })
    }
}

fn text(text: Option<&str>) -> Option<Attribute> {
    text.map(Attribute::from)
}
