//! Which calls somebody wants to see.

use super::{Call, text};
use humantime::{format_rfc3339_micros, parse_duration, parse_rfc3339_weak};
use std::time::SystemTime;

/// What a call must be; what is not said does not matter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Not before this time, as the trail writes it.
    pub(crate) since: Option<String>,
    /// Before this time.
    pub(crate) until: Option<String>,
    /// A principal, or the number of a user.
    pub(crate) principal: Option<String>,
    /// The tool.
    pub(crate) tool: Option<String>,
    /// Only what was not run.
    pub(crate) denied: bool,
    /// The run.
    pub(crate) run: Option<String>,
}

impl Filter {
    /// Whether `call` is wanted.
    pub(crate) fn wants(&self, call: &Call) -> bool {
        let begin = &call.begin;
        let is = |wanted: &Option<String>, name: &str| {
            wanted.as_ref().is_none_or(|it| it == text(begin, name))
        };
        let of = |name: &String| {
            let uid = call.uid().map(|uid| uid.to_string());
            call.principals().contains(&name.as_str()) || uid.as_ref() == Some(name)
        };
        self.in_time(text(begin, "time"))
            && self.principal.as_ref().is_none_or(of)
            && is(&self.tool, "tool")
            && is(&self.run, "run")
            && (!self.denied || call.was_denied())
    }

    /// Whether what concerns no call is wanted as well.
    pub(crate) fn wants_service(&self, time: &str) -> bool {
        let every = self.principal.is_none() && self.tool.is_none() && self.run.is_none();
        every && !self.denied && self.in_time(time)
    }

    /// Times in a trail have one form, so that they sort as text.
    fn in_time(&self, time: &str) -> bool {
        let since = self.since.as_deref().is_none_or(|since| time >= since);
        since && self.until.as_deref().is_none_or(|until| time < until)
    }
}

/// A moment as people write it: `2026-11-26`, `2026-11-26 10:00`, RFC 3339 (all UTC), or
/// how long ago, `90min`.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn moment(text: &str) -> Result<String, String> {
    let padded = match text.len() {
        10 => format!("{text} 00:00:00"),
        16 => format!("{text}:00"),
        _ => text.to_owned(),
    };
    let ago = || SystemTime::now().checked_sub(parse_duration(text).ok()?);
    let time = parse_rfc3339_weak(&padded).ok().or_else(ago);
    let time = time.filter(|time| *time >= SystemTime::UNIX_EPOCH);
    time.map(|time| format_rfc3339_micros(time).to_string())
        .ok_or_else(|| {
            "it is neither a time, such as `2026-11-26 10:00`, nor how long ago, such as `90min`"
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_can_be_written_in_many_ways() {
        for text in ["2026-11-26", "2026-11-26 00:00", "2026-11-26T00:00:00Z"] {
            assert_eq!(moment(text).unwrap(), "2026-11-26T00:00:00.000000Z");
        }
        let now = format_rfc3339_micros(SystemTime::now()).to_string();
        let (day, hour) = (moment("1day").unwrap(), moment("1h 30min").unwrap());
        assert!(day < hour && hour < now);
        for text in ["", "yesterday", "2026-13-01", "99999999y"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
