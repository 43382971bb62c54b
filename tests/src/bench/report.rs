//! What a run of the suite has measured, as it is kept: one JSON object in a file, whose
//! fields docs/performance.md tells.

use super::machine::Machine;
use super::series::Spread;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// Of the file. Another number, another meaning.
pub const SCHEMA: u32 = 1;

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Version of what was measured, and how it was built.
    pub version: String,
    /// How many rounds each launch had.
    pub rounds: usize,
    /// Where.
    pub machine: Machine,
    /// What, in the order of the table.
    pub rows: Vec<Row>,
    /// What was not measured, and why.
    pub skipped: Vec<Skipped>,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Stays the same from run to run.
    pub id: String,
    /// In words.
    pub what: String,
    /// What was found.
    pub value: f64,
    /// In which unit.
    pub unit: Unit,
    /// What it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Where it is made of times, those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// What it is a ratio to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
}

/// Of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// None: a ratio to what was measured in the same run.
    #[serde(rename = "ratio")]
    Ratio,
    /// Microseconds.
    #[serde(rename = "us")]
    Microseconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// 1024 bytes.
    #[serde(rename = "KiB")]
    Kibibytes,
    /// 1024 KiB.
    #[serde(rename = "MiB")]
    Mebibytes,
    /// So many a second.
    #[serde(rename = "1/s")]
    PerSecond,
}

/// Within what a number should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Not more.
    AtMost(f64),
    /// Not less.
    AtLeast(f64),
}

impl Target {
    /// Whether `value` is.
    #[must_use]
    pub fn met(self, value: f64) -> bool {
        match self {
            Target::AtMost(limit) => value <= limit,
            Target::AtLeast(limit) => value >= limit,
        }
    }
}

/// What a ratio is to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// In words.
    pub what: String,
    /// Its times.
    pub spread: Spread,
}

/// What was not measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
}

impl Row {
    /// A number by itself.
    #[must_use]
    pub fn plain(id: &str, what: &str, value: f64, unit: Unit) -> Row {
        Row {
            id: id.to_owned(),
            what: what.to_owned(),
            value,
            unit,
            target: None,
            spread: None,
            baseline: None,
        }
    }

    /// A median relative to that of a baseline.
    #[must_use]
    pub fn ratio(id: &str, what: &str, spread: Spread, to: (&str, Spread)) -> Row {
        let value = spread.p50 / to.1.p50;
        let baseline = Baseline {
            what: to.0.to_owned(),
            spread: to.1,
        };
        Row {
            spread: Some(spread),
            baseline: Some(baseline),
            ..Row::plain(id, what, value, Unit::Ratio)
        }
    }

    /// With its target.
    #[must_use]
    pub fn within(self, target: Target) -> Row {
        Row {
            target: Some(target),
            ..self
        }
    }
}

impl Report {
    /// The row `id`.
    #[must_use]
    pub fn row(&self, id: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.id == id)
    }

    /// Reads a file that [`Report::write`] made.
    ///
    /// # Errors
    /// When it is none, or one of another schema.
    pub fn read(path: &Path) -> Result<Report> {
        let name = path.display();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read `{name}`"))?;
        let report: Report =
            serde_json::from_str(&text).with_context(|| format!("cannot understand `{name}`"))?;
        ensure!(
            report.schema == SCHEMA,
            "cannot compare with `{name}`: its schema is {}, ours {SCHEMA}",
            report.schema
        );
        Ok(report)
    }

    /// Writes it to `path`.
    ///
    /// # Errors
    /// When that fails.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn spread(p50: f64) -> Spread {
        Spread {
            count: 3,
            p10: p50 - 1.0,
            p50,
            p90: p50 + 1.0,
            p99: p50 + 2.0,
        }
    }

    pub(crate) fn sample(median: f64) -> Report {
        let launch = Row::ratio("launch", "launch", spread(median), ("bare", spread(400.0)));
        let rate = Row::plain("rate", "rate", 0.5, Unit::Ratio);
        let resident = Row::plain("idle", "resident", 3.0, Unit::Mebibytes);
        Report {
            schema: SCHEMA,
            version: "0.0.0".to_owned(),
            rounds: 3,
            machine: Machine::now(),
            rows: vec![
                launch.within(Target::AtMost(1.25)),
                rate.within(Target::AtLeast(0.7)),
                resident,
            ],
            skipped: vec![Skipped {
                what: "nsjail".to_owned(),
                why: "not installed".to_owned(),
            }],
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let scratch = crate::scratch();
        let path = scratch.path().join("report.json");
        let report = sample(500.0);
        report.write(&path).expect("ours");
        assert_eq!(Report::read(&path).expect("just written"), report);
    }

    /// The names that docs/performance.md promises.
    #[test]
    fn the_file_has_the_documented_fields() {
        let json = serde_json::to_value(sample(500.0)).expect("JSON");
        assert_eq!(json["schema"], SCHEMA);
        assert_eq!(json["rows"][0]["id"], "launch");
        assert_eq!(json["rows"][0]["value"], 1.25);
        assert_eq!(json["rows"][0]["unit"], "ratio");
        assert_eq!(json["rows"][0]["target"]["at_most"], 1.25);
        assert_eq!(json["rows"][0]["spread"]["p99"], 502.0);
        assert_eq!(json["rows"][0]["baseline"]["spread"]["p50"], 400.0);
        assert_eq!(json["rows"][1]["target"]["at_least"], 0.7);
        assert_eq!(json["skipped"][0]["why"], "not installed");
        for field in ["kernel", "processor", "cores", "load_before", "load_after"] {
            assert!(json["machine"].get(field).is_some(), "{json}");
        }
        let text = include_str!("../../../docs/performance.md");
        for field in json.as_object().expect("an object").keys() {
            assert!(text.contains(&format!("`{field}`")), "{field}");
        }
    }

    #[test]
    fn a_file_of_another_schema_is_refused() {
        let scratch = crate::scratch();
        let path = scratch.path().join("report.json");
        let report = Report {
            schema: SCHEMA + 1,
            ..sample(500.0)
        };
        report.write(&path).expect("ours");
        let error = Report::read(&path).expect_err("another schema");
        assert!(error.to_string().contains("its schema is"), "{error}");
    }

    #[test]
    fn a_target_is_met_up_to_its_limit() {
        assert!(Target::AtMost(1.25).met(1.25));
        assert!(!Target::AtMost(1.25).met(1.26));
        assert!(Target::AtLeast(0.7).met(0.7));
        assert!(!Target::AtLeast(0.7).met(0.69));
    }
}
