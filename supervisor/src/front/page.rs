//! Lists in pages, in an order that does not depend on when somebody asks.

use rmcp::model::{ErrorData, PaginatedRequestParams};

/// Most entries of a page.
const ENTRIES_MAX: usize = 200;

/// What every cursor begins with; what follows is the last key of the page before. It
/// stays good when the list changes meanwhile.
const AFTER: &str = "after:";

/// One page of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// What leads to the next one, if there is one.
    pub(super) next: Option<String>,
}

/// The page of `all`, sorted by `key`, that `request` asks for.
pub(super) fn page<T>(
    mut all: Vec<T>,
    key: impl Fn(&T) -> &str,
    request: Option<&PaginatedRequestParams>,
) -> Result<Page<T>, ErrorData> {
    all.sort_by(|one, other| key(one).cmp(key(other)));
    if let Some(cursor) = request.and_then(|request| request.cursor.as_deref()) {
        let last = cursor.strip_prefix(AFTER);
        let last = last.ok_or_else(|| ErrorData::invalid_params("Unknown cursor", None))?;
        all.retain(|one| key(one) > last);
    }
    let more = all.len() > ENTRIES_MAX;
    all.truncate(ENTRIES_MAX);
    let next = all.last().filter(|_| more);
    Ok(Page {
        next: next.map(|last| format!("{AFTER}{}", key(last))),
        items: all,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(cursor: &str) -> PaginatedRequestParams {
        PaginatedRequestParams::default().with_cursor(Some(cursor.to_owned()))
    }

    #[test]
    fn every_entry_is_on_one_page() {
        let all: Vec<String> = (0..450).rev().map(|n| format!("{n:03}")).collect();
        let mut seen = Vec::new();
        let mut request = None;
        loop {
            let page = page(all.clone(), String::as_str, request.as_ref()).unwrap();
            assert!(page.items.len() <= ENTRIES_MAX);
            seen.extend(page.items);
            match page.next {
                Some(next) => request = Some(after(&next)),
                None => break,
            }
        }
        let mut sorted = all;
        sorted.sort();
        assert_eq!(seen, sorted);
    }

    #[test]
    fn an_unknown_cursor_is_refused() {
        let all = vec!["a".to_owned()];
        let refused = page(all, String::as_str, Some(&after("2"))).unwrap_err();
        assert_eq!(refused.code.0, -32602);
    }
}
