//! The benchmark suite works: each group once or twice, and nothing said of times.

use harness::bench::bare::without_detour;
use harness::bench::contest::Rounds;
use harness::bench::plan::Plan;
use harness::bench::report::Report;
use harness::bench::stages::{Stage, bars, draw};
use harness::bench::{measure, table};
use harness::scratch;
use std::env;
use std::process::Command;

/// What the table must have, with targets or without.
const ROWS: &[&str] = &[
    "behind",
    "launch-inside",
    "isolated-inside",
    "own-network-inside",
    "launch",
    "isolated",
    "own-network",
    "host-network",
    "call",
    "http",
    "limited",
    "crowd",
    "list",
    "ping",
    "output",
    "output-memory",
    "supervisor",
    "worker",
    "client",
    "start",
    "decision-10",
    "decision-10000",
    "load",
    "after-calls",
    "after-clients",
    "after-trail",
    "peer-python",
];

#[test]
fn every_row_of_the_table_is_measured_and_kept() {
    let plan = Plan {
        rounds: 3,
        ..Plan::default()
    };
    let report = measure(&plan);
    let scratch = scratch();
    let path = scratch.path().join("suite.json");
    report.write(&path).expect("ours");
    let read = Report::read(&path).expect("just written");
    assert_eq!(read.rows.len(), report.rows.len());
    for (read, row) in read.rows.iter().zip(&report.rows) {
        // JSON holds the shortest decimal, which is read back to within a bit.
        let same = (read.value - row.value).abs() <= row.value.abs() * 1e-12;
        assert!(read.id == row.id && same, "{read:?} {row:?}");
    }
    for id in ROWS {
        let row = report
            .row(id)
            .unwrap_or_else(|| panic!("no row `{id}`: {:?}", report.skipped));
        assert!(row.value.is_finite(), "{row:?}");
        assert!(table::page(&report).contains(&row.what), "{row:?}");
    }
    let same = table::compared(&report, &report).matches("+0 %").count();
    assert!(same + 2 >= report.rows.len(), "{same}");
}

/// What a bare spawn is, is nothing that cargo says: this test, executed once more, takes
/// the detour out of its environment.
#[test]
fn a_bare_spawn_takes_no_detour() {
    const AGAIN: &str = "MINI_MCP_WITHOUT_DETOUR";
    if env::var_os(AGAIN).is_some() {
        without_detour().expect("it is executed anew");
        assert_eq!(env::var_os("LD_LIBRARY_PATH"), None);
        return println!("no detour");
    }
    let mut again = Command::new(env::current_exe().expect("it has a path"));
    again.args(["--exact", "a_bare_spawn_takes_no_detour", "--nocapture"]);
    again.env(AGAIN, "1").env("LD_LIBRARY_PATH", "/nowhere");
    let output = again.output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("no detour"),
        "{text}"
    );
}

/// What can run at all is in a bar: a spawn has no Landlock, a launch has everything.
#[test]
fn a_launch_is_told_stage_by_stage() {
    let rounds = Rounds {
        warm_up: 1,
        counted: 8,
    };
    let bars = bars(rounds).expect("the kernel records");
    let names: Vec<&str> = bars.iter().map(|bar| bar.name.as_str()).collect();
    assert_eq!(names, ["bare", "default", "isolated", "tools/call"]);
    let of = |bar: usize, stage: Stage| bars[bar].times[stage.index()];
    assert!(of(0, Stage::Landlock) == 0.0 && of(0, Stage::Execute) > 0.0);
    for (bar, stage) in [
        (1, Stage::Landlock),
        (1, Stage::Credentials),
        (1, Stage::Admit),
        (2, Stage::Namespaces),
        (3, Stage::Decide),
        (3, Stage::Record),
    ] {
        assert!(of(bar, stage) > 0.0, "{stage:?} of {}", names[bar]);
    }
    // Their lane wears it for them.
    for bar in &bars {
        assert!(bar.times[Stage::Filter.index()] == 0.0, "{}", bar.name);
    }
    assert!(draw(&bars).contains("Landlock"));
}
