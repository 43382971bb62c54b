//! Names with a syntax of their own: hosts, addresses, units, users. Nothing is
//! looked up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest name of a host, RFC 1035, and of one of its labels.
const HOST_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// Longest name of a unit, systemd.unit(5).
const UNIT_MAX: usize = 255;

/// Longest name of a user, as systemd's "strict" syntax has it.
const USER_MAX: usize = 31;

/// What the name of a unit can end in, systemd.unit(5).
pub(crate) const UNIT_TYPES: [&str; 11] = [
    ".service",
    ".socket",
    ".device",
    ".mount",
    ".automount",
    ".swap",
    ".target",
    ".path",
    ".timer",
    ".slice",
    ".scope",
];

/// Whether `text` is a host name after RFC 1123 that inet_aton(3) does not take
/// for an address: `127.1` and `0x7f000001` are none.
pub(crate) fn is_host(text: &str) -> bool {
    let fits = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    let is_label = |label: &str| {
        (1..=LABEL_MAX).contains(&label.len())
            && label.bytes().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= HOST_MAX && text.split('.').all(is_label) && !is_number(last)
}

/// Whether inet_aton(3) could read `label`: decimal, octal or hexadecimal.
fn is_number(label: &str) -> bool {
    let hexadecimal = label
        .strip_prefix("0x")
        .or_else(|| label.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// The address `text` in its usual form.
pub(crate) fn ip(text: &str) -> Option<String> {
    Some(text.parse::<IpAddr>().ok()?.to_string())
}

/// The address and prefix length `text` in their usual form.
pub(crate) fn cidr(text: &str) -> Option<String> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let most = match address {
        IpAddr::V4(_) => Ipv4Addr::BITS,
        IpAddr::V6(_) => Ipv6Addr::BITS,
    };
    // Parsing by itself would take a sign and leading zeros.
    let length = (0..=most).find(|number| number.to_string() == length)?;
    Some(format!("{address}/{length}"))
}

/// Whether `text` is the name of a unit, a template or an instance of one.
pub(crate) fn is_unit(text: &str) -> bool {
    let fits = |c: u8| c.is_ascii_alphanumeric() || b":-_.\\@".contains(&c);
    let stem = UNIT_TYPES.iter().find_map(|kind| text.strip_suffix(kind));
    text.len() <= UNIT_MAX
        && text.bytes().all(fits)
        && stem.is_some_and(|stem| !stem.is_empty() && !stem.starts_with('@'))
}

/// Whether `text` is a user name as portable programs take it: never a number,
/// never an option.
pub(crate) fn is_user(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let fits = |c: char| letter(c) || c.is_ascii_digit() || c == '-';
    text.len() <= USER_MAX && text.starts_with(letter) && text.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_and_no_addresses() {
        for text in [
            "a",
            "localhost",
            "3com.com",
            "a-b.example.org",
            "1.2.3.x4",
            "0xg",
        ] {
            assert!(is_host(text), "{text}");
        }
        let long = ["a".repeat(64), "a.".repeat(127), "a".repeat(254)];
        for text in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "-a",
            "a-",
            "a.-b",
            "a_b",
            "a b",
            "ä",
            "a/b",
            "a:80",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "a.0x1",
            "0x",
            "0177.0.0.1",
            "::1",
        ] {
            assert!(!is_host(text), "{text}");
        }
        assert!(long.iter().all(|text| !is_host(text)));
    }

    #[test]
    fn addresses_take_their_usual_form() {
        assert_eq!(ip("10.0.0.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(ip("2001:DB8:0:0::1").as_deref(), Some("2001:db8::1"));
        for text in [
            "",
            "10.0.0",
            "10.0.0.01",
            "10.0.0.1 ",
            "fe80::1%eth0",
            "[::1]",
            "a",
        ] {
            assert_eq!(ip(text), None, "{text}");
        }
        assert_eq!(cidr("10.0.0.0/8").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(cidr("::/0").as_deref(), Some("::/0"));
        assert_eq!(cidr("0::1/128").as_deref(), Some("::1/128"));
        for text in [
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0.0/",
            "::/129",
            "::/+1",
            "::/01",
            "/8",
            "::/1/2",
        ] {
            assert_eq!(cidr(text), None, "{text}");
        }
    }

    #[test]
    fn units_end_in_a_type() {
        for text in [
            "ssh.service",
            "-.mount",
            "getty@tty1.service",
            "getty@.service",
            "a:b_c.timer",
            "dev-disk-by\\x2dlabel.device",
            "a.b.socket",
        ] {
            assert!(is_unit(text), "{text}");
        }
        for text in [
            "",
            "ssh",
            ".service",
            "@.service",
            "@x.service",
            "a.conf",
            "a*.service",
            "a?.service",
            "[a].service",
            "a/b.service",
            "a b.service",
            "a.service\n",
            "ä.service",
        ] {
            assert!(!is_unit(text), "{text}");
        }
        assert!(!is_unit(&format!("{}.service", "a".repeat(248))));
    }

    #[test]
    fn users_are_names_and_no_numbers() {
        for text in ["root", "_apt", "www-data", "A1"] {
            assert!(is_user(text), "{text}");
        }
        for text in ["", "0", "1a", "-a", "a.b", "a:b", "a b", "a$", "ä", "+a"] {
            assert!(!is_user(text), "{text}");
        }
        assert!(!is_user(&"a".repeat(32)));
    }
}
