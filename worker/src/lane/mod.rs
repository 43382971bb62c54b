//! A lane: a forked, single-threaded copy of the worker that serves one
//! connection of the supervisor, one command at a time.
//!
//! It decides everything anew and believes of the supervisor's messages only
//! what the kernel proves. When the connection, the caller or the worker's first
//! process goes away, what runs is killed; so it is when the lane itself dies,
//! by the first process.

mod approval;
mod attest;
mod bounds;
mod call;
mod clients;
mod entry;
mod keyring;
mod logins;
mod meanwhile;
mod place;
mod recording;
mod records;
mod request;
mod terms;
mod wait;
mod watch;

use crate::audit::{Entry, Offender};
use crate::context::Context;
use crate::explain::explain;
use crate::launcher::Launcher;
use crate::metrics::Stopwatch;
use crate::sys;
use clients::Told;
use keyring::Keyring;
use logins::Logins;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::socket::{Shutdown, shutdown};
use nix::unistd;
use records::Records;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use terms::Terms;
use thiserror::Error;
use wire::{FrameError, Reply, Request, SendError, Welcome};

pub(crate) use call::stale;
pub(crate) use records::{DRAIN, Refusal, hand_note, send_reply};

/// Why a lane ends before its connection was closed in order.
#[derive(Debug, Error)]
pub(crate) enum HangUp {
    /// The supervisor sent something outside the vocabulary.
    #[error("cannot understand the supervisor")]
    Frame(#[from] FrameError),
    /// It sent a message that has no place here.
    #[error("cannot accept a message of the supervisor: {0}")]
    Order(&'static str),
    /// The connection broke.
    #[error("cannot receive from the supervisor")]
    Receive(#[source] Errno),
    /// The connection broke.
    #[error("cannot answer the supervisor")]
    Send(#[from] SendError),
    /// The worker's first process is gone, and with it the audit trail.
    #[error("cannot reach the worker's first process")]
    Records,
    /// The lane cannot be set up, or a command cannot be ended.
    #[error("cannot go on: {0}")]
    Broken(String),
}

impl HangUp {
    /// What the supervisor did that none does which keeps to the protocol.
    fn offence(&self) -> Option<String> {
        let unread = matches!(self, Self::Send(SendError::Socket(Errno::EAGAIN)));
        let broken = matches!(
            self,
            Self::Frame(_) | Self::Order(_) | Self::Receive(Errno::EMSGSIZE)
        );
        (unread || broken).then(|| explain(self))
    }
}

/// One connection and what its commands need.
#[derive(Debug)]
pub(crate) struct Lane {
    connection: OwnedFd,
    records: Records,
    launcher: Launcher,
    logins: Logins,
    keyring: Keyring,
    told: Told,
    /// Room for one packet.
    buffer: Vec<u8>,
    terms: Terms,
    /// Times the call that was asked for last.
    watch: Stopwatch,
    /// The last call had a place at once, so that the next may have one too.
    admitted: bool,
    /// Nothing more can be made ahead for the next command.
    prepared: bool,
    /// A command has finished, and the supervisor may tell what it printed.
    finished: bool,
    /// What it printed is recorded, and the supervisor has nothing to add.
    recorded: bool,
    /// Nothing more is taken from the supervisor.
    deaf: bool,
    /// The supervisor is gone, or has broken the protocol.
    hung_up: bool,
    /// How it has broken it while something ran or waited.
    offence: Option<String>,
    /// What came with its last message and is not used: closing it may take as long as
    /// the supervisor likes, as with a socket that lingers, so it is not done meanwhile.
    unused: Vec<OwnedFd>,
}

impl Lane {
    /// A lane for `connection`; `records` leads to the first process.
    pub(crate) fn new(connection: OwnedFd, records: OwnedFd, context: Context) -> Self {
        Self {
            connection,
            records: Records::new(records),
            launcher: Launcher::new(context),
            logins: Logins::default(),
            keyring: Keyring::default(),
            told: Told::default(),
            buffer: vec![0; wire::FRAME_MAX],
            terms: Terms::default(),
            watch: Stopwatch::start(),
            admitted: true,
            prepared: true,
            finished: false,
            recorded: false,
            deaf: false,
            hung_up: false,
            offence: None,
            unused: Vec::new(),
        }
    }

    /// Serves the connection to its end.
    pub(crate) fn serve(mut self) -> Result<(), HangUp> {
        let first = unistd::getppid();
        let result = self.converse();
        if unistd::getppid() != first {
            // The first process was killed: the last of its lanes tidies up.
            self.launcher.give_back();
            self.launcher.context.containment.remove();
        }
        let offence = result.as_ref().err().and_then(HangUp::offence);
        let result = match self.offence.take().or(offence) {
            Some(reason) => self.accuse(reason).or(result),
            None => result,
        };
        // Nothing more is taken; the first process may have something to say yet.
        let _gone_already = shutdown(self.connection.as_raw_fd(), Shutdown::Read);
        result
    }

    /// Has it recorded that the supervisor has broken the protocol, and said there.
    fn accuse(&mut self, reason: String) -> Result<(), HangUp> {
        let recorded = self.records.record(&Entry::Violation {
            offender: Offender::Supervisor,
            reason,
            left_out: 0,
        });
        recorded.map(drop)
    }

    fn converse(&mut self) -> Result<(), HangUp> {
        let broken = |errno: Errno| HangUp::Broken(explain(&errno));
        // A supervisor that does not read must not keep the lane from what it watches.
        let unblocked = fcntl(&self.connection, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
        unblocked.map_err(broken)?;
        // Orphans of a command become children of the lane, which reaps them.
        prctl::set_child_subreaper(true).map_err(broken)?;
        prctl::set_name(c"mini-mcp-lane").map_err(broken)?;
        self.launcher.confine().map_err(broken)?;
        if !self.greet()? {
            return Ok(());
        }
        while let Some((request, descriptors)) = self.next()? {
            match request {
                Request::Run(run) => self.call(&run, descriptors)?,
                Request::Report(report) => self.report(report, descriptors)?,
                Request::Reload(policy) => self.reload(policy)?,
                Request::Output(output) => self.output(output)?,
                Request::Identify(question) => self.identify(question)?,
                Request::Attach(attach) => self.attach(attach, descriptors)?,
                Request::Detach(name) => self.detach(name)?,
                // It crossed the end of the command that it was for.
                Request::Cancel => {}
                Request::Hello(_) => return Err(HangUp::Order("a second greeting")),
            }
        }
        Ok(())
    }

    /// The first message must be a greeting of the same version and policy.
    fn greet(&mut self) -> Result<bool, HangUp> {
        let Some((request, _)) = self.next()? else {
            return Ok(false);
        };
        let Request::Hello(hello) = request else {
            return Err(HangUp::Order("the first one is no greeting"));
        };
        let welcome = Welcome {
            version: wire::VERSION,
            policy: self.launcher.context.policy.digest(),
        };
        let same = hello.version == welcome.version && hello.policy == welcome.policy;
        self.reply(&Reply::Welcome(welcome))?;
        if hello.version > wire::VERSION {
            // Of the two, whoever is older makes room for what is installed now.
            self.records.outdated(hello.version)?;
        }
        Ok(same)
    }

    /// The next request; `None` when the supervisor hung up, or the lane is to end.
    fn next(&mut self) -> Result<Option<(Request, Vec<OwnedFd>)>, HangUp> {
        self.unused.clear();
        while !self.records.stopping() && !self.hung_up {
            if self.records.retiring() {
                return self.last();
            }
            // Who waits already is not to wait for what is made for the next.
            let patience = if self.prepared {
                PollTimeout::NONE
            } else {
                PollTimeout::ZERO
            };
            let (connection, records) = self.readable(patience)?;
            if records {
                self.records.notice();
            } else if connection {
                return self.receive();
            } else if !self.prepared {
                self.launcher.prepare();
                self.prepared = true;
            }
        }
        Ok(None)
    }

    /// A request that was sent before the lane began to end. From now on the
    /// supervisor's next is refused by the kernel, so none is taken and lost.
    fn last(&mut self) -> Result<Option<(Request, Vec<OwnedFd>)>, HangUp> {
        shutdown(self.connection.as_raw_fd(), Shutdown::Read).map_err(HangUp::Receive)?;
        self.deaf = true;
        let (connection, _) = self.readable(PollTimeout::ZERO)?;
        if connection { self.receive() } else { Ok(None) }
    }

    /// Whether the connection and the way to the first process have something to read.
    fn readable(&mut self, patience: PollTimeout) -> Result<(bool, bool), HangUp> {
        let mut descriptors = Vec::with_capacity(3);
        descriptors.extend([
            PollFd::new(self.connection.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.records.as_fd(), PollFlags::POLLIN),
        ]);
        descriptors.extend(self.launcher.mounts());
        match poll(&mut descriptors, patience) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(HangUp::Receive(errno)),
        }
        let mut ready = descriptors.iter().map(|one| one.any().unwrap_or(true));
        let (connection, records) = (ready.next() == Some(true), ready.next() == Some(true));
        if ready.next() == Some(true) {
            // Whoever unmounts something must not find it held by an idle lane.
            drop(ready);
            self.launcher.forget_views();
        }
        Ok((connection, records))
    }

    fn receive(&mut self) -> Result<Option<(Request, Vec<OwnedFd>)>, HangUp> {
        let packet = match sys::receive(self.connection.as_fd(), &mut self.buffer) {
            Ok(packet) if packet.length == 0 => return Ok(None),
            Err(Errno::ECONNRESET) => return Ok(None),
            result => result.map_err(HangUp::Receive)?,
        };
        let bytes = self
            .buffer
            .get(..packet.length)
            .ok_or(HangUp::Frame(FrameError::TooLarge(packet.length)))?;
        self.unused = packet.descriptors;
        let request = wire::decode(bytes)?;
        Ok(Some((request, std::mem::take(&mut self.unused))))
    }

    /// What the supervisor says while something runs or waits: it may take that back;
    /// whatever else it says is too early. `false` when the lane ends with it.
    fn heard_meanwhile(&mut self) -> bool {
        match self.receive() {
            Ok(Some((Request::Cancel, unused))) => {
                self.unused = unused;
                return true;
            }
            Ok(Some((_, unused))) => {
                self.unused = unused;
                self.offence = HangUp::Order("something runs or waits").offence();
            }
            Ok(None) => {}
            Err(error) => self.offence = error.offence(),
        }
        self.hung_up = true;
        // Nor does the first process answer whoever is heard no more.
        let _gone_already = shutdown(self.connection.as_raw_fd(), Shutdown::Both);
        false
    }

    /// Has the first process load the policy again.
    fn reload(&mut self, policy: wire::PolicyDigest) -> Result<(), HangUp> {
        match self.records.reload(policy)? {
            Ok(()) => self.reply(&Reply::Reloaded),
            Err(failure) => self.reply(&Reply::Failed(failure)),
        }
    }

    /// Records what the supervisor says of the output of the command that has finished.
    /// It has what it prints only from the command, and the trail says whose word it is.
    fn output(&mut self, output: wire::Output) -> Result<(), HangUp> {
        if !std::mem::take(&mut self.finished) {
            return Err(HangUp::Order("the output of no command"));
        }
        if self.recorded {
            return Ok(());
        }
        // Nobody waits for the answer; a line that cannot be written is said there.
        let _said = self.records.record(&Entry::Output(output))?;
        Ok(())
    }

    fn reply(&self, reply: &Reply) -> Result<(), HangUp> {
        if self.hung_up {
            return Ok(());
        }
        let packet = wire::encode(reply)?;
        Ok(wire::send(self.connection.as_fd(), &packet, &[])?)
    }
}
