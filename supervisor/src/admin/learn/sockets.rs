//! Which network a run used. What failed is not counted: libraries ask name service
//! caches that are not there, and go on without.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// An address as it lies in memory, with the addresses that matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// By its name in the file system.
    Named(PathBuf),
    /// By a name of the kernel's.
    Abstract(String),
    /// A port of some host.
    Port(u16),
    /// Anything else.
    Other,
}

impl Address {
    /// Reads a `struct sockaddr`, of which `bytes` may have too many.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let Some((family, rest)) = bytes.split_first_chunk::<2>() else {
            return Self::Other;
        };
        match (i32::from(u16::from_ne_bytes(*family)), rest) {
            (nix::libc::AF_UNIX, [0, name @ ..]) => Self::Abstract(
                String::from_utf8_lossy(name)
                    .trim_end_matches('\0')
                    .to_owned(),
            ),
            (nix::libc::AF_UNIX, name) => {
                let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
                Self::Named(Path::new(OsStr::from_bytes(name)).to_path_buf())
            }
            (nix::libc::AF_INET | nix::libc::AF_INET6, [high, low, ..]) => {
                Self::Port(u16::from_be_bytes([*high, *low]))
            }
            _ => Self::Other,
        }
    }
}

/// What a socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stream,
    Datagram,
    Netlink,
    Unix,
    Other,
}

/// The sockets of one run.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    /// By what /proc/PID/fd says of a descriptor, which duplicates share.
    kinds: HashMap<PathBuf, Kind>,
    /// Unix sockets that were connected to.
    pub(super) named: BTreeSet<PathBuf>,
    /// The same, by abstract names: no profile opens them.
    pub(super) abstracts: BTreeSet<String>,
    /// Unix sockets that were made with a name: no profile lets a command do that.
    pub(super) made: BTreeSet<PathBuf>,
    /// TCP ports that were connected to.
    pub(super) ports: BTreeSet<u16>,
    /// TCP ports that were listened at.
    pub(super) served: BTreeSet<u16>,
    /// Whether anything was sent over UDP, or received.
    pub(super) datagrams: bool,
    /// Whether the kernel was asked about interfaces.
    pub(super) netlink: bool,
}

impl Sockets {
    /// socket(2) made `file`.
    pub(super) fn opened(&mut self, file: PathBuf, family: u64, kind: u64) {
        let family = i32::try_from(family).unwrap_or(0);
        let flags = nix::libc::SOCK_CLOEXEC | nix::libc::SOCK_NONBLOCK;
        let kind = i32::try_from(kind).unwrap_or(0) & !flags;
        let internet = matches!(family, nix::libc::AF_INET | nix::libc::AF_INET6);
        let kind = match (family, kind) {
            (_, nix::libc::SOCK_STREAM) if internet => Kind::Stream,
            (_, nix::libc::SOCK_DGRAM) if internet => Kind::Datagram,
            (nix::libc::AF_NETLINK, _) => Kind::Netlink,
            (nix::libc::AF_UNIX, _) => Kind::Unix,
            _ => Kind::Other,
        };
        self.kinds.insert(file, kind);
    }

    /// connect(2) of `file` to `address`.
    pub(super) fn connected(&mut self, file: &Path, address: Address) {
        match (self.kinds.get(file), address) {
            (_, Address::Named(path)) => {
                self.named.insert(path.canonicalize().unwrap_or(path));
            }
            (_, Address::Abstract(name)) => {
                self.abstracts.insert(name);
            }
            (Some(Kind::Stream), Address::Port(port)) => {
                self.ports.insert(port);
            }
            // A connected datagram socket has sent nothing yet.
            (_, Address::Port(_) | Address::Other) => {}
        }
    }

    /// bind(2) of `file` to `address`.
    pub(super) fn bound(&mut self, file: &Path, address: Address) {
        match (self.kinds.get(file), address) {
            (_, Address::Named(path)) => {
                self.made.insert(path);
            }
            (Some(Kind::Stream), Address::Port(port)) => {
                self.served.insert(port);
            }
            (Some(Kind::Datagram), Address::Port(_)) => self.datagrams = true,
            _ => {}
        }
    }

    /// Something was sent over `file`.
    pub(super) fn sent(&mut self, file: &Path) {
        match self.kinds.get(file) {
            Some(Kind::Datagram) => self.datagrams = true,
            Some(Kind::Netlink) => self.netlink = true,
            Some(Kind::Stream | Kind::Unix | Kind::Other) | None => {}
        }
    }

    /// The lines of a profile for that.
    pub(super) fn lines(&self) -> String {
        let own = self.ports.is_subset(&self.served) && !self.datagrams;
        let mut text = match (self.served.is_empty(), self.ports.is_empty()) {
            (false, _) if own => "network = \"loopback\"\n".to_owned(),
            (false, _) => "network = \"full\"  # it listened at a port\n".to_owned(),
            _ if self.datagrams => "network = \"full\"  # it used UDP\n".to_owned(),
            (true, false) => {
                let ports = self.ports.iter().map(|port| format!("\"tcp:{port}\""));
                format!("connect = [{}]\n", ports.collect::<Vec<_>>().join(", "))
            }
            (true, true) if self.netlink => {
                "network = \"full\"  # it asked the kernel about interfaces\n".to_owned()
            }
            (true, true) if !(self.named.is_empty() && self.abstracts.is_empty()) => {
                "network = \"unix\"\n".to_owned()
            }
            (true, true) => String::new(),
        };
        if !self.named.is_empty() {
            let names = self
                .named
                .iter()
                .map(|path| super::policy::quoted(&path.display().to_string()));
            text.push_str(&format!(
                "unix_sockets = [{}]\n",
                names.collect::<Vec<_>>().join(", ")
            ));
        }
        for name in &self.abstracts {
            text.push_str(&format!(
                "# It connected to the abstract socket {}, which no profile opens.\n",
                super::policy::quoted(name)
            ));
        }
        for path in &self.made {
            let path = super::policy::quoted(&path.display().to_string());
            text.push_str(&format!(
                "# It made the Unix socket {path}, which no profile lets a command do.\n"
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_lie_in_memory() {
        let family = |family: i32| u16::try_from(family).unwrap().to_ne_bytes().to_vec();
        let unix = |name: &[u8]| Address::read(&[&family(nix::libc::AF_UNIX), name].concat());
        assert_eq!(unix(b"/run/x\0rest"), Address::Named("/run/x".into()));
        assert_eq!(unix(b"\0name\0\0"), Address::Abstract("name".to_owned()));
        let port = [family(nix::libc::AF_INET), vec![1, 187, 127, 0, 0, 1]].concat();
        assert_eq!(Address::read(&port), Address::Port(443));
        assert_eq!(
            (Address::read(&[]), Address::read(&[9, 9])),
            (Address::Other, Address::Other)
        );
    }

    #[test]
    fn a_network_is_no_wider_than_what_was_used() {
        let (stream, datagram) = (Path::new("socket:[1]"), Path::new("socket:[2]"));
        let internet = u64::from(nix::libc::AF_INET.cast_unsigned());
        let mut sockets = Sockets::default();
        sockets.opened(
            stream.to_owned(),
            internet,
            nix::libc::SOCK_STREAM.cast_unsigned().into(),
        );
        sockets.opened(
            datagram.to_owned(),
            internet,
            nix::libc::SOCK_DGRAM.cast_unsigned().into(),
        );
        // The resolver connects, to see which address would be used, and sends nothing.
        sockets.connected(datagram, Address::Port(53));
        assert_eq!(sockets.lines(), "");
        sockets.connected(stream, Address::Port(443));
        assert_eq!(sockets.lines(), "connect = [\"tcp:443\"]\n");
        sockets.bound(stream, Address::Port(443));
        assert_eq!(sockets.lines(), "network = \"loopback\"\n");
        sockets.sent(datagram);
        assert!(sockets.lines().starts_with("network = \"full\""));
    }
}
