//! What a profile says of its strength, of temporary directories and of the network.

use super::super::fields::Fields;
use super::chain::{joined, nearest};
use super::{MIB, Written};
use crate::{Isolation, Network, PathRule, Strength};
use std::collections::BTreeSet;

const TMP_SIZE: u64 = 64 * MIB;
const SIZE_MAX: u64 = u64::MAX >> 1;

/// The keys as written.
pub(super) struct Apart {
    strength: Option<Strength>,
    private_tmp: Option<bool>,
    tmp_size: Option<u64>,
    network: Option<Network>,
    unix_sockets: Vec<PathRule>,
}

pub(super) fn apart(fields: &Fields<'_, '_>) -> Apart {
    let strengths = [
        ("default", Strength::Default),
        ("isolated", Strength::Isolated),
    ];
    Apart {
        strength: fields.word("strength", &strengths),
        private_tmp: fields.boolean("private_tmp").map(|written| written.value),
        tmp_size: fields.size("tmp_size", MIB..=SIZE_MAX),
        network: network(fields),
        unix_sockets: super::paths(fields, "unix_sockets", |_, _| {}),
    }
}

/// What a profile that says nothing has.
pub(super) fn silent() -> Isolation {
    Isolation {
        strength: Strength::Default,
        private_tmp: false,
        tmp_size: TMP_SIZE,
    }
}

#[derive(Clone, Copy)]
enum Word {
    None,
    Unix,
    Loopback,
    Full,
}

/// `network`, or `connect` in its place.
fn network(fields: &Fields<'_, '_>) -> Option<Network> {
    let words = [
        ("none", Word::None),
        ("unix", Word::Unix),
        ("loopback", Word::Loopback),
        ("full", Word::Full),
    ];
    let word = fields.word("network", &words);
    let Some(span) = fields.span("connect") else {
        return Some(match word? {
            Word::None => Network::None,
            Word::Unix => Network::Unix,
            Word::Loopback => Network::Loopback,
            Word::Full => Network::Full,
        });
    };
    if fields.has("network") {
        let message = format!("{} has both `network` and `connect`", fields.owner);
        let hint = "`connect` alone says which network is reached";
        fields.reader.error_hint(&span, message, hint);
    }
    let texts = fields.texts("connect")?.value;
    if texts.is_empty() {
        let hint = "name a port, such as \"tcp:443\", or write `network = \"none\"`";
        fields
            .reader
            .error_hint(&span, "`connect` is empty".to_owned(), hint);
    }
    let mut ports = BTreeSet::new();
    for text in texts {
        match port(text.value) {
            Some(port) => drop(ports.insert(port)),
            None => {
                let message = format!("`{}` is not a port to connect to", text.value);
                let hint = "write \"tcp:\" and a number from 1 to 65535, such as \"tcp:443\"";
                fields.reader.error_hint(&text.span, message, hint);
            }
        }
    }
    Some(Network::Connect(ports))
}

fn port(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("tcp:")?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|_| plain)
}

/// What `chain` comes to; `None` when the keys contradict each other.
pub(super) fn resolve(chain: &[&Written<'_, '_>]) -> Option<(Isolation, Network, Vec<PathRule>)> {
    let fields = &chain.first()?.fields;
    let strength = nearest(chain, |one| one.apart.strength).unwrap_or(Strength::Default);
    let isolated = strength == Strength::Isolated;
    let private_tmp = nearest(chain, |one| one.apart.private_tmp);
    let tmp_size = nearest(chain, |one| one.apart.tmp_size);
    let network = nearest(chain, |one| one.apart.network.clone()).unwrap_or(Network::None);
    let sockets = joined(chain, |one| &one.apart.unix_sockets);
    let refuse = |key: &str, message: &str, hint: &str| {
        let at = fields.span(key).unwrap_or_else(|| fields.head.clone());
        let message = format!("{} {message}", fields.owner);
        fields.reader.error_hint(&at, message, hint);
        None
    };
    if isolated && private_tmp == Some(false) {
        let hint = "in the isolated strength /tmp is always private; leave `private_tmp` out";
        return refuse("private_tmp", "cannot share /tmp", hint);
    }
    let private_tmp = isolated || private_tmp.unwrap_or(false);
    if tmp_size.is_some() && !private_tmp {
        let hint = "add `private_tmp = true`, or leave `tmp_size` out";
        return refuse("tmp_size", "has `tmp_size` and no private /tmp", hint);
    }
    if !sockets.is_empty() && network == Network::None {
        let hint = "add `network = \"unix\"`, or leave `unix_sockets` out";
        return refuse(
            "unix_sockets",
            "names Unix sockets and reaches no network",
            hint,
        );
    }
    let isolation = Isolation {
        strength,
        private_tmp,
        tmp_size: tmp_size.unwrap_or(TMP_SIZE),
    };
    Some((isolation, network, sockets))
}
