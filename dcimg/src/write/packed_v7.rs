//! Writing version 7: session header and footer.

use super::number::put;
use super::plan::Plan;
use crate::Stamp;
use crate::relocation::RELOCATED_BYTES;

/// Where the second structure and the tables start, from the footer, as in published files.
const SECOND: usize = 0xA0;
const TABLES: usize = 0x110;

/// Stamps and relocated pixels of all frames so far.
#[derive(Debug, Default)]
pub(super) struct Tables {
    stamps: Vec<Stamp>,
    relocated: Vec<[u8; 8]>,
}

impl Tables {
    pub(super) fn push(&mut self, stamp: Stamp, relocated: [u8; 8]) {
        self.stamps.push(stamp);
        self.relocated.push(relocated);
    }

    /// Everything after the last frame, which ends `end_of_data` bytes after the session header.
    pub(super) fn footer(&self, plan: &Plan, end_of_data: u64) -> Vec<u8> {
        let n = self.stamps.len();
        // `MOST_FRAMES` keeps every size within 32 bits.
        let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let times = TABLES + 4 * n;
        let pixels = times + 8 * n;
        let relocated = if plan.place.is_some() { 8 * n } else { 0 };
        let bytes = pixels + relocated;
        let mut footer = vec![0; bytes];
        put(&mut footer, 0x00, plan.spec.version.number());
        put(&mut footer, 0x08, SECOND as u64);
        put(&mut footer, 0x18, 0x80u64);
        put(&mut footer, 0x28, size(bytes));
        put(&mut footer, 0x30, size(32 * n));
        put(&mut footer, 0x80, bytes as u64);
        put(&mut footer, 0x90, bytes as u64);
        // Pointers to the pointers, then the pointers.
        put(&mut footer, SECOND, (SECOND + 0x40) as u64);
        put(&mut footer, SECOND + 0x10, (SECOND + 0x30) as u64);
        put(&mut footer, SECOND + 0x20, (SECOND + 0x58) as u64);
        put(&mut footer, SECOND + 0x30, TABLES as u64);
        put(&mut footer, SECOND + 0x40, times as u64);
        put(&mut footer, SECOND + 0x58, pixels as u64);
        if let Some(place) = plan.place {
            let offset = place.row * plan.row_bytes + place.byte;
            put(&mut footer, SECOND + 0x64, offset);
            put(&mut footer, SECOND + 0x68, RELOCATED_BYTES);
        }
        for (i, stamp) in self.stamps.iter().enumerate() {
            put(&mut footer, TABLES + 4 * i, stamp.framestamp);
            put(&mut footer, times + 8 * i, stamp.time.seconds);
            put(&mut footer, times + 8 * i + 4, stamp.time.microseconds);
        }
        if plan.place.is_some() {
            footer[pixels..].copy_from_slice(self.relocated.as_flattened());
        }
        // An index follows whose two entries a frame are said to repeat the end of the data.
        for _ in 0..2 * n {
            footer.extend(end_of_data.to_le_bytes());
            footer.extend([0; 8]);
        }
        footer
    }
}

/// Fills in the session header.
pub(super) fn header(plan: &Plan, session: &mut [u8], frames: u32, session_bytes: u64) {
    put(session, 0x00, session_bytes);
    put(session, 0x20, frames);
    put(session, 0x24, plan.pixel_code());
    put(session, 0x28, 1u32);
    put(session, 0x2C, plan.spec.width);
    put(session, 0x30, plan.row_bytes);
    put(session, 0x34, plan.spec.height);
    put(session, 0x38, plan.frame_bytes);
    put(session, 0x44, plan.data_offset);
    put(session, 0x48, plan.data_offset(frames));
}
