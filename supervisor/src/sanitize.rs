//! Makes text from commands and clients harmless to whoever reads it.
//!
//! What a command prints ends up in terminals, in logs and before a model.
//! Terminal escapes, invisible characters and characters that reorder a line
//! can hide or forge what stands there, so each is replaced by a visible form.
//! Nothing is ever removed: what was printed can be told from the result.

/// The valid UTF-8 text of `bytes` in which every character is what it looks like.
///
/// - invalid UTF-8 becomes U+FFFD;
/// - `\r\n` and a lone `\r` become `\n`: what a terminal would overwrite stays
///   readable, as a line of its own;
/// - other C0 controls but `\n` and `\t`, and DEL, become control pictures such
///   as `␛` (U+241B);
/// - C1 controls, bidirectional overrides and isolates, and the invisible tag
///   characters become `\u{…}`.
pub(crate) fn harmless(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.chars().all(is_plain) {
        return text.into_owned();
    }
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' if characters.peek() == Some(&'\n') => {}
            '\r' => out.push('\n'),
            plain if is_plain(plain) => out.push(plain),
            other => show(&mut out, other),
        }
    }
    out
}

/// [`harmless`], and no longer than `max` bytes, for names and words that a
/// client made up.
pub(crate) fn harmless_word(text: &str, max: usize) -> String {
    harmless(cut(text, max).as_bytes())
}

/// `text` in one line, in which every character is what it looks like.
pub(crate) fn one_line(text: &str) -> String {
    harmless(text.as_bytes())
        .replace('\n', "␊")
        .replace('\t', "␉")
}

/// `word` as a shell would need it, so that it can be told where it ends.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", one_line(word).replace('\'', r"'\''"))
}

/// The longest beginning of `text` that has at most `max` bytes.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

/// The last bytes of `bytes`, at most `max`.
pub(crate) fn cut_front(bytes: &[u8], max: usize) -> &[u8] {
    bytes.split_at(bytes.len().saturating_sub(max)).1
}

fn is_plain(character: char) -> bool {
    match character {
        '\n' | '\t' => true,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => false,
        // Unicode Standard Annex #9: embeddings, overrides and isolates.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        // Tags: never drawn, yet read by models.
        '\u{e0000}'..='\u{e007f}' => false,
        _ => true,
    }
}

fn show(out: &mut String, character: char) {
    let code = u32::from(character);
    let picture = match code {
        0..=0x1f => char::from_u32(0x2400 + code),
        0x7f => Some('\u{2421}'),
        _ => None,
    };
    match picture {
        Some(picture) => out.push(picture),
        None => out.extend(character.escape_unicode()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_as_it_is() {
        let text = "naïve\tcafé ☕ \u{1f600}\nزبان\n";
        assert_eq!(harmless(text.as_bytes()), text);
    }

    #[test]
    fn terminal_escapes_become_pictures() {
        assert_eq!(harmless(b"\x1b[31mred\x1b[0m\x07"), "␛[31mred␛[0m␇");
        assert_eq!(harmless(b"a\x00b\x08c\x7f"), "a␀b␈c␡");
    }

    #[test]
    fn c1_controls_are_spelled_out() {
        assert_eq!(harmless("\u{9b}31m\u{85}".as_bytes()), "\\u{9b}31m\\u{85}");
    }

    #[test]
    fn reordering_and_invisible_characters_are_spelled_out() {
        assert_eq!(harmless("a\u{202e}b".as_bytes()), "a\\u{202e}b");
        assert_eq!(
            harmless("\u{2066}x\u{2069}".as_bytes()),
            "\\u{2066}x\\u{2069}"
        );
        assert_eq!(harmless("\u{e0041}".as_bytes()), "\\u{e0041}");
    }

    #[test]
    fn carriage_returns_become_line_feeds() {
        assert_eq!(harmless(b"a\r\nb\rc\r"), "a\nb\nc\n");
    }

    #[test]
    fn invalid_utf8_becomes_replacement_characters() {
        assert_eq!(harmless(b"ok \xff\xfe end"), "ok \u{fffd}\u{fffd} end");
    }

    #[test]
    fn words_are_cut_between_characters() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("aé", 99), "aé");
        assert_eq!(harmless_word("x\u{1b}yz", 2), "x␛");
    }

    #[test]
    fn words_stay_apart_and_in_their_line() {
        assert_eq!(shell_word("/usr/bin/ls"), "/usr/bin/ls");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("it's\n\u{1b}[2J"), r"'it'\''s␊␛[2J'");
    }
}
