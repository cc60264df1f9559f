//! Area under the ROC curve by counting pairs.

use crate::number::count;

/// Share of the pairs of finite trials in which the first is above the second, equal ones counting half, see
/// [`crate::auc::auc`]; NaN without pairs.
pub fn auc(first: &[f32], second: &[f32]) -> f64 {
    let (mut twice_won, mut pairs) = (0, 0);
    for a in first.iter().filter(|a| a.is_finite()) {
        for b in second.iter().filter(|b| b.is_finite()) {
            pairs += 1;
            twice_won += if a > b { 2 } else { usize::from(a == b) };
        }
    }
    count(twice_won) / count(2 * pairs)
}
