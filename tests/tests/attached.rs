//! Who is there: clients that come and go and keys that are used, without letting
//! whoever comes often fill the trail.

use harness::web::bearer;
use harness::{ALICE, BASE, BOB, CAROL, Client, Entry, Front, Lane, Site, Web, eventually};
use serde_json::{Value, json};
use std::os::fd::AsFd;
use std::process::Command;
use std::time::Duration;
use wire::{Attach, Claim, Correlation, Reply, Request, Speech};

const KEYS: &str = "\n[principal.ci]\napi_key = \"ci\"\n[profile.fixed]\nextends = \"plain\"\nrun_as = \"mmtest-run\"\n\
    [tool.whoami]\ndescription = \"Prints the user\"\ncommand = [\"/usr/bin/id\", \"-u\"]\nprofile = \"fixed\"\nallow = [\"ci\"]\n";

/// Every line of `event`, once there are so many.
#[track_caller]
fn lines(site: &Site, event: &str, number: usize) -> Vec<Entry> {
    eventually(event, Duration::from_secs(10), || {
        let mut lines = site.trail();
        lines.retain(|entry| entry.event() == event);
        (lines.len() >= number).then_some(lines)
    })
}

fn initialize() -> Value {
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "web", "version": "7"}},
    })
}

/// A client's coming stands before its first call, with whom the kernel proves, and its
/// going after.
#[test]
fn clients_come_and_go() {
    let site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    let [attach] = &lines(&site, "attach", 1)[..] else {
        panic!("more than one")
    };
    assert_eq!(
        (attach.text("proof"), attach.field("uid")),
        ("unix", &json!(ALICE.uid()))
    );
    assert_eq!(attach.field("principals"), &json!(["alice"]));
    assert_eq!(
        (attach.text("speech"), attach.field("left_out")),
        ("lines", &json!(0))
    );
    assert!(!attach.field("claim")["name"].is_null(), "{attach:?}");
    let trail = site.trail();
    let place = |event| trail.iter().position(|one| one.event() == event);
    assert!(place("attach") < place("start"), "{trail:?}");
    assert!(place("detach").is_none());
    drop(client);
    let detach = lines(&site, "detach", 1);
    assert_eq!(detach[0].text("client"), attach.text("client"));

    let audit = |words: &[&str]| {
        let mut command = Command::new(site.program("mini-mcp"));
        command
            .arg("audit")
            .args(words)
            .arg("--audit")
            .arg(site.trail_file());
        String::from_utf8(command.output().expect("it runs").stdout).expect("text")
    };
    let rows = audit(&[]);
    let name = attach.text("client");
    assert!(
        rows.contains(&format!("{} attaches as {name}, with ", ALICE.name)),
        "{rows}"
    );
    assert!(
        rows.contains(&format!("{} detaches, {name}", ALICE.name)),
        "{rows}"
    );
    assert!(audit(&["verify"]).contains("whole"));
}

/// Who is nobody to the policy is hung up on, and leaves no line.
#[test]
fn strangers_leave_no_line() {
    let site = Site::with(BASE).start();
    let stranger = Client::attach_silent(&site, CAROL);
    eventually("it is hung up on", Duration::from_secs(10), || {
        stranger.ended().then_some(())
    });
    assert!(site.trail().iter().all(|one| one.event() != "attach"));
}

/// A session of HTTP comes and goes, a request without one does not.
#[test]
fn sessions_of_http_come_and_go() {
    let site = Site::with(BASE).start();
    let mut web = Web::socket(&site, BOB);
    assert_eq!(web.call("true", &json!({}), None).status, 200);
    assert!(site.trail().iter().all(|one| one.event() != "attach"));
    let reply = web.post(&initialize(), &[]);
    let id = reply
        .header("mcp-session-id")
        .expect("a session")
        .to_owned();
    let headers = vec![("Mcp-Session-Id", id)];
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(web.post(&initialized, &headers).status, 202);
    let attach = lines(&site, "attach", 1).remove(0);
    assert_eq!(attach.field("uid"), &json!(BOB.uid()));
    assert_eq!(attach.text("speech"), "http");
    assert_eq!(
        attach.field("claim"),
        &json!({"name": "web", "version": "7"})
    );
    let mut ended = site;
    ended.stop_supervisor();
    let detach = lines(&ended, "detach", 1);
    assert_eq!(detach[0].text("client"), attach.text("client"));
}

/// A flood of one user's clients gets so many lines a minute, and hides nobody else's.
#[test]
fn a_flood_does_not_fill_the_trail() {
    let site = Site::with(BASE).start();
    for _ in 0..70 {
        drop(Client::attach(&site, ALICE).tools());
    }
    let _other = Client::attach(&site, BOB).tools();
    let attaches = lines(&site, "attach", 61);
    let of = |uid: u32| {
        attaches
            .iter()
            .filter(move |one| one.field("uid") == &json!(uid))
    };
    assert_eq!((of(ALICE.uid()).count(), of(BOB.uid()).count()), (60, 1));
}

/// The first use of a key from an address is recorded, and not each.
#[test]
fn a_key_in_use_is_recorded_once() {
    let policy = format!("{BASE}{KEYS}");
    let http = ["--http", "127.0.0.1:0"];
    let site = Site::with(&policy).serving(&http).start();
    let key = site.new_key("ci");
    let mut web = Web::network(site.http());
    for _ in 0..5 {
        assert_eq!(web.call("whoami", &json!({}), Some(&key)).status, 200);
    }
    let uses = lines(&site, "key_use", 1);
    assert_eq!(uses.len(), 1, "{uses:?}");
    assert_eq!(
        (uses[0].text("key"), uses[0].text("address")),
        ("ci", "127.0.0.1")
    );
    let trail = site.trail();
    let place = |event| trail.iter().position(|one| one.event() == event);
    assert!(place("key_use") < place("start"));
    assert!(!format!("{trail:?}").contains(&key));

    let reply = web.post(&initialize(), &[bearer(&key)]);
    let id = reply
        .header("mcp-session-id")
        .expect("a session")
        .to_owned();
    let headers = vec![bearer(&key), ("Mcp-Session-Id", id)];
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    web.post(&initialized, &headers);
    let attach = lines(&site, "attach", 1).remove(0);
    assert_eq!(
        (attach.text("key"), attach.text("address")),
        ("ci", "127.0.0.1")
    );
    assert_eq!(attach.field("principals"), &json!(["ci"]));
}

/// A supervisor that is taken over can make up neither who attaches nor who goes.
#[test]
fn a_hostile_supervisor_attaches_nobody() {
    let front = Front::with(BASE);
    let lane = Lane::greeted(&front.site);
    let attach = Request::Attach(Attach {
        correlation: Correlation::default(),
        claim: Some(Claim {
            name: "x".repeat(10_000),
            version: String::new(),
        }),
        key: None,
        speech: Speech::Lines,
    });
    let (pair, _other) = std::os::unix::net::UnixStream::pair().expect("a pair");
    for descriptors in [vec![], vec![pair.as_fd()], vec![front.listener.as_fd()]] {
        lane.say(&attach, &descriptors);
        assert_eq!(lane.hear(), Ok(Reply::Attached(None)));
    }
    lane.say(&Request::Detach("c1-1".to_owned()), &[]);
    assert_eq!(lane.hear(), Ok(Reply::Recorded));
    let (client, _end) = front.client(ALICE);
    lane.say(&attach, &[client.as_fd()]);
    let Ok(Reply::Attached(Some(name))) = lane.hear() else {
        panic!("a real client is recorded");
    };
    for _ in 0..3 {
        lane.say(&Request::Detach(name.clone()), &[]);
        assert_eq!(lane.hear(), Ok(Reply::Recorded));
    }
    let trail = front.site.trail();
    let count = |event| trail.iter().filter(|one| one.event() == event).count();
    assert_eq!((count("attach"), count("detach")), (1, 1), "{trail:?}");
    let attach = lines(&front.site, "attach", 1).remove(0);
    let claimed = attach.field("claim")["name"].as_str().expect("a name");
    assert_eq!(claimed.len(), wire::CLAIM_MAX);
}
