//! The kernel's auditing, which a test switches on and leaves as it found it.

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendto,
    socket,
};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

// linux/audit.h and linux/netlink.h
const GET: u16 = 1000;
const SET: u16 = 1001;
const ENABLED: u32 = 1;
const REQUEST: u16 = 1;
const HEAD: usize = 16;

/// One test at a time, so that none is left without.
static ONE: Mutex<()> = Mutex::new(());

/// Auditing is on while this lives.
#[derive(Debug)]
pub struct Auditing {
    socket: OwnedFd,
    before: u32,
    _one: MutexGuard<'static, ()>,
}

impl Auditing {
    /// Switches it on.
    ///
    /// # Panics
    /// When the kernel refuses: this needs `CAP_AUDIT_CONTROL`, outside of containers.
    #[must_use]
    pub fn on() -> Auditing {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (family, protocol) = (AddressFamily::Netlink, SockProtocol::NetlinkAudit);
        let socket = socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol);
        let socket = socket.expect("a socket for auditing");
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0)).expect("a port");
        let mut auditing = Auditing {
            socket,
            before: 1,
            _one: one,
        };
        auditing.send(GET, &[]);
        let mut answer = [0; 512];
        let length = recv(auditing.socket.as_raw_fd(), &mut answer, MsgFlags::empty());
        let length = length.expect("the state of auditing");
        // struct audit_status: mask, enabled, …
        let enabled = &answer[..length][HEAD + 4..HEAD + 8];
        auditing.before = u32::from_ne_bytes(enabled.try_into().expect("four bytes"));
        auditing.set(1);
        auditing
    }

    fn set(&self, enabled: u32) {
        let mut status = [0_u8; 44];
        status[..4].copy_from_slice(&ENABLED.to_ne_bytes());
        status[4..8].copy_from_slice(&enabled.to_ne_bytes());
        self.send(SET, &status);
    }

    fn send(&self, kind: u16, body: &[u8]) {
        let length = u32::try_from(HEAD + body.len()).expect("short");
        let mut message = length.to_ne_bytes().to_vec();
        for half in [kind, REQUEST] {
            message.extend(half.to_ne_bytes());
        }
        message.extend([0; 8]);
        message.extend(body);
        let (to, kernel) = (self.socket.as_raw_fd(), NetlinkAddr::new(0, 0));
        sendto(to, &message, &kernel, MsgFlags::empty()).expect("the kernel listens");
    }
}

impl Drop for Auditing {
    fn drop(&mut self) {
        self.set(self.before);
    }
}
