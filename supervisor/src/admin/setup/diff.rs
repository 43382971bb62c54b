//! What changes, as `diff -u` shows it. There is but one change: everything between
//! the first line that differs and the last.

use std::path::Path;

/// Lines that are shown around it.
const AROUND: usize = 3;

/// The change from `before` to `after` of the file `path`.
pub(super) fn unified(path: &Path, before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let alike = |(one, other): &(&&str, &&str)| one == other;
    let head = old.iter().zip(&new).take_while(alike).count();
    let rest = old.len().min(new.len()) - head;
    let backwards = old.iter().rev().zip(new.iter().rev());
    let tail = backwards.take(rest).take_while(alike).count();
    let first = head.saturating_sub(AROUND);
    let shown = tail.min(AROUND);
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let hunk = |mark: char, lines: &[&str]| -> String {
        lines.iter().map(|line| format!("{mark}{line}\n")).collect()
    };
    let part = |lines: &[&str], from: usize, to: usize, mark| {
        hunk(mark, lines.get(from..to).unwrap_or_default())
    };
    let path = path.display();
    [
        format!("--- {path}\n+++ {path}\n"),
        format!(
            "@@ -{} +{} @@\n",
            place(first, old_end + shown - first),
            place(first, new_end + shown - first)
        ),
        part(&old, first, head, ' '),
        part(&old, head, old_end, '-'),
        part(&new, head, new_end, '+'),
        part(&old, old_end, old_end + shown, ' '),
    ]
    .concat()
}

/// Where lines are: an empty place is named by the line before it.
fn place(first: usize, count: usize) -> String {
    let first = if count == 0 { first } else { first + 1 };
    format!("{first},{count}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_diff_shows_it() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n";
        let after = "1\n2\n3\n4\nx\ny\n6\n7\n8\n";
        let expected = "--- f\n+++ f\n@@ -2,7 +2,8 @@\n 2\n 3\n 4\n-5\n+x\n+y\n 6\n 7\n 8\n";
        assert_eq!(unified(Path::new("f"), before, after), expected);
        let added = unified(Path::new("f"), "", "a\n");
        assert_eq!(added, "--- f\n+++ f\n@@ -0,0 +1,1 @@\n+a\n");
        let twice = unified(Path::new("f"), "a\n", "a\na\n");
        assert_eq!(twice, "--- f\n+++ f\n@@ -1,1 +1,2 @@\n a\n+a\n");
    }
}
