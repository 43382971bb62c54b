//! Who is which principal: users, groups, ranges of user ids, and principals
//! that include others.

mod support;

use policy::{Caller, Policy, Setting};
use support::{alice, caller, parsed, single};

const POLICY: &str = r#"
version = 1
[principal.everybody]
include = ["people", "ops", "www"]
[principal.people]
uids = ["1000-1999", "33", "1500-2500"]
[principal.young_ops]
uids = ["2000-2999"]
unix_groups = ["ops"]
[principal.ops]
unix_groups = ["ops"]
[principal.www]
unix_users = ["www-data"]
uids = ["0-99"]
[principal.never]
unix_users = ["alice"]
uids = ["0-99"]
[principal.root_or_young]
unix_users = ["root"]
include = ["young_ops"]
[principal.twice_over]
include = ["everybody", "root_or_young", "everybody"]
"#;

fn policy() -> Policy {
    parsed(POLICY, &Setting::System)
}

#[test]
fn conditions_hold_together_and_includes_widen() {
    let policy = policy();
    let rows: [(Caller, &[&str]); 8] = [
        (alice(), &["everybody", "people", "twice_over"]),
        (
            caller(33, 33, &[]),
            &["everybody", "people", "twice_over", "www"],
        ),
        (caller(34, 33, &[]), &[]),
        (caller(2500, 1, &[]), &["everybody", "people", "twice_over"]),
        (
            caller(2500, 1, &[200]),
            &[
                "everybody",
                "ops",
                "people",
                "root_or_young",
                "twice_over",
                "young_ops",
            ],
        ),
        (caller(2501, 1, &[]), &[]),
        (caller(0, 0, &[]), &["root_or_young", "twice_over"]),
        (caller(5, 200, &[]), &["everybody", "ops", "twice_over"]),
    ];
    for (caller, names) in rows {
        assert_eq!(policy.principals_of(&caller), names, "{caller:?}");
    }
}

#[test]
fn a_chain_of_principals_is_followed_to_its_end() {
    let mut text = "version = 1\n[principal.p0]\nunix_users = ['alice']\n".to_owned();
    for number in 1..=256 {
        let before = number - 1;
        text.push_str(&format!("[principal.p{number}]\ninclude = ['p{before}']\n"));
    }
    let policy = parsed(&text, &Setting::System);
    assert_eq!(policy.principals_of(&alice()).len(), 257);
    text.push_str("[principal.p257]\ninclude = ['p256']\n");
    let refused = Policy::parse("p", &text, &Setting::System, &support::Host);
    assert!(refused.is_err(), "one more than 256");
}

#[test]
fn diamonds_of_principals_cost_no_more_than_their_number() {
    let mut text =
        "version = 1\n[principal.a0]\nuids = ['7']\n[principal.b0]\nuids = ['8']\n".to_owned();
    for number in 1..=100 {
        let below = number - 1;
        for side in ["a", "b"] {
            text.push_str(&format!(
                "[principal.{side}{number}]\ninclude = ['a{below}', 'b{below}']\n"
            ));
        }
    }
    let policy = parsed(&text, &Setting::System);
    assert_eq!(policy.principals_of(&caller(8, 8, &[])).len(), 201);
    assert!(!policy.knows(&caller(9, 9, &[]).proof));
}

#[test]
fn a_single_user_is_self_alone() {
    let policy = parsed("version = 1\n", &single());
    assert_eq!(policy.principals_of(&alice()), ["self"]);
    assert!(!policy.knows(&caller(1001, 1000, &[1000]).proof));
}
