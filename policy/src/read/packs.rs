//! `include` of a file: packs that it takes in.

use super::document::Document;
use super::nearest::hint;
use crate::Source;
use crate::files::is_pack;

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
