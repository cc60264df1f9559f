//! Bytes on their way to the disk while others are still made.

use std::fs::File;
use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// Bytes after which the disk is asked to go on. Every time may cost a file system a write to its journal.
const STEP: u64 = 8 << 20;

/// Makes what a growing file holds durable from time to time, on a thread of its own.
///
/// A file that was just written lies in memory, and to wait for the disk at its end is idle time. The
/// thread starts with the first [`STEP`] bytes and ends with [`Ahead::finish`], or when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    asked: u64,
    worker: Option<(SyncSender<()>, JoinHandle<io::Result<()>>)>,
}

impl Ahead {
    /// Tells that `file` has grown to `bytes`.
    pub(super) fn grown(&mut self, file: &File, bytes: u64) {
        if bytes < self.asked + STEP {
            return;
        }
        self.asked = bytes;
        match &self.worker {
            Some((ask, _)) => {
                // Still busy with what it was asked before: then it is asked again with the next step.
                let (Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(()))) =
                    ask.try_send(());
            }
            None => self.worker = start(file),
        }
    }

    /// Waits for the thread.
    ///
    /// # Errors
    /// What the disk answered to any request, since a later one need not hear of it.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let Some((ask, worker)) = self.worker.take() else {
            return Ok(());
        };
        drop(ask);
        worker
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread that writes ahead broke")))
    }
}

/// Without a thread or another handle nothing is written ahead, which is only slower.
fn start(file: &File) -> Option<(SyncSender<()>, JoinHandle<io::Result<()>>)> {
    let file = file.try_clone().ok()?;
    let (ask, asked) = sync_channel(1);
    let work = move || {
        file.sync_data()?;
        for () in asked {
            file.sync_data()?;
        }
        Ok(())
    };
    let worker = std::thread::Builder::new()
        .name("write ahead".into())
        .spawn(work)
        .ok()?;
    Some((ask, worker))
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // The file is given up; what the disk says of it is of no interest.
        let _ = self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn asks_with_every_step_and_ends_without_an_error() {
        let mut file = tempfile::tempfile().unwrap();
        let mut ahead = Ahead::default();
        ahead.grown(&file, STEP - 1);
        assert!(ahead.worker.is_none());
        for step in 1..5 {
            file.write_all(&[1; 1 << 10]).unwrap();
            ahead.grown(&file, step * STEP);
            assert_eq!(ahead.asked, step * STEP);
        }
        assert!(ahead.worker.is_some());
        ahead.finish().unwrap();
        ahead.finish().unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn errors_of_the_disk_are_heard_at_the_end() {
        // A pipe-like device that cannot be synchronised.
        let Ok(file) = File::open("/proc/self/status") else {
            return;
        };
        let mut ahead = Ahead::default();
        ahead.grown(&file, STEP);
        assert!(ahead.finish().is_err());
    }
}
