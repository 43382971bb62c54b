//! docs/comparison.md says what this host does: the probes under `mini-mcp run` in
//! both strengths, and under bubblewrap; bubblewrap's everyday programs. Ours are in
//! everyday.rs.

use harness::comparison::{Attacked, Field, Named, Page, Positive, Sandbox, everyday};
use harness::everyday::cases;
use std::collections::BTreeSet;

/// Counted only where a controller of cgroup v2 is.
const CONTROLLED: [&str; 2] = ["memory-shared", "memory-tree"];

fn names(attacked: &Attacked) -> BTreeSet<Named> {
    attacked.escaped.iter().cloned().collect()
}

/// What the page says, of the probes that say something here.
fn written(page: &Page, sandbox: Sandbox, probes: &Positive) -> BTreeSet<Named> {
    let mut all = page.escapes(sandbox);
    all.retain(|probe| probes.0.contains(probe));
    all
}

#[test]
fn what_gets_through_is_what_the_page_says() {
    let (page, field) = (Page::read(), Field::new());
    let probes = field.positive();
    assert!(probes.0.len() > 250, "{} probes", probes.0.len());
    for sandbox in [Sandbox::Default, Sandbox::Isolated, Sandbox::Bubblewrap] {
        assert!(sandbox.there(), "hint: apt-get install bubblewrap");
        let attacked = field.attack(sandbox, &probes);
        assert_eq!(attacked.broken, [""; 0], "could not be tried: {sandbox:?}");
        let (mut found, mut written) = (names(&attacked), written(&page, sandbox, &probes));
        if sandbox != Sandbox::Bubblewrap {
            for set in [&mut found, &mut written] {
                set.retain(|(_, name)| !CONTROLLED.contains(&name.as_str()));
            }
        }
        assert_eq!(
            found, written,
            "{sandbox:?}\nhint: `cargo bench -p mini-mcp-tests --bench compare` makes the page anew"
        );
    }
}

/// The table counts what the page lists.
#[test]
fn the_table_and_the_lists_agree() {
    let page = Page::read();
    for sandbox in Sandbox::ALL {
        let Some(all) = page.cell("**escaped of all**", sandbox) else {
            panic!("no column for {sandbox:?}");
        };
        if sandbox == Sandbox::Nothing {
            continue;
        }
        let mut escapes = page.escapes(sandbox);
        escapes.retain(|(class, _)| class != "not working");
        assert!(
            all.starts_with(&format!("{}/", escapes.len())),
            "{sandbox:?}: {all}"
        );
    }
    let whole = format!("{0}/{0}", cases().len());
    for sandbox in [Sandbox::Nothing, Sandbox::Default, Sandbox::Isolated] {
        let cell = page.cell("**everyday, working**", sandbox);
        assert_eq!(cell.as_ref(), Some(&whole), "{sandbox:?}");
    }
}

#[test]
fn what_works_under_bubblewrap_is_what_the_page_says() {
    let page = Page::read();
    let worked = everyday(Sandbox::Bubblewrap);
    let failed: BTreeSet<&str> = worked
        .failed
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let written = page.escapes(Sandbox::Bubblewrap);
    let written = written.iter().filter(|(class, _)| class == "not working");
    let written: BTreeSet<&str> = written.map(|(_, name)| name.as_str()).collect();
    assert_eq!(failed, written, "{:#?}", worked.failed);
}
