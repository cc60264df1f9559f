//! Writing versions 0x1000000 and 0x2000000: session header, header blocks and trailers.

use super::number::put;
use super::plan::Plan;
use super::spec::Relocate;
use crate::blocks::{BASE, ENTRY_BYTES, RELOCATION_BYTES, RELOCATION_KIND, TABLE, TABLE_END};
use crate::camera::CAMERA_BYTES;
use crate::{Camera, Stamp};

/// Fills in the session header and its blocks.
pub(super) fn header(plan: &Plan, session: &mut [u8], frames: u32, session_bytes: u64) {
    put(session, 0x00, session_bytes);
    put(session, 0x3C, frames);
    put(session, 0x40, plan.pixel_code());
    put(session, 0x48, plan.spec.width);
    put(session, 0x4C, plan.spec.height);
    put(session, 0x50, plan.row_bytes);
    put(session, 0x54, plan.frame_bytes);
    put(session, 0x60, u64::from(plan.data_offset));
    put(session, 0x74, plan.frame_bytes + plan.trailer);
    put(session, 0x7C, plan.trailer);

    let mut entry = TABLE as usize;
    let mut block = |session: &mut [u8], kind: u32, bytes: u32, start: u32| {
        put(session, entry, kind);
        put(session, entry + 4, bytes);
        put(session, entry + 8, u64::from(start - BASE));
        entry += ENTRY_BYTES as usize;
    };
    if let (Some(place), Relocate::Announced { .. }) = (plan.place, plan.spec.relocate) {
        block(session, RELOCATION_KIND, RELOCATION_BYTES, TABLE_END);
        put(session, TABLE_END as usize + 12, 8u32);
        let offset = place.row * plan.row_bytes + place.byte;
        put(session, TABLE_END as usize + 16, offset);
    }
    if let Some(camera) = &plan.spec.camera {
        // The last block: it ends where the frames start.
        let start = plan.data_offset - CAMERA_BYTES;
        block(session, 1, CAMERA_BYTES, start);
        let start = start as usize;
        fill(camera, &mut session[start..start + CAMERA_BYTES as usize]);
    }
}

fn fill(camera: &Camera, block: &mut [u8]) {
    let mut text = |range: std::ops::Range<usize>, text: Option<&String>| {
        let bytes = text.map_or(&[][..], |text| text.as_bytes());
        for (to, from) in block[range].iter_mut().zip(bytes) {
            *to = *from;
        }
    };
    text(0x00..0x20, camera.versions.first());
    text(0x20..0x40, camera.versions.get(1));
    text(0x40..0x80, camera.model.as_ref());
    text(0x80..0x90, camera.versions.get(2));
    text(0x90..0xB0, camera.serial.as_ref());
    put(block, 0xB0, camera.stated_binning.unwrap_or(0));
    if let Some(sub) = camera.sub_array {
        for (i, value) in [sub.x0, sub.width, sub.y0, sub.height]
            .into_iter()
            .enumerate()
        {
            put(block, 0xC8 + 2 * i, value);
        }
    }
}

/// Appends the trailer of a frame; `bytes` was checked to have room.
pub(super) fn trailer(frame: &mut Vec<u8>, bytes: u32, stamp: Stamp, relocated: [u8; 8]) {
    let start = frame.len();
    frame.resize(start + bytes as usize, 0);
    let trailer = &mut frame[start..];
    put(trailer, 0, stamp.framestamp);
    put(trailer, 4, stamp.time.seconds);
    put(trailer, 8, stamp.time.microseconds);
    if relocated != [0; 8] {
        trailer[12..20].copy_from_slice(&relocated);
    }
}
