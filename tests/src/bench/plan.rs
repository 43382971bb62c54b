//! What is asked of the suite: the words behind `cargo bench … --`.

use super::contest::Rounds;
use anyhow::{Context, Result, bail, ensure};
use std::path::PathBuf;

/// How the suite is told.
pub const USAGE: &str = "\
usage: cargo bench -p mini-mcp-tests --bench suite -- [stages] [OPTION…]

  stages           draw where the time of a launch goes, instead of the table
  --rounds N       time each launch so often (1000)
  --only ID,…      measure these groups only
  --long           grow to a million calls and to ten thousand idle clients
  --against FILE   compare with a former result
  --show FILE      measure nothing, show a former result
  --output FILE    where the result goes (target/bench/suite.json)
  --built          measure the binaries as they are, without building them
  --bless          put the table into docs/performance.md and draw docs/launch.svg
";

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct Plan {
    /// Rounds of each launch.
    pub rounds: usize,
    /// Groups to measure; all, where none is named.
    pub only: Vec<String>,
    /// The form that takes hours.
    pub long: bool,
    /// A former result.
    pub against: Option<PathBuf>,
    /// A former result, to be shown instead of a new one.
    pub show: Option<PathBuf>,
    /// Where the result goes.
    pub output: Option<PathBuf>,
    /// Nothing is built.
    pub built: bool,
    /// The documents are written.
    pub bless: bool,
    /// The picture instead of the table.
    pub stages: bool,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            rounds: 1000,
            only: Vec::new(),
            long: false,
            against: None,
            show: None,
            output: None,
            built: false,
            bless: false,
            stages: false,
        }
    }
}

impl Plan {
    /// From a command line.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_words(words: impl IntoIterator<Item = String>) -> Result<Plan> {
        let mut plan = Plan::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word}: no value"));
            match word.as_str() {
                // Cargo adds it.
                "--bench" => {}
                "stages" => plan.stages = true,
                "--long" => plan.long = true,
                "--built" => plan.built = true,
                "--bless" => plan.bless = true,
                "--rounds" => plan.rounds = value()?.parse().context("--rounds")?,
                "--only" => plan.only = value()?.split(',').map(str::to_owned).collect(),
                "--against" => plan.against = Some(value()?.into()),
                "--show" => plan.show = Some(value()?.into()),
                "--output" => plan.output = Some(value()?.into()),
                _ => bail!("cannot understand `{word}`\n\n{USAGE}"),
            }
        }
        ensure!(
            plan.only.is_empty() || !plan.bless,
            "cannot put a part of the table into the page\nhint: leave out --only"
        );
        Ok(plan)
    }

    /// Whether `group` is to be measured.
    #[must_use]
    pub fn wants(&self, group: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == group)
    }

    /// So many rounds as a part of those of a launch, with what comes before.
    #[must_use]
    pub fn rounds(&self, divisor: usize) -> Rounds {
        let counted = (self.rounds / divisor).max(3);
        Rounds {
            warm_up: counted.div_ceil(20),
            counted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(words: &[&str]) -> Result<Plan> {
        Plan::from_words(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn words_are_understood() {
        let plan = plan(&["--bench", "--rounds", "20", "--only", "launch,output"]);
        let plan = plan.expect("understood");
        assert_eq!(plan.rounds, 20);
        assert!(plan.wants("launch") && plan.wants("output") && !plan.wants("start"));
        assert_eq!(plan.rounds(1).counted, 20);
        assert_eq!(plan.rounds(100).counted, 3);
    }

    #[test]
    fn everything_is_measured_unless_told_otherwise() {
        assert!(Plan::default().wants("launch"));
    }

    #[test]
    fn other_words_are_refused() {
        assert!(plan(&["--lnog"]).is_err());
        assert!(plan(&["--rounds"]).is_err());
        assert!(plan(&["--rounds", "many"]).is_err());
        assert!(plan(&["--bless", "--only", "launch"]).is_err());
    }
}
