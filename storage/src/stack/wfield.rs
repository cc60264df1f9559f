//! The name by which the Python package wfield knows what bare frames are.

use super::{Sample, Stack};

impl Stack {
    /// The name under which the Python package wfield loads a file of [`StackFormat::Bare`](super::StackFormat::Bare) as
    /// `(t, 1, y, x)`: `frames-<stem>_1_<height>_<width>_<type>.bin`.
    ///
    /// wfield 0.6.0 takes the number of channels, height and width from the three numbers before the type, and as the type
    /// the first of the words between underscores that NumPy knows one by: `d_2_...` would be doubles, and a word that
    /// starts with a digit, as `10-f`, is an error. So `stem` is one word here, with hyphens in place of what is neither
    /// ASCII letter nor digit, behind wfield's own `frames`.
    ///
    /// ```
    /// use widefield_storage::{Stack, StackFormat};
    ///
    /// let stack = Stack::new(StackFormat::Bare, [200, 240, 320]);
    /// let name = stack.wfield_name("20170214_102233_1 dff");
    /// assert_eq!(name, "frames-20170214-102233-1-dff_1_240_320_float32.bin");
    /// ```
    #[must_use]
    pub fn wfield_name(&self, stem: &str) -> String {
        let [_, height, width] = self.shape;
        let word = stem.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let kind = match self.sample {
            Sample::U16 => "uint16",
            Sample::F32 => "float32",
        };
        format!("frames-{word}_1_{height}_{width}_{kind}.bin")
    }
}
