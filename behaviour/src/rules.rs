//! How lines become trials: the choices on which readers of these logs differ.

use crate::date::DateOrder;

/// Rules of reading a log. `Rules::default()` is what this crate advises.
///
/// | | `default()` | `notebook()` |
/// | --- | --- | --- |
/// | trial without texture line | stimulus missing | stimulus of the last texture line |
/// | line beginning with `Early` | a decision line | not read (a trial without decision line is `Early` in both) |
/// | end line | begins with `End Trial` | is `End Trial` |
/// | end without begin | reported | repeats the row of the trial before |
///
/// In both a trial starts as [`Early`](crate::Decision::Early), its last decision line wins, and
/// running numbers are counted at begin lines.
///
/// ```
/// use widefield_behaviour::{DateOrder, Log, Rules};
/// let text = "Date\tTime\tTrial\tEvent\n02/03/2017\t9:00:00\t1\tBegin Trial\n02/03/2017\t9:00:09\t1\tEnd Trial\n";
/// let log = Log::parse_with(text, Rules::default().date_order(DateOrder::MonthFirst))?;
/// assert_eq!(log.trials()[0].start.date(), jiff::civil::date(2017, 2, 3));
/// # Ok::<(), widefield_behaviour::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub(crate) date_order: DateOrder,
    pub(crate) carry_stimulus: bool,
    pub(crate) early_lines: bool,
    pub(crate) exact_end: bool,
    pub(crate) repeat_rows: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            date_order: DateOrder::DayFirst,
            carry_stimulus: false,
            early_lines: true,
            exact_end: false,
            repeat_rows: false,
        }
    }
}

impl Rules {
    /// The rules of the reference notebook, for trial lists equal to its own. Dates stay day first
    /// (the notebook read `03.02.2017` as 2 March).
    ///
    /// # Source
    /// `utils/BehaviourAnalysisUtils.py` beside the notebook `Widefield_Preproc_Spark_Swift.ipynb`
    /// of the repository uzh/helmchen-spark.
    pub fn notebook() -> Self {
        Rules {
            carry_stimulus: true,
            early_lines: false,
            exact_end: true,
            repeat_rows: true,
            ..Rules::default()
        }
    }

    /// How dates such as `03/04/2017` are read. Default: day first.
    #[must_use]
    pub fn date_order(mut self, order: DateOrder) -> Self {
        self.date_order = order;
        self
    }

    /// Whether a trial without texture line keeps the last texture seen. Default: no.
    #[must_use]
    pub fn carry_stimulus(mut self, carry: bool) -> Self {
        self.carry_stimulus = carry;
        self
    }

    /// Whether a line beginning with `Early` is a decision line. Default: yes.
    #[must_use]
    pub fn early_lines(mut self, read: bool) -> Self {
        self.early_lines = read;
        self
    }
}
