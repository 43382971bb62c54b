//! A report as people read it: Markdown, which is fit for a terminal as well.

use super::report::{Report, Row, Target, Unit};
use super::series::Spread;

/// The machine, the table, and what was left out.
#[must_use]
pub fn page(report: &Report) -> String {
    let machine = &report.machine;
    let load = |load: [f64; 3]| load.map(|one| format!("{one:.2}")).join(" ");
    let mut text = format!(
        "{}; {}, {} × {}; {} rounds; load average {} before, {} after.\n\n",
        report.version,
        machine.kernel,
        machine.cores,
        machine.processor,
        report.rounds,
        load(machine.load_before),
        load(machine.load_after),
    );
    text += &table(report);
    for skipped in &report.skipped {
        text += &format!("\nNot measured: {}: {}.\n", skipped.what, skipped.why);
    }
    text
}

/// A line for each row.
#[must_use]
pub fn table(report: &Report) -> String {
    let head = "| what | found | at p10 | target | met | p10 | p50 | p90 | p99 | relative to |\n\
                | --- | ---: | ---: | ---: | :---: | ---: | ---: | ---: | ---: | --- |\n";
    let rows = report.rows.iter().map(line);
    head.to_owned() + &rows.collect::<String>()
}

fn line(row: &Row) -> String {
    let target = row.target.map_or(String::new(), |target| match target {
        Target::AtMost(limit) => format!("≤ {}", number(limit, row.unit)),
        Target::AtLeast(limit) => format!("≥ {}", number(limit, row.unit)),
    });
    let met = row.target.map_or(
        "",
        |target| {
            if target.met(row.value) { "yes" } else { "no" }
        },
    );
    let times = row.spread.map_or(
        [const { String::new() }; 4],
        |Spread {
             p10, p50, p90, p99, ..
         }| [p10, p50, p90, p99].map(time),
    );
    let baseline = row.baseline.as_ref().map_or(String::new(), |baseline| {
        format!("{}, {}", baseline.what, time(baseline.spread.p50))
    });
    format!(
        "| {} | {} | {} | {target} | {met} | {} | {baseline} |\n",
        row.what,
        number(row.value, row.unit),
        low(row),
        times.join(" | ")
    )
}

/// The ratio of the tenths, which a busy machine distorts less than that of the medians.
fn low(row: &Row) -> String {
    let both = row.spread.zip(row.baseline.as_ref());
    both.map_or(String::new(), |(spread, baseline)| {
        number(spread.p10 / baseline.spread.p10, Unit::Ratio)
    })
}

/// A number with its unit.
#[must_use]
pub fn number(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Ratio => format!("{value:.2}"),
        Unit::Microseconds => time(value),
        Unit::Milliseconds => format!("{value:.1} ms"),
        Unit::Kibibytes => format!("{value:.1} KiB"),
        Unit::Mebibytes => format!("{value:.1} MiB"),
        Unit::PerSecond => format!("{value:.0} /s"),
    }
}

/// Microseconds, or a unit that suits them better.
fn time(microseconds: f64) -> String {
    match microseconds {
        few if few < 10.0 => format!("{few:.2} µs"),
        some if some < 10_000.0 => format!("{some:.0} µs"),
        many => format!("{:.0} ms", many / 1e3),
    }
}

/// What has become of each row since a former report.
#[must_use]
pub fn compared(report: &Report, former: &Report) -> String {
    let mut text = format!(
        "Against {} on {}:\n\n| what | then | now | change |\n| --- | ---: | ---: | ---: |\n",
        former.version, former.machine.kernel
    );
    for row in &report.rows {
        let Some(then) = former.row(&row.id).filter(|then| then.unit == row.unit) else {
            text += &format!("| {} | | {} | |\n", row.what, number(row.value, row.unit));
            continue;
        };
        let change = (row.value / then.value - 1.0) * 100.0;
        text += &format!(
            "| {} | {} | {} | {change:+.0} % |\n",
            row.what,
            number(then.value, then.unit),
            number(row.value, row.unit)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::sample;
    use super::*;

    #[test]
    fn each_row_tells_whether_its_target_is_met() {
        let table = table(&sample(500.0));
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[2],
            "| launch | 1.25 | 1.25 | ≤ 1.25 | yes | 499 µs | 500 µs | 501 µs | 502 µs | bare, 400 µs |"
        );
        assert_eq!(lines[3], "| rate | 0.50 |  | ≥ 0.70 | no |  |  |  |  |  |");
        assert_eq!(lines[4], "| resident | 3.0 MiB |  |  |  |  |  |  |  |  |");
    }

    #[test]
    fn all_lines_have_as_many_cells_as_the_head() {
        let table = table(&sample(500.0));
        let mut cells = table.lines().map(|line| line.matches('|').count());
        let head = cells.next().expect("a head");
        assert!(cells.all(|count| count == head), "{table}");
    }

    #[test]
    fn what_was_not_measured_is_told() {
        assert!(page(&sample(500.0)).contains("Not measured: nsjail: not installed."));
    }

    #[test]
    fn a_former_report_is_compared_row_by_row() {
        let mut former = sample(400.0);
        former.rows.truncate(1);
        let text = compared(&sample(500.0), &former);
        assert!(text.contains("| launch | 1.00 | 1.25 | +25 % |"), "{text}");
        assert!(text.contains("| rate | | 0.50 | |"), "{text}");
    }
}
