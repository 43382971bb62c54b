//! `type = "list"`: some values of one kind.

use super::fields::Fields;
use super::kind::{TYPES, Type, kind};
use crate::Kind;

/// Most items unless written, and the most that can be written.
const ITEMS: u32 = 16;
const ITEMS_MAX: u32 = 1024;

/// The list that `fields` declare.
pub(super) fn list(fields: &Fields<'_, '_>) -> Option<Kind> {
    let min = fields.number("min_items", 0..=ITEMS_MAX);
    let max = fields.number("max_items", 1..=ITEMS_MAX);
    let min_items = min.as_ref().map_or(0, |min| min.value);
    let max_items = max.as_ref().map_or(ITEMS, |max| max.value);
    let known = max.is_some() || !fields.has("max_items");
    if let Some(min) = min.filter(|min| known && min.value > max_items) {
        let message = format!("`min_items` is above `max_items`, which is {max_items}");
        fields.reader.error(&min.span, message);
    }
    Some(Kind::List {
        of: Box::new(item(fields)?),
        min_items: usize::try_from(min_items).unwrap_or(usize::MAX),
        max_items: usize::try_from(max_items).unwrap_or(usize::MAX),
    })
}

/// What each item is: anything but a flag or a list.
fn item(list: &Fields<'_, '_>) -> Option<Kind> {
    let hint = "say what each item is, such as `of = { type = \"path\", under = [\"/srv\"] }`";
    list.require("of", hint);
    let fields = list.table("of", format!("an item of {}", list.owner))?;
    fields.require("type", "write `type = \"string\"` or another");
    let single = |(_, sort): &(&str, Type)| !matches!(sort, Type::Flag | Type::List);
    let types: Vec<_> = TYPES.into_iter().filter(single).collect();
    let sort = fields.word("type", &types)?;
    let keys: Vec<&str> = ["type"].iter().chain(sort.own_keys()).copied().collect();
    fields.only(&keys);
    kind(&fields, sort)
}
