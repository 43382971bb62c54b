//! A hand-made supervisor: says to the worker whatever a test wants, bytes and
//! descriptors, with the uid that the test chooses.

use crate::{FRONT, Site, User, connect_as};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, sendmsg,
    setsockopt, socket,
};
use nix::sys::time::TimeVal;
use std::io::{IoSlice, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use wire::{
    Argument, Correlation, Given, Hello, Outcome, PolicyDigest, Reply, Request, Run, VERSION, Value,
};

/// One connection to the worker, which is one lane.
#[derive(Debug)]
pub struct Lane(OwnedFd);

impl AsFd for Lane {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Lane {
    fn from(socket: OwnedFd) -> Self {
        Lane(socket)
    }
}

/// The worker closed the connection.
#[derive(Debug, PartialEq, Eq)]
pub struct Hangup;

impl Lane {
    /// Connects as the supervisor's user and says nothing yet.
    #[must_use]
    pub fn open(site: &Site) -> Lane {
        Lane::open_as(site, FRONT)
    }

    /// Connects as `user` and says nothing yet.
    ///
    /// # Panics
    /// When the worker's socket refuses to be connected to.
    #[must_use]
    pub fn open_as(site: &Site, user: User) -> Lane {
        let socket = connect_as(user, SockType::SeqPacket, &site.worker_socket());
        let patience = TimeVal::new(30, 0);
        setsockopt(&socket, ReceiveTimeout, &patience).expect("a socket has a timeout");
        Lane(socket)
    }

    /// Connects to the listener at `path` as this process, and says nothing yet.
    ///
    /// # Errors
    /// The kernel's.
    ///
    /// # Panics
    /// When there is no socket to be had.
    pub fn connect(path: &Path) -> nix::Result<Lane> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let made = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None);
        let made = made.expect("the kernel makes sockets");
        connect(made.as_raw_fd(), &UnixAddr::new(path)?)?;
        setsockopt(&made, ReceiveTimeout, &TimeVal::new(30, 0))?;
        Ok(Lane(made))
    }

    /// Greets the worker as one that has loaded `policy`.
    ///
    /// # Errors
    /// [`Hangup`].
    pub fn greet(&self, policy: PolicyDigest) -> Result<Reply, Hangup> {
        self.say_hello(policy);
        self.hear()
    }

    /// Greets, and waits for no answer.
    pub fn say_hello(&self, policy: PolicyDigest) {
        let version = VERSION;
        self.say(&Request::Hello(Hello { version, policy }), &[]);
    }

    /// Asks for `run`, of `client` if there is one; the pipes that its output comes through.
    pub fn ask(&self, run: Run, client: Option<BorrowedFd<'_>>) -> Pipes {
        let (pipes, [output, error]) = Pipes::new();
        let mut descriptors = vec![output.as_fd(), error.as_fd()];
        descriptors.extend(client);
        self.say(&Request::Run(run), &descriptors);
        pipes
    }

    /// Whether there is something to hear within `milliseconds`.
    #[must_use]
    pub fn speaks_within(&self, milliseconds: u16) -> bool {
        let mut descriptors = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        poll(&mut descriptors, milliseconds) == Ok(1)
    }

    /// Connects as the supervisor's user and exchanges greetings.
    ///
    /// # Panics
    /// When the worker does not welcome it.
    #[must_use]
    pub fn greeted(site: &Site) -> Lane {
        let lane = Lane::open(site);
        let answer = lane.greet(site.digest());
        assert!(matches!(answer, Ok(Reply::Welcome(_))), "{answer:?}");
        lane
    }

    /// Sends one message.
    pub fn say(&self, request: &Request, descriptors: &[BorrowedFd<'_>]) {
        self.say_bytes(&wire::encode(request).expect("a message"), descriptors);
    }

    /// Sends one packet of any bytes. A worker that hung up shows in [`Lane::hear`].
    pub fn say_bytes(&self, packet: &[u8], descriptors: &[BorrowedFd<'_>]) {
        let raw: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&raw)];
        let control = if raw.is_empty() { &[] } else { &rights[..] };
        let (packet, flags) = ([IoSlice::new(packet)], MsgFlags::MSG_NOSIGNAL);
        let _hung_up = sendmsg::<()>(self.0.as_raw_fd(), &packet, control, flags, None);
    }

    /// The next message.
    ///
    /// # Errors
    /// [`Hangup`].
    ///
    /// # Panics
    /// When nothing comes in time.
    pub fn hear(&self) -> Result<Reply, Hangup> {
        let packet = self.hear_bytes()?;
        Ok(wire::decode(&packet).expect("the worker speaks the vocabulary"))
    }

    /// How the run has ended that was asked for, whether or not its start is told.
    ///
    /// # Panics
    /// When it has not begun.
    #[track_caller]
    #[must_use]
    pub fn finished(&self) -> Outcome {
        let mut reply = self.hear();
        if let Ok(Reply::Started { .. }) = reply {
            reply = self.hear();
        }
        match reply {
            Ok(Reply::Finished(outcome)) => outcome,
            other => panic!("{other:?}"),
        }
    }

    /// The next packet, whatever it holds.
    ///
    /// # Errors
    /// [`Hangup`].
    ///
    /// # Panics
    /// When nothing comes in time.
    pub fn hear_bytes(&self) -> Result<Vec<u8>, Hangup> {
        let mut packet = vec![0; wire::FRAME_MAX + 1];
        let length = loop {
            match recv(self.0.as_raw_fd(), &mut packet, MsgFlags::empty()) {
                Ok(0) | Err(nix::Error::ECONNRESET) => return Err(Hangup),
                // With a timeout, the kernel never restarts it: signal(7).
                Err(nix::Error::EINTR) => {}
                other => break other.expect("the worker answers in time"),
            }
        };
        packet.truncate(length);
        Ok(packet)
    }

    /// A `Run` for `tool` without arguments.
    #[must_use]
    pub fn request(&self, site: &Site, tool: &str) -> Run {
        request(site.digest(), tool, &[])
    }

    /// Asks for a run of `tool` for nobody.
    pub fn run_without_client(&self, site: &Site, tool: &str) -> Pipes {
        let (pipes, [output, error]) = Pipes::new();
        let run = self.request(site, tool);
        self.say(&Request::Run(run), &[output.as_fd(), error.as_fd()]);
        pipes
    }

    /// Asks for a run of `tool`; the pipes that its output comes through.
    pub fn run(
        &self,
        site: &Site,
        client: BorrowedFd<'_>,
        tool: &str,
        arguments: &[(&str, &str)],
    ) -> Pipes {
        self.run_under(site.digest(), client, tool, arguments)
    }

    /// As [`Lane::run`], for a client that does not wait.
    pub fn run_in_background(
        &self,
        site: &Site,
        client: BorrowedFd<'_>,
        tool: &str,
        arguments: &[(&str, &str)],
    ) -> Pipes {
        let (pipes, [output, error]) = Pipes::new();
        let run = Run {
            background: true,
            ..request(site.digest(), tool, arguments)
        };
        self.say(&Request::Run(run), &[output.as_fd(), error.as_fd(), client]);
        pipes
    }

    /// As [`Lane::run`], of a call that is said to be confirmed.
    pub fn run_confirmed(
        &self,
        site: &Site,
        client: BorrowedFd<'_>,
        tool: &str,
        arguments: &[(&str, &str)],
    ) -> Pipes {
        let (pipes, [output, error]) = Pipes::new();
        let run = Run {
            confirmed: true,
            ..request(site.digest(), tool, arguments)
        };
        self.say(&Request::Run(run), &[output.as_fd(), error.as_fd(), client]);
        pipes
    }

    /// As [`Lane::run`], decided under another policy.
    pub fn run_under(
        &self,
        policy: PolicyDigest,
        client: BorrowedFd<'_>,
        tool: &str,
        arguments: &[(&str, &str)],
    ) -> Pipes {
        let (pipes, [output, error]) = Pipes::new();
        let run = request(policy, tool, arguments);
        self.say(&Request::Run(run), &[output.as_fd(), error.as_fd(), client]);
        pipes
    }
}

/// A `Run` for `tool` with text arguments.
#[must_use]
pub fn request(policy: PolicyDigest, tool: &str, arguments: &[(&str, &str)]) -> Run {
    let arguments = arguments.iter().map(|(name, value)| Argument {
        name: (*name).to_owned(),
        value: Given::One(Value::Text((*value).to_owned())),
    });
    Run {
        correlation: Correlation {
            request: "by hand".to_owned(),
            trace: None,
        },
        policy,
        tool: tool.to_owned(),
        arguments: arguments.collect(),
        claim: None,
        key: None,
        background: false,
        confirmed: false,
    }
}

/// The read ends of a command's standard output and standard error.
#[derive(Debug)]
pub struct Pipes {
    output: std::io::PipeReader,
    error: std::io::PipeReader,
}

impl Pipes {
    fn new() -> (Pipes, [OwnedFd; 2]) {
        let (output, output_end) = std::io::pipe().expect("the kernel makes pipes");
        let (error, error_end) = std::io::pipe().expect("the kernel makes pipes");
        let ends = [output_end.into(), error_end.into()];
        (Pipes { output, error }, ends)
    }

    /// Everything that was written, standard output first.
    #[must_use]
    pub fn text(mut self) -> String {
        let mut bytes = Vec::new();
        self.output.read_to_end(&mut bytes).expect("a pipe");
        self.error.read_to_end(&mut bytes).expect("a pipe");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
