//! What was probably meant.

use crate::quote::listed;

/// A hint for the unknown `word`: the nearest of `known`, else all of them.
pub(super) fn hint<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(near) = nearest(word, known.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let all = listed(known);
    (!all.is_empty()).then(|| format!("known: {all}"))
}

/// The one of `known` that `word` could be a slip of: at most a third of its
/// characters differ, or one in a short word, and never all of them.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let most = (length / 3).max(1);
    known
        .into_iter()
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= most)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= most && *distance < length)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Fewest characters to insert, remove or replace to make `b` of `a`
/// (Levenshtein), by the rows of the usual matrix.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (above, x) in a.chars().enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        let mut cells = row.iter_mut();
        if let Some(first) = cells.next() {
            *first = left;
        }
        for (cell, y) in cells.zip(b.chars()) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = replaced.min(*cell + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshtein() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("inspct", "inspect"), 1);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn only_slips_are_taken_for_something_else() {
        assert_eq!(nearest("tiemout", ["timeout", "write"]), Some("timeout"));
        assert_eq!(nearest("mn", ["min", "max"]), Some("min"));
        assert_eq!(nearest("y", ["x"]), None);
        assert_eq!(nearest("memory", ["timeout", "write"]), None);
        assert_eq!(hint("x", ["timeout"]).as_deref(), Some("known: `timeout`"));
        assert_eq!(hint("x", []), None);
    }
}
