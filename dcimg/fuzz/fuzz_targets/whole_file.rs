//! Everything there is to read of a file, within memory of a small multiple of its size.
#![no_main]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/common/exercise.rs"]
#[allow(dead_code, reason = "each target uses a part")]
mod exercise;

/// Counts what is allocated and the most that ever was.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

fuzz_target!(|bytes: &[u8]| {
    for options in exercise::options() {
        let before = NOW.load(Relaxed);
        PEAK.store(before, Relaxed);
        exercise::whole_file(bytes, &options);
        let peak = PEAK.load(Relaxed) - before;
        assert!(peak <= 16 * bytes.len() + (16 << 10), "{peak} bytes for a file of {}", bytes.len());
    }
});
