//! Audit records as text: `audit(TIME:SERIAL): KEY=VALUE …`, of which several with one
//! serial tell of one event.

use nix::unistd::Pid;
use policy::SystemCalls;
use std::collections::{BTreeMap, BTreeSet};

// linux/audit.h
const SYSTEM_CALL: u16 = 1300;
const SECCOMP: u16 = 1326;
const LANDLOCK_ACCESS: u16 = 1423;
const LANDLOCK_DOMAIN: u16 = 1424;

/// Most sentences that one command gets.
const SENTENCES_MAX: usize = 8;

/// Most characters of a name in a sentence.
const NAME_MAX: usize = 200;

/// Most events of one command that are looked at.
const EVENTS_MAX: usize = 1024;

/// What the records of one command told so far.
#[derive(Debug)]
pub(super) struct Records {
    first: Pid,
    events: BTreeMap<u64, Event>,
    /// Domains that are the command's.
    domains: BTreeSet<String>,
    /// One of them is gone, and so is the command.
    gone: bool,
}

/// One system call that was refused.
#[derive(Debug, Default)]
struct Event {
    domain: Option<String>,
    /// Whether a process of the command made it, as far as numbers tell.
    own: bool,
    call: Option<&'static str>,
    /// On what, and for what.
    object: Option<String>,
    killed: bool,
}

impl Records {
    pub(super) fn of(first: Pid) -> Self {
        Self {
            first,
            events: BTreeMap::new(),
            domains: BTreeSet::new(),
            gone: false,
        }
    }

    /// Whether nothing more can come.
    pub(super) fn complete(&self) -> bool {
        self.gone
    }

    /// Takes one record in.
    pub(super) fn add(&mut self, kind: u16, text: &str) {
        let Some((serial, fields)) = read(text) else {
            return;
        };
        let field = |key: &str| fields.get(key).copied();
        if kind == LANDLOCK_DOMAIN {
            return self.domain(&field);
        }
        if ![SYSTEM_CALL, SECCOMP, LANDLOCK_ACCESS].contains(&kind) {
            return;
        }
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_first();
        }
        let first = self.first.to_string();
        let event = self.events.entry(serial).or_default();
        if kind == LANDLOCK_ACCESS {
            event.domain = field("domain").map(str::to_owned);
            event.object = object(&field);
            return;
        }
        // An init that holds the command is the parent of its first process.
        event.own |= [field("pid"), field("ppid")].contains(&Some(first.as_str()));
        event.killed |= kind == SECCOMP;
        event.call = field("syscall")
            .and_then(|number| number.parse().ok())
            .and_then(SystemCalls::name);
        if let (true, Some(domain)) = (event.own, &event.domain) {
            self.domains.insert(domain.clone());
        }
    }

    /// A domain begins to be told of, or is gone.
    fn domain<'a>(&mut self, field: &impl Fn(&str) -> Option<&'a str>) {
        let Some(domain) = field("domain") else {
            return;
        };
        if field("pid").and_then(|pid| pid.parse().ok()) == Some(self.first.as_raw()) {
            self.domains.insert(domain.to_owned());
        }
        self.gone |= field("status") == Some("deallocated") && self.domains.contains(domain);
    }

    /// The last events of the command, in their order.
    pub(super) fn sentences(&self) -> Vec<String> {
        let ours = |event: &&Event| match &event.domain {
            Some(domain) => self.domains.contains(domain),
            None => event.own && event.killed,
        };
        let mut sentences: Vec<String> = Vec::new();
        for event in self.events.values().rev().filter(ours) {
            let sentence = sentence(event);
            if sentences.len() < SENTENCES_MAX && !sentences.contains(&sentence) {
                sentences.push(sentence);
            }
        }
        sentences.reverse();
        sentences
    }
}

fn sentence(event: &Event) -> String {
    let call = event.call.unwrap_or("a system call");
    if event.killed {
        return format!("{call}, which the filter kills for");
    }
    match &event.object {
        Some(object) => format!("{call} {object}"),
        None => call.to_owned(),
    }
}

/// The serial and the fields of a record.
fn read(text: &str) -> Option<(u64, BTreeMap<&str, &str>)> {
    let (head, rest) = text.trim_end_matches('\0').split_once("): ")?;
    let serial = head.rsplit_once(':')?.1.parse().ok()?;
    let fields = rest.split(' ').filter_map(|field| field.split_once('='));
    Some((serial, fields.collect()))
}

/// What the first of `blockers` refused, as in `blockers=fs.write_file,fs.truncate`.
fn purpose(blockers: &str) -> Option<&'static str> {
    let first = blockers.split(',').next()?;
    let known = [
        ("fs.execute", "executing"),
        ("fs.write_file", "writing"),
        ("fs.read_file", "reading"),
        ("fs.read_dir", "listing"),
        ("fs.remove_", "removing"),
        ("fs.make_", "making"),
        ("fs.refer", "moving"),
        ("fs.truncate", "truncating"),
        ("fs.ioctl_dev", "device commands"),
        ("fs.resolve_unix", "connecting"),
        ("scope.abstract_unix_socket", "connecting"),
    ];
    let mut known = known.into_iter();
    known.find_map(|(prefix, word)| first.starts_with(prefix).then_some(word))
}

/// On what: a path, a port, a process.
fn object<'a>(field: &impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let path = || {
        let purpose = field("blockers").and_then(purpose).unwrap_or("using it");
        let path = field("path").map(name)?;
        Some(format!("of {path} for {purpose}"))
    };
    let to = || field("dest").map(|port| format!("to port {port}"));
    let on = || field("src").map(|port| format!("on port {port}"));
    let process = || field("opid").map(|pid| format!("of process {pid}"));
    path().or_else(to).or_else(on).or_else(process)
}

/// A name is quoted, or in hexadecimal digits where it has a space, a quote or a control
/// character, which then are shown escaped.
fn name(value: &str) -> String {
    let plain = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let plain = plain.map_or_else(
        || unhex(value).unwrap_or_else(|| value.to_owned()),
        str::to_owned,
    );
    let mut name: String = plain.escape_debug().collect();
    if let Some((end, _)) = name.char_indices().nth(NAME_MAX) {
        name.truncate(end);
        name.push('…');
    }
    name
}

fn unhex(digits: &str) -> Option<String> {
    let digits = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.map(byte).collect();
    Some(String::from_utf8_lossy(&bytes?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOCATED: &str = "audit(1795703276.334:416): domain=11982ba98 status=allocated \
        mode=enforcing pid=17442 uid=0 exe=\"/usr/bin/worker\" comm=\"lane\"";
    const GONE: &str = "audit(1795703276.386:419): domain=11982ba98 status=deallocated denials=3";

    fn told(records: &[(u16, &str)]) -> (Vec<String>, bool) {
        let mut all = Records::of(Pid::from_raw(17442));
        for (kind, text) in records {
            all.add(*kind, text);
        }
        (all.sentences(), all.complete())
    }

    fn access(serial: u32, domain: &str, what: &str) -> String {
        format!(
            "audit(1795703276.334:{serial}): domain={domain} blockers={what} dev=\"vda\" ino=68"
        )
    }

    fn call(serial: u32, number: u32, pid: u32, ppid: u32) -> String {
        format!(
            "audit(1795703276.334:{serial}): arch=c000003e syscall={number} success=no exit=-13 \
             ppid={ppid} pid={pid} uid=0 comm=\"cat\""
        )
    }

    #[test]
    fn events_of_the_command_become_sentences() {
        let first = access(416, "11982ba98", "fs.read_file path=\"/etc/ld.so.cache\"");
        let last = access(
            417,
            "11982ba98",
            "fs.write_file,fs.truncate path=2F746D702F6120620A",
        );
        let stranger = access(418, "77", "fs.read_file path=\"/etc/shadow\"");
        let (sentences, complete) = told(&[
            (LANDLOCK_ACCESS, &first),
            (LANDLOCK_DOMAIN, ALLOCATED),
            (SYSTEM_CALL, &call(416, 257, 17442, 9)),
            (LANDLOCK_ACCESS, &last),
            (SYSTEM_CALL, &call(417, 257, 17443, 17442)),
            (LANDLOCK_ACCESS, &stranger),
            (SYSTEM_CALL, &call(418, 257, 5, 6)),
        ]);
        let expected = [
            "openat of /etc/ld.so.cache for reading",
            "openat of /tmp/a b\\n for writing",
        ];
        assert_eq!(sentences, expected);
        assert!(!complete);
        assert!(told(&[(LANDLOCK_DOMAIN, ALLOCATED), (LANDLOCK_DOMAIN, GONE)]).1);
    }

    #[test]
    fn a_command_that_an_init_holds_is_found_by_its_parent() {
        let event = access(9, "5", "net.connect_tcp daddr=127.0.0.1 dest=443");
        let (sentences, _) = told(&[
            (LANDLOCK_ACCESS, &event),
            (SYSTEM_CALL, &call(9, 42, 20000, 17442)),
        ]);
        assert_eq!(sentences, ["connect to port 443"]);
    }

    #[test]
    fn a_call_that_the_filter_kills_for_is_named() {
        let record = "audit(1795703276.334:7): auid=4294967295 uid=0 gid=0 ses=4294967295 pid=17442 \
            comm=\"a\" exe=\"/a\" sig=31 arch=c000003e syscall=165 compat=0 ip=0x7 code=0x80000000";
        let (sentences, _) = told(&[(SECCOMP, record)]);
        assert_eq!(sentences, ["mount, which the filter kills for"]);
    }

    #[test]
    fn there_is_an_end_of_sentences_and_names() {
        let long = format!("\"/{}\"", "a".repeat(4000));
        let mut records: Vec<(u16, String)> = vec![(LANDLOCK_DOMAIN, ALLOCATED.to_owned())];
        for serial in 500..600 {
            let what = format!(
                "fs.read_file path={}",
                if serial < 599 {
                    format!("\"/{serial}\"")
                } else {
                    long.clone()
                }
            );
            records.push((LANDLOCK_ACCESS, access(serial, "11982ba98", &what)));
        }
        let records: Vec<_> = records
            .iter()
            .map(|(kind, text)| (*kind, text.as_str()))
            .collect();
        let (sentences, _) = told(&records);
        assert_eq!(sentences.len(), SENTENCES_MAX);
        assert!(sentences.iter().all(|one| one.len() < 300));
        assert_eq!(sentences[0], "a system call of /592 for reading");
        for junk in [
            "",
            "audit(",
            "audit(1:x): a=b",
            "audit(1:2): domain",
            "audit(1:2): blockers=,, domain=11982ba98",
        ] {
            told(&[
                (LANDLOCK_ACCESS, junk),
                (SYSTEM_CALL, junk),
                (LANDLOCK_DOMAIN, junk),
            ]);
        }
    }
}
