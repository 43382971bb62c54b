//! A disk that takes long has nobody wait but a process of its own. Here it takes as long
//! as a test likes: where the copy of a checkpoint is written first there is a pipe, which
//! nobody reads until then.

use harness::{ALICE, BASE, Client, Process, Site, assert_whole, eventually, unique};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::json;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(20);

fn beside(site: &Site, ending: &str) -> PathBuf {
    let mut path = site.trail_file().as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// Has the next checkpoint wait, and returns the process that does.
fn held_up(site: &Site, client: &Client) -> Process {
    let pipe = beside(site, ".head.new");
    mkfifo(&pipe, Mode::S_IRUSR | Mode::S_IWUSR).expect("nothing is there");
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    eventually("one waits for the disk", LONG, || {
        site.waiting_for_disk().pop()
    })
}

/// Whoever waits goes on, and fails, since a pipe is on no disk; the next does not.
fn go_on(site: &Site) {
    let aside = beside(site, ".aside");
    fs::rename(beside(site, ".head.new"), &aside).expect("it is there");
    // Waits for no writer, fifo(7).
    let mut both = OpenOptions::new();
    drop(both.read(true).write(true).open(&aside).expect("a pipe"));
}

/// What is kept of the last checkpoint is the last line of the trail.
fn is_kept(site: &Site) -> Option<()> {
    let text = |path: &Path| fs::read_to_string(path).expect("text");
    let head = text(&beside(site, ".head"));
    text(site.trail_file()).ends_with(&head).then_some(())
}

/// Calls go on meanwhile, and whoever sweeps up after a lane spares who waits.
#[test]
fn no_call_waits_for_the_disk() {
    let mut site = Site::with(BASE).start();
    let client = Client::attach(&site, ALICE);
    let waiting = held_up(&site, &client);
    let open: Vec<PathBuf> = waiting.descriptors().into_values().collect();
    assert_eq!(open, [site.trail_file()], "it holds nobody's connection");
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));

    let call = client.start_call("sleep", &json!({"time": unique()}));
    site.audited("the start", |entry| entry.is("start", "sleep"));
    site.lanes().into_iter().for_each(Process::kill);
    site.audited("it is lost", |entry| entry.text("code") == "lane_lost");
    assert!(client.called(call).is_error());
    assert!(waiting.alive());
    let signed = site.trail().len();
    assert_eq!(client.call("true", &json!({})).exit_code(), Some(0));
    eventually("lines are signed meanwhile", LONG, || {
        let trail = site.trail();
        let mut later = trail.iter().skip(signed);
        later.any(|line| line.event() == "checkpoint").then_some(())
    });
    assert_eq!(site.waiting_for_disk(), [waiting], "one at a time");

    go_on(&site);
    eventually("its failure is told", LONG, || {
        let log = site.log_text("worker");
        let told = format!(
            "cannot write audit trail `{}`",
            beside(&site, ".head").display()
        );
        log.contains(&told).then_some(())
    });
    eventually("the newest copy is kept", LONG, || is_kept(&site));
    site.stop_worker();
    is_kept(&site).expect("the end is kept");
    assert_whole(&site);
}

/// What a killed worker leaves ends by itself. The next one waits for it, and does not begin
/// while another may write beside the trail.
#[test]
fn a_worker_begins_when_the_former_has_ended() {
    let mut site = Site::with(BASE).start();
    let waiting = held_up(&site, &Client::attach(&site, ALICE));
    site.kill_worker();
    site.kill_supervisor();
    site.start_worker();
    sleep(Duration::from_millis(300));
    let opens = || {
        let trail = site.trail();
        trail.iter().filter(|line| line.event() == "open").count()
    };
    assert!(waiting.alive());
    assert_eq!(opens(), 1);
    go_on(&site);
    eventually("the next begins", LONG, || {
        (opens() == 2).then(|| is_kept(&site)).flatten()
    });
    assert_whole(&site);
}
