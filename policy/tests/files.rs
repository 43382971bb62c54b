//! A policy of several files: their order means nothing, a name is defined
//! once, and mistakes tell their file.

#![allow(clippy::unwrap_used, reason = "a failed expectation fails the test")]

mod support;

use policy::{Policy, Setting, Source};
use proptest::prelude::*;
use support::{Host, alice, allowed, arguments, caller, denied, single};

const FILES: [(&str, &str); 4] = [
    (
        "policy.toml",
        "version = 1\n[principal.ops]\nunix_groups = ['ops']\n[principal.all]\ninclude = ['ops', 'people']\n",
    ),
    (
        "policy.d/people.toml",
        "version = 1\n[principal.people]\nuids = ['1000-1999']\n",
    ),
    (
        "policy.d/profiles.toml",
        "version = 1\n[profile.long]\nextends = 'base'\ntimeout = '1h'\n[profile.base]\ntasks_max = 3\n",
    ),
    (
        "policy.d/tools.toml",
        "version = 1\n[tool.a]\ndescription = 'a'\ncommand = ['/bin/a']\nprofile = 'long'\nallow = ['all']\n\
         [tool.b]\ndescription = 'b'\ncommand = ['/bin/b']\nprofile = 'base'\nallow = ['people']\ndeny = ['ops']\n",
    ),
];

fn parse(files: &[(&str, &str)]) -> Result<Policy, policy::Diagnostics> {
    let sources: Vec<Source<'_>> = files
        .iter()
        .map(|(name, text)| Source::new(name, text))
        .collect();
    Policy::parse_files(&sources, &Setting::System, &Host)
}

#[test]
fn files_refer_to_each_other() {
    let policy = parse(&FILES).unwrap();
    let grant = allowed(policy.decide(&alice(), "a", &arguments([])));
    assert_eq!((grant.principal(), grant.profile().tasks_max), ("all", 3));
    let denial = denied(policy.decide(&caller(1000, 200, &[]), "b", &arguments([])));
    assert_eq!(denial.code, "not_allowed");
}

#[test]
fn without_files_nothing_is_allowed() {
    let policy = parse(&[]).unwrap();
    assert!(!policy.knows(&alice().proof) && policy.tools().count() == 0);
}

#[test]
fn one_file_is_a_policy_as_ever() {
    let [_, people, ..] = FILES;
    let one = Policy::parse("another name", people.1, &Setting::System, &Host).unwrap();
    assert_eq!(parse(&[people]).unwrap().digest(), one.digest());
}

#[test]
fn the_digest_names_all_files_in_their_order() {
    let [a, b, ..] = [("a", "version = 1\n"), ("b", "version = 1\n\n")];
    let digest = |files: &[(&str, &str)]| parse(files).unwrap().digest();
    let ab = digest(&[a, b]);
    assert_eq!(ab, digest(&[a, b]));
    let others = [
        digest(&[b, a]),
        digest(&[a, ("c", b.1)]),
        digest(&[a, ("b", a.1)]),
        digest(&[a, b, b]),
        digest(&[a]),
        digest(&[]),
    ];
    assert!(others.iter().all(|other| *other != ab));
}

#[test]
fn a_name_that_two_files_define_is_shown_with_both_places() {
    let again = "version = 1\n\n[principal.ops]\nunix_users = ['alice']\n[profile.base]\n\
                 [tool.b]\ndescription = 'b'\ncommand = ['/bin/b']\nprofile = 'base'\nallow = ['people']\n";
    let files = [
        FILES[3],
        FILES[0],
        ("again\u{1b}.toml", again),
        FILES[2],
        FILES[1],
    ];
    let expected = "\
again\\u{1b}.toml:3:12: error: principal `ops` is defined twice
  |
3 | [principal.ops]
  |            ^^^
hint: the first one stands at policy.toml:2:12

again\\u{1b}.toml:6:7: error: tool `b` is defined twice
  |
6 | [tool.b]
  |       ^
hint: the first one stands at policy.d/tools.toml:7:7

policy.d/profiles.toml:5:10: error: profile `base` is defined twice
  |
5 | [profile.base]
  |          ^^^^
hint: the first one stands at again\\u{1b}.toml:5:10

3 errors";
    let refused = parse(&files).unwrap_err();
    assert_eq!(refused.to_string(), expected);
    let named: Vec<&str> = refused.iter().map(|one| one.file.as_str()).collect();
    assert_eq!(named[2], "policy.d/profiles.toml");
}

#[test]
fn every_file_has_its_version_and_its_syntax() {
    let files = [("a", "[profile.p]\n"), ("b", "version = 1\n"), ("c", "")];
    let refused = parse(&files).unwrap_err().to_string();
    assert!(
        refused.starts_with("a:1:1: error: the policy has no `version`"),
        "{refused}"
    );
    assert!(refused.contains("\nc:1:1: error: "), "{refused}");
    let files = [
        ("a", "version = 1\nx = \n"),
        ("b", "version = 1\n[tool.x]\n"),
        ("c", "version = \n"),
    ];
    let refused = parse(&files).unwrap_err();
    let lines: Vec<(&str, usize)> = refused
        .iter()
        .map(|one| (one.file.as_str(), one.line))
        .collect();
    assert_eq!(lines, [("a", 2), ("c", 1)]);
    let files = [("a", "version = 1\n[tool.x]\n"), ("b", "version = 2\n")];
    assert_eq!(parse(&files).unwrap_err().iter().count(), 1);
}

#[test]
fn a_principal_of_a_single_user_is_refused_in_every_file() {
    let principal = |name| Source::new(name, "version = 1\n[principal.p]\nuids = ['1']\n");
    let sources = [principal("a"), Source::new("b", "version = 1")];
    let refused = Policy::parse_files(&sources, &single(), &Host).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("a:2:12: error: principal `p` cannot be defined")
    );
}

proptest! {
    #[test]
    fn the_order_of_files_does_not_matter(
        files in Just(FILES.to_vec()).prop_shuffle(),
        uid in 998_u32..1002,
        group in prop_oneof![Just(5_u32), Just(200)],
    ) {
        let (shuffled, straight) = (parse(&files).unwrap(), parse(&FILES).unwrap());
        let caller = caller(uid, group, &[]);
        for tool in ["a", "b"] {
            let given = arguments([]);
            prop_assert_eq!(
                shuffled.decide(&caller, tool, &given),
                straight.decide(&caller, tool, &given)
            );
        }
        prop_assert_eq!(shuffled.principals_of(&caller), straight.principals_of(&caller));
    }
}

fn pack<'a>(name: &'a str, text: &'a str) -> Source<'a> {
    Source {
        pack: Some("words"),
        ..Source::new(name, text)
    }
}

/// Both processes may know the directories by other names.
#[test]
fn the_digest_is_of_names_and_texts_but_not_of_directories() {
    let digest = |directory: &str, packs: &str, last: &str| {
        let names = ["policy.toml", "policy.d/10.toml"].map(|name| format!("{directory}/{name}"));
        let text = "version = 1\ninclude = ['words']\n";
        let [main, drop_in] = names.each_ref();
        let packed = format!("{packs}/words.toml");
        let sources = [
            Source::new(main, text),
            Source::new(drop_in, "version = 1"),
            pack(&packed, last),
        ];
        let policy = Policy::parse_files(&sources, &Setting::System, &Host).unwrap();
        policy.digest()
    };
    let one = digest("/etc/m", "/usr/share", "version = 1");
    assert_eq!(one, digest("etc/m", "/opt/packs", "version = 1"));
    assert_ne!(one, digest("/etc/m", "/usr/share", "version = 1 "));
}

/// Nobody needs all that a pack offers.
#[test]
fn what_is_not_used_of_a_pack_is_no_warning() {
    let unused = "version = 1\n[profile.spare]\n[principal.spare]\nuids = ['1']\n";
    let main = "version = 1\ninclude = ['words']\n";
    let warnings = |second| {
        let sources = [Source::new("policy.toml", main), second];
        let policy = Policy::parse_files(&sources, &Setting::System, &Host);
        policy
            .map(|policy| policy.lints().len())
            .map_err(|wrong| wrong.to_string())
    };
    assert_eq!(warnings(pack("words.toml", unused)), Ok(0));
    let missing = warnings(Source::new("words.toml", unused)).unwrap_err();
    assert!(missing.contains("pack `words` does not exist"), "{missing}");
}
