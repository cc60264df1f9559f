//! Asking for memory before it is needed.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "a hint to the processor is an instruction of its own"
    )
)]

/// Tells the processor that `length` bytes from `start` on, as far as there are so many, are wanted soon.
///
/// Processors see for themselves that memory is read in order, but not beyond the end of a page, which is but a few
/// rows.
#[inline(always)]
pub(crate) fn want(bytes: &[u8], start: usize, length: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(wanted) = bytes.get(start..start.saturating_add(length)) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        /// Bytes that come from memory together.
        const LINE: usize = 64;
        for line in wanted.chunks(LINE) {
            // SAFETY: a hint. It reads nothing as far as the program can see, and does not fault, whatever lies behind
            // the address, which is one of a slice here anyway.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (bytes, start, length);
}
