//! What the supervisor says of clients, of confirmations and of keys: what is believed of
//! it, and what the trail tells.

use super::Ground;
use harness::{ALICE, FRONT};

/// Clients who are attached are those that the kernel or a key proves, and the name of
/// one lets nobody else go.
#[test]
fn clients_are_not_made_up() {
    let ground = Ground::new();
    let outcomes = ground.attacked("attach");
    for name in ["nobody", "a key that is none", "a key and a socket"] {
        outcomes.all(name, "attached None");
    }
    outcomes.all("as many names", "true");
    // Whatever is said is answered the same, and told where it cannot be a mistake.
    for name in ["of another kind", "never given", "who is there", "twice"] {
        outcomes.all(name, "recorded");
    }
    outcomes.all("his call", "finished");
    let flood: usize = outcomes.of("of a flood")[0].parse().expect("a number");
    // Sixty a minute; on a busy machine it takes more than one.
    assert!((1..200).contains(&flood), "{flood}");
    let [meanwhile] = outcomes.of("another meanwhile")[..] else {
        panic!("{outcomes:?}")
    };
    assert!(meanwhile.starts_with("attached Some("), "{meanwhile}");
    ground.assert_unharmed();

    let attached = ground.lines("attach");
    let of = |uid: u32| {
        let own = attached.iter().filter(|one| one.field("uid") == uid);
        own.count()
    };
    let expected = (flood + 1, 2);
    assert_eq!((of(ALICE.uid()), of(FRONT.uid())), expected, "{attached:?}");
    assert_eq!(attached.len(), flood + 3, "{attached:?}");
    let boast = &attached[0];
    for part in ["name", "version"] {
        let text = boast.0["claim"][part].as_str().expect("a claim");
        assert_eq!(text.chars().count(), wire::CLAIM_MAX, "{part}");
    }
    assert_eq!(boast.text("request").len(), wire::REQUEST_MAX);
    // Each that ends was there; whose word that is, the line says.
    let detached = ground.lines("detach");
    assert!(detached.iter().all(|one| one.text("by") == "supervisor"));
    let mut names: Vec<&str> = detached.iter().map(|one| one.text("client")).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "nobody ends twice");
    assert!(names.iter().all(|name| {
        let mut attached = attached.iter();
        attached.any(|one| one.text("client") == *name)
    }));
    // Six names that nobody was given, and one twice.
    let told = ground.violations();
    let told = told
        .iter()
        .filter(|one| one.contains("who is not attached"));
    assert_eq!(told.count(), 7);
    // He was let go by name, and what he did is told of him all the same.
    let starts = ground.lines("start");
    assert_eq!(starts.len(), 1);
    assert_eq!(starts[0].field("uid"), ALICE.uid());
}

/// That a call is confirmed is the supervisor's word, and told as such; it lets nobody
/// do more than the policy says, and approves nothing.
#[test]
fn a_confirmation_that_was_never_given_is_told_as_the_supervisors_word() {
    let ground = Ground::new();
    let outcomes = ground.attacked("confirm");
    for name in ["not confirmed", "neither confirmed nor approved"] {
        outcomes.all(name, "denied not_confirmed");
    }
    let waits = "waits, failed cancelled";
    outcomes.all("said to be confirmed, not approved", waits);
    outcomes.all("of another", "denied not_allowed");
    outcomes.all("said to be confirmed", "finished");
    outcomes.all("need not be confirmed", "finished");
    ground.assert_unharmed();
    assert_eq!(ground.marks(), ["needless", "said"]);
    let starts = ground.lines("start");
    for (tool, word) in [("sure", "client"), ("mark", "")] {
        let start = starts.iter().find(|one| one.text("tool") == tool);
        assert_eq!(start.expect("it ran").text("confirmed"), word, "{tool}");
    }
    let waited = ground.lines("waiting");
    assert_eq!(waited.len(), 2);
    assert!(waited.iter().all(|one| one.text("confirmed") == "client"));
    let denied = ground.lines("deny");
    let unconfirmed = denied
        .iter()
        .filter(|one| one.text("code") == "not_confirmed");
    for one in unconfirmed.clone() {
        assert_eq!((one.text("by"), one.text("confirmed")), ("worker", ""));
    }
    assert_eq!(unconfirmed.count(), 4);
}

/// A key that its owner has presented is good for what he may do, from where the
/// supervisor says: no more, and with nobody's socket.
#[test]
fn a_stolen_key_opens_what_is_its_owners_and_nothing_else() {
    let ground = Ground::new();
    let key = ground.site.new_key("ci");
    let outcomes = ground.attacked_with("stolen", |_, word| {
        assert_eq!(word, "key");
        key.clone()
    });
    outcomes.all("for what its owner may", "finished");
    outcomes.all("for what others may", "denied not_allowed");
    outcomes.all("from elsewhere", "denied not_allowed");
    outcomes.all("with another's socket", "failed attestation");
    outcomes.all("report with it", "recorded");
    outcomes.all("report with both", "failed attestation");
    outcomes.all("whose it is", "identified Some(\"ci\")");
    ground.assert_unharmed();
    assert_eq!(ground.marks(), ["keyed"]);
    // Each line tells the key, and from where it was said to be presented.
    for one in ground.lines("start").iter().chain(&ground.lines("deny")) {
        assert_eq!(one.text("key"), "ci", "{one:?}");
        assert!(!one.text("address").is_empty(), "{one:?}");
    }
    let trail = std::fs::read_to_string(ground.site.trail_file()).expect("text");
    assert!(!trail.contains(&key));
}
