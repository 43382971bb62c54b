//! A policy of any size, which the benchmarks of this crate and of the whole measure.

use policy::{Account, Accounts, Arguments, Caller, Peer, Policy, Setting, Source, Value};
use std::fmt::Write;

/// User `userN` has uid 1000 + N.
struct Host;

impl Accounts for Host {
    fn user(&self, name: &str) -> Option<Account> {
        let number: u32 = name.strip_prefix("user")?.parse().ok()?;
        Some(Account {
            uid: 1000 + number,
            gid: 1000 + number,
            home: format!("/home/{name}").into(),
        })
    }

    fn group(&self, _name: &str) -> Option<u32> {
        None
    }
}

/// A policy of so many tools, each with three arguments, an example's worth of rules
/// and one of ten profiles.
pub(crate) fn text(tools: usize, principals: usize) -> String {
    let mut text = String::from("version = 1\n");
    for number in 0..principals {
        writeln!(
            text,
            "[principal.p{number}]\nunix_users = [\"user{number}\"]"
        )
        .unwrap();
    }
    for number in 0..10 {
        writeln!(
            text,
            "[profile.f{number}]\nrun_as = \"user1\"\nread = [\"/usr\", \"/srv/{number}\"]\ntimeout = \"10s\""
        )
        .unwrap();
    }
    for number in 0..tools {
        let (profile, one, other) = (number % 10, number % principals, (number + 1) % principals);
        writeln!(
            text,
            "[tool.t{number}]\ndescription = \"Number {number}\"\nprofile = \"f{profile}\"\n\
             command = [\"/usr/bin/tail\", \"-n\", \"{{lines}}\", \"--by={{by}}\", \"--\", \"{{file}}\"]\n\
             allow = [\"p{one}\", \"p{other}\"]\ndeny = [\"p{denied}\"]\n[tool.t{number}.args]\n\
             lines = {{ type = \"integer\", min = 1, max = 5000, default = 100 }}\n\
             by = {{ type = \"enum\", values = [\"name\", \"time\"], optional = true }}\n\
             file = {{ type = \"path\", under = [\"/var/log\"] }}",
            denied = (number + 2) % principals,
        )
        .unwrap();
    }
    text
}

pub(crate) fn parsed(text: &str) -> Policy {
    let parsed = Policy::parse_files(&[Source::new("bench", text)], &Setting::System, &Host);
    parsed.unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// The user of the principal that may call the tool `t1`.
pub(crate) fn caller() -> Caller {
    Caller::from(Peer {
        uid: 1001,
        gid: 1001,
        groups: vec![1001],
        login: None,
    })
}

/// Two of the three arguments of each tool.
pub(crate) fn arguments() -> Arguments {
    Arguments::from([
        ("lines".to_owned(), Value::Integer(5)),
        ("file".to_owned(), Value::Text("/var/log/syslog".to_owned())),
    ])
}
