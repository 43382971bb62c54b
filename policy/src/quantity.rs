//! Times and sizes, written as in systemd.time(7) and systemd.resource-control(5).

use std::time::Duration;

/// Longest text that is read.
const TEXT_MAX: usize = 64;

/// Units of time, the largest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("min", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// The time `text`: whole numbers with their units, the larger ones first, each
/// unit at most once.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let mut units = UNITS.iter();
    let mut rest = text;
    let mut total = 0_u64;
    loop {
        let (number, unit, after) = part(rest)?;
        let (_, milliseconds) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.checked_mul(*milliseconds)?)?;
        if after.is_empty() {
            let fits = text.len() <= TEXT_MAX;
            return fits.then(|| Duration::from_millis(total));
        }
        rest = after;
    }
}

/// A number, its unit and what follows.
fn part(text: &str) -> Option<(u64, &str, &str)> {
    let (number, rest) = split(text)?;
    let end = rest.find(|c: char| c.is_ascii_digit());
    let (unit, after) = rest.split_at(end.unwrap_or(rest.len()));
    Some((number, unit, after))
}

/// `time` as it would be written.
pub(crate) fn time(time: Duration) -> String {
    let mut rest = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, milliseconds) in UNITS {
        if rest >= milliseconds {
            text.push_str(&format!("{}{unit}", rest / milliseconds));
            rest %= milliseconds;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

/// The number of bytes `text`: a whole number, and perhaps a power of 1024.
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let shift = match unit {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return None,
    };
    let fits = text.len() <= TEXT_MAX;
    number.checked_mul(1 << shift).filter(|_| fits)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (digits, unit) = text.split_at(end.unwrap_or(text.len()));
    Some((digits.parse().ok()?, unit))
}

/// `number` with the largest suffix that leaves it whole.
pub(crate) fn bytes(number: u64) -> String {
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
    fn times_are_numbers_with_units() {
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("2min"), Some(Duration::from_secs(120)));
        assert_eq!(duration("1h30min"), Some(Duration::from_secs(5400)));
        assert_eq!(duration("1d1ms"), Some(Duration::from_millis(86_400_001)));
        assert_eq!(duration("0s"), Some(Duration::ZERO));
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
            "1s1s",
            "1s1h",
            "1h ",
            "1h30",
            "0",
            "0s0",
            "1min30",
            "18446744073709551615h",
            "1ms1s",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
        assert_eq!(duration(&format!("{}1s", "0".repeat(70))), None);
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        for text in ["500ms", "1h30min", "1d1ms", "0s", "24h"] {
            let read = duration(text).unwrap();
            assert_eq!(duration(&time(read)), Some(read), "{text}");
        }
        assert_eq!(time(Duration::from_secs(5400)), "1h30min");
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(size("0"), Some(0));
        assert_eq!(size("48K"), Some(48 * 1024));
        assert_eq!(size("1T"), Some(1 << 40));
        for text in ["", "K", "1k", "1KB", "1 K", "-1", "18446744073709551615K"] {
            assert_eq!(size(text), None, "{text}");
        }
        assert_eq!(size(&format!("{}1", "0".repeat(70))), None);
        assert_eq!(bytes(16 << 20), "16M");
        assert_eq!(bytes(1025), "1025");
    }
}
