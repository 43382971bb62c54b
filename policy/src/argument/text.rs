//! What any text must hold to: length, characters, pattern, no option.

use super::{Fault, Item};
use crate::quote::{listed, quoted};
use crate::{Characters, Pattern};

pub(super) fn enumeration(text: &str, values: &[String]) -> Result<Item, Fault> {
    if !values.iter().any(|value| value == text) {
        let values = listed(values.iter().map(String::as_str));
        let reason = format!("is {}, which is not one of {values}", quoted(text));
        return Err(Fault::new("not_in_enum", reason));
    }
    Ok(text.to_owned().into())
}

pub(super) fn length(text: &str, max_length: usize) -> Result<(), Fault> {
    // A character is at least one byte: short text needs no counting.
    if text.len() > max_length && text.chars().count() > max_length {
        let reason = format!("is longer than {max_length} characters");
        return Err(Fault::new("too_long", reason));
    }
    Ok(())
}

/// Refuses control characters, but those that make `lines` where they may.
pub(super) fn printable(text: &str, lines: bool) -> Result<(), Fault> {
    let refused = |c: char| c.is_control() && !(lines && matches!(c, '\n' | '\t'));
    if text.contains(refused) {
        return Err(Fault::new("control_character", "has a control character"));
    }
    Ok(())
}

pub(super) fn characters(text: &str, allowed: Option<Characters>) -> Result<(), Fault> {
    match allowed {
        Some(allowed) if !text.chars().all(|c| allowed.hold(c)) => {
            let noun = match allowed {
                Characters::Alnum => "ASCII letters and digits",
                Characters::Word => "ASCII letters, digits and `_`",
                Characters::Digits => "digits",
                Characters::Printable => "printable ASCII characters",
            };
            let reason = format!(
                "is {}, which has other characters than {noun}",
                quoted(text)
            );
            Err(Fault::new("character_invalid", reason))
        }
        _ => Ok(()),
    }
}

pub(super) fn matching(text: &str, pattern: Option<&Pattern>) -> Result<(), Fault> {
    match pattern {
        Some(pattern) if !pattern.matches(text) => {
            let expected = quoted(pattern.as_str());
            let reason = format!("is {}, which does not match {expected}", quoted(text));
            Err(Fault::new("pattern_mismatch", reason))
        }
        _ => Ok(()),
    }
}

/// Refuses what a program could take for an option.
pub(super) fn option(text: &str, refused: bool) -> Result<(), Fault> {
    if refused && text.starts_with('-') {
        let reason = format!("is {}, which begins with `-`", quoted(text));
        return Err(Fault::new("leading_dash", reason));
    }
    Ok(())
}
