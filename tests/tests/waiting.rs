//! The process of the next command waits in its lane, where two commands in a row had the
//! same terms: it serves a call with these and no other, and outlives nothing. That it goes
//! when the host's mounts change is in `views.rs`.

use harness::{ALICE, BASE, Client, Process, Site, eventually, shells};
use serde_json::json;
use std::fs;
use std::os::unix::fs::chown;
use std::process::{Command, Stdio};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

const MORE: &str = r#"
[profile.talks]
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
network = "unix"
environment = { PATH = "/usr/bin", SITE = "@site@" }

[profile.keeps]
read = ["/usr", "/etc/ld.so.cache"]
execute = ["/usr"]
write = ["@site@/drop"]
environment = { PATH = "/usr/bin", SITE = "@site@" }

[profile.isolated]
strength = "isolated"
read = ["/usr", "/bin", "/lib", "/lib64", "-/etc/ld.so.cache"]
execute = ["/usr"]
environment = { PATH = "/usr/bin", SITE = "@site@" }
"#;

/// The base policy, and its tool `sh` in each profile.
fn policy() -> String {
    let more = shells(&["talks", "keeps", "isolated"]);
    format!("{BASE}{MORE}{more}")
}

fn sh(client: &Client, tool: &str, script: &str) -> String {
    let called = client.call(tool, &json!({ "script": script }));
    assert!(!called.is_error(), "{called:?}");
    format!("{}{}", called.stdout(), called.stderr())
}

/// Who waits in the only lane: everything that it has made.
fn waiting(site: &Site) -> Vec<Process> {
    let lanes = site.lanes();
    lanes.iter().flat_map(|lane| lane.children()).collect()
}

/// The one who waits, once he sleeps.
#[track_caller]
fn waits(site: &Site) -> Process {
    eventually("a process that waits", SOON, || {
        let one = waiting(site).pop()?;
        let status = one.status();
        // The filter is what he gets last.
        let ready = status["NoNewPrivs"] == "1" && status["State"].starts_with('S');
        ready.then_some(one)
    })
}

#[test]
fn who_has_waited_becomes_the_command() {
    let site = Site::with(&policy()).start();
    let client = Client::attach(&site, ALICE);
    sh(&client, "sh", "true");
    std::thread::sleep(Duration::from_millis(200));
    assert!(waiting(&site).is_empty(), "one call tells nothing");
    sh(&client, "sh", "true");

    let one = waits(&site);
    let lane = site.lanes().pop().expect("one lane");
    assert_eq!(one.status()["Uid"], "0 0 0 0", "nobody else may touch it");
    assert_ne!(one.session(), lane.session());
    assert_ne!(one.cgroup(), lane.cgroup());
    let filters = |one: &Process| one.status()["Seccomp_filters"].clone();
    assert_ne!(filters(&one), filters(&lane));

    let open = "for n in 3 4 5 6 7 8 9; do (true <&$n) 2>/dev/null && echo open $n; done; true";
    let told = sh(&client, "sh", &format!("echo $$; id -u; {open}"));
    let (uid, number) = (ALICE.uid(), one.id());
    assert_eq!(told, format!("{number}\n{uid}\n"));
    assert_ne!(waits(&site).id(), number);
}

/// Every call gets the filter, the mounts and the groups of its own profile, whatever was
/// made for the next.
#[test]
fn whoever_waits_serves_no_other_terms() {
    let site = Site::with(&policy()).start();
    let file = site.file("drop/file", "");
    chown(&file, Some(ALICE.uid()), Some(ALICE.gid())).expect("root may");
    let client = Client::attach(&site, ALICE);
    let script = format!(
        "perl -MSocket -e 'socket(my $s, AF_UNIX, SOCK_STREAM, 0) or print \"no socket\\n\"'; \
         chmod 600 {0} 2>/dev/null || echo 'no mode'; [ $(uname -n) = mini-mcp ] && echo apart; true",
        file.display()
    );
    let tools = [
        ("sh", "no socket\nno mode\n"),
        ("talks", "no mode\n"),
        ("keeps", "no socket\n"),
        ("isolated", "no socket\nno mode\napart\n"),
    ];
    for (first, seen) in tools {
        for (second, other) in tools {
            for _ in 0..3 {
                assert_eq!(sh(&client, first, &script), seen, "{first}");
            }
            let made_ahead = waiting(&site).len();
            assert!(first == "isolated" || made_ahead > 0, "{first}");
            assert_eq!(
                sh(&client, second, &script),
                other,
                "{second} after {first}"
            );
        }
    }
}

/// Where the worker makes no mount namespace all tools have the same mounts.
#[test]
fn whoever_waits_among_the_hosts_mounts_serves_no_other_filter() {
    let mut site = Site::with(&policy()).prepare();
    site.start_worker_by("exec setpriv --bounding-set=-sys_admin \"$@\"");
    site.start_supervisor();
    let client = Client::attach(&site, ALICE);
    let script =
        "perl -MSocket -e 'socket(my $s, AF_UNIX, SOCK_STREAM, 0) or print \"no socket\\n\"'";
    for (tool, seen) in [("sh", "no socket\n"), ("talks", ""), ("sh", "no socket\n")] {
        for _ in 0..3 {
            assert_eq!(sh(&client, tool, script), seen, "{tool}");
        }
        waits(&site);
    }
}

/// A profile that takes away what a process needs on its way has its filter installed last,
/// and one that has something of its own has it made for the call: nobody waits for either.
#[test]
fn nobody_waits_for_who_needs_more() {
    let each = [
        ("no-ids", "system_calls = [\"~@setuid\"]"),
        ("no-prctl", "system_calls = [\"~prctl\"]"),
        ("nice", "nice = 19"),
        ("thought-of", "oom_score_adjust = 300"),
        ("capable", "capabilities = [\"CAP_SYSLOG\"]"),
        ("terminal", "tty = true"),
        ("own-tmp", "private_tmp = true"),
        ("apart", "network = \"loopback\""),
    ];
    let more = each.map(|(name, keys)| {
        format!(
            "[profile.{name}]\nextends = \"plain\"\n{keys}\n[tool.{name}]\ndescription = \"d\"\n\
             command = [\"/usr/bin/true\"]\nprofile = \"{name}\"\nallow = [\"alice\"]\n"
        )
    });
    let site = Site::with(&[&policy(), more.concat().as_str()].concat()).start();
    let client = Client::attach(&site, ALICE);
    sh(&client, "sh", "true");
    let lane = site.lanes().pop().expect("one lane");
    let standing = lane.bytes("oom_score_adj");
    for (tool, keys) in each {
        for _ in 0..3 {
            let called = client.call(tool, &json!({}));
            assert!(!called.is_error(), "{keys}: {called:?}");
        }
        std::thread::sleep(Duration::from_millis(100));
        let waits = |one: &Process| one.status()["NoNewPrivs"] == "1";
        assert!(!waiting(&site).iter().any(waits), "{keys}");
        assert_eq!(lane.bytes("oom_score_adj"), standing, "{keys}");
    }
}

/// A limit that the worker was started with stays where it is lower than the profile's.
#[test]
fn lower_limits_of_the_worker_stay() {
    let mut site = Site::with(&policy()).prepare();
    site.start_worker_by("ulimit -f 2000; exec \"$@\"");
    site.start_supervisor();
    let client = Client::attach(&site, ALICE);
    for _ in 0..3 {
        assert_eq!(
            sh(&client, "sh", "ulimit -H -f; ulimit -S -f"),
            "2000\n2000\n"
        );
    }
}

/// Only an administrator can kill it. The next call has a process made for it.
#[test]
fn a_call_is_served_when_who_waited_is_dead() {
    let site = Site::with(&policy()).start();
    let client = Client::attach(&site, ALICE);
    (0..2).for_each(|_| drop(sh(&client, "sh", "true")));
    let lane = site.lanes().pop().expect("one lane").id();
    let one = waits(&site);
    let asked = Command::new("setpriv")
        .args(["--reuid", ALICE.name, "--clear-groups", "kill", "-9"])
        .arg(one.id().to_string())
        .stderr(Stdio::null())
        .status();
    assert!(!asked.expect("util-linux is there").success());
    assert!(one.alive());
    one.kill();
    assert_eq!(sh(&client, "sh", "echo served"), "served\n");
    assert_eq!(site.lanes().pop().expect("one lane").id(), lane);
    assert_ne!(waits(&site).id(), one.id());
}

/// It dies with its lane, and its group goes too.
#[test]
fn nobody_waits_for_a_lane_that_is_gone() {
    let site = Site::with(&policy()).start();
    let client = Client::attach(&site, ALICE);
    (0..2).for_each(|_| drop(sh(&client, "sh", "true")));
    let one = waits(&site);
    site.lanes().pop().expect("one lane").kill();
    eventually("nobody waits", SOON, || (!one.alive()).then_some(()));
    let own = site.cgroups_of(site.worker()).pop().expect("the worker's");
    eventually("its group is removed", SOON, || {
        let entries = fs::read_dir(&own).expect("the worker's").flatten();
        let left = entries.filter(|entry| entry.path().is_dir()).count();
        (left == 0).then_some(())
    });
    assert_eq!(sh(&client, "sh", "echo served"), "served\n");
}

/// Its lane gives back what it has made ahead, and the last one leaves no group at all.
#[test]
fn nobody_waits_for_a_worker_that_is_gone() {
    let mut site = Site::with(&policy()).start();
    let client = Client::attach(&site, ALICE);
    (0..2).for_each(|_| drop(sh(&client, "sh", "true")));
    let (one, worker) = (waits(&site), site.worker());
    site.kill_worker();
    eventually("nobody waits", SOON, || (!one.alive()).then_some(()));
    eventually("no group is left", SOON, || {
        site.cgroups_of(worker).is_empty().then_some(())
    });
    site.start_worker();
    assert_eq!(sh(&client, "sh", "echo served"), "served\n");
}
