//! `mini-mcp report`, looked at in a real browser: it shows what happened, its filters
//! work, and nothing that callers or commands made up is executed.

use harness::{ALICE, BASE, BOB, Browser, Client, Site};
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

fn site() -> Site {
    let site = Site::with(BASE).start();
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
