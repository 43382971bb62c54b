//! `mini-mcp status`: how the service is, asked of the worker itself.

use super::audit::{Style, Tone, one_line};
use super::options::Status;
use super::{print, print_json};
use crate::error::Error;
use humantime::format_duration;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, setsockopt, socket,
};
use nix::sys::time::TimeVal;
use serde_json::{Value as Json, json};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use wire::{ADMIN_VERSION, About, Answer, Question, WorkerStatus};

/// How long the worker may take to answer, in seconds.
const PATIENCE: i64 = 10;

/// Success when all is well, 1 when something is not, 2 when that cannot be told.
pub(crate) fn status(options: &Status) -> ExitCode {
    match told(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            error.report();
            ExitCode::from(2)
        }
    }
}

fn told(options: &Status) -> Result<bool, Error> {
    let status = match ask(&options.place.socket, About::Status)? {
        Answer::Status(status) => status,
        Answer::Refused(why) => return Err(Error::NotDone(one_line(&why))),
        Answer::Pending(..)
        | Answer::Grants(..)
        | Answer::Done
        | Answer::Version(_)
        | Answer::Overview(_) => {
            return Err(Error::OtherVersion);
        }
    };
    let complaints = complaints(&status);
    if options.json {
        print_json(&document(&status, &complaints))?;
    } else {
        print(&words(&status, &complaints, Style::of_stdout()))?;
    }
    Ok(complaints.is_empty())
}

/// What the worker at `path` answers.
pub(super) fn ask(path: &Path, about: About) -> Result<Answer, Error> {
    let failed = |source| Error::ConnectAdmin {
        path: path.to_owned(),
        source,
    };
    let socket = open(path).map_err(failed)?;
    let version = ADMIN_VERSION;
    let exchange = || -> io::Result<Answer> {
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let question = wire::encode(&Question { version, about }).map_err(invalid)?;
        wire::send(socket.as_fd(), &question, &[]).map_err(io::Error::other)?;
        let mut packet = vec![0; wire::FRAME_MAX];
        let length = recv(socket.as_raw_fd(), &mut packet, MsgFlags::empty())?;
        wire::decode(packet.get(..length).unwrap_or_default()).map_err(invalid)
    };
    exchange().map_err(failed)
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    let (unix, packets) = (AddressFamily::Unix, SockType::SeqPacket);
    let worker = socket(unix, packets, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&worker, ReceiveTimeout, &TimeVal::new(PATIENCE, 0))?;
    connect(worker.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(worker)
}

/// What an administrator has to do something about.
fn complaints(status: &WorkerStatus) -> Vec<String> {
    let audit = &status.audit;
    let finding = audit.finding.iter();
    let finding = finding.map(|why| format!("the audit trail was not whole at the start: {why}"));
    let failure = audit.failure.iter().cloned();
    let kept = status.policy_kept.iter();
    let kept = kept.map(|why| format!("the former policy is in force: {why}"));
    let all = failure.chain(finding).chain(kept);
    all.chain(status.refusing.iter().cloned()).collect()
}

fn words(status: &WorkerStatus, complaints: &[String], style: Style) -> String {
    let verdict = if complaints.is_empty() {
        style.tone(Tone::Good, "well")
    } else {
        style.tone(Tone::Bad, "not well")
    };
    let audit = &status.audit;
    let unsigned = match audit.unsigned {
        0 => "signed".to_owned(),
        some => format!("{some} not signed yet"),
    };
    let (version, pid) = (&status.version, status.pid);
    let (policy, line) = (short(&status.policy), short(&audit.sha256));
    let (abi, containment) = (status.landlock_abi, &status.containment);
    let rows = [
        ("worker", format!("version {version}, process {pid}")),
        ("up for", age(status.uptime_ms)),
        (
            "policy",
            format!("{policy}, for {}", age(status.policy_age_ms)),
        ),
        (
            "kernel",
            format!("Landlock ABI {abi}, containment {containment}"),
        ),
        (
            "lanes",
            format!(
                "{}, {} running, {} waiting for a place, {} for approval",
                status.lanes, status.running, status.queued, status.pending
            ),
        ),
        (
            "audit",
            format!("line {} {line}, {unsigned}, {}", audit.seq, audit.trail),
        ),
    ];
    let mut text = format!("{:<8} {verdict}\n", "service");
    for (name, value) in rows {
        text.push_str(&format!("{name:<8} {}\n", one_line(&value)));
    }
    for complaint in complaints {
        let word = style.tone(Tone::Bad, "problem");
        text.push_str(&format!("{word}  {}\n", one_line(complaint)));
    }
    text
}

fn document(status: &WorkerStatus, complaints: &[String]) -> Json {
    let audit = &status.audit;
    json!({
        "well": complaints.is_empty(),
        "problems": complaints,
        "version": status.version,
        "pid": status.pid,
        "uptime_ms": status.uptime_ms,
        "policy": hexadecimal(&status.policy),
        "policy_age_ms": status.policy_age_ms,
        "landlock_abi": status.landlock_abi,
        "containment": status.containment,
        "lanes": status.lanes,
        "running": status.running,
        "pending": status.pending,
        "queued": status.queued,
        "audit": {
            "trail": audit.trail,
            "seq": audit.seq,
            "sha256": hexadecimal(&audit.sha256),
            "unsigned": audit.unsigned,
        },
    })
}

/// In seconds, from a minute on.
fn age(milliseconds: u64) -> String {
    let age = Duration::from_millis(milliseconds);
    let whole = Duration::from_secs(age.as_secs());
    let age = if whole < Duration::from_secs(60) {
        age
    } else {
        whole
    };
    format_duration(age).to_string()
}

pub(super) fn short(digest: &[u8; 32]) -> String {
    let text = hexadecimal(digest);
    text.get(..12).unwrap_or_default().to_owned()
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
