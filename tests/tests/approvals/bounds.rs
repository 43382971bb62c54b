//! However many calls wait, and however often: it is bounded.

use super::{SOON, done, held, nothing_waits, pending, site, waiting};
use harness::{ALICE, BOB, Client, eventually};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Calls that wait are bounded for each caller and do not keep others from running.
#[test]
fn calls_that_wait_are_bounded_and_hold_up_nothing() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let calls: Vec<u64> = (0..12).map(|n| held(&client, &n.to_string())).collect();
    eventually("eight wait", SOON, || {
        (pending(&site).len() == 8).then_some(())
    });
    let refused = || {
        let answered = calls.iter().filter_map(|call| client.poll(*call));
        answered.collect::<Vec<_>>()
    };
    let mut answered = Vec::new();
    eventually("four are refused", SOON, || {
        answered.extend(refused());
        (answered.len() == 4).then_some(())
    });
    for called in &answered {
        assert_eq!(called.denied(), "too_many_waiting");
    }
    // Others go on, of the same caller and of others.
    let bob = Client::attach(&site, BOB);
    for client in [&client, &bob] {
        assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    }
    held(&bob, "bob");
    eventually("his waits too", SOON, || {
        (pending(&site).len() == 9).then_some(())
    });
    // What waits is no running command.
    let status = done(&site, &["status", "--json"]);
    let status: Value = serde_json::from_str(&status).expect("a document");
    assert_eq!(status["running"], 0);
    for one in pending(&site) {
        done(&site, &["deny", one["id"].as_str().expect("an id")]);
    }
    nothing_waits(&site);
}

/// Who asks, gives up and asks again without end cannot have administrators told without
/// end, nor fill the trail faster than by any other denied call: one line each.
#[test]
fn a_flood_of_requests_is_bounded() {
    let site = site();
    let client = Client::attach(&site, ALICE);
    let began = Instant::now();
    let count = |event: &str| {
        let trail = site.trail();
        let own = trail.iter().filter(|entry| entry.is(event, "held"));
        own.count()
    };
    let mut waited = 0;
    loop {
        let call = held(&client, &waited.to_string());
        let answered = eventually("it waits or is denied", SOON, || match client.poll(call) {
            Some(called) => Some(Some(called)),
            None => (count("waiting") > waited).then_some(None),
        });
        if let Some(called) = answered {
            assert_eq!(called.denied(), "too_many_waiting");
            break;
        }
        waited += 1;
        client.cancel(call);
        eventually("it waits no more", SOON, || {
            (count("withdrawn") == waited).then_some(())
        });
        assert!(waited < 300, "there is no end to it");
    }
    // On a machine that is too slow for it, the first are forgotten meanwhile.
    let slow = began.elapsed() > Duration::from_secs(55);
    assert!(waited == 30 || slow, "{waited}");
    assert_eq!((count("waiting"), count("deny")), (waited, 1));
    let held_up = client.call("held", &json!({"word": "one more"}));
    assert_eq!(held_up.denied(), "too_many_waiting");
    assert!(
        held_up.reason().contains("the next one may in"),
        "{}",
        held_up.reason()
    );
    // It is his own doing: others wait and are approved meanwhile.
    let bob = Client::attach(&site, BOB);
    let call = held(&bob, "bob");
    done(&site, &["approve", &waiting(&site)]);
    assert_eq!(bob.called(call).success(), "bob");
}
