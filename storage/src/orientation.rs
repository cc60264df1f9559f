//! Axes and precision of files.

/// Order of the axes in files.
///
/// In memory a movie is `(t, y, x)`, camera rows from the top.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Orientation {
    /// `(x, reversed y, t)`: element `[i, j, t]` is column `i`, row `height - 1 - j`. Default.
    #[default]
    Notebook,
    /// `(y, x, t)`: element `[i, j, t]` is row `i`, column `j`.
    Camera,
}

/// Type of the numbers in files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32-bit floating point, as computed. Default.
    #[default]
    F32,
    /// 64-bit floating point, the 32-bit values widened.
    F64,
}

impl Orientation {
    /// Sizes of the two image axes in the file, of an image of `height` x `width`.
    #[must_use]
    pub fn axes(self, height: usize, width: usize) -> [usize; 2] {
        match self {
            Orientation::Notebook => [width, height],
            Orientation::Camera => [height, width],
        }
    }

    /// Name of the axes in the file, as attributes state it: `x,-y,t` or `y,x,t`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Orientation::Notebook => "x,-y,t",
            Orientation::Camera => "y,x,t",
        }
    }
}

impl Precision {
    /// Bytes of one number.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Precision::F32 => 4,
            Precision::F64 => 8,
        }
    }
}
