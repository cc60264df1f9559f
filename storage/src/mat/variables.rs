//! Small files of several variables, built in memory.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use super::deflate::ZlibStream;
use super::element::{self, Frame};
use super::write::each;
use crate::movie_file::{Layout, check_level};
use crate::{Error, Orientation, Precision};

/// A MAT file (level 5) of rows and matrices of doubles.
///
/// ```
/// use widefield_storage::mat::{self, MatFile};
///
/// let bytes = MatFile::new().row("tr_100", &[1.0, 4.0]).row("tr_1200", &[2.0]).encode(1)?;
/// let variables = mat::read(&bytes)?;
/// assert_eq!(variables[0].name, "tr_100");
/// assert_eq!(variables[0].values.shape(), [1, 2]);
/// # Ok::<(), widefield_storage::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MatFile {
    variables: Vec<Matrix>,
    verify: bool,
}

#[derive(Clone, Debug)]
struct Matrix {
    name: String,
    values: Array2<f64>,
    orientation: Orientation,
}

impl MatFile {
    /// A file without variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row vector, 1 x K.
    #[must_use]
    pub fn row(self, name: impl Into<String>, values: &[f64]) -> Self {
        // Camera order keeps a 1 x K array as it is.
        let row = ArrayView1::from(values).insert_axis(Axis(0));
        self.matrix(name, row, Orientation::Camera)
    }

    /// Adds an image (y, x), in the file (x, reversed y) or (y, x).
    #[must_use]
    pub fn matrix(
        mut self,
        name: impl Into<String>,
        values: ArrayView2<'_, f64>,
        orientation: Orientation,
    ) -> Self {
        self.variables.push(Matrix {
            name: name.into(),
            values: values.to_owned(),
            orientation,
        });
        self
    }

    /// Whether each compressed variable is inflated again by another library and compared. Off by default.
    #[must_use]
    pub fn verify(mut self, verify: bool) -> Self {
        self.verify = verify;
        self
    }

    /// The bytes of the file; `compression` is the deflate level, 0 for none.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that MATLAB does not take or that occurs twice, or a
    /// level above 9; [`Error::TooLarge`] for a variable of 2 GiB; [`Error::Damaged`] where verifying was asked for.
    pub fn encode(&self, compression: u8) -> Result<Vec<u8>, Error> {
        check_level("MAT file", compression)?;
        let mut bytes = element::header().to_vec();
        for (index, variable) in self.variables.iter().enumerate() {
            let name = &variable.name;
            if self.variables[..index]
                .iter()
                .any(|earlier| earlier.name == *name)
            {
                return Err(Error::usage(name, "occurs twice in one MAT file"));
            }
            let array = variable.encode()?;
            if compression == 0 {
                bytes.extend(array);
                continue;
            }
            let layout = Layout {
                precision: Precision::F64,
                compression,
                verify: self.verify,
                ..Layout::new([1, 1, 1])
            };
            let mut stream = ZlibStream::new(Vec::new(), &layout);
            *stream.waiting() = array;
            let packed = stream
                .finish()
                .map_err(|error| error.of(name, "compressing"))?;
            let count = u32::try_from(packed.len()).map_err(|error| Error::Other {
                object: name.clone(),
                doing: "compressing",
                source: error.into(),
            })?;
            bytes.extend(element::tag(element::COMPRESSED, count));
            bytes.extend(packed);
        }
        Ok(bytes)
    }
}

impl Matrix {
    fn encode(&self) -> Result<Vec<u8>, Error> {
        let (height, width) = self.values.dim();
        let dimensions = self.orientation.axes(height, width);
        let Frame {
            before,
            numbers,
            padding,
        } = Frame::new(&self.name, &dimensions, Precision::F64)?;
        let mut bytes = before;
        bytes.reserve(numbers + padding);
        each(self.values.view(), self.orientation, |value: f64| {
            bytes.extend(value.to_le_bytes())
        });
        bytes.resize(bytes.len() + padding, 0);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, mat};
    use ndarray::array;

    #[test]
    fn rows_and_matrices_come_back() {
        let image = array![[1.0, 2.0, 3.0], [4.0, 5.0, f64::NAN]];
        for compression in [0, 1, 9] {
            let bytes = MatFile::new()
                .verify(true)
                .row("tr_100", &[1.0, 5.0, 9.0])
                .row("none", &[])
                .matrix("camera", image.view(), Orientation::Camera)
                .matrix("notebook", image.view(), Orientation::Notebook)
                .encode(compression)
                .unwrap();
            let back = mat::read(&bytes).unwrap();
            let shapes: Vec<_> = back
                .iter()
                .map(|v| (v.name.as_str(), v.values.shape()))
                .collect();
            assert_eq!(
                shapes,
                [
                    ("tr_100", &[1, 3][..]),
                    ("none", &[1, 0]),
                    ("camera", &[2, 3]),
                    ("notebook", &[3, 2])
                ]
            );
            assert_eq!(
                back[0].values.iter().copied().collect::<Vec<_>>(),
                [1.0, 5.0, 9.0]
            );
            assert_eq!(back[2].values[[0, 2]], 3.0);
            assert!(back[2].values[[1, 2]].is_nan());
            // Row 0 of the camera is the last one of the file's second axis.
            assert_eq!(back[3].values[[2, 1]], 3.0);
            assert_eq!(back[3].values[[0, 0]], 4.0);
        }
    }

    #[test]
    fn names_are_checked() {
        let kind = |file: MatFile| file.encode(1).unwrap_err().kind();
        assert_eq!(kind(MatFile::new().row("1x", &[1.0])), ErrorKind::Invalid);
        assert_eq!(
            kind(MatFile::new().row("x", &[1.0]).row("x", &[2.0])),
            ErrorKind::Invalid
        );
        assert_eq!(
            MatFile::new().encode(10).unwrap_err().kind(),
            ErrorKind::Invalid
        );
        assert_eq!(mat::read(&MatFile::new().encode(0).unwrap()).unwrap(), []);
    }
}
