//! `mini-mcp enable` and `mini-mcp disable`: a pack comes into force and goes, and what
//! would be refused changes nothing.

use harness::{ALICE, BASE, Client, Site};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

const LOOK: &str = "# Tools that look.\n# And more.\nversion = 1\ninclude = [\"base\"]\n\
    [tool.look]\ndescription = \"Looks\"\ncommand = [\"/usr/bin/printf\", \"seen\"]\n\
    profile = \"base\"\nallow = [\"alice\"]\n";
const BASE_PACK: &str = "# Profiles of packs\nversion = 1\n\
    [profile.base]\nextends = \"plain\"\n";
const BROKEN: &str = "version = 1\n[tool.broken]\ndescription = \"x\"\n\
    command = [\"/usr/bin/true\"]\nprofile = \"nowhere\"\nallow = [\"alice\"]\n";

/// An installation with packs, whose services do not run yet.
fn prepared() -> Site {
    let site = Site::with(BASE).prepare();
    fs::create_dir(site.path("packs")).expect("ours");
    site.file("packs/look.toml", LOOK);
    site.file("packs/base.toml", BASE_PACK);
    site.file("packs/broken.toml", BROKEN);
    site
}

fn started() -> Site {
    let mut site = prepared();
    site.start_worker();
    site.start_supervisor();
    site
}

fn command(site: &Site, words: &[&str]) -> Command {
    let mut command = Command::new(site.program("mini-mcp"));
    command.args(words).arg("--policy").arg(site.policy());
    command.arg("--packs").arg(site.path("packs"));
    command.arg("--socket").arg(site.front());
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

#[track_caller]
fn fine(site: &Site, words: &[&str]) -> String {
    let output = command(site, words).output().expect("it starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

#[track_caller]
fn refused(site: &Site, words: &[&str]) -> String {
    let Output { status, stderr, .. } = command(site, words).output().expect("it starts");
    assert_eq!(status.code(), Some(1), "{}", text(&stderr));
    text(&stderr).to_owned()
}

fn link(site: &Site, name: &str) -> std::path::PathBuf {
    site.path("policy.d").join(format!("{name}.toml"))
}

#[test]
fn a_pack_is_in_force_once_it_is_enabled_and_no_more_once_it_is_disabled() {
    let site = started();
    let client = Client::attach(&site, ALICE);
    assert!(!client.tools().contains(&"look".to_owned()));

    let said = fine(&site, &["enable", "look"]);
    assert!(said.starts_with("policy in force: "), "{said}");
    assert!(said.contains("\nlook is enabled: "), "{said}");
    assert_eq!(client.call("look", &json!({})).success(), "seen");
    let mode = fs::metadata(site.path("policy.d"))
        .expect("it is there")
        .mode();
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(
        fine(&site, &["enable", "look"]),
        "look is enabled already\n"
    );

    let listed = fine(&site, &["enable", "--list"]);
    let expected = "base                 included  Profiles of packs\n\
                    broken               -         \n\
                    look                 enabled   Tools that look\n";
    assert_eq!(listed, expected);
    // A pack that another includes can be enabled too, and is read once.
    fine(&site, &["enable", "base"]);
    fine(&site, &["disable", "base"]);

    let said = fine(&site, &["disable", "look"]);
    assert!(said.contains("\nlook is disabled: "), "{said}");
    assert!(!client.tools().contains(&"look".to_owned()));
    assert!(!link(&site, "look").is_symlink());
    assert_eq!(fine(&site, &["disable", "look"]), "look is not enabled\n");
}

#[test]
fn what_would_be_refused_changes_nothing() {
    let site = started();
    let said = refused(&site, &["enable", "broken"]);
    assert!(said.contains("cannot use the policy"), "{said}");
    assert!(said.contains("packs/broken.toml:5:"), "{said}");
    assert!(!site.path("policy.d").exists());

    let said = refused(&site, &["enable", "bork"]);
    assert!(said.contains("cannot find the pack `bork`"), "{said}");
    assert!(said.contains("\nhint: `mini-mcp enable --list`"), "{said}");
    let said = refused(&site, &["enable", "../packs/look"]);
    assert!(said.contains("cannot find the pack"), "{said}");

    // A tool of the policy's own is of a profile in the pack.
    fine(&site, &["enable", "base"]);
    let own = "version = 1\n[tool.own]\ndescription = \"x\"\ncommand = [\"/usr/bin/true\"]\n\
               profile = \"base\"\nallow = [\"alice\"]\n";
    site.file("policy.d/own.toml", own);
    let said = refused(&site, &["disable", "base"]);
    assert!(said.contains("policy.d/own.toml:5:"), "{said}");
    assert!(link(&site, "base").is_symlink());
}

#[test]
fn files_of_the_administrator_are_left_alone() {
    let site = started();
    fs::create_dir(site.path("policy.d")).expect("ours");
    site.file("policy.d/look.toml", "version = 1\ninclude = [\"look\"]\n");
    let said = refused(&site, &["enable", "look"]);
    assert!(said.contains("is there and is no link to it"), "{said}");
    let said = refused(&site, &["disable", "look"]);
    assert!(said.contains("policy.d/look.toml` includes it"), "{said}");
    fs::remove_file(link(&site, "look")).expect("ours");
    symlink("/dev/null", link(&site, "look")).expect("ours");
    let said = refused(&site, &["enable", "look"]);
    assert!(said.contains("is there and is no link to it"), "{said}");
}

/// The service sees what the files cannot tell beforehand: then they are as before.
#[test]
fn what_the_service_refuses_is_taken_back() {
    let site = started();
    // The worker reads packs elsewhere, where this one has a mistake.
    fs::rename(site.path("packs"), site.path("other")).expect("ours");
    fs::create_dir(site.path("packs")).expect("ours");
    site.file("packs/look.toml", BROKEN);
    let mut enable = Command::new(site.program("mini-mcp"));
    enable
        .args(["enable", "look", "--policy"])
        .arg(site.policy());
    enable.arg("--packs").arg(site.path("other"));
    enable.arg("--socket").arg(site.front());
    let output = enable.output().expect("it starts");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the former policy stays in force"), "{said}");
    assert!(!link(&site, "look").is_symlink());
}

#[test]
fn without_the_service_the_files_are_changed_all_the_same() {
    let mut site = prepared();
    let said = fine(&site, &["enable", "look"]);
    assert!(said.starts_with("the service does not run: "), "{said}");
    let target = fs::read_link(link(&site, "look")).expect("a link");
    assert_eq!(
        target,
        site.path("packs/look.toml").canonicalize().expect("there")
    );
    site.start_worker();
    site.start_supervisor();
    let client = Client::attach(&site, ALICE);
    assert!(client.tools().contains(&"look".to_owned()));

    let said = fine(&site, &["disable", "look", "--no-reload"]);
    assert!(said.starts_with("look is disabled: "), "{said}");
    assert!(
        client.tools().contains(&"look".to_owned()),
        "it is in force"
    );
}

/// Every pack that is shipped can be enabled in the policy that is shipped, says what it
/// is, and is named there.
#[test]
fn the_shipped_policy_takes_in_each_shipped_pack() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging");
    let policy = fs::read_to_string(packaging.join("policy.toml")).expect("shipped");
    let own_group = policy.replace("\"mini-mcp-operators\"", "\"mmtest-ops\"");
    let site = Site::with(&own_group).prepare();
    fs::create_dir(site.path("packs")).expect("ours");
    let mut names = Vec::new();
    for entry in fs::read_dir(packaging.join("policy.d")).expect("packs") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&path).expect("text");
        site.file(&format!("packs/{name}.toml"), &text);
        names.push(name);
    }
    let listed = fine(&site, &["enable", "--list"]);
    for name in &names {
        fine(&site, &["enable", name]);
        let line = listed
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        let line = line.unwrap_or_else(|| panic!("{name} in {listed}"));
        assert!(line.split_whitespace().count() > 4, "{line}");
        let named = format!("\n#   {name} ");
        assert!(policy.contains(&named), "{name}");
    }
}
