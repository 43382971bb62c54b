//! What the supervisor keeps of the network where it exports to a collector: TCP to one
//! port, by a rule of Landlock. Here is what Landlock does not see, which the filter
//! refuses, so that the rule is the only way.

use super::{ConfineError, condition};
use nix::libc;
use seccompiler::{SeccompCmpOp as Compare, SeccompRule as Rule};
use std::net::SocketAddr;

/// Types of sockets that are no streams, see socket(2).
const NO_STREAM: [libc::c_int; 6] = [
    libc::SOCK_DGRAM,
    libc::SOCK_RAW,
    libc::SOCK_RDM,
    libc::SOCK_SEQPACKET,
    libc::SOCK_DCCP,
    10, // SOCK_PACKET
];

/// The bits of a socket's type that are no flags (SOCK_TYPE_MASK of the kernel).
const TYPE: u64 = 0xf;

/// The family of sockets that reach `address`.
pub(super) fn family_of(address: SocketAddr) -> libc::c_int {
    match address {
        SocketAddr::V4(_) => libc::AF_INET,
        SocketAddr::V6(_) => libc::AF_INET6,
    }
}

/// Sockets of `family` that are not plain TCP, which Landlock would not hold to a port:
/// also those of MPTCP.
pub(super) fn other_than_tcp(family: libc::c_int) -> Result<Vec<Rule>, ConfineError> {
    let of_family = || condition(0, Compare::Eq, family);
    let mut rules = vec![Rule::new(vec![
        of_family()?,
        condition(2, Compare::Ne, libc::IPPROTO_IP)?,
        condition(2, Compare::Ne, libc::IPPROTO_TCP)?,
    ])?];
    for kind in NO_STREAM {
        let kind = condition(1, Compare::MaskedEq(TYPE), kind)?;
        rules.push(Rule::new(vec![of_family()?, kind])?);
    }
    Ok(rules)
}

/// Ways to connect and to be connected to that Landlock does not see: data that opens a
/// connection, and a socket that listens without having been bound.
pub(super) fn round_landlock() -> Result<Vec<(libc::c_long, Vec<Rule>)>, ConfineError> {
    let opening = Compare::MaskedEq(u64::from(libc::MSG_FASTOPEN.unsigned_abs()));
    let calls = [
        (libc::SYS_sendto, 3),
        (libc::SYS_sendmsg, 2),
        (libc::SYS_sendmmsg, 3),
    ];
    let mut rules = vec![(libc::SYS_listen, Vec::new())];
    for (call, flags) in calls {
        let opening = condition(flags, opening.clone(), libc::MSG_FASTOPEN)?;
        rules.push((call, vec![Rule::new(vec![opening])?]));
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::super::Needs;
    use super::super::tests::{both, service};
    use super::*;
    use landlock::{AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr};
    use socket2::{Domain, Socket, Type};
    use std::net::{TcpListener, TcpStream, UdpSocket};

    /// To the collector's port there is TCP, to others and otherwise nothing.
    #[test]
    fn a_collector_is_reached_and_nothing_else() {
        let scratch = tempfile::tempdir().unwrap();
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (collector, other) = (listen(), listen());
        let (address, other) = (collector.local_addr().unwrap(), other.local_addr().unwrap());
        let needs = Needs {
            collector: Some(address),
            ..service(scratch.path())
        };
        let (free, confined) = both(&needs, || {
            [
                TcpStream::connect(address).is_ok(),
                TcpStream::connect(other).is_ok(),
                UdpSocket::bind("127.0.0.1:0").is_ok(),
                TcpListener::bind("127.0.0.1:0").is_ok(),
                TcpListener::bind("[::1]:0").is_ok(),
                opens_by_data(address),
                listens_unbound(),
                stream(libc::IPPROTO_MPTCP).is_ok(),
                stream(libc::IPPROTO_TCP).is_ok(),
            ]
        });
        assert_eq!(free, [true; 9]);
        assert!(landlock_knows_ports(), "this kernel knows no ports");
        let (reached, tcp) = (0, 8);
        for (attempt, succeeds) in confined.into_iter().enumerate() {
            assert_eq!(succeeds, [reached, tcp].contains(&attempt), "{attempt}");
        }
    }

    fn stream(protocol: libc::c_int) -> std::io::Result<Socket> {
        Socket::new(Domain::IPV4, Type::STREAM, Some(protocol.into()))
    }

    fn opens_by_data(address: SocketAddr) -> bool {
        let stream = stream(libc::IPPROTO_TCP).unwrap();
        let sent = stream.send_to_with_flags(b"x", &address.into(), libc::MSG_FASTOPEN);
        sent.is_ok()
    }

    fn listens_unbound() -> bool {
        stream(libc::IPPROTO_TCP).unwrap().listen(1).is_ok()
    }

    fn landlock_knows_ports() -> bool {
        let attempt = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        attempt.handle_access(AccessNet::ConnectTcp).is_ok()
    }
}
