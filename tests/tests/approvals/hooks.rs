//! The administrator's program that is told.

use super::{HELD, SOON, done, held, pending, waiting};
use harness::{ALICE, BASE, Client, Process, Site, eventually, unique};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// The administrator's program is told of what waits: as nobody, with nothing but the
/// request. That it hangs or fails changes nothing.
#[test]
fn a_program_is_told_of_what_waits() {
    let prepared = Site::with(&format!("{BASE}{HELD}")).prepare();
    let drop = prepared.path("drop");
    fs::set_permissions(&drop, PermissionsExt::from_mode(0o777)).expect("root may");
    let marker = unique();
    let hook = prepared.file(
        "hook",
        &format!(
            "#!/bin/sh\ncat > {0}/request\n{{ id -u; id -G; env; ls /proc/self/fd; }} > {0}/who\n\
             exec sleep {marker}\n",
            drop.display()
        ),
    );
    fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).expect("root may");
    let text = hook.display().to_string();
    let mut site = prepared;
    site.add_worker_option("--on-request", &text);
    site.start_worker();
    site.start_supervisor();
    let client = Client::attach(&site, ALICE);
    let call = held(&client, "it's \"me\"");
    let id = waiting(&site);
    let request: Value = eventually("it is told", SOON, || {
        let text = fs::read_to_string(drop.join("request")).ok()?;
        serde_json::from_str(&text).ok()
    });
    assert_eq!(request["id"], id.as_str());
    assert_eq!(request["argv"][2], "it's \"me\"");
    assert_eq!(request["uid"], ALICE.uid());
    let who = eventually("it says who it is", SOON, || {
        let text = fs::read_to_string(drop.join("who")).ok()?;
        text.contains("PATH=").then_some(text)
    });
    let nobody = nix::unistd::User::from_name("nobody")
        .expect("passwd")
        .expect("nobody");
    let mut lines = who.lines();
    assert_eq!(lines.next(), Some(nobody.uid.to_string().as_str()));
    assert_eq!(lines.next(), Some(nobody.gid.to_string().as_str()));
    assert!(!who.contains("MINI_MCP") && !who.contains("SITE="), "{who}");
    done(&site, &["approve", &id]);
    assert_eq!(client.called(call).success(), "it's \"me\"");
    eventually("it is ended", Duration::from_secs(30), || {
        Process::with_argument(&marker).is_empty().then_some(())
    });
}

/// A program that others could replace is not run at all.
#[test]
fn a_program_that_others_may_write_is_refused() {
    let site = Site::with(BASE).prepare();
    let hook = site.file("hook", "#!/bin/sh\n");
    fs::set_permissions(&hook, PermissionsExt::from_mode(0o777)).expect("root may");
    let mut command = site.worker_command();
    let output = command
        .arg("--on-request")
        .arg(&hook)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("cannot trust program"), "{words}");
}

/// A site whose program is `script`, in which `@drop@` is a directory for it.
fn with_hook(script: &str) -> Site {
    let mut site = Site::with(&format!("{BASE}{HELD}")).prepare();
    let drop = site.path("drop");
    fs::set_permissions(&drop, PermissionsExt::from_mode(0o777)).expect("root may");
    let script = script.replace("@drop@", &drop.display().to_string());
    let hook = site.file("hook", &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).expect("root may");
    site.add_worker_option("--on-request", &hook.display().to_string());
    site.start_worker();
    site.start_supervisor();
    site
}

fn told(site: &Site) -> usize {
    fs::read_dir(site.path("drop"))
        .expect("a directory")
        .count()
}

/// Eight calls begin to wait at once: four programs hang, the others wait their turn, and
/// who has been answered meanwhile is not told of at all. The worker answers all the time.
#[test]
fn programs_that_hang_are_bounded_and_ended() {
    let marker = unique();
    let script = format!("cat > @drop@/$$; exec sleep {marker}");
    let site = with_hook(&script);
    let client = Client::attach(&site, ALICE);
    let calls: Vec<u64> = (0..8)
        .map(|word| held(&client, &word.to_string()))
        .collect();
    let hanging = || Process::with_argument(&marker).len();
    eventually("four hang", SOON, || (hanging() == 4).then_some(()));
    assert_eq!((told(&site), pending(&site).len()), (4, 8));
    // Six are answered, of which two were still to be told of.
    let ids: Vec<String> = pending(&site)
        .iter()
        .map(|one| one["id"].as_str().expect("an id").to_owned())
        .collect();
    for id in ids.iter().skip(2) {
        done(&site, &["deny", id]);
    }
    assert_eq!(hanging(), 4, "their answers end no program");
    eventually("they are ended", Duration::from_secs(40), || {
        (hanging() == 0).then_some(())
    });
    assert_eq!(told(&site), 4, "nobody is told of what was answered");
    for id in ids.iter().take(2) {
        done(&site, &["approve", id]);
    }
    let answered = calls.iter().map(|call| client.called(*call));
    let ran = answered.filter(|called| !called.is_error()).count();
    assert_eq!(ran, 2);
    let log = site.log_text("worker");
    assert_eq!(
        log.matches("took too long and was killed").count(),
        4,
        "{log}"
    );
}

/// One that fails is told in the log, and one that prints without end fills nothing.
#[test]
fn programs_that_fail_or_flood_change_nothing() {
    let script =
        "cat > @drop@/$$; head -c 200000000 /dev/zero; head -c 200000000 /dev/zero >&2; exit 3";
    let site = with_hook(script);
    let client = Client::attach(&site, ALICE);
    let before = fs::metadata(site.path("worker.log")).map_or(0, |file| file.len());
    for word in ["one", "two"] {
        let call = held(&client, word);
        let id = eventually("one waits", SOON, || {
            Some(pending(&site).first()?["id"].as_str()?.to_owned())
        });
        eventually("its failure is told", SOON, || {
            site.log_text("worker")
                .contains("the program of --on-request failed")
                .then_some(())
        });
        done(&site, &["approve", &id]);
        assert_eq!(client.called(call).success(), word);
    }
    assert_eq!(told(&site), 2);
    let after = fs::metadata(site.path("worker.log")).map_or(0, |file| file.len());
    assert!(after - before < 4096, "{} bytes", after - before);
}
