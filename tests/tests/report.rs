//! `mini-mcp report`, looked at in a real browser: it shows what happened, its filters
//! work, and nothing that callers or commands made up is executed.

use harness::{ALICE, BASE, BOB, Browser, Client, Site, Web, command_as};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// What a caller would put into his arguments to take the page over.
const HOSTILE: [&str; 4] = [
    "</script><script>window.taken = 1</script>",
    "<img src=x onerror=\"window.taken = 1\">",
    "<!--<script>",
    "-';window.taken = 1;\"\u{2028}${window.taken = 1}",
];

fn report(site: &Site) -> PathBuf {
    let page = site.path("report.html");
    let mut command = Command::new(site.program("mini-mcp"));
    command.arg("report").arg("-o").arg(&page);
    command.arg("--audit").arg(site.trail_file());
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    page
}

/// What must be approved, and a caller with a key.
const MORE: &str = r#"
[approvals]
unix_groups = ["mmtest-ops"]
[principal.ci]
api_key = "ci"
[tool.held]
description = "Says a word, once somebody has approved it"
command = ["/usr/bin/printf", "%s", "{word}"]
profile = "plain"
ask = ["alice"]
[tool.held.args]
word = { type = "string" }
"#;

fn site() -> Site {
    let site = Site::with(&format!("{BASE}{MORE}"))
        .serving(&["--http", "127.0.0.1:0"])
        .start();
    {
        let (alice, bob) = (Client::attach(&site, ALICE), Client::attach(&site, BOB));
        for hostile in HOSTILE {
            let _answer = alice.call("print", &json!({"first": hostile}));
            let _answer = alice.call(hostile, &json!({}));
        }
        let _answer = alice.call("sh", &json!({"script": "exit 3"}));
        let _answer = bob.call("true", &json!({}));
    }
    site
}

fn admin(site: &Site, words: &[&str]) {
    let mut command = Command::new(site.program("mini-mcp"));
    command.args(words).arg("--socket").arg(site.admin_socket());
    assert!(command.output().expect("it runs").status.success());
}

/// One request that is approved for an hour and used twice, and taken back; one that is
/// denied with hostile words; one that is given up; and one that waits.
fn approvals(site: &Site) -> Client {
    let alice = Client::attach(site, ALICE);
    let ask = |word: &str| {
        let call = alice.start_call("held", &json!({ "word": word }));
        let entry = site.audited("it waits", |entry| {
            entry.is("waiting", "held") && entry.field("argv")[2] == word
        });
        (call, entry.text("approval").to_owned())
    };
    let (call, id) = ask("a word");
    let program = site.program("mini-mcp");
    let mut approve = command_as(BOB, &program);
    approve
        .args(["approve", &id, "--for", "1h", "--socket"])
        .arg(site.admin_socket());
    assert!(approve.output().expect("it runs").status.success());
    assert_eq!(alice.called(call).success(), "a word");
    assert_eq!(
        alice.call("held", &json!({"word": "a word"})).success(),
        "a word"
    );
    admin(site, &["revoke", &id]);
    let (call, id) = ask("no");
    admin(site, &["deny", &id, "--reason", HOSTILE[1]]);
    assert_eq!(alice.called(call).denied(), "approval_denied");
    let (call, _) = ask(HOSTILE[0]);
    alice.cancel(call);
    site.audited("it is given up", |entry| entry.is("withdrawn", "held"));
    let _waits = ask("waits");
    alice
}

/// How many calls the page shows now, and how many rows its last table has.
fn shown(browser: &Browser) -> (u64, u64) {
    let calls = browser.run("return Number(document.body.dataset.calls)");
    let rows = browser.run("return document.querySelectorAll('#calls tbody tr').length");
    (
        calls.as_u64().expect("a number"),
        rows.as_u64().expect("a number"),
    )
}

#[test]
fn the_page_shows_filters_and_executes_nothing() {
    let site = site();
    let page = report(&site);
    let mode = std::fs::metadata(&page)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "it tells what the trail tells");
    let browser = Browser::start();
    browser.visit(&page);
    assert_eq!(browser.run("return document.body.dataset.ready"), "yes");
    assert_eq!(shown(&browser), (10, 10));
    let text = browser.run("return document.body.innerText");
    let text = text.as_str().expect("text");
    for part in [
        "Trail whole",
        "not_allowed",
        "leading_dash",
        "exit 3",
        ALICE.name,
        HOSTILE[0],
        HOSTILE[1],
        "the worker begins",
        "attaches as",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let bars = "return document.querySelectorAll('#time rect.bar').length";
    assert!(browser.run(bars).as_u64() > Some(0));

    // Filters, as a user sets them.
    browser.click("#verdict option[value=denied]");
    assert_eq!(shown(&browser), (5, 5));
    browser.click("#clear");
    assert_eq!(shown(&browser), (10, 10));
    browser.click("#tools button[title=sh]");
    assert_eq!(shown(&browser), (1, 1));
    assert_eq!(
        browser.run("return document.getElementById('tool').value"),
        "sh"
    );
    browser.click("#clear");
    browser.click("#time rect.hit");
    assert_eq!(
        browser.run("return document.getElementById('period').hidden"),
        false
    );
    browser.click("#period");
    let search = "const it = document.getElementById('search'); it.value = 'ONERROR'; it.dispatchEvent(new Event('input'))";
    assert_eq!(browser.run(search), Value::Null);
    assert_eq!(shown(&browser), (2, 2));

    // Nothing was executed, loaded or complained of.
    assert_eq!(browser.run("return window.taken === undefined"), true);
    assert_eq!(
        browser.run("return document.querySelectorAll('img, script').length"),
        2
    );
    assert_eq!(
        browser.run("return performance.getEntriesByType('resource').length"),
        0
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());

    // And if markup of somebody else got in, it could do nothing.
    let inject = "document.body.insertAdjacentHTML('beforeend', '<img src=data:, onerror=\"window.taken = 1\"><a id=link href=\"javascript:window.taken = 1\">x</a>');
        const script = document.createElement('script'); script.textContent = 'window.taken = 1'; document.body.append(script);
        document.getElementById('link').click();
        fetch('http://127.0.0.1:1/').catch(() => 0)";
    assert_eq!(browser.run(inject), Value::Null);
    let complaints = browser.complaints().join("\n");
    assert!(
        complaints.contains("Content Security Policy"),
        "{complaints}"
    );
    assert_eq!(browser.run("return window.taken === undefined"), true);
}

/// Who approved what, when, and how long it took; and which keys were presented.
#[test]
fn the_page_tells_of_approvals_and_keys() {
    let site = site();
    let alice = approvals(&site);
    let key = site.new_key("ci");
    let wrong = format!("{}x", &key[..key.len() - 1]);
    for key in [&wrong, &wrong, &key] {
        let mut web = Web::network(site.http());
        let _answer = web.call("true", &json!({}), Some(key));
    }
    site.audited("a wrong key", |entry| entry.event() == "wrong_key");
    let browser = Browser::start();
    browser.visit(&report(&site));
    let rows = |table: &str| {
        let script = format!(
            "return [...document.querySelectorAll('#{table} tbody tr')].map((row) => [...row.children].map((cell) => cell.innerText))"
        );
        let rows: Vec<Vec<String>> = serde_json::from_value(browser.run(&script)).expect("rows");
        rows
    };
    let told = rows("approvals");
    let column = |index: usize| {
        told.iter()
            .map(|row| row[index].as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        column(4),
        ["waiting", "given up", "denied", "approved, this call"]
    );
    assert_eq!(column(5), ["–", "–", "root", BOB.name]);
    assert_eq!(column(7), ["", "", "", "2"]);
    assert!(
        told.iter().skip(1).all(|row| row[6].ends_with('s')),
        "{told:?}"
    );
    let words = column(8);
    assert!(
        words[3].contains("taken back by root") && words[3].contains("until 2"),
        "{words:?}"
    );
    assert!(
        words[3].contains("/usr/bin/printf %s 'a word'"),
        "{words:?}"
    );
    assert!(
        words[2].contains(HOSTILE[1]) && words[1].contains("window.taken"),
        "{words:?}"
    );
    assert!(
        rows("keys")
            .iter()
            .any(|row| row[0] == "a wrong one" && row[4].contains("127.0.0.1"))
    );
    // Each stands in one table only: the last has the rest.
    let rest: Vec<String> = rows("events")
        .into_iter()
        .map(|row| row[1].clone())
        .collect();
    assert!(rest.iter().any(|what| what == "attach"), "{rest:?}");
    for shown in ["approved", "revoked", "key_use", "wrong_key"] {
        assert!(!rest.iter().any(|what| what == shown), "{rest:?}");
    }

    // Its filters are those of the page.
    browser.click("#tool option[value=held]");
    assert_eq!(rows("approvals").len(), 4);
    browser.click("#tool option[value=sh]");
    assert_eq!(rows("approvals").len(), 0);
    browser.click("#clear");
    let search = "const it = document.getElementById('search'); it.value = 'GIVEN UP'; it.dispatchEvent(new Event('input'))";
    assert_eq!(browser.run(search), Value::Null);
    assert_eq!(rows("approvals").len(), 1);
    assert_eq!(browser.run("return window.taken === undefined"), true);
    assert_eq!(browser.complaints(), Vec::<String>::new());
    drop(alice);
}

/// On a window as narrow as a telephone nothing but tables is wider than it, and those
/// scroll by themselves.
#[test]
fn the_page_fits_a_telephone() {
    let site = site();
    let alice = approvals(&site);
    let browser = Browser::start();
    browser.resize(390, 844);
    browser.visit(&report(&site));
    let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.run(wide), 0);
    let cut = "return [...document.querySelectorAll('header, form, .tile, .card, .bars button')].filter((it) => it.getBoundingClientRect().right > innerWidth + 1).length";
    assert_eq!(browser.run(cut), 0);
    drop(alice);
}

/// Whoever damaged the trail stands at the top of the page.
#[test]
fn a_damaged_trail_is_told_first() {
    let site = site();
    let text = std::fs::read_to_string(site.trail_file()).expect("the trail");
    std::fs::write(
        site.trail_file(),
        text.replacen("not_allowed", "too_long", 1),
    )
    .expect("root may");
    let browser = Browser::start();
    browser.visit(&report(&site));
    let told = browser.run("return document.getElementById('findings').innerText");
    assert!(
        told.as_str()
            .is_some_and(|told| told.contains("was changed")),
        "{told}"
    );
    assert_eq!(
        browser.run("return document.getElementById('chain').className"),
        "broken"
    );
}
