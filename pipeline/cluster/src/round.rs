//! A round of requests: what is asked, what becomes known, and how it ends.

use crate::ClusterError;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

/// A request as it travels: one line, and the name by which its answer is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Different from those of all other requests of a round.
    pub id: String,
    /// The line, without its end. `Slurm` reads nothing of it. For `Spark` it is a JSON object with that `id` as a member;
    /// on the way it gets the members `threads`, the cores of the task, and `last`, true if no other try follows.
    pub json: String,
}

impl Line {
    /// A request of that name.
    #[must_use]
    pub fn new(id: impl Into<String>, json: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            json: json.into(),
        }
    }
}

/// What becomes known of a round's requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The line that a worker wrote for a request.
    Reply {
        /// Which of the round's requests, from 0.
        index: usize,
        /// What the worker wrote.
        line: String,
    },
    /// No worker could answer.
    Failed {
        /// Which of the round's requests, from 0.
        index: usize,
        /// Why, for people.
        error: String,
    },
    /// For people.
    Note(String),
}

/// How a round ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All answers were waited for, or the round was cancelled.
    Here,
    /// These jobs of the cluster go on without us.
    Detached(String),
}

/// A cluster under way: rounds of requests go one after the other, and dropping it ends it.
///
/// The crate's own example is one that answers in this process.
pub trait Cluster: Send {
    /// Lets the cluster answer all requests, and tells each answer once as it comes, in any order.
    ///
    /// After `cancelled` is set it returns soon, with requests left unanswered. Otherwise each request is answered or
    /// failed, unless the round ends as [`Ended::Detached`].
    ///
    /// # Errors
    /// When the cluster as a whole does not work; answers that were told hold, the others are lost.
    fn round(
        &mut self,
        requests: &[Line],
        cancelled: &AtomicBool,
        tell: &mut dyn FnMut(Heard),
    ) -> Result<Ended, ClusterError>;
}

/// Requests of a round that lack an answer. Each is answered once, whatever is heard.
///
/// ```
/// use widefield_cluster::{Line, Unanswered};
///
/// let mut open = Unanswered::of(&[Line::new("a", "{}"), Line::new("b", "{}")]);
/// assert_eq!(open.answered("b"), Some(1));
/// assert_eq!(open.answered("b"), None);
/// assert_eq!(open.indices(), [0]);
/// ```
#[derive(Clone, Debug)]
pub struct Unanswered(HashMap<String, usize>);

impl Unanswered {
    /// All of a round.
    #[must_use]
    pub fn of(lines: &[Line]) -> Self {
        let ids = lines.iter().enumerate();
        Self(ids.map(|(index, line)| (line.id.clone(), index)).collect())
    }

    /// The index of a request that is answered now; `None` for a second answer, and for what was never asked.
    pub fn answered(&mut self, id: &str) -> Option<usize> {
        self.0.remove(id)
    }

    /// Whether that request lacks an answer.
    #[must_use]
    pub fn holds(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// Whether all are answered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Indices of those that are left, in order.
    #[must_use]
    pub fn indices(&self) -> Vec<usize> {
        let mut left: Vec<usize> = self.0.values().copied().collect();
        left.sort_unstable();
        left
    }

    /// Says of all that are left that they failed, for that reason.
    pub fn fail(&mut self, error: &str, tell: &mut dyn FnMut(Heard)) {
        for index in self.indices() {
            let error = error.to_owned();
            tell(Heard::Failed { index, error });
        }
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(ids: &[&str]) -> Vec<Line> {
        let line = |id: &&str| Line::new(*id, format!("{{\"id\":\"{id}\"}}"));
        ids.iter().map(line).collect()
    }

    #[test]
    fn every_request_is_answered_once() {
        let mut open = Unanswered::of(&lines(&["a", "b", "c"]));
        assert_eq!(open.answered("b"), Some(1));
        assert_eq!(open.answered("b"), None);
        assert_eq!(open.answered("x"), None);
        assert_eq!(open.indices(), [0, 2]);
        let mut told = Vec::new();
        open.fail("gone", &mut |t| told.push(t));
        let failed = |index| Heard::Failed {
            index,
            error: "gone".into(),
        };
        assert_eq!(told, [failed(0), failed(2)]);
        assert!(open.is_empty());
    }
}
