//! The place of the supervisor, and what can be done from there.

use harness::{Hangup, Lane, request};
use std::error::Error;
use std::fs::{self, Permissions};
use std::io::{Write, stdin, stdout};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use wire::{PolicyDigest, Reply, Run};

/// Whoever has taken over the supervisor.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) listener: UnixListener,
    pub(crate) front: PathBuf,
    pub(crate) worker: PathBuf,
    pub(crate) admin: PathBuf,
    pub(crate) policy: PolicyDigest,
}

/// What an attack comes to.
pub(crate) type Attack = Result<(), Box<dyn Error>>;

impl Supervisor {
    /// Listens at `front`.
    pub(crate) fn in_place(
        front: &str,
        worker: &str,
        admin: &str,
        policy: &str,
    ) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            listener: listen(front)?,
            front: front.into(),
            worker: worker.into(),
            admin: admin.into(),
            policy: digest(policy)?,
        })
    }

    /// A lane that has been greeted.
    pub(crate) fn lane(&self) -> Lane {
        let lane = self.silent();
        let answer = lane.greet(self.policy);
        assert!(matches!(answer, Ok(Reply::Welcome(_))), "{answer:?}");
        lane
    }

    /// A lane that nothing was said on.
    pub(crate) fn silent(&self) -> Lane {
        Lane::connect(&self.worker).expect("the worker listens")
    }

    /// A client of Alice's, as it is accepted.
    pub(crate) fn client(&self) -> UnixStream {
        ask("client");
        self.listener.accept().expect("somebody connected").0
    }

    /// A `Run` under the policy that is in force.
    pub(crate) fn run(&self, tool: &str, arguments: &[(&str, &str)]) -> Run {
        request(self.policy, tool, arguments)
    }

    /// Asks on a lane of its own for a run of `mark`; what comes of it.
    pub(crate) fn mark(&self, client: Option<BorrowedFd<'_>>, name: &str) -> String {
        let lane = self.lane();
        let _pipes = lane.ask(self.run("mark", &[("name", name)]), client);
        told(&lane)
    }

    /// The policy is another one now.
    pub(crate) fn follow(&mut self, policy: &str) {
        self.policy = digest(policy).expect("a digest");
    }
}

/// Listens at `path` for everybody.
pub(crate) fn listen(path: &str) -> std::io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o777))?;
    Ok(listener)
}

fn digest(text: &str) -> Result<PolicyDigest, Box<dyn Error>> {
    let bytes: Result<Vec<u8>, _> = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2).unwrap_or("?"), 16))
        .collect();
    bytes?.try_into().map_err(|_| "no digest".into())
}

/// Has the test do something; its answer.
pub(crate) fn ask(word: &str) -> String {
    println!("{word}");
    stdout().flush().expect("somebody reads");
    let mut line = String::new();
    stdin().read_line(&mut line).expect("an answer");
    line.trim_end().to_owned()
}

/// Tells what came of an attempt.
pub(crate) fn tell(name: &str, outcome: &str) {
    assert!(!name.contains(": ") && !outcome.contains('\n'));
    println!("{name}: {outcome}");
}

/// The last word of the worker on what was asked on `lane`, a run to its end.
pub(crate) fn told(lane: &Lane) -> String {
    match lane.hear() {
        Ok(Reply::Started { .. } | Reply::Queued { .. }) => told(lane),
        other => word(other),
    }
}

/// One word or two for `reply`.
pub(crate) fn word(reply: Result<Reply, Hangup>) -> String {
    match reply {
        Err(Hangup) => "hung up".to_owned(),
        Ok(Reply::Started { .. }) => "started".to_owned(),
        Ok(Reply::Queued { ahead, .. }) => format!("queued {ahead}"),
        Ok(Reply::Waiting { id, .. }) => format!("waiting {id}"),
        Ok(Reply::Denied(denial)) => format!("denied {}", denial.code),
        Ok(Reply::Failed(failure)) => format!("failed {}", failure.code),
        Ok(Reply::Finished(outcome)) if outcome.cancelled => "cancelled".to_owned(),
        Ok(Reply::Finished(_)) => "finished".to_owned(),
        Ok(Reply::Identified(name)) => format!("identified {name:?}"),
        Ok(Reply::Recorded) => "recorded".to_owned(),
        Ok(Reply::Reloaded) => "reloaded".to_owned(),
        Ok(Reply::Welcome(_)) => "welcome".to_owned(),
    }
}

/// The descriptor of what stands for a client.
pub(crate) fn fd(client: &impl AsFd) -> Option<BorrowedFd<'_>> {
    Some(client.as_fd())
}
