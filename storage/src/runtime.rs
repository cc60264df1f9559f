//! Waiting for futures from plain code, inside or outside of a caller's runtime.

use std::future::Future;
use std::sync::{OnceLock, mpsc};

use tokio::runtime::{Builder, Handle};
use tokio::task::AbortHandle;

use crate::{Error, interrupt};

/// Runs `future` on this library's own runtime thread and waits for its output.
///
/// A runtime must not be blocked on from one of its own threads, and callers
/// may be inside one; so the future runs on a private thread, and the caller
/// waits on a plain channel. Called from an async task this occupies the
/// executor's thread while it waits, like any blocking call.
pub(crate) fn wait<F>(object: &str, future: F) -> Result<F::Output, Error>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    join(object, start(object, future)?)
}

/// A future that runs on the storage thread.
pub(crate) struct Started<T> {
    receiver: mpsc::Receiver<T>,
}

/// Starts `future` on the storage thread; [`join`] waits for it.
pub(crate) fn start<F>(object: &str, future: F) -> Result<Started<F::Output>, Error>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (sender, receiver) = mpsc::sync_channel(1);
    spawn(object, async move {
        // Nobody listens any more if the caller has given up.
        let _ = sender.send(future.await);
    })?;
    Ok(Started { receiver })
}

/// Starts `future` on the storage thread, with a way to end it; an interruption ends it too.
pub(crate) fn spawn(
    object: &str,
    future: impl Future<Output = ()> + Send + 'static,
) -> Result<AbortHandle, Error> {
    let handle = handle().map_err(|reason| failed(object, reason.into()))?;
    let future = async {
        // Whoever waits finds nobody who would answer.
        let _ = interrupt::or_interrupted(future).await;
    };
    Ok(handle.spawn(future).abort_handle())
}

/// Waits for what was started.
pub(crate) fn join<T>(object: &str, started: Started<T>) -> Result<T, Error> {
    started.receiver.recv().map_err(|_| ended(object))
}

/// A task on the storage thread was interrupted, or panicked.
pub(crate) fn ended(object: &str) -> Error {
    if interrupt::is_interrupted() {
        let object = object.to_owned();
        return Error::Interrupted { object };
    }
    failed(object, "the task ended without a result".into())
}

fn failed(object: &str, source: crate::Cause) -> Error {
    Error::Other {
        object: object.to_owned(),
        doing: "running the storage thread",
        source,
    }
}

/// The storage thread, started by the first who asks.
pub(crate) fn handle() -> Result<Handle, String> {
    static RUNTIME: OnceLock<Result<Handle, String>> = OnceLock::new();
    RUNTIME
        .get_or_init(|| start_thread().map_err(|error| error.to_string()))
        .clone()
}

/// Starts the thread; it lives as long as the process.
fn start_thread() -> std::io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("widefield-storage".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use super::wait;

    #[test]
    fn works_outside_and_inside_a_runtime() {
        assert_eq!(wait("x", async { 1 + 1 }).unwrap(), 2);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        assert_eq!(
            runtime.block_on(async { wait("x", async { 3 }).unwrap() }),
            3
        );
    }

    #[test]
    fn a_panicking_task_is_an_error_and_later_ones_run() {
        let result = wait("x", async {
            if true {
                panic!("expected by the test")
            }
        });
        assert!(result.is_err());
        assert_eq!(wait("x", async { 4 }).unwrap(), 4);
    }
}
