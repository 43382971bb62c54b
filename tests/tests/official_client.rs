//! The official Python client, through `mini-mcp connect`, directly on the socket
//! and through `mini-mcp stdio`, in both protocol eras.

use harness::{ALICE, BASE, BOB, CAROL, Site, User, eventually, python, unique};
use serde_json::{Value, json};
use std::os::unix::fs::chown;
use std::time::Duration;

const ERAS: [(&str, &str); 2] = [("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28")];

/// Both ways to the same supervisor.
fn links(site: &Site) -> [String; 2] {
    let bridge = site.program("mini-mcp");
    let words = json!([bridge, "connect", "--socket", site.front()]);
    [
        format!("command:{words}"),
        format!("socket:{}", site.front().display()),
    ]
}

/// Lists the tools and makes the calls, each in every era and over every link.
fn tour(site: &Site, user: User, calls: &Value, check: impl Fn(&Value)) {
    for link in links(site) {
        for (era, version) in ERAS {
            let report = python::run("tour.py", user, &[&link, era, &calls.to_string()]);
            assert_eq!(report["protocol"], version, "{link}");
            check(&report);
        }
    }
}

fn tool_names(report: &Value) -> Vec<&str> {
    let tools = report["tools"].as_object().expect("tools by name");
    tools.keys().map(String::as_str).collect()
}

/// Alice, whom the policy names, sees her tools with schemas and hints, and gets
/// results with structured content that the client has checked against them.
#[test]
fn a_principal_sees_and_uses_its_tools() {
    let site = Site::with(BASE).start();
    let calls = json!([["print", {"first": "a b; $(id)"}], ["true", {}]]);
    tour(&site, ALICE, &calls, |report| {
        assert_eq!(tool_names(report), ["print", "sh", "sleep", "true"]);
        let tool = &report["tools"]["print"];
        assert_eq!(tool["inputSchema"]["required"], json!(["first"]));
        assert_eq!(tool["inputSchema"]["additionalProperties"], json!(false));
        assert_eq!(
            tool["inputSchema"]["properties"]["second"]["default"],
            "default"
        );
        assert_eq!(tool["annotations"]["readOnlyHint"], json!(false));
        assert_eq!(
            report["tools"]["true"]["annotations"]["readOnlyHint"],
            json!(true)
        );
        assert!(tool["outputSchema"].is_object());

        let printed = &report["results"][0];
        assert_eq!(printed["error"], json!(false), "{printed}");
        assert_eq!(printed["text"], "[a b; $(id)]\n[default]\n");
        assert_eq!(printed["structured"]["exit_code"], 0);
        assert_eq!(printed["structured"]["stdout"], "[a b; $(id)]\n[default]\n");
        assert_eq!(printed["structured"]["timed_out"], json!(false));
        assert!(printed["structured"]["run_id"].is_string());
        assert_eq!(report["results"][1]["structured"]["exit_code"], 0);
    });
}

/// What the policy allows stands in a resource, for each caller his own.
#[test]
fn a_principal_reads_its_own_policy() {
    let limited = "[limits]\nconcurrency = 9\n[tool.alices]\ndescription = \"Only hers\"\n\
                   command = [\"/usr/bin/true\"]\nprofile = \"plain\"\nallow = [\"alice\"]\n";
    let site = Site::with(&format!("{BASE}{limited}")).start();
    for (user, principal, own, others) in [
        (
            ALICE,
            "You are: alice\n",
            "## alices\n  Only hers\n",
            "## bobs",
        ),
        (BOB, "You are: ops\n", "## bobs\n", "## alices"),
    ] {
        tour(&site, user, &json!([]), |report| {
            let policy = report["resources"]["mini-mcp://policy"].as_str();
            let policy = policy.expect("a text");
            assert!(policy.contains(principal), "{policy}");
            assert!(policy.contains("Limits: limits: 9 at once\n"), "{policy}");
            assert!(policy.contains(own), "{policy}");
            assert!(policy.contains("Limits: ends after 20s\n"), "{policy}");
            assert!(policy.contains("Sandbox: may read /usr "), "{policy}");
            assert!(!policy.contains(others), "{policy}");
        });
    }
}

/// Alice calls Bob's tool and one that does not exist: both are unknown to her.
/// A wrong argument is a denial that names code, rule and reason.
#[test]
fn what_is_not_allowed_is_unknown_or_denied() {
    let site = Site::with(BASE).start();
    let calls = json!([["bobs", {}], ["nonsense", {}], ["print", {"first": "-x"}], ["print", {}]]);
    tour(&site, ALICE, &calls, |report| {
        assert_eq!(report["results"][0]["code"], -32602);
        assert_eq!(report["results"][1]["code"], -32602);
        let denied = &report["results"][2];
        assert_eq!(denied["error"], json!(true));
        assert_eq!(denied["structured"]["denied"]["code"], "leading_dash");
        assert_eq!(
            denied["structured"]["denied"]["rule"],
            "tool.print.args.first"
        );
        let missing = &report["results"][3]["structured"]["denied"];
        assert_eq!(missing["code"], "missing_argument");
    });
}

/// Bob, whom the policy names by his supplementary group, sees the group's tools.
#[test]
fn a_principal_by_group_sees_the_groups_tools() {
    let site = Site::with(BASE).start();
    tour(&site, BOB, &json!([["bobs", {}]]), |report| {
        assert_eq!(tool_names(report), ["bobs", "true"]);
        let text = report["results"][0]["text"].as_str().expect("text");
        assert!(text.contains(&format!("uid={}", BOB.uid())), "{text}");
    });
}

/// Four sleeps at once on one connection take far less than four in a row.
#[test]
fn calls_on_one_connection_run_concurrently() {
    let site = Site::with(BASE).start();
    for link in links(&site) {
        for (era, _) in ERAS {
            let words = [&link, era, "sleep", r#"{"time": "0.4"}"#, "4"];
            let report = python::run("concurrent_calls.py", ALICE, &words);
            let seconds = |name: &str| report[name].as_f64().expect("seconds");
            assert!(seconds("sequential") >= 1.6, "{report}");
            assert!(
                seconds("concurrent") < seconds("sequential") / 2.0,
                "{report}"
            );
            let results = report["results"].as_array().expect("results");
            assert_eq!(results.len(), 8);
            assert!(
                results
                    .iter()
                    .all(|result| result["structured"]["exit_code"] == 0)
            );
        }
    }
}

/// A client that gives up its call has the command killed while the session lives.
#[test]
fn giving_up_a_call_kills_its_command() {
    let site = Site::with(BASE).start();
    for link in links(&site) {
        for (era, _) in ERAS {
            let time = unique();
            let arguments = json!({ "time": time }).to_string();
            let words = [&link, era, "sleep", &arguments, &time];
            let report = python::run("cancel.py", ALICE, &words);
            assert_eq!(report["ran"], json!(true), "{report}");
            assert_eq!(report["killed"], json!(true), "{link} {era}: {report}");
            assert_eq!(report["tools"], json!(["print", "sh", "sleep", "true"]));
            site.audited("the run is recorded as cancelled", |entry| {
                entry.event() == "end" && entry.field("outcome")["cancelled"] == json!(true)
            });
        }
    }
}

/// Carol, whom no principal names, gets no answer on either way.
#[test]
fn a_user_that_no_principal_names_is_not_served() {
    let site = Site::with(BASE).start();
    for link in links(&site) {
        for (era, _) in ERAS {
            let report = python::run("refused.py", CAROL, &[&link, era]);
            assert_eq!(report["served"], json!(false), "{link} {era}: {report}");
        }
    }
    let log = eventually("the refusal is logged", Duration::from_secs(5), || {
        let log = site.log_text("supervisor");
        log.contains(&CAROL.uid().to_string()).then_some(log)
    });
    assert!(!log.contains("panicked"), "{log}");
}

/// `mini-mcp stdio` serves the same client with its embedded policy.
#[test]
fn stdio_needs_no_installation() {
    let scratch = harness::scratch();
    // The trail has a key and a checkpoint beside it.
    let folder = scratch.path().join("trail");
    std::fs::create_dir(&folder).expect("ours");
    chown(&folder, Some(ALICE.uid()), None).expect("root may");
    let audit = folder.join("audit.jsonl");
    let program = scratch.path().join("bin/mini-mcp");
    let words = json!([
        program,
        "stdio",
        "--workspace",
        "/usr/share",
        "--audit",
        audit
    ]);
    for (era, version) in ERAS {
        let report = python::run("tour.py", ALICE, &[&format!("command:{words}"), era, "[]"]);
        assert_eq!(report["protocol"], version);
        assert!(tool_names(&report).len() >= 6, "{report}");
    }
    assert!(audit.exists(), "an audit trail was kept");
}

/// The server's own tools answer as their schemas say, and so does a result with a link.
#[test]
fn runs_in_the_background_and_long_output_keep_to_their_schemas() {
    let patient = "[tool.patient]\ndescription = \"Sleeps\"\ncommand = [\"/usr/bin/sleep\", \"30\"]\n\
                   profile = \"plain\"\nallow = [\"alice\"]\nbackground = true\noutlives_connection = true\n";
    let site = Site::with(&format!("{BASE}{patient}")).start();
    let calls = json!([
        ["run_start", {"tool": "patient"}],
        ["run_output", {}],
        ["run_start", {"tool": "true"}],
        ["run_cancel", {"run": "0-0"}],
        ["sh", {"script": "seq 1 100000"}],
    ]);
    tour(&site, ALICE, &calls, |report| {
        let [started, list, refused, unknown, long] =
            [0, 1, 2, 3, 4].map(|at| &report["results"][at]);
        assert_eq!(started["structured"]["state"], "running", "{started}");
        let run = &started["structured"]["run_id"];
        assert_eq!(&list["structured"]["runs"][0]["run_id"], run, "{list}");
        assert_eq!(refused["structured"]["denied"]["code"], "not_background");
        assert_eq!(unknown["structured"]["failed"]["code"], "invalid_arguments");
        assert_eq!(long["structured"]["stdout_truncated"], json!(true));
        assert!(long["structured"]["stdout_uri"].is_string(), "{long}");
    });
}
