//! Commands inherit a filter that lets their lane through where it says a word: they can
//! neither say it nor read it.

use harness::{ALICE, BASE, Client, Site, shells};
use serde_json::json;
use std::process::Command;

const MORE: &str = r#"
[profile.looks]
extends = "plain"
read = ["/usr", "/etc/ld.so.cache", "/proc"]
system_calls = ["+ptrace"]

[profile.root]
extends = "looks"
run_as = "root"
"#;

/// Runs `body` of Perl in place of the shell.
fn perl(body: &str) -> String {
    format!("exec /usr/bin/perl -e '{body}'")
}

/// What is printed by the `script` as a command of each profile.
fn confined(script: &str) -> [String; 3] {
    let more = shells(&["looks", "root"]);
    let site = Site::with(&format!("{BASE}{MORE}{more}")).start();
    let client = Client::attach(&site, ALICE);
    ["sh", "looks", "root"].map(|tool| {
        let called = client.call(tool, &json!({ "script": script }));
        assert!(!called.is_error(), "{called:?}");
        assert_eq!(called.stderr(), "", "{tool}");
        called.stdout().to_owned()
    })
}

/// What is printed by the `script` where root runs it and nothing is around it.
fn unconfined(script: &str) -> String {
    let output = Command::new("/usr/bin/sh").args(["-c", script]).output();
    String::from_utf8(output.expect("a shell").stdout).expect("text")
}

/// What lanes countersign, with arguments that do no harm where it is made.
const CALLS: [(&str, i64, &str); 12] = [
    ("clone3", libc::SYS_clone3, "0, 0, 0, 0, 0"),
    ("unshare", libc::SYS_unshare, "0, 0, 0, 0, 0"),
    ("setns", libc::SYS_setns, "-1, 0, 0, 0, 0"),
    ("mount", libc::SYS_mount, "0, 0, 0, 0, 0"),
    ("umount2", libc::SYS_umount2, "0, 0, 0, 0, 0"),
    ("pivot_root", libc::SYS_pivot_root, "0, 0, 0, 0, 0"),
    ("open_tree", libc::SYS_open_tree, "-1, 0, 0, 0, 0"),
    ("fsopen", libc::SYS_fsopen, "0, 0, 0, 0, 0"),
    ("keyctl", libc::SYS_keyctl, "-1, 0, 0, 0, 0"),
    ("memfd_create", libc::SYS_memfd_create, "0, 0, 0, 0, 0"),
    ("openat2", libc::SYS_openat2, "-1, 0, 0, 0, 0"),
    // PR_SET_KEEPCAPS to what is none.
    ("prctl", libc::SYS_prctl, "8, 7, 0, 0, 0"),
];

#[test]
fn nobody_guesses_the_word() {
    let tries: String = CALLS
        .iter()
        .map(|(name, number, arguments)| {
            format!("$made{{{name}}}++ unless refused(syscall({number}, {arguments}, $_));")
        })
        .collect();
    // EPERM and ENOSYS are what the filter says; mount(2) and the like say EPERM to whoever
    // is not root, but look at their arguments first.
    let script = perl(&format!(
        "sub refused {{ $_[0] == -1 && ($! == 1 || $! == 38) }} \
         my @words = (0, 1, -1, 1 << 63, 1 << 32, $$, getppid, map {{ int(rand(1 << 32)) << 32 | int(rand(1 << 32)) }} 1 .. 300); \
         for (@words) {{ {tries} }} print join \" \", sort keys %made;"
    ));
    let mut all = CALLS.map(|(name, ..)| name);
    all.sort_unstable();
    assert_eq!(unconfined(&script), all.join(" "));
    for made in confined(&script) {
        assert_eq!(made, "");
    }
}

/// It lies in the memory of the lane, and its registers.
#[test]
fn nobody_reads_the_word_where_its_lane_keeps_it() {
    let script = perl(
        "my $lane = getppid; \
         for my $file (qw(mem syscall stack auxv environ maps)) { \
         open my $open, \"<\", \"/proc/$lane/$file\" or next; \
         print \"$file \" if $file eq \"mem\" || defined sysread $open, my $read, 1; }",
    );
    let seen = unconfined(&script);
    assert!(
        seen.contains("mem syscall ") && seen.contains("auxv environ"),
        "{seen}"
    );
    for read in confined(&script) {
        assert_eq!(read, "");
    }
}

/// It stands in the filter, which a process has that a command traces.
#[test]
fn nobody_reads_the_word_from_the_filter() {
    const TRACE_ME: u32 = 0;
    const GET_FILTER: u32 = 0x420c;
    let ptrace = libc::SYS_ptrace;
    let script = perl(&format!(
        "my $child = fork; \
         if (!$child) {{ syscall({ptrace}, {TRACE_ME}, 0, 0, 0); kill STOP => $$; exit }} \
         waitpid $child, 2; \
         syscall({ptrace}, {GET_FILTER}, $child, 0, 0) == -1 and print $! + 0; \
         kill KILL => $child;"
    ));
    let refused = libc::EACCES.to_string();
    assert_ne!(unconfined(&script), refused);
    let [_, looks, root] = confined(&script);
    assert_eq!([looks, root], [refused.clone(), refused]);
}
