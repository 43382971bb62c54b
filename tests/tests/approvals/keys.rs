//! A caller with a key, who loses it while his call waits.

use super::{HELD, done, waiting};
use harness::web::{bearer, modern};
use harness::{BASE, RUNNER, Site, Web};
use serde_json::json;

fn site() -> Site {
    let held = HELD.replace(
        r#"ask = ["alice", "ops"]"#,
        r#"ask = ["alice", "ops", "ci"]"#,
    );
    // Who has a key is no user: the profile names one.
    let other = format!(
        "[profile.other]\nextends = \"plain\"\nrun_as = \"{}\"\n",
        RUNNER.name
    );
    let held = held.replacen("profile = \"plain\"", "profile = \"other\"", 1);
    let keys = "[principal.ci]\napi_key = \"ci\"\n";
    Site::with(&format!("{BASE}{keys}{other}{held}"))
        .serving(&["--http", "127.0.0.1:0"])
        .start()
}

/// The key was good when the call began to wait, and is none when it is approved.
#[test]
fn a_key_that_is_revoked_meanwhile_runs_nothing() {
    let site = site();
    let key = site.new_key("ci");
    let start = |word: &str| {
        let call = json!({"name": "held", "arguments": {"word": word}});
        let (message, mut headers) = modern("tools/call", call);
        headers.push(bearer(&key));
        let mut web = Web::network(site.http());
        web.start(&message, &headers);
        web
    };
    let mut web = start("while it is good");
    let id = waiting(&site);
    done(&site, &["approve", &id, "--for", "1h", "--scope", "tool"]);
    let reply = web.reply().expect("an answer");
    assert!(reply.text().contains("while it is good"), "{reply:?}");
    done(&site, &["revoke", &id]);

    let mut web = start("too late");
    let id = waiting(&site);
    site.key(&["revoke", "ci"]);
    done(&site, &["approve", &id, "--for", "1h", "--scope", "tool"]);
    let reply = web.reply().expect("an answer");
    let message = reply.message();
    let failed = &message["result"]["structuredContent"]["failed"];
    assert_eq!(failed["code"], "attestation", "{message}");
    let starts = site
        .audit()
        .into_iter()
        .filter(|entry| entry.is("start", "held"));
    assert_eq!(starts.count(), 1);
    // The trail says why what was approved did not run.
    let end = site.audited("it is told why", |entry| {
        entry.is("withdrawn", "held") && entry.text("approval") == id
    });
    assert_eq!(
        end.text("reason"),
        "it was approved too late: its caller has gone"
    );
}
