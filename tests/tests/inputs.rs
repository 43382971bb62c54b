//! What a call brings along or has made: files that are created as the caller,
//! standard input, the directory a command starts in, and programs that are pinned.

use harness::{ALICE, BASE, BOB, Client, Site};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::PathBuf;

const TOOLS: &str = r#"
[profile.work]
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
working_directory = "@site@/drop"
strength = "@strength@"
environment = { SITE = "@site@" }

[tool.write]
description = "Writes a word into a file that is made"
command = ["/usr/bin/sh", "-c", 'echo word > "$1"; ls "$(dirname "$1")" >&2; echo x > "$1.beside"', "sh", "{file}"]
profile = "work"
allow = ["alice", "ops"]
args = { file = { type = "path", under = ["@site@"], access = "create" } }

[tool.write_new]
description = "Writes a word into a file that must not exist"
command = ["/usr/bin/sh", "-c", 'echo word > "$1"', "sh", "{file}"]
profile = "work"
allow = ["alice"]
args = { file = { type = "path", under = ["@site@/drop"], access = "create", exists = "must_not" } }

[tool.fill]
description = "Makes a directory and a file in it"
command = ["/usr/bin/sh", "-c", 'echo x > "$1/in"', "sh", "{folder}"]
profile = "work"
allow = ["alice"]
args = { folder = { type = "path", under = ["@site@/drop"], access = "create", kind = "directory" } }

[tool.never]
description = "Cannot start"
command = ["/usr/bin/nothing-of-that-name", "{file}"]
profile = "work"
allow = ["alice"]
args = { file = { type = "path", under = ["@site@/drop"], access = "create" } }

[profile.open]
extends = "work"
strength = "default"

[tool.unstartable]
description = "Starts in a directory that is closed"
command = ["/usr/bin/true", "{file}"]
profile = "open"
working_directory = "@site@/data/closed"
allow = ["alice"]
args = { file = { type = "path", under = ["@site@/drop"], access = "create" } }

[tool.maybe]
description = "Looks whether a file is there"
command = ["/usr/bin/test", "-e", "{file}"]
profile = "work"
allow = ["alice"]
args = { file = { type = "path", under = ["@site@/drop"], exists = "may" } }

[tool.text_in]
description = "Counts what it reads"
command = ["/usr/bin/cat"]
stdin = "{text}"
profile = "work"
allow = ["alice"]
args = { text = { type = "string", max_length = 16384, optional = true } }

[tool.file_in]
description = "Prints the file that it reads"
command = ["/usr/bin/cat"]
stdin = "{file}"
profile = "work"
allow = ["alice", "ops"]
args = { file = { type = "path", under = ["@site@"] } }

[tool.list]
description = "Where it is, and what is there"
command = ["/usr/bin/sh", "-c", "pwd; ls"]
working_directory = "{place}"
profile = "work"
allow = ["alice", "ops"]
args = { place = { type = "path", under = ["@site@"], kind = "directory" } }
"#;

/// Does `test` in each strength.
fn everywhere(test: impl Fn(Site)) {
    for strength in ["default", "isolated"] {
        println!("strength {strength}");
        test(site(strength));
    }
}

fn site(strength: &str) -> Site {
    let tools = TOOLS.replace("@strength@", strength);
    let mut site = Site::with(&format!("{BASE}{tools}")).prepare();
    let closed = site.path("data/closed");
    fs::create_dir(&closed).expect("ours");
    fs::set_permissions(&closed, PermissionsExt::from_mode(0o700)).expect("ours");
    site.start_worker();
    site.start_supervisor();
    site
}

fn give(path: &PathBuf, mode: u32) {
    chown(path, Some(ALICE.uid()), Some(ALICE.gid())).expect("root may");
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("root may");
}

#[test]
fn a_file_is_made_as_the_caller_and_nothing_beside_it_is_writable() {
    everywhere(|site| {
        let alice = Client::attach(&site, ALICE);
        let called = alice.call("write", &json!({"file": "new"}));
        assert!(called.stderr().contains("Permission denied"), "{called:?}");
        let made = fs::metadata(site.path("drop/new")).expect("it was made");
        assert_eq!((made.uid(), made.gid()), (ALICE.uid(), ALICE.gid()));
        assert_eq!(made.mode() & 0o7777, 0o644);
        assert_eq!(
            fs::read_to_string(site.path("drop/new")).expect("text"),
            "word\n"
        );
        assert!(!site.path("drop/new.beside").exists());
        // Again: it may exist.
        assert!(
            alice
                .call("write", &json!({"file": "new"}))
                .stderr()
                .contains("Permission")
        );

        assert_eq!(
            alice.call("fill", &json!({"folder": "folder"})).exit_code(),
            Some(0)
        );
        let folder = fs::metadata(site.path("drop/folder")).expect("it was made");
        assert_eq!((folder.uid(), folder.mode() & 0o7777), (ALICE.uid(), 0o755));
        assert!(site.path("drop/folder/in").exists());
    });
}

#[test]
fn a_file_that_must_not_exist_does_not() {
    everywhere(|site| {
        let alice = Client::attach(&site, ALICE);
        let new = json!({"file": "new"});
        assert_eq!(alice.call("write_new", &new).exit_code(), Some(0));
        let again = alice.call("write_new", &new);
        assert_eq!(again.failed(), "open");
        assert!(again.reason().contains("it exists already"), "{again:?}");
        symlink(site.path("data/target"), site.path("drop/dangling")).expect("a link");
        let dangling = alice.call("write_new", &json!({"file": "dangling"}));
        assert_eq!(dangling.failed(), "open");
        assert!(!site.path("data/target").exists());
    });
}

/// The worker could make files anywhere; it makes them with the caller's rights.
#[test]
fn nothing_is_made_where_the_caller_may_not() {
    everywhere(|site| {
        let bob = Client::attach(&site, BOB);
        // `drop` is Alice's, `data` root's.
        for file in ["drop/bobs", "data/bobs"] {
            let path = site.path(file).display().to_string();
            let called = bob.call("write", &json!({"file": path}));
            assert_eq!(called.failed(), "open");
            assert!(
                called.reason().contains("Permission denied") || called.reason().contains("EACCES"),
                "{called:?}"
            );
            assert!(!site.path(file).exists(), "{file}");
        }
    });
}

#[test]
fn no_link_leads_out_of_where_files_are_made() {
    everywhere(|site| {
        let outside = tempfile::tempdir().expect("a directory");
        fs::set_permissions(outside.path(), PermissionsExt::from_mode(0o777)).expect("ours");
        symlink(outside.path(), site.path("drop/out")).expect("a link");
        symlink(outside.path().join("target"), site.path("drop/link")).expect("a link");
        let alice = Client::attach(&site, ALICE);
        for file in ["out/new", "link"] {
            assert_eq!(
                alice.call("write", &json!({"file": file})).failed(),
                "open",
                "{file}"
            );
        }
        let called = alice.call("fill", &json!({"folder": "out/folder"}));
        assert_eq!(called.failed(), "open");
        let left = fs::read_dir(outside.path()).expect("a directory").count();
        assert_eq!(left, 0);
    });
}

/// Before it is recorded nothing is made, and what was made goes again.
#[test]
fn a_command_that_does_not_start_leaves_no_file() {
    everywhere(|site| {
        let alice = Client::attach(&site, ALICE);
        let never = alice.call(
            "never",
            &json!({"file": site.path("drop/never").display().to_string()}),
        );
        assert!(never.is_error());
        let path = site.path("drop/unstarted").display().to_string();
        let called = alice.call("unstartable", &json!({"file": path}));
        assert_eq!(called.failed(), "open");
        for name in ["never", "unstarted"] {
            assert!(!site.path("drop").join(name).exists(), "{name}");
        }
    });
}

#[test]
fn what_need_not_exist_may_be_missing() {
    everywhere(|site| {
        let alice = Client::attach(&site, ALICE);
        let there = |file: &str| alice.call("maybe", &json!({"file": file})).exit_code();
        assert_eq!(there("missing"), Some(1));
        fs::write(site.path("drop/present"), "").expect("ours");
        assert_eq!(there("present"), Some(0));
    });
}

#[test]
fn a_text_is_the_standard_input() {
    everywhere(|site| {
        let alice = Client::attach(&site, ALICE);
        let long = "0123456789abcde\n".repeat(1024);
        for text in ["", "one\n\ttwo", "-x", &long] {
            let called = alice.call("text_in", &json!({ "text": text }));
            assert_eq!(called.success(), text);
        }
        // Without it there is nothing to read, not something to wait for.
        assert_eq!(alice.call("text_in", &json!({})).success(), "");
        assert_eq!(
            alice.call("text_in", &json!({"text": "a\u{1b}b"})).denied(),
            "control_character"
        );
        let wide = "\u{10000}".repeat(16_384);
        assert_eq!(
            alice.call("text_in", &json!({ "text": wide })).denied(),
            "too_large"
        );

        let trail = site.audit();
        let mut starts = trail.iter().filter(|entry| entry.is("start", "text_in"));
        let two = starts.nth(1).expect("the second call").field("stdin");
        assert_eq!(two["bytes"], 8);
        assert_eq!(two["sha256"].as_str().map(str::len), Some(64));
        assert!(
            !site
                .audit()
                .iter()
                .any(|entry| format!("{entry:?}").contains("\ttwo"))
        );
    });
}

/// The worker may read every file; the caller's command reads only his.
#[test]
fn a_file_is_read_with_the_rights_of_the_caller() {
    everywhere(|site| {
        let alice = Client::attach(&site, ALICE);
        let mine = site.path("drop/mine");
        fs::write(&mine, "content").expect("ours");
        give(&mine, 0o600);
        let read = |client: &Client, path: &PathBuf| {
            client.call("file_in", &json!({"file": path.display().to_string()}))
        };
        assert_eq!(read(&alice, &mine).success(), "content");
        let bob = Client::attach(&site, BOB);
        assert_eq!(read(&bob, &mine).failed(), "open");

        let roots = site.path("data/secret");
        fs::write(&roots, "secret").expect("ours");
        fs::set_permissions(&roots, PermissionsExt::from_mode(0o600)).expect("ours");
        assert_eq!(read(&alice, &roots).failed(), "open");
        // Open to all, but behind a door that is closed to her.
        let behind = site.path("data/closed/open");
        fs::write(&behind, "secret").expect("ours");
        fs::set_permissions(&behind, PermissionsExt::from_mode(0o644)).expect("ours");
        assert_eq!(read(&alice, &behind).failed(), "open");
        let link = site.path("drop/link");
        symlink("/etc/shadow", &link).expect("a link");
        assert_eq!(read(&alice, &link).failed(), "open");
    });
}

#[test]
fn a_command_starts_where_the_call_says() {
    everywhere(|site| {
        let alice = Client::attach(&site, ALICE);
        let folder = site.path("drop/folder");
        fs::create_dir(&folder).expect("ours");
        fs::write(folder.join("here"), "").expect("ours");
        let list = |place: &str| alice.call("list", &json!({ "place": place }));
        let expected = format!("{}\nhere\n", folder.display());
        assert_eq!(list("folder").success(), expected);
        let start = site.audited("the call", |entry| entry.is("start", "list"));
        assert_eq!(start.text("directory"), folder.display().to_string());

        let closed = site.path("data/closed");
        assert_eq!(list(&closed.display().to_string()).failed(), "open");
        symlink("/etc", site.path("drop/out")).expect("a link");
        assert_eq!(list("out").failed(), "open");
        assert_eq!(list("missing").failed(), "open");
    });
}

/// Content that is exchanged in place, with all that is seen from outside kept but
/// the time of the change, is found.
#[test]
fn a_pinned_program_is_that_program_or_none() {
    let program = tempfile::Builder::new()
        .tempdir_in("/usr/local")
        .expect("root may");
    fs::set_permissions(program.path(), PermissionsExt::from_mode(0o755)).expect("ours");
    let path = program.path().join("program");
    fs::copy("/usr/bin/true", &path).expect("a copy");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("ours");
    let digest = sha256(&path);
    let tool = format!(
        "[tool.pinned]\ndescription = \"Pinned\"\ncommand = [\"{}\"]\nprofile = \"plain\"\n\
         allow = [\"alice\"]\nsha256 = \"{digest}\"\n",
        path.display()
    );
    let site = Site::with(&format!("{BASE}\n{tool}")).start();
    let alice = Client::attach(&site, ALICE);
    let call = || alice.call("pinned", &json!({}));
    assert_eq!(call().exit_code(), Some(0));
    assert_eq!(call().exit_code(), Some(0));

    let mut content = fs::read(&path).expect("a program");
    *content.last_mut().expect("content") ^= 1;
    fs::write(&path, &content).expect("root may");
    let refused = call();
    assert_eq!(refused.failed(), "sandbox");
    let found = sha256(&path);
    assert!(refused.reason().contains(&found), "{refused:?}");
    fs::copy("/usr/bin/true", &path).expect("a copy");
    assert_eq!(call().exit_code(), Some(0));
}

fn sha256(path: &PathBuf) -> String {
    let output = std::process::Command::new("sha256sum").arg(path).output();
    let text = String::from_utf8(output.expect("sha256sum runs").stdout).expect("text");
    text.split(' ').next().expect("a digest").to_owned()
}
