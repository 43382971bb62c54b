//! `include` of a file: packs that it takes in.

use super::document::Document;
use super::nearest::hint;
use crate::Source;
use toml::de::{DeTable, DeValue};

/// Most characters in the name of a pack.
const NAME_MAX: usize = 64;

/// Notes packs that are not there; those that are stand among the `sources`.
pub(super) fn included(document: &Document<'_, '_>, sources: &[Source<'_>]) {
    let there: Vec<&str> = sources.iter().filter_map(|source| source.pack).collect();
    for root in &document.roots {
        let Some(names) = root.texts("include") else {
            continue;
        };
        for name in names.value {
            if !is_pack(name.value) {
                let message = format!("`{}` cannot be the name of a pack", name.value);
                let hint = "use 1 to 64 letters, digits, `_` and `-`";
                root.reader.error_hint(&name.span, message, hint);
            } else if !there.contains(&name.value) {
                let message = format!("pack `{}` does not exist", name.value);
                let hint = hint(name.value, there.iter().copied()).unwrap_or_else(|| {
                    format!(
                        "a pack is a file `{}.toml` in /usr/share/mini-mcp/policy.d, or where `--packs` says",
                        name.value
                    )
                });
                root.reader.error_hint(&name.span, message, hint);
            }
        }
    }
}

/// The packs that the policy file `text` includes. Of a text with mistakes there may
/// be some left out: then the mistakes are what is told of it.
#[must_use]
pub fn included_packs(text: &str) -> Vec<String> {
    let (table, _) = DeTable::parse_recoverable(text);
    let array = table.get_ref().get("include");
    let array = array.and_then(|node| node.get_ref().as_array());
    let names = array.into_iter().flat_map(|array| array.iter());
    let names = names.filter_map(|node| DeValue::as_str(node.get_ref()));
    names
        .filter(|name| is_pack(name))
        .map(str::to_owned)
        .collect()
}

/// Whether `name` can be the name of a pack: never a way to another directory.
fn is_pack(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=NAME_MAX).contains(&name.len()) && name.chars().all(fits)
}
