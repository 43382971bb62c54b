//! Who is at the other end of a client's socket, as far as the supervisor can see.
//!
//! This view is advisory: it decides what a client is shown and how fast it is
//! refused. Before anything runs, the worker reads the identity from the
//! client's socket itself, groups included (`SO_PEERGROUPS`, which has no safe
//! interface and so is out of reach here).

use nix::unistd::{Gid, Uid, User, getgrouplist};
use policy::{Login, Peer};
use std::ffi::CString;
use std::fs;
use tokio::net::unix::UCred;

/// Whom `credentials` (`SO_PEERCRED`, unix(7)) prove.
pub(crate) fn of(credentials: &UCred) -> Peer {
    let (uid, gid) = (credentials.uid(), credentials.gid());
    let groups = process_groups(credentials)
        .or_else(|| account_groups(uid, gid))
        .unwrap_or_default();
    Peer {
        uid,
        gid,
        groups,
        login: None,
    }
}

/// The user that this process runs as.
pub(crate) fn own() -> Peer {
    let groups = nix::unistd::getgroups().unwrap_or_default();
    Peer {
        uid: Uid::effective().as_raw(),
        gid: Gid::effective().as_raw(),
        groups: groups.into_iter().map(Gid::as_raw).collect(),
        login: None,
    }
}

/// The entry of the user `uid` in the account database.
pub(crate) fn login(uid: u32) -> Option<Login> {
    let User { name, dir, .. } = User::from_uid(Uid::from_raw(uid)).ok()??;
    Some(Login { name, home: dir })
}

/// Supplementary groups of the peer's process; none where /proc hides it or its
/// process id has passed to another user.
fn process_groups(credentials: &UCred) -> Option<Vec<u32>> {
    let status = fs::read_to_string(format!("/proc/{}/status", credentials.pid()?)).ok()?;
    groups_in(&status, credentials.uid())
}

/// The `Groups:` line of a /proc/PID/status, proc_pid_status(5), if its
/// effective user id is `uid`.
fn groups_in(status: &str, uid: u32) -> Option<Vec<u32>> {
    let effective = numbers(status, "Uid:")?.nth(1)?;
    (effective == uid).then_some(())?;
    Some(numbers(status, "Groups:")?.collect())
}

fn numbers<'a>(status: &'a str, field: &str) -> Option<impl Iterator<Item = u32> + 'a> {
    let values = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(
        values
            .split_whitespace()
            .filter_map(|word| word.parse().ok()),
    )
}

/// Supplementary groups that the account database gives the user.
pub(crate) fn account_groups(uid: u32, gid: u32) -> Option<Vec<u32>> {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten()?;
    let name = CString::new(user.name).ok()?;
    let groups = getgrouplist(&name, Gid::from_raw(gid)).ok()?;
    Some(groups.into_iter().map(Gid::as_raw).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str =
        "Name:\tx\nUid:\t0\t1000\t0\t1000\nGid:\t1\t2\t3\t4\nGroups:\t4 27 1000 \n";

    #[test]
    fn groups_come_from_the_status_of_the_right_user() {
        assert_eq!(groups_in(STATUS, 1000), Some(vec![4, 27, 1000]));
        assert_eq!(groups_in(STATUS, 0), None);
        assert_eq!(groups_in("", 0), None);
    }

    #[test]
    fn a_process_may_have_no_supplementary_groups() {
        let status = "Uid:\t7\t7\t7\t7\nGroups:\t\n";
        assert_eq!(groups_in(status, 7), Some(Vec::new()));
    }

    #[tokio::test]
    async fn the_caller_of_an_own_socket_is_oneself() {
        let (here, _there) = tokio::net::UnixStream::pair().unwrap();
        assert_eq!(of(&here.peer_cred().unwrap()), own());
    }
}
