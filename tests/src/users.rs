//! The accounts that tests use; made once, when missing.

use nix::unistd::{Group, Uid};
use policy::{Account, Accounts};
use std::process::Command;
use std::sync::Once;

/// An account for tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// Name in passwd(5).
    pub name: &'static str,
    /// Supplementary groups.
    pub groups: &'static [&'static str],
}

/// Runs the supervisor; no principal of any policy.
pub const FRONT: User = user("mini-mcp-test-front", &[]);
/// A principal by name.
pub const ALICE: User = user("mmtest-alice", &[]);
/// A principal by her supplementary group.
pub const BOB: User = user("mmtest-bob", &["mmtest-ops"]);
/// Nobody: no policy names her.
pub const CAROL: User = user("mmtest-carol", &[]);
/// A fixed `run_as` user; nobody logs in as it.
pub const RUNNER: User = user("mmtest-run", &[]);

const EVERYONE: [User; 5] = [FRONT, ALICE, BOB, CAROL, RUNNER];

const fn user(name: &'static str, groups: &'static [&'static str]) -> User {
    User { name, groups }
}

impl User {
    /// The user id.
    #[must_use]
    pub fn uid(self) -> u32 {
        self.account().uid.as_raw()
    }

    /// The primary group id.
    #[must_use]
    pub fn gid(self) -> u32 {
        self.account().gid.as_raw()
    }

    /// The supplementary group ids.
    #[must_use]
    pub fn group_ids(self) -> Vec<u32> {
        self.groups.iter().map(|name| group_id(name)).collect()
    }

    fn account(self) -> nix::unistd::User {
        make_accounts();
        nix::unistd::User::from_name(self.name)
            .expect("passwd(5) can be read")
            .unwrap_or_else(|| panic!("no user `{}`", self.name))
    }
}

fn group_id(name: &str) -> u32 {
    make_accounts();
    Group::from_name(name)
        .expect("group(5) can be read")
        .unwrap_or_else(|| panic!("no group `{name}`"))
        .gid
        .as_raw()
}

/// Makes what is missing of accounts and groups.
///
/// # Panics
/// When the test does not run as root.
pub(crate) fn make_accounts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        assert!(
            Uid::effective().is_root(),
            "these tests start processes of several users\nhint: run `sudo tests/run.sh`"
        );
        EVERYONE.iter().copied().for_each(make_account);
    });
}

fn make_account(user: User) {
    for group in user.groups {
        run("groupadd", &["--system", "--force", group]);
    }
    if nix::unistd::User::from_name(user.name).is_ok_and(|found| found.is_some()) {
        return;
    }
    let groups = user.groups.join(",");
    let mut arguments = vec!["--system", "--no-create-home", "--user-group"];
    arguments.extend(["--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]);
    if !groups.is_empty() {
        arguments.extend(["--groups", &groups]);
    }
    arguments.push(user.name);
    run("useradd", &arguments);
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "cannot run `{program} {}`",
        arguments.join(" ")
    );
}

/// The host's account database.
pub(crate) struct System;

impl Accounts for System {
    fn user(&self, name: &str) -> Option<Account> {
        let found = nix::unistd::User::from_name(name).ok()??;
        let (uid, gid) = (found.uid.as_raw(), found.gid.as_raw());
        let home = found.dir;
        Some(Account { uid, gid, home })
    }

    fn group(&self, name: &str) -> Option<u32> {
        let found = nix::unistd::Group::from_name(name).ok()??;
        Some(found.gid.as_raw())
    }
}
