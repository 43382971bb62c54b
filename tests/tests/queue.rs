//! Calls that wait for a place: in turn, within bounds, as long as somebody wants them, and
//! without holding up others.

use harness::{
    ALICE, BASE, BOB, CAROL, Client, Entry, Front, Lane, Process, Site, User, eventually,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use wire::{Presented, Reply, Request, Secret};

const SOON: Duration = Duration::from_secs(20);

const TOOLS: &str = r#"
[principal.carol]
unix_users = ["mmtest-carol"]

[tool.nap]
description = "Sleeps a little"
command = ["/usr/bin/sleep", "0.03"]
profile = "plain"
allow = ["alice", "ops"]

[tool.single]
description = "One at a time, whoever calls"
command = ["/usr/bin/sleep", "{time}"]
profile = "plain"
allow = ["alice", "ops", "carol"]
concurrency = 1
[tool.single.args]
time = { type = "string", default = "20" }

[tool.brief]
description = "Waits for a moment only"
command = ["/usr/bin/sleep", "20"]
profile = "plain"
allow = ["alice"]
concurrency = 1
queue_timeout = "300ms"

[tool.scarce]
description = "One at a time, twice an hour"
command = ["/usr/bin/sleep", "0.5"]
profile = "plain"
allow = ["alice"]
concurrency = 1
rate = "2/h"

[tool.long]
description = "Sleeps for long, as many as like"
command = ["/usr/bin/sleep", "19"]
profile = "plain"
allow = ["alice"]
"#;

/// A policy whose `[limits]` are `limits`.
fn policy(limits: &str) -> String {
    format!("{BASE}\n[limits]\nqueue_timeout = \"20s\"\n{limits}\n{TOOLS}")
}

fn site(limits: &str) -> Site {
    Site::with(&policy(limits)).start()
}

fn status(site: &Site) -> Value {
    let mut command = Command::new(site.program("mini-mcp"));
    command
        .args(["status", "--json", "--socket"])
        .arg(site.admin_socket());
    let output = command.output().expect("it runs");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[track_caller]
fn queued(site: &Site, count: u64) {
    eventually(&format!("{count} wait"), SOON, || {
        (status(site)["queued"] == count).then_some(())
    });
}

/// Calls `single` until it runs.
#[track_caller]
fn occupied(site: &Site, client: &Client) -> u64 {
    let call = client.start_call("single", &json!({}));
    site.audited("it runs", |entry| entry.is("start", "single"));
    call
}

fn starts(site: &Site, tool: &str) -> Vec<Entry> {
    let mut entries = site.audit();
    entries.retain(|entry| entry.is("start", tool));
    entries
}

fn refusals(site: &Site) -> Vec<Entry> {
    let mut entries = site.audit();
    entries.retain(|entry| entry.event() == "refuse");
    entries
}

/// Sets it when it is dropped.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A client that has hundreds of calls under way all the time, and one that has one:
/// every call of the second starts after at most one more of the first's, as long as that
/// one is fair to have been before it.
#[test]
fn one_who_floods_starves_nobody() {
    let site = site("concurrency = 2");
    let (alice, bob) = (Client::attach(&site, ALICE), Client::attach(&site, BOB));
    let stop = AtomicBool::new(false);
    let enough = &stop;
    thread::scope(|scope| {
        scope.spawn(move || {
            while !enough.load(Ordering::Relaxed) {
                let flood = (0..300).map(|_| alice.start_call("nap", &json!({})));
                let calls: Vec<u64> = flood.collect();
                for call in calls {
                    let called = alice.called(call);
                    assert!(!called.is_error() || called.denied() == "queue_full");
                }
            }
        });
        let _however_it_ends = Stop(enough);
        for _ in 0..30 {
            assert_eq!(bob.call("nap", &json!({})).exit_code(), Some(0));
        }
    });
    let starts = starts(&site, "nap");
    let number = |entry: &Entry, name: &str| entry.field(name).as_u64().expect("a number");
    let mut waited = 0;
    for own in starts.iter().filter(|one| one.field("uid") == BOB.uid()) {
        let Some(queued) = own.field("queued_us").as_u64() else {
            continue;
        };
        waited += 1;
        let began = number(own, "boot_us");
        // A line is written a moment after its call's turn.
        let meanwhile = starts.iter().filter(|one| {
            let since = began.saturating_sub(number(one, "boot_us"));
            one.field("uid") == ALICE.uid() && since > 0 && since + 500 < queued
        });
        assert!(meanwhile.count() <= 1, "{own:?}");
    }
    assert!(waited >= 15, "it waited only {waited} times");
    eventually("nothing is left", SOON, || {
        let status = status(&site);
        (status["queued"] == 0 && status["running"] == 0).then_some(())
    });
}

/// Nobody takes more of the queue than he leaves; who is refused is told how many wait and
/// what to do.
#[test]
fn a_queue_has_room_for_others_until_it_is_full() {
    let site = site("queue = 4");
    let attach = |user: User| Client::attach(&site, user);
    let (alice, bob, carol) = (attach(ALICE), attach(BOB), attach(CAROL));
    occupied(&site, &alice);
    let waiting: Vec<u64> = (0..2)
        .map(|_| alice.start_call("single", &json!({})))
        .collect();
    queued(&site, 2);
    let called = alice.call("single", &json!({}));
    assert_eq!(called.denied(), "queue_full");
    assert!(
        called.reason().starts_with(
            "1 calls are running, and 1 are allowed at once; 2 of yours wait for a place already, \
             and the rest of the 4 that may is left to others; call again"
        ),
        "{}",
        called.reason()
    );
    for (client, count) in [(&bob, 3), (&carol, 4)] {
        client.start_call("single", &json!({}));
        queued(&site, count);
    }
    let called = carol.call("single", &json!({}));
    assert_eq!(called.denied(), "queue_full");
    assert!(called.reason().contains("4 wait for a place already"));
    let denial = site.audited("the denial", |entry| entry.event() == "deny");
    assert_eq!(denial.text("rule"), "limits.queue");
    assert_eq!(denial.text("by"), "worker");
    assert_eq!(denial.field("queued_us"), &Value::Null);
    waiting.into_iter().for_each(|call| alice.cancel(call));
    queued(&site, 2);
    alice.start_call("single", &json!({}));
    queued(&site, 3);
}

/// Without a queue, or for a tool that does not wait, it is as if there were none.
#[test]
fn where_nothing_waits_a_call_is_denied_at_once() {
    let single = site("queue = 0");
    let client = Client::attach(&single, ALICE);
    occupied(&single, &client);
    assert_eq!(
        client.call("single", &json!({})).denied(),
        "too_many_running"
    );
    let hasty = policy("").replace(
        "concurrency = 1\n[",
        "concurrency = 1\nqueue_timeout = \"0s\"\n[",
    );
    let hasty = Site::with(&hasty).start();
    let client = Client::attach(&hasty, ALICE);
    occupied(&hasty, &client);
    assert_eq!(
        client.call("single", &json!({})).denied(),
        "too_many_running"
    );
}

/// Time is up: the denial says what there was no place in, and the trail how long it took.
#[test]
fn a_call_does_not_wait_for_ever() {
    let site = site("");
    let client = Client::attach(&site, ALICE);
    client.start_call("brief", &json!({}));
    site.audited("it runs", |entry| entry.is("start", "brief"));
    let called = client.call("brief", &json!({}));
    assert_eq!(called.denied(), "queue_timeout");
    let reason = called.reason();
    assert!(
        reason.starts_with("no place came free within 3") && reason.contains("1 calls are running"),
        "{reason}"
    );
    assert!(reason.contains("and 0 more wait"), "{reason}");
    let denial = site.audited("the denial", |entry| entry.is("deny", "brief"));
    assert_eq!(denial.text("rule"), "tool.brief.concurrency");
    let waited = denial.field("queued_us").as_u64();
    assert!(waited.is_some_and(|waited| waited >= 300_000), "{denial:?}");
    queued(&site, 0);
}

/// A call that waits tells its client so, and how many are before it.
#[test]
fn who_waits_is_told_so() {
    let site = site("");
    let client = Client::attach(&site, ALICE);
    let call = occupied(&site, &client);
    let next = client.start_call("single", &json!({"time": "0"}));
    queued(&site, 1);
    let last = client.start(
        "tools/call",
        &json!({
            "name": "single",
            "arguments": {"time": "0"},
            "_meta": {"progressToken": "p"},
        }),
    );
    let progress = client.next_unclaimed();
    assert_eq!(
        progress["params"]["message"],
        "waiting for a place; 1 ahead"
    );
    // Who waits for a place keeps nobody else from one.
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    client.cancel(call);
    assert_eq!(client.called(next).exit_code(), Some(0));
    assert_eq!(client.called(last).exit_code(), Some(0));
    let all = starts(&site, "single");
    let waited = all.iter().map(|one| one.field("queued_us").as_u64());
    let waited: Vec<bool> = waited.map(|one| one.is_some_and(|one| one > 0)).collect();
    assert_eq!(waited, [false, true, true]);
}

/// Whoever does not wait any more, by word or by vanishing, gets nothing and leaves nothing
/// in the queue; nor does a lane that is killed. The trail tells of each.
#[test]
fn what_nobody_waits_for_is_withdrawn() {
    let site = site("");
    let owner = Client::attach(&site, BOB);
    let running = occupied(&site, &owner);
    let busy: BTreeSet<i32> = site.lanes().iter().map(|lane| lane.id()).collect();

    let client = Client::attach(&site, ALICE);
    let call = client.start_call("single", &json!({}));
    queued(&site, 1);
    client.cancel(call);
    queued(&site, 0);

    client.start_call("single", &json!({}));
    queued(&site, 1);
    client.vanish();
    queued(&site, 0);

    let client = Client::attach(&site, ALICE);
    let call = client.start_call("single", &json!({}));
    queued(&site, 1);
    let lanes = site.lanes().into_iter();
    lanes
        .filter(|lane| !busy.contains(&lane.id()))
        .for_each(Process::kill);
    queued(&site, 0);
    assert_eq!(client.called(call).failed(), "worker");

    let refusals = refusals(&site);
    let told: Vec<(&str, &str)> = refusals
        .iter()
        .map(|one| (one.text("code"), one.text("reason")))
        .collect();
    let reasons = [
        "its caller has given it up",
        "its caller has given it up",
        "its lane was lost",
    ];
    assert_eq!(told.len(), 3, "{told:?}");
    for ((code, reason), expected) in told.iter().zip(reasons) {
        assert_eq!(*code, "withdrawn");
        assert!(
            *reason == expected || *reason == "its caller has gone",
            "{reason}"
        );
    }
    assert!(refusals.iter().all(|one| one.field("queued_us").is_u64()));
    owner.cancel(running);
    let next = client.call("single", &json!({"time": "0"}));
    assert_eq!(next.exit_code(), Some(0));
    assert_eq!(
        starts(&site, "single").len(),
        2,
        "of the others nothing ran"
    );
}

/// Another policy: what waits is decided anew under that one.
#[test]
fn a_reload_decides_anew_what_waits() {
    let site = site("");
    let client = Client::attach(&site, ALICE);
    occupied(&site, &client);
    let call = client.start_call("single", &json!({"time": "0"}));
    let lost = client.start_call("single", &json!({"time": "0.01"}));
    queued(&site, 2);
    let wider = policy("").replace("concurrency = 1\n[", "concurrency = 2\n[");
    site.file("policy.toml", &wider.replace("@site@", &site.text()));
    site.supervisor().hang_up();
    for call in [call, lost] {
        assert_eq!(client.called(call).exit_code(), Some(0));
    }
    let refusals = refusals(&site);
    assert_eq!(refusals.len(), 2);
    for refusal in &refusals {
        assert_eq!(
            refusal.text("reason"),
            "the policy has changed, and the call is decided anew"
        );
    }
    let starts = starts(&site, "single");
    let [first, second, third] = starts.as_slice() else {
        panic!("{starts:?}");
    };
    assert_ne!(first.text("policy"), second.text("policy"));
    assert_eq!(second.text("policy"), third.text("policy"));
}

/// A rate counts what runs, not what waits; what it leaves no more room for is denied when
/// its turn comes, with the time of the next call.
#[test]
fn a_rate_is_looked_at_again_when_the_turn_comes() {
    let site = site("");
    let client = Client::attach(&site, ALICE);
    let calls: Vec<u64> = (0..3)
        .map(|_| client.start_call("scarce", &json!({})))
        .collect();
    let called: Vec<_> = calls.into_iter().map(|call| client.called(call)).collect();
    let (denied, ran): (Vec<_>, Vec<_>) = called.iter().partition(|one| one.is_error());
    assert_eq!((denied.len(), ran.len()), (1, 2));
    assert_eq!(denied[0].denied(), "rate_limited");
    let reason = denied[0].reason();
    assert!(reason.contains("the next one in "), "{reason}");
    let denial = site.audited("the denial", |entry| entry.is("deny", "scarce"));
    assert!(denial.field("queued_us").is_u64(), "{denial:?}");
    // At once now, though there is a place.
    assert_eq!(client.call("scarce", &json!({})).denied(), "rate_limited");
}

/// What only looks is no call, neither for a rate nor for a quota.
#[test]
fn discovery_is_not_counted() {
    let site = site("rate = \"3/h\"\nquota = 3");
    let client = Client::attach(&site, ALICE);
    let look = |method: &str, parameters: &Value| {
        let answer = client.request(method, parameters).expect("an answer");
        assert!(answer["result"].is_object(), "{method}: {answer}");
    };
    for _ in 0..10 {
        for method in [
            "ping",
            "tools/list",
            "resources/list",
            "resources/templates/list",
            "prompts/list",
        ] {
            look(method, &json!({}));
        }
        look("resources/read", &json!({"uri": "mini-mcp://policy"}));
        assert_eq!(
            client.initialize()["result"]["protocolVersion"],
            "2025-11-25"
        );
    }
    for _ in 0..3 {
        assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    }
    assert_eq!(client.call("true", &json!({})).denied(), "quota_exceeded");
}

/// By hand, at the worker's socket: a call that waits is told its rank, starts when a place
/// comes free, and the lane takes nothing else meanwhile.
#[test]
fn the_worker_alone_says_whose_turn_it_is() {
    let front = Front::with(&policy(""));
    let (client, _end) = front.client(ALICE);
    let (other, _other_end) = front.client(BOB);
    let call = |lane: &Lane, client: &std::os::unix::net::UnixStream| {
        lane.run(&front.site, client.as_fd(), "single", &[("time", "20")])
    };
    let lanes: Vec<Lane> = (0..5).map(|_| Lane::greeted(&front.site)).collect();
    let _first = call(&lanes[0], &client);
    assert!(matches!(lanes[0].hear(), Ok(Reply::Started { .. })));
    let mut pipes = Vec::new();
    // The third caller's turn comes before the second call of the first one who waits.
    for (lane, client, rank) in [
        (1, &client, 0),
        (2, &client, 1),
        (3, &client, 2),
        (4, &other, 1),
    ] {
        pipes.push(call(&lanes[lane], client));
        match lanes[lane].hear() {
            Ok(Reply::Queued { ahead, at_most_ms }) => {
                assert_eq!((ahead, at_most_ms), (rank, 20_000));
            }
            answer => panic!("{answer:?}"),
        }
    }
    // To ask once more is out of order: it hangs up, and the call is gone.
    pipes.push(call(&lanes[2], &client));
    assert!(lanes[2].hear().is_err());
    front
        .site
        .audited("it is told", |entry| entry.event() == "refuse");
    let next = |ended: &Lane, starting: &Lane| {
        ended.say(&Request::Cancel, &[]);
        assert!(matches!(ended.hear(), Ok(Reply::Finished(_))));
        let mut answer = starting.hear();
        while let Ok(Reply::Queued { .. }) = answer {
            answer = starting.hear();
        }
        assert!(matches!(answer, Ok(Reply::Started { .. })), "{answer:?}");
    };
    next(&lanes[0], &lanes[1]);
    next(&lanes[1], &lanes[4]);
    // A lane that is lost gives its place up too.
    let holds = |lane: &Process| !lane.children().is_empty();
    let mut all = front.site.lanes().into_iter();
    all.find(holds).expect("one runs").kill();
    let mut answer = lanes[3].hear();
    while let Ok(Reply::Queued { .. }) = answer {
        answer = lanes[3].hear();
    }
    assert!(matches!(answer, Ok(Reply::Started { .. })), "{answer:?}");
}

/// The supervisor's own lanes are shared as well: whoever takes all that he gets, over many
/// connections and for long, leaves some to others.
#[test]
fn one_who_floods_leaves_lanes_to_others() {
    let site = site("");
    let flood: Vec<Client> = (0..5).map(|_| Client::attach(&site, ALICE)).collect();
    for client in &flood {
        for _ in 0..40 {
            client.start_call("long", &json!({}));
        }
    }
    // By then the supervisor has read them all.
    for client in &flood {
        assert!(client.request("ping", &json!({})).is_some());
    }
    eventually("many run", SOON, || {
        (status(&site)["running"].as_u64() >= Some(64)).then_some(())
    });
    let bob = Client::attach(&site, BOB);
    for _ in 0..3 {
        assert_eq!(bob.call("true", &json!({})).exit_code(), Some(0));
    }
    let (started, ended) = (starts(&site, "long"), site.audit());
    let ran: BTreeSet<&str> = started.iter().map(|one| one.text("run")).collect();
    let ended = ended
        .iter()
        .find(|one| one.event() == "end" && ran.contains(one.text("run")));
    assert_eq!(ended, None, "he has waited for a place");
    assert_eq!(started.len(), 64);
    flood.into_iter().for_each(Client::vanish);
}

/// Where every user of the pool is in use, a call waits until one is free again.
#[test]
fn a_call_waits_for_a_user_of_its_own() {
    let own = r#"
[profile.own]
extends = "plain"
dynamic_user = true
private_tmp = true

[tool.own]
description = "Runs as a user that no other run has"
command = ["/usr/bin/sleep", "{time}"]
profile = "own"
allow = ["alice"]
[tool.own.args]
time = { type = "string" }
"#;
    let site = Site::with(&format!("{}{own}", policy("")))
        .worker_option("--dynamic-users", "61910-61910")
        .start();
    let client = Client::attach(&site, ALICE);
    let first = client.start_call("own", &json!({"time": "20"}));
    site.audited("it runs", |entry| entry.is("start", "own"));
    let second = client.start_call("own", &json!({"time": "0"}));
    queued(&site, 1);
    client.cancel(first);
    assert_eq!(client.called(second).exit_code(), Some(0));
    let starts = starts(&site, "own");
    assert!(starts.iter().all(|one| one.field("dynamic_user") == 61_910));
    assert!(starts.last().expect("two").field("queued_us").is_u64());
}

/// A call that was approved waits for its place like any other, and needs no second
/// approval.
#[test]
fn what_is_approved_waits_like_any_other() {
    let held = r#"
[tool.held]
description = "Shares its only place"
command = ["/usr/bin/sleep", "{time}"]
profile = "plain"
allow = ["ops"]
ask = ["alice"]
concurrency = 1
[tool.held.args]
time = { type = "string" }
"#;
    let site = Site::with(&format!("{}{held}", policy(""))).start();
    let (alice, bob) = (Client::attach(&site, ALICE), Client::attach(&site, BOB));
    let first = bob.start_call("held", &json!({"time": "20"}));
    site.audited("it runs", |entry| entry.is("start", "held"));
    let call = alice.start_call("held", &json!({"time": "0"}));
    let asked = site.audited("it asks", |entry| entry.is("waiting", "held"));
    let mut approve = Command::new(site.program("mini-mcp"));
    approve.args(["approve", asked.text("approval"), "--socket"]);
    let approved = approve.arg(site.admin_socket()).output().expect("it runs");
    assert!(approved.status.success(), "{approved:?}");
    queued(&site, 1);
    bob.cancel(first);
    assert_eq!(alice.called(call).exit_code(), Some(0));
    let start = starts(&site, "held").pop().expect("two");
    assert_eq!(start.text("approval"), asked.text("approval"));
    assert!(start.field("queued_us").is_u64());
}

/// A key that was revoked while its owner's call waited opens nothing: the start of that
/// call has an end without a command.
#[test]
fn a_key_that_is_revoked_meanwhile_gets_no_place() {
    let keyed = r#"
[principal.ci]
api_key = "ci"
[profile.fixed]
extends = "plain"
run_as = "mmtest-run"
[tool.keyed]
description = "One at a time"
command = ["/usr/bin/sleep", "20"]
profile = "fixed"
allow = ["ci"]
concurrency = 1
"#;
    let front = Front::with(&format!("{}{keyed}", policy("")));
    let key = front.site.new_key("ci");
    let call = |lane: &Lane| {
        let mut run = lane.request(&front.site, "keyed");
        run.key = Some(Presented {
            key: Secret::new(key.clone()),
            address: "127.0.0.1".parse().expect("an address"),
        });
        let (out, out_end) = std::io::pipe().expect("the kernel makes pipes");
        let (err, err_end) = std::io::pipe().expect("the kernel makes pipes");
        lane.say(&Request::Run(run), &[out_end.as_fd(), err_end.as_fd()]);
        (out, err)
    };
    let (first, second) = (Lane::greeted(&front.site), Lane::greeted(&front.site));
    let _pipes = (call(&first), first.hear(), call(&second));
    assert!(matches!(second.hear(), Ok(Reply::Queued { ahead: 0, .. })));
    front.site.key(&["revoke", "ci"]);
    first.say(&Request::Cancel, &[]);
    match second.hear() {
        Ok(Reply::Failed(failure)) => assert_eq!(failure.code, "attestation"),
        answer => panic!("{answer:?}"),
    }
    let end = front.site.audited("its end", |entry| {
        entry.event() == "end" && entry.text("code") == "attestation"
    });
    let starts = starts(&front.site, "keyed");
    assert_eq!(starts.last().expect("two").text("run"), end.text("run"));
}

/// What reads a published file is a command, which waits like any other; under another
/// policy it is decided anew.
#[test]
fn a_read_waits_too() {
    let note = r#"
[resource.note]
description = "Tells what this host is"
path = "/usr/lib/os-release"
allow = ["alice"]
"#;
    let text = |limits: &str| format!("{}{note}", policy(limits));
    let site = Site::with(&text("concurrency = 1")).start();
    let client = Client::attach(&site, ALICE);
    let read = || {
        let uri = json!({"uri": "mini-mcp://resource/note"});
        let read = client.start("resources/read", &uri);
        queued(&site, 1);
        read
    };
    let told = |read| {
        let answer = client.answer(read).expect("an answer");
        let content = answer["result"]["contents"][0]["text"].as_str();
        assert!(content.is_some_and(|text| text.contains("ID=")), "{answer}");
    };
    let call = occupied(&site, &client);
    let waiting = read();
    client.cancel(call);
    told(waiting);

    client.start_call("single", &json!({}));
    eventually("it runs", SOON, || {
        (starts(&site, "single").len() == 2).then_some(())
    });
    let waiting = read();
    site.file(
        "policy.toml",
        &text("concurrency = 2").replace("@site@", &site.text()),
    );
    site.supervisor().hang_up();
    told(waiting);
}
