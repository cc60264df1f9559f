//! Asking for memory before it is needed.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "a hint to the processor is an instruction of its own"
    )
)]

/// Bytes that come from memory together.
pub(crate) const LINE: usize = 64;

/// Tells the processor that the [`LINE`] two pages behind this number is wanted soon. It may lie behind the end of
/// the array, where the next frame often is.
///
/// Processors see for themselves that memory is read in order, but not beyond the end of a page, which is but a few
/// rows.
#[inline(always)]
pub(crate) fn want<T>(numbers: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        /// Bytes between what is read and what is asked for meanwhile: two pages, as memory takes less time for them
        /// than the pixels on them take.
        const AHEAD: usize = 8 << 10;
        let line = numbers.as_ptr().cast::<i8>().wrapping_add(AHEAD);
        // SAFETY: a hint. It reads nothing as far as the program can see, and does not fault, whatever lies behind
        // the address, or if nothing does.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = numbers;
}
