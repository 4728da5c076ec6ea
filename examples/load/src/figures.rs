//! Medians, percentiles, and the rows of the report.

use std::time::Duration;

/// The value that half of them reach. Zero of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// The time that `percent` of them stay within. Zero of none.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100);
    times
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

/// How a figure stands against its budget.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Budget {
    AtLeast(f64),
    AtMost(f64),
    /// Told for the sake of the others.
    None,
}

/// Prints a row of the table: what, the figure, the budget, whether it holds.
pub(crate) fn row(what: &str, figure: f64, unit: &str, budget: Budget) {
    let (budget, verdict) = match budget {
        Budget::AtLeast(least) => (format!("at least {least}"), figure >= least),
        Budget::AtMost(most) => (format!("at most {most}"), figure <= most),
        Budget::None => {
            println!("| {what} | {figure:.2} {unit} | | |");
            return;
        }
    };
    let verdict = if verdict { "yes" } else { "**no**" };
    println!("| {what} | {figure:.2} {unit} | {budget} | {verdict} |");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut times: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&mut times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&mut times, 100), Duration::from_millis(200));
        assert_eq!(percentile(&mut [], 99), Duration::ZERO);
    }

    #[test]
    fn one_that_is_far_off_does_not_move_the_median() {
        assert!((median(&[3.0, 1.0, 900.0]) - 3.0).abs() < f64::EPSILON);
    }
}
