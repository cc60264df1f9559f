//! Ending waits for a store from elsewhere, as on Ctrl-C.

use std::sync::LazyLock;
use std::time::Duration;

use futures::future::{Either, select};
use tokio::sync::watch;
use tokio::time::timeout;

/// Longest time of a call that begins after an interruption.
const TO_TIDY_UP: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq)]
enum State {
    Going,
    Interrupted,
    /// A call that began after the interruption got no answer in its time either.
    Away,
}

static STATE: LazyLock<watch::Sender<State>> = LazyLock::new(|| watch::Sender::new(State::Going));

/// Ends every wait for a store in this process: blocking calls of a [`Place`](crate::Place) that are under way return
/// [`Error::Interrupted`](crate::Error::Interrupted) at once, as does what they have started. For programs that are asked
/// to end; what they write on other threads is then not there, or whole.
///
/// Calls that begin later, to tidy up, have a second each; after the first that gets no answer within it all fail at once.
/// Requests of a store that `Place::object_store` lends go on: whoever waits for them drops them.
///
/// ```
/// use widefield_storage::{Place, interrupt, resume};
///
/// interrupt(); // in a handler of Ctrl-C
/// Place::open("memory://")?.put("x", b"1".to_vec())?; // what needs no waiting goes on
/// resume();
/// # Ok::<(), widefield_storage::Error>(())
/// ```
pub fn interrupt() {
    STATE.send_modify(|state| {
        if *state == State::Going {
            *state = State::Interrupted;
        }
    });
}

/// Takes an [`interrupt`] back: calls that begin now have all their time again.
pub fn resume() {
    set(State::Going);
}

/// Changes the state without ending what is under way.
fn set(to: State) {
    STATE.send_if_modified(|state| {
        *state = to;
        false
    });
}

pub(crate) fn is_interrupted() -> bool {
    *STATE.borrow() != State::Going
}

/// The output of `future`, unless it is interrupted first.
pub(crate) async fn or_interrupted<F: Future>(future: F) -> Option<F::Output> {
    let mut state = STATE.subscribe();
    let began = *state.borrow_and_update();
    let interrupted = async {
        match began {
            State::Away => {}
            State::Going => drop(state.changed().await),
            State::Interrupted => {
                if timeout(TO_TIDY_UP, state.changed()).await.is_err() {
                    set(State::Away);
                }
            }
        }
    };
    let (future, interrupted) = (std::pin::pin!(future), std::pin::pin!(interrupted));
    match select(future, interrupted).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}
