//! Prometheus' text format, version 0.0.4:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::{Display, Write};
use wire::BUCKETS_US;

/// What all names begin with.
const PREFIX: &str = "mini_mcp_";

/// A page of numbers under construction.
#[derive(Debug, Default)]
pub(super) struct Text(String);

/// What a number is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// It only grows, and begins anew with the process.
    Counter,
    /// It comes and goes.
    Gauge,
    /// Counts by upper bounds.
    Histogram,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Names and values that tell numbers of one name apart.
type Labels<'a> = &'a [(&'a str, &'a str)];

impl Text {
    /// Says what the numbers called `name` are, which follow.
    pub(super) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = kind.word();
        self.line(&format!("# HELP {PREFIX}{name} {help}"));
        self.line(&format!("# TYPE {PREFIX}{name} {kind}"));
    }

    /// A number on its own.
    pub(super) fn one(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// One of the numbers called `name`.
    pub(super) fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        self.line(&format!("{PREFIX}{name}{labels} {value}"));
    }

    /// Times of one kind: how many were within each of [`BUCKETS_US`] and not within the
    /// one before, and last, beyond all.
    pub(super) fn times(&mut self, name: &str, labels: Labels<'_>, counts: &[u64], sum_us: u64) {
        let mut all = 0;
        let (bucket, bounds) = (format!("{name}_bucket"), BUCKETS_US.iter().map(Some));
        for (bound, count) in bounds.chain([None]).zip(counts) {
            all += count;
            let bound = bound.map_or("+Inf".to_owned(), |bound| seconds(*bound));
            let labels = [labels, &[("le", &*bound)]].concat();
            self.sample(&bucket, &labels, all);
        }
        self.sample(&format!("{name}_sum"), labels, seconds(sum_us));
        self.sample(&format!("{name}_count"), labels, all);
    }

    /// All of it.
    pub(super) fn finish(self) -> String {
        self.0
    }

    fn line(&mut self, line: &str) {
        let _infallible = writeln!(self.0, "{line}");
    }
}

/// Microseconds in seconds, without loss.
pub(super) fn seconds(micros: u64) -> String {
    let (whole, rest) = (micros / 1_000_000, micros % 1_000_000);
    let text = format!("{whole}.{rest:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Milliseconds in seconds.
pub(super) fn milliseconds(time: u64) -> String {
    seconds(time.saturating_mul(1000))
}

fn escaped(value: &str) -> String {
    let value = value.replace('\\', "\\\\");
    value.replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_out() {
        let mut text = Text::default();
        text.sample("a", &[("tool", "x\"} 1\n\\")], 2);
        assert_eq!(text.finish(), "mini_mcp_a{tool=\"x\\\"} 1\\n\\\\\"} 2\n");
    }

    #[test]
    fn buckets_add_up() {
        let mut text = Text::default();
        let mut counts = vec![0; BUCKETS_US.len() + 1];
        (counts[0], counts[3], counts[20]) = (2, 1, 1);
        text.times("t", &[("stage", "run")], &counts, 1_500_000);
        let text = text.finish();
        for line in [
            "mini_mcp_t_bucket{stage=\"run\",le=\"0.0001\"} 2",
            "mini_mcp_t_bucket{stage=\"run\",le=\"0.001\"} 3",
            "mini_mcp_t_bucket{stage=\"run\",le=\"1800\"} 3",
            "mini_mcp_t_bucket{stage=\"run\",le=\"+Inf\"} 4",
            "mini_mcp_t_sum{stage=\"run\"} 1.5",
            "mini_mcp_t_count{stage=\"run\"} 4",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        assert_eq!(text.lines().count(), BUCKETS_US.len() + 3);
    }

    #[test]
    fn times_are_seconds() {
        for (micros, text) in [
            (0, "0"),
            (100, "0.0001"),
            (10_000_000, "10"),
            (1_230_000, "1.23"),
        ] {
            assert_eq!(seconds(micros), text);
        }
    }
}
