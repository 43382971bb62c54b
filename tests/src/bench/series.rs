//! Times of the same thing, and what they are like together.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Times of the same thing, in the order in which they were taken.
#[derive(Debug, Clone, Default)]
pub struct Series(Vec<Duration>);

impl Series {
    /// One more.
    pub fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// What they are like.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn spread(&self) -> Spread {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let index = (sorted.len() * percent / 100).min(sorted.len() - 1);
            sorted[index].as_secs_f64() * 1e6
        };
        Spread {
            count: sorted.len(),
            p10: at(10),
            p50: at(50),
            p90: at(90),
            p99: at(99),
        }
    }
}

impl FromIterator<Duration> for Series {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Series {
        Series(times.into_iter().collect())
    }
}

/// Percentiles of a series, in microseconds: what so many of a hundred do not exceed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many there are.
    pub count: usize,
    /// A tenth.
    pub p10: f64,
    /// The median.
    pub p50: f64,
    /// Nine tenths.
    pub p90: f64,
    /// All but one in a hundred.
    pub p99: f64,
}

impl Spread {
    /// The same of a part of each.
    #[must_use]
    pub fn scaled(self, part: f64) -> Spread {
        Spread {
            count: self.count,
            p10: self.p10 * part,
            p50: self.p50 * part,
            p90: self.p90 * part,
            p99: self.p99 * part,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_taken() {
        let series: Series = (1..=100).rev().map(Duration::from_micros).collect();
        let spread = series.spread();
        assert_eq!(spread.count, 100);
        let all = [spread.p10, spread.p50, spread.p90, spread.p99];
        for (found, wanted) in all.into_iter().zip([11.0, 51.0, 91.0, 100.0]) {
            assert!((found - wanted).abs() < 1e-6, "{spread:?}");
        }
    }

    #[test]
    fn one_time_is_every_percentile() {
        let series: Series = [Duration::from_micros(7)].into_iter().collect();
        assert!((series.spread().p99 - 7.0).abs() < 1e-6);
    }
}
