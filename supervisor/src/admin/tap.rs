//! The Test Anything Protocol, version 14: <https://testanything.org>.

use serde_json::Value as Json;

/// One test point.
pub(super) struct Point {
    /// What was tested.
    pub(super) description: String,
    /// Why it failed; empty when it did not.
    pub(super) findings: Vec<Json>,
}

/// The whole stream for `points`.
pub(super) fn text(points: &[Point]) -> String {
    let mut text = format!("TAP version 14\n{}\n", plan(points.len()));
    for (point, number) in points.iter().zip(1..) {
        let verdict = if point.findings.is_empty() {
            "ok"
        } else {
            "not ok"
        };
        let description = escaped(&point.description);
        text.push_str(&format!("{verdict} {number} - {description}\n"));
        text.push_str(&diagnostics(&point.findings));
    }
    text
}

fn plan(points: usize) -> String {
    match points {
        0 => "1..0 # SKIP there are no examples".to_owned(),
        points => format!("1..{points}"),
    }
}

/// A `#` would begin a directive.
fn escaped(description: &str) -> String {
    description.replace('\\', "\\\\").replace('#', "\\#")
}

/// A YAML block; JSON in a line is YAML too.
fn diagnostics(findings: &[Json]) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let items: String = findings
        .iter()
        .map(|finding| format!("    - {finding}\n"))
        .collect();
    format!("  ---\n  findings:\n{items}  ...\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_stream_has_a_version_a_plan_and_numbered_points() {
        let points = [
            Point {
                description: "a # b".to_owned(),
                findings: Vec::new(),
            },
            Point {
                description: "c".to_owned(),
                findings: vec![json!({"line": 1})],
            },
        ];
        let expected = "TAP version 14\n1..2\nok 1 - a \\# b\nnot ok 2 - c\n  \
                        ---\n  findings:\n    - {\"line\":1}\n  ...\n";
        assert_eq!(text(&points), expected);
    }

    #[test]
    fn a_stream_without_points_is_skipped() {
        assert_eq!(
            text(&[]),
            "TAP version 14\n1..0 # SKIP there are no examples\n"
        );
    }
}
