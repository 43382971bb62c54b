//! Who calls: keys and where they are used, what clients say of themselves, and
//! what stands for `${caller.…}`.

#![allow(clippy::unwrap_used, reason = "a failed expectation fails the test")]

mod support;

use policy::{Caller, Claim, Key, Login, Peer, Policy, Setting};
use proptest::prelude::*;
use support::{Host, allowed, arguments, caller, denied, parsed, single, text};

const POLICY: &str = r#"
version = 1
[principal.ci]
api_key = "ci"
from = ["10.0.0.0/8", "::1"]
[principal.anywhere]
api_key = "backup"
[principal.people]
unix_users = ["alice"]
[principal.claude]
unix_users = ["alice"]
clients = ["claude-code", "codex"]
client_versions = ["2.*", "3.0.1"]
[principal.all]
include = ["ci", "people"]
[profile.fixed]
run_as = "www-data"
[profile.own]
read = ["/usr", "${caller.home}/notes"]
write = ["-/srv/${caller.name}/${caller.uid}"]
working_directory = "${caller.home}"
environment = { HOME = "${caller.home}", WHO = "${caller.name}@host" }
[tool.deploy]
description = "d"
command = ["/bin/deploy"]
profile = "fixed"
allow = ["all", "anywhere"]
[tool.agent]
description = "d"
command = ["/bin/agent"]
profile = "fixed"
allow = ["claude"]
[tool.notes]
description = "d"
command = ["/bin/notes", "--user=${caller.name}", "${{caller}}", "{file}"]
profile = "own"
allow = ["people"]
args = { file = { type = "path", under = ["${caller.home}/notes"], default = "notes/today" } }
[[tool.agent.example]]
as = "claude"
expect = "allow"
[[tool.agent.example]]
as_user = "alice"
client = "codex/3.0.1"
expect = "allow"
[[tool.agent.example]]
as_user = "alice"
client = "codex/3.0.2"
expect = "deny"
[[tool.deploy.example]]
as_key = "ci"
from = "10.2.3.4"
expect = "allow"
[[tool.deploy.example]]
as_key = "ci"
expect = "deny"
[[tool.notes.example]]
as = "people"
expect = "allow"
argv = ["/bin/notes", "--user=somebody", "${caller}", "/home/somebody/notes/today"]
"#;

fn policy() -> Policy {
    parsed(POLICY, &Setting::System)
}

fn key(name: &str, address: &str) -> Caller {
    Caller::from(Key {
        name: name.to_owned(),
        address: address.parse().unwrap(),
    })
}

fn claims(caller: Caller, name: &str, version: &str) -> Caller {
    caller.claiming(Some(Claim {
        name: name.to_owned(),
        version: version.to_owned(),
    }))
}

fn alice(home: &str) -> Caller {
    Caller::from(Peer {
        uid: 1000,
        gid: 1000,
        groups: Vec::new(),
        login: Some(Login {
            name: "alice".to_owned(),
            home: home.into(),
        }),
    })
}

#[test]
fn a_key_is_a_principal_where_it_may_be_used() {
    let policy = policy();
    for (who, principal) in [
        (key("ci", "10.1.2.3"), "all"),
        (key("ci", "::ffff:10.1.2.3"), "all"),
        (key("ci", "::1"), "all"),
        (key("backup", "203.0.113.1"), "anywhere"),
    ] {
        let grant = allowed(policy.decide(&who, "deploy", &arguments([])));
        assert_eq!(
            (grant.principal(), grant.identity().unwrap().uid),
            (principal, 33)
        );
        assert!(policy.knows(&who.proof));
    }
    for who in [
        key("ci", "11.0.0.1"),
        key("other", "10.0.0.1"),
        key("alice", "::1"),
    ] {
        let denial = denied(policy.decide(&who, "deploy", &arguments([])));
        assert_eq!(denial.code, "not_allowed", "{who:?}");
        assert!(!policy.knows(&who.proof), "{who:?}");
    }
    let explained = policy.explain(&key("ci", "11.0.0.1"), "deploy", &arguments([]));
    let explained = explained.to_string();
    assert!(
        explained.contains("11.0.0.1 is in none of its networks"),
        "{explained}"
    );
}

#[test]
fn a_claim_narrows() {
    let policy = policy();
    let alice = caller(1000, 1000, &[]);
    for (name, version) in [("claude-code", "2.1"), ("codex", "3.0.1")] {
        let who = claims(alice.clone(), name, version);
        allowed(policy.decide(&who, "agent", &arguments([])));
    }
    let others = [
        alice.clone(),
        claims(alice.clone(), "claude-code", "1.9"),
        claims(alice.clone(), "Claude-code", "2.1"),
        claims(caller(1001, 1001, &[]), "claude-code", "2.1"),
    ];
    for who in others {
        denied(policy.decide(&who, "agent", &arguments([])));
    }
    // He may attach: what his client is, it says later.
    assert!(policy.knows(&alice.proof));
    let explained = policy.explain(&alice, "agent", &arguments([])).to_string();
    assert!(
        explained.contains("the client does not say what it is"),
        "{explained}"
    );
}

#[test]
fn what_stands_for_the_caller_is_his_own() {
    let policy = policy();
    assert!(policy.names_callers());
    let given = arguments([("file", text("notes/a"))]);
    let grant = allowed(policy.decide(&alice("/home/alice"), "notes", &given));
    assert_eq!(
        grant.argv(),
        [
            "/bin/notes",
            "--user=alice",
            "${caller}",
            "/home/alice/notes/a"
        ]
    );
    let profile = grant.profile();
    let path = |path: &str| std::path::PathBuf::from(path);
    let read: Vec<std::path::PathBuf> = profile.read.iter().map(|rule| rule.path.clone()).collect();
    assert_eq!(read, [path("/usr"), path("/home/alice/notes")]);
    assert_eq!(profile.write[0].path, path("/srv/alice/1000"));
    assert_eq!(profile.working_directory, path("/home/alice"));
    assert!(
        profile
            .environment
            .contains(&("WHO".to_owned(), "alice@host".to_owned()))
    );
    assert_eq!(grant.paths()[0].root, path("/home/alice/notes"));
    assert_eq!(grant.only_for(), Some(1000));
    let tools = policy.tools_for(&alice("/home/alice"));
    let notes = tools.iter().find(|tool| tool.name() == "notes").unwrap();
    assert!(format!("{:?}", notes.parameters()).contains("/home/alice/notes"));
}

#[test]
fn without_a_home_of_his_own_he_is_denied() {
    let policy = policy();
    let code = |who| denied(policy.decide(&who, "notes", &arguments([]))).code;
    assert_eq!(code(caller(1000, 1000, &[])), "caller_unknown");
    for home in [
        "/",
        "/usr/sbin",
        "/etc",
        "relative",
        "/home/a/../b",
        "/root",
    ] {
        assert_eq!(code(alice(home)), "caller_home_unsuitable", "{home}");
    }
    let outside = arguments([("file", text("/home/bob/notes/a"))]);
    let denial = denied(policy.decide(&alice("/home/alice"), "notes", &outside));
    assert_eq!(denial.code, "path_outside");
}

#[test]
fn a_single_user_has_a_home_too() {
    let text = POLICY.split("[tool.notes]").next().unwrap();
    let profile = text
        .split("[profile.own]")
        .nth(1)
        .unwrap()
        .split("[tool")
        .next()
        .unwrap();
    let tool =
        "[tool.n]\ndescription = 'd'\ncommand = ['/bin/n']\nprofile = 'own'\nallow = ['self']\n";
    let policy = parsed(
        &format!("version = 1\n[profile.own]{profile}{tool}"),
        &single(),
    );
    let grant = allowed(policy.decide(&alice("/home/alice"), "n", &arguments([])));
    assert_eq!(
        grant.profile().working_directory,
        std::path::Path::new("/home/alice")
    );
}

/// Lists of principals, some of which depend on claims, for one tool.
fn lists() -> impl Strategy<Value = String> {
    let names = prop::sample::subsequence(vec!["a", "b", "claim", "both", "ci"], 0..5);
    let lists = (names, any::<[u8; 5]>());
    lists.prop_map(|(names, effects)| {
        let of = |list: u8| -> String {
            let own = names.iter().zip(&effects);
            let own = own.filter(|(_, effect)| **effect % 3 == list);
            own.map(|(name, _)| format!("'{name}', ")).collect()
        };
        format!(
            "allow = [{}]\nask = [{}]\ndeny = [{}]\n",
            of(0),
            of(1),
            of(2)
        )
    })
}

const NARROWED: &str = "
version = 1
[principal.a]
uids = ['0-9']
[principal.b]
uids = ['5-20']
[principal.claim]
uids = ['0-20']
clients = ['x']
[principal.both]
include = ['claim', 'b']
client_versions = ['1.*']
uids = ['1']
[principal.ci]
api_key = 'ci'
[profile.p]
run_as = 'www-data'
[tool.t]
description = 'd'
command = ['/bin/t']
profile = 'p'
";

proptest! {
    /// Of everything that a client can say, nothing gets its user more than he gets
    /// when every client is believed to be the right one: claims only take away.
    #[test]
    fn no_claim_widens(
        lists in lists(),
        uid in 0_u32..25,
        name in "[xy]",
        version in prop_oneof![Just("1.0"), Just("2")],
    ) {
        let narrowed = format!("{NARROWED}{lists}");
        let believed = narrowed.replace("clients = ['x']", "").replace("client_versions = ['1.*']", "");
        let read = |text: &str| Policy::parse("p", text, &Setting::System, &Host);
        let (Ok(narrowed), Ok(believed)) = (read(&narrowed), read(&believed)) else {
            return Ok(());
        };
        let user = Caller::user(uid, uid, Vec::new());
        let is_allowed = |policy: &Policy, who: &Caller| {
            matches!(policy.decide(who, "t", &arguments([])), policy::Decision::Allow(_))
        };
        let most = is_allowed(&believed, &user);
        prop_assert!(most || !is_allowed(&narrowed, &user));
        let claiming = claims(user, &name, version);
        prop_assert!(most || !is_allowed(&narrowed, &claiming));
    }
}
