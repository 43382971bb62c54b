//! Text from files and clients, made harmless for terminals and logs.

/// Most characters of a client's text that a reason repeats.
const QUOTED_MAX: usize = 128;

/// Most names that a sentence lists.
const LISTED_MAX: usize = 48;

/// `text` with control, invisible and direction-changing characters escaped, so
/// that it can neither drive a terminal nor look like something else.
pub(crate) fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// `text` harmless, cut to a length that fits a sentence, between backticks.
pub(crate) fn quoted(text: &str) -> String {
    let cut = text.char_indices().nth(QUOTED_MAX);
    let head = cut.and_then(|(at, _)| text.get(..at));
    match head {
        Some(head) => format!("`{}…`", harmless(head)),
        None => format!("`{}`", harmless(text)),
    }
}

/// The first of `texts`, each quoted, separated by commas.
pub(crate) fn listed<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut texts = texts.into_iter();
    let mut parts: Vec<String> = texts.by_ref().take(LISTED_MAX).map(quoted).collect();
    if texts.next().is_some() {
        parts.push("…".to_owned());
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_drives_a_terminal_survives() {
        assert_eq!(harmless("a\u{1b}[2Jb\r\n"), "a\\u{1b}[2Jb\\r\\n");
        assert_eq!(
            harmless("\u{202e}x\u{9b}\u{200b}"),
            "\\u{202e}x\\u{9b}\\u{200b}"
        );
        assert_eq!(harmless("it's \"ä\\\" 日本"), "it's \"ä\\\" 日本");
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(quoted("ab"), "`ab`");
        assert_eq!(quoted(&"ä".repeat(128)), format!("`{}`", "ä".repeat(128)));
        assert_eq!(quoted(&"ä".repeat(129)), format!("`{}…`", "ä".repeat(128)));
    }
}
