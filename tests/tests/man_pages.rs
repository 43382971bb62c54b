//! Manual pages: made from docs/, committed, and fit for man(1).

use harness::man::{Page, page};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const POLICY: Page = Page {
    name: "mini-mcp-policy",
    section: 5,
    about: "which commands an AI agent may run, for whom and how",
    synopsis: &[
        "/etc/mini-mcp/policy.toml",
        "/etc/mini-mcp/policy.d/*.toml",
        "/usr/share/mini-mcp/policy.d/*.toml",
    ],
    files: &[
        ("/etc/mini-mcp/policy.toml", "The policy of the service."),
        ("/etc/mini-mcp/policy.d/*.toml", "Its drop-ins."),
        (
            "/usr/share/mini-mcp/policy.d/*.toml",
            "Packs that it can include by name.",
        ),
    ],
    see_also: &[
        "mini-mcp (1)",
        "mini-mcp-worker (8)",
        "systemd.exec (5)",
        "sudoers (5)",
    ],
};

const PAGES: [(&Page, &str); 1] = [(&POLICY, "docs/policy-reference.md")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn committed(page: &Page) -> PathBuf {
    root().join(format!("packaging/man/{}.{}", page.name, page.section))
}

/// `MINI_MCP_BLESS=1` writes them anew.
#[test]
fn the_committed_pages_are_made_from_the_documents() {
    for (about, document) in PAGES {
        let text = fs::read_to_string(root().join(document)).expect("a document");
        let made = page(about, &text);
        let path = committed(about);
        if std::env::var_os("MINI_MCP_BLESS").is_some() {
            fs::write(&path, &made).expect("the repository is ours");
        }
        let there = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            there == made,
            "write `{}` anew: MINI_MCP_BLESS=1 cargo test -p mini-mcp-tests --test man_pages",
            path.display()
        );
    }
}

/// groff has nothing to say, and every heading and key of the document is there.
#[test]
fn the_pages_can_be_read() {
    for (about, document) in PAGES {
        let mut groff = Command::new("groff");
        groff
            .args(["-man", "-ww", "-Tutf8", "-rLL=100n", "-P-c"])
            .arg(committed(about));
        let output = groff.stdin(Stdio::null()).output();
        let output = output.expect("groff runs\nhint: apt-get install groff-base");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}");
        let shown = String::from_utf8(output.stdout).expect("text");
        // Overstriking is how a terminal without colours shows bold.
        let plain = shown.split('\u{8}').fold(String::new(), |mut text, part| {
            let mut rest = part.chars();
            if !text.is_empty() {
                text.pop();
            }
            text.extend(rest.by_ref());
            text
        });
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "FILES", "SEE ALSO"] {
            assert!(
                plain.lines().any(|line| line == section),
                "{section}\n{plain}"
            );
        }
        let text = fs::read_to_string(root().join(document)).expect("a document");
        let keys = text.lines().filter_map(|line| line.strip_prefix("| `"));
        let keys: Vec<&str> = keys.filter_map(|rest| rest.split('`').next()).collect();
        assert!(keys.len() > 60, "{}", keys.len());
        for key in keys {
            assert!(plain.contains(key), "`{key}` is missing");
        }
    }
}
