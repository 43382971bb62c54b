//! Values in notations of their own: octal, percent, whole seconds.

use super::super::fields::Fields;
use std::time::Duration;

/// Permission bits in octal digits, such as `"0077"`.
pub(super) fn umask(fields: &Fields<'_, '_>) -> Option<u32> {
    let text = fields.text("umask")?;
    let octal = text
        .value
        .bytes()
        .all(|digit| (b'0'..=b'7').contains(&digit));
    let bits = u32::from_str_radix(text.value, 8).ok();
    let bits = bits.filter(|bits| octal && *bits <= 0o777);
    if bits.is_none() {
        let message = format!("`umask` is not a mode mask: `{}`", text.value);
        let hint = "write octal digits up to \"0777\", such as \"0077\"";
        fields.reader.error_hint(&text.span, message, hint);
    }
    bits
}

/// A share of one processor, such as `"50%"`; 100% for each processor.
pub(super) fn percent(fields: &Fields<'_, '_>, key: &str, max: u32) -> Option<u32> {
    let text = fields.text(key)?;
    let digits = text.value.strip_suffix('%');
    let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    let percent = digits.and_then(|digits| digits.parse().ok());
    let percent = percent.filter(|percent| (1..=max).contains(percent));
    if percent.is_none() {
        let message = format!("`{key}` is not a share of a processor: `{}`", text.value);
        let hint =
            format!("write whole percent from \"1%\" to \"{max}%\"; \"200%\" is two processors");
        fields.reader.error_hint(&text.span, message, hint);
    }
    percent
}

/// A time of whole seconds, at least one.
pub(super) fn seconds(fields: &Fields<'_, '_>, key: &str) -> Option<u64> {
    let time = fields.duration(key)?;
    let whole = time == Duration::from_secs(time.as_secs());
    if let (false, Some(at)) = (whole, fields.span(key)) {
        let message = format!("`{key}` must be whole seconds");
        fields
            .reader
            .error_hint(&at, message, "the kernel counts it so");
    }
    whole.then_some(time.as_secs())
}
