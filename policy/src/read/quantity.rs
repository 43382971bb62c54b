//! Times and sizes, written as in systemd.time(7) and systemd.resource-control(5).

use super::fields::Fields;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Longest time that can be written.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Fields<'_, '_> {
    /// A time above zero, at most a day.
    pub(super) fn duration(&self, key: &str) -> Option<Duration> {
        let text = self.text(key)?;
        let found = duration(text.value);
        let usable = found.filter(|time| !time.is_zero() && *time <= DAY);
        match (found, usable) {
            (None, _) => {
                let message = format!("`{key}` is not a time: `{}`", text.value);
                let hint = "write a whole number and `ms`, `s`, `min` or `h`, such as \"10s\"";
                self.reader.error_hint(&text.span, message, hint);
            }
            (Some(_), None) => {
                let message = format!("`{key}` must be above 0 and at most 24h");
                self.reader.error(&text.span, message);
            }
            (Some(_), Some(_)) => {}
        }
        usable
    }

    /// A number of bytes in `range`.
    pub(super) fn size(&self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let text = self.text(key)?;
        let found = size(text.value);
        let usable = found.filter(|bytes| range.contains(bytes));
        match (found, usable) {
            (None, _) => {
                let message = format!("`{key}` is not a size: `{}`", text.value);
                let hint = "write a whole number and perhaps `K`, `M`, `G` or `T`, such as \"64M\"";
                self.reader.error_hint(&text.span, message, hint);
            }
            (Some(_), None) => {
                let (min, max) = range.into_inner();
                let message = format!("`{key}` must be between {} and {}", bytes(min), bytes(max));
                self.reader.error(&text.span, message);
            }
            (Some(_), Some(_)) => {}
        }
        usable
    }
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "min" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(60 * 60).map(Duration::from_secs),
        _ => None,
    }
}

fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let shift = match unit {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (digits, unit) = text.split_at(end.unwrap_or(text.len()));
    Some((digits.parse().ok()?, unit))
}

/// `number` with the largest suffix that leaves it whole.
fn bytes(number: u64) -> String {
    let units = [(40, "T"), (30, "G"), (20, "M"), (10, "K")];
    let whole = |(shift, _): &(u32, &str)| number != 0 && number.trailing_zeros() >= *shift;
    match units.into_iter().find(whole) {
        Some((shift, unit)) => format!("{}{unit}", number >> shift),
        None => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_one_number_and_one_unit() {
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("2min"), Some(Duration::from_secs(120)));
        assert_eq!(duration("1h"), Some(Duration::from_secs(3600)));
        for text in [
            "",
            "s",
            "10",
            "10 s",
            "-1s",
            "+1s",
            "1.5s",
            "1m",
            "99999999999999999999s",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
        assert_eq!(duration("18446744073709551615h"), None);
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(size("0"), Some(0));
        assert_eq!(size("48K"), Some(48 * 1024));
        assert_eq!(size("1T"), Some(1 << 40));
        for text in ["", "K", "1k", "1KB", "1 K", "-1", "18446744073709551615K"] {
            assert_eq!(size(text), None, "{text}");
        }
        assert_eq!(bytes(16 << 20), "16M");
        assert_eq!(bytes(1025), "1025");
    }
}
