//! Approvals for a time.

use super::{SOON, admin, document, done, held, pending, root, site, waiting};
use harness::{ALICE, BOB, Client, eventually};
use serde_json::json;

/// An approval for a time covers exactly the same call, or any of the tool, of the same
/// caller; it is listed, taken back, and ends.
#[test]
fn an_approval_for_a_time_is_narrow() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let call = held(&client, "same");
    let id = waiting(&site);
    done(&site, &["approve", &id, "--for", "1h"]);
    assert_eq!(client.called(call).success(), "same");
    let again = client.call("held", &json!({"word": "same"}));
    assert_eq!(again.success(), "same");
    let grants = document(&site, "grants");
    assert_eq!(grants[0]["id"], id.as_str());
    assert_eq!(
        (&grants[0]["scope"], &grants[0]["used"]),
        (&json!("exact"), &json!(1))
    );
    assert_eq!(grants[0]["administrator"], 0);

    // Other arguments, and another caller, wait.
    let other = held(&client, "other");
    let wide = waiting(&site);
    let bob = Client::attach(&site, BOB);
    let bobs = held(&bob, "same");
    eventually("both wait", SOON, || {
        (pending(&site).len() == 2).then_some(())
    });
    done(&site, &["approve", &wide, "--for", "1h", "--scope", "tool"]);
    assert_eq!(client.called(other).success(), "other");
    assert_eq!(
        client.call("held", &json!({"word": "third"})).success(),
        "third"
    );
    let bob_waits = waiting(&site);
    done(&site, &["deny", &bob_waits]);
    assert_eq!(bob.called(bobs).denied(), "approval_denied");

    done(&site, &["revoke", &wide]);
    let call = held(&client, "third");
    let third = waiting(&site);
    assert_eq!(
        client.call("held", &json!({"word": "same"})).success(),
        "same"
    );
    done(&site, &["approve", &third, "--for", "2s"]);
    assert_eq!(client.called(call).success(), "third");
    eventually("it has ended", SOON, || {
        (document(&site, "grants").len() == 1).then_some(())
    });
    let call = held(&client, "third");
    let last = waiting(&site);
    done(&site, &["deny", &last]);
    assert_eq!(client.called(call).denied(), "approval_denied");

    for words in [
        &["revoke", &wide][..],
        &["approve", "00000-1"],
        &["approve", &last],
    ] {
        assert_eq!(admin(&site, root(), words).status.code(), Some(1));
    }
    let revoked = site.audited("it is told", |entry| entry.event() == "revoked");
    assert_eq!(revoked.text("approval"), wide);
    let starts = site.audit().into_iter();
    let by_first = starts.filter(|entry| entry.is("start", "held") && entry.text("approval") == id);
    assert_eq!(by_first.count(), 3);
}

/// Longer than a day nothing stands.
#[test]
fn an_approval_ends_within_a_day() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let call = held(&client, "x");
    let id = waiting(&site);
    let refused = admin(&site, root(), &["approve", &id, "--for", "25h"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(waiting(&site), id, "it still waits");
    done(&site, &["approve", &id]);
    assert_eq!(client.called(call).success(), "x");
    assert!(document(&site, "grants").is_empty());
}
