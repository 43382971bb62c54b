//! Values whose text has a syntax: quantities, hosts, addresses, units, users.

use super::{Fault, Item};
use crate::quantity;
use crate::quote::{listed, quoted};
use crate::syntax;
use std::time::Duration;

pub(super) fn duration(
    text: &str,
    min: Duration,
    max: Duration,
    seconds: bool,
) -> Result<Item, Fault> {
    let time = quantity::duration(text).ok_or_else(|| {
        invalid(
            "duration_invalid",
            text,
            "a time, such as `10s` or `1h30min`",
        )
    })?;
    if !(min..=max).contains(&time) {
        let (min, max) = (quantity::time(min), quantity::time(max));
        return Err(out_of_range(text, &min, &max));
    }
    if !seconds {
        return Ok(text.to_owned().into());
    }
    if time.subsec_nanos() != 0 {
        return Err(invalid(
            "duration_invalid",
            text,
            "a whole number of seconds",
        ));
    }
    Ok(time.as_secs().to_string().into())
}

pub(super) fn size(text: &str, min: u64, max: u64, bytes: bool) -> Result<Item, Fault> {
    let size = quantity::size(text)
        .ok_or_else(|| invalid("size_invalid", text, "a size, such as `4096` or `64K`"))?;
    if !(min..=max).contains(&size) {
        let (min, max) = (quantity::bytes(min), quantity::bytes(max));
        return Err(out_of_range(text, &min, &max));
    }
    let shown = if bytes {
        size.to_string()
    } else {
        text.to_owned()
    };
    Ok(shown.into())
}

pub(super) fn host(text: &str) -> Result<Item, Fault> {
    let found = syntax::is_host(text).then(|| text.to_owned());
    found_or(found, "host_invalid", text, "a host name")
}

pub(super) fn ip(text: &str) -> Result<Item, Fault> {
    found_or(syntax::ip(text), "ip_invalid", text, "an IP address")
}

pub(super) fn cidr(text: &str) -> Result<Item, Fault> {
    let wanted = "an IP address and a prefix length, such as `10.0.0.0/8`";
    found_or(syntax::cidr(text), "cidr_invalid", text, wanted)
}

pub(super) fn unit(text: &str, suffixes: &[String]) -> Result<Item, Fault> {
    if !syntax::is_unit(text) {
        let wanted = "the name of a unit, such as `ssh.service`";
        return Err(invalid("unit_invalid", text, wanted));
    }
    if !suffixes.is_empty() && !suffixes.iter().any(|suffix| text.ends_with(suffix)) {
        let suffixes = listed(suffixes.iter().map(String::as_str));
        let reason = format!("is {}, which does not end in {suffixes}", quoted(text));
        return Err(Fault::new("unit_invalid", reason));
    }
    Ok(text.to_owned().into())
}

pub(super) fn user(text: &str) -> Result<Item, Fault> {
    let found = syntax::is_user(text).then(|| text.to_owned());
    found_or(found, "user_invalid", text, "a user name")
}

fn found_or(
    found: Option<String>,
    code: &'static str,
    text: &str,
    wanted: &str,
) -> Result<Item, Fault> {
    found
        .map(Item::from)
        .ok_or_else(|| invalid(code, text, wanted))
}

fn invalid(code: &'static str, text: &str, wanted: &str) -> Fault {
    Fault::new(code, format!("is {}, which is not {wanted}", quoted(text)))
}

fn out_of_range(text: &str, min: &str, max: &str) -> Fault {
    let text = quoted(text);
    let reason = format!("is {text}, which is not between {min} and {max}");
    Fault::new("out_of_range", reason)
}
