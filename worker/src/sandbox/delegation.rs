//! What the host delegates to this process of the hierarchy of control groups, and the
//! group that it makes way in so that commands can be bounded, cgroups(7).

use nix::unistd::{Pid, Uid};
use policy::Controller;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The child of its group that a worker moves to.
const ASIDE: &str = "mini-mcp.main";

/// Where the cgroup v2 hierarchy is mounted.
fn mount_point() -> io::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    // proc_pid_mountinfo(5): … (4) root (5) mount point … - type …
    let mount = mounts.lines().find_map(|line| {
        let (fields, rest) = line.split_once(" - ")?;
        rest.starts_with("cgroup2 ")
            .then(|| fields.split(' ').nth(4))
            .flatten()
    });
    mount.map(PathBuf::from).ok_or_else(no_hierarchy)
}

fn no_hierarchy() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "no cgroup v2 hierarchy is mounted")
}

/// This process's group in the cgroup v2 hierarchy, as a directory.
pub(super) fn own_group() -> io::Result<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup")?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    Ok(mount_point()?.join(group.ok_or_else(no_hierarchy)?))
}

/// Lets the groups `below` bound what the host delegates to `own`; a controller that
/// cannot be had is not there, which a profile that needs it is told.
pub(super) fn enable_controllers(own: &Path, below: &[&Path]) {
    let delegated = fs::read_to_string(own.join("cgroup.controllers")).unwrap_or_default();
    let delegated = listed(&delegated);
    if delegated.is_empty() || !make_way(own) {
        return;
    }
    // One by one: a kernel with real-time processes refuses `cpu` alone.
    for controller in delegated {
        let mut all = [own].into_iter().chain(below.iter().copied());
        let _not_there = all.try_for_each(|group| enable(group, controller));
    }
}

fn enable(group: &Path, controller: Controller) -> io::Result<()> {
    let file = group.join("cgroup.subtree_control");
    fs::write(file, format!("+{controller}"))
}

/// Whether nothing but its children is in `own`, so that these can have controllers. With
/// processes the kernel refuses `memory` and `io`, and for `cpu` and `pids` makes a group
/// of threads of it, in which no command can be born. The root, which is of no type, may
/// have both.
fn make_way(own: &Path) -> bool {
    if !own.join("cgroup.type").exists() {
        return true;
    }
    let left = step_aside(own).and_then(|()| fs::read_to_string(own.join("cgroup.procs")));
    let alone = left.is_ok_and(|left| left.is_empty());
    if !alone {
        go_back(own);
    }
    alone
}

/// The controllers of a line that lists them, those that we use.
pub(super) fn listed(line: &str) -> BTreeSet<Controller> {
    let has = |one: &Controller| line.split_whitespace().any(|name| name == one.name());
    Controller::ALL.into_iter().filter(has).collect()
}

/// Moves this process into a child of its group, as a delegated unit must.
fn step_aside(own: &Path) -> io::Result<()> {
    let aside = own.join(ASIDE);
    fs::create_dir_all(&aside)?;
    fs::write(aside.join("cgroup.procs"), "0")
}

/// A stay of a process that only tries what the service would do: in a group of its own,
/// as the service has one. Where none can be made, it stays where it is.
#[derive(Debug)]
pub(crate) struct Visit {
    home: Option<PathBuf>,
    /// What was made for it, and what was enabled above.
    made: Option<(PathBuf, BTreeSet<Controller>)>,
}

impl Visit {
    /// Begins it.
    pub(crate) fn begin() -> Self {
        let home = own_group().ok();
        let root = mount_point().ok().filter(|_| Uid::effective().is_root());
        let made = root.and_then(|root| lodging(&root).ok());
        Self { home, made }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let Some(home) = self.home.take() else { return };
        let Some((group, enabled)) = self.made.take() else {
            if own_group().is_ok_and(|now| now != home) {
                go_back(&home);
            }
            return;
        };
        let _gone = fs::write(home.join("cgroup.procs"), "0");
        leave(&group, &enabled);
    }
}

/// Makes a group below `root`, with what systemd would delegate to the service, and
/// moves there; the group, and what had to be enabled for it.
fn lodging(root: &Path) -> io::Result<(PathBuf, BTreeSet<Controller>)> {
    let read = |file| fs::read_to_string(root.join(file)).unwrap_or_default();
    if root.join("cgroup.type").exists() && !read("cgroup.procs").is_empty() {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    let group = root.join(format!("mini-mcp.doctor.{}", Pid::this()));
    fs::create_dir(&group)?;
    let there = listed(&read("cgroup.subtree_control"));
    let mut enabled = listed(&read("cgroup.controllers"));
    enabled.retain(|one| !there.contains(one) && enable(root, *one).is_ok());
    if let Err(error) = fs::write(group.join("cgroup.procs"), "0") {
        leave(&group, &enabled);
        return Err(error);
    }
    Ok((group, enabled))
}

/// Undoes [`lodging`], when this process is in `group` no more.
fn leave(group: &Path, enabled: &BTreeSet<Controller>) {
    let _not_made = fs::remove_dir(group.join(ASIDE));
    let _in_use = fs::remove_dir(group);
    for controller in enabled {
        let root = group.parent().unwrap_or(group);
        let _in_use = disable(root, *controller);
    }
}

fn disable(group: &Path, controller: Controller) -> io::Result<()> {
    let file = group.join("cgroup.subtree_control");
    fs::write(file, format!("-{controller}"))
}

/// Undoes [`enable_controllers`] and [`step_aside`] in `own`, as far as the kernel
/// lets us: controllers that are enabled below keep processes out.
fn go_back(own: &Path) {
    for controller in Controller::ALL {
        let _not_enabled = disable(own, controller);
    }
    if fs::write(own.join("cgroup.procs"), "0").is_ok() {
        let _in_use = fs::remove_dir(own.join(ASIDE));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A directory with these files.
    pub(crate) fn fake(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (file, content) in files {
            fs::write(directory.path().join(file), content).unwrap();
        }
        directory
    }

    fn read(directory: &Path, file: &str) -> String {
        fs::read_to_string(directory.join(file)).unwrap_or_default()
    }

    #[test]
    fn every_delegated_controller_is_enabled_down_to_the_commands() {
        let own = fake(&[
            ("cgroup.controllers", "cpuset cpu\n"),
            ("cgroup.subtree_control", ""),
        ]);
        let below = fake(&[("cgroup.subtree_control", "")]);
        enable_controllers(own.path(), &[below.path()]);
        for group in [own.path(), below.path()] {
            assert_eq!(read(group, "cgroup.subtree_control"), "+cpu");
        }
        assert_eq!(
            listed("cpuset cpu io memory pids\n"),
            Controller::ALL.into()
        );
        assert_eq!(listed("\n"), BTreeSet::new());
    }

    #[test]
    fn the_worker_steps_aside_where_its_group_cannot_have_both() {
        let delegated = |procs| {
            fake(&[
                ("cgroup.controllers", "pids\n"),
                ("cgroup.subtree_control", ""),
                ("cgroup.type", "domain\n"),
                ("cgroup.procs", procs),
            ])
        };
        let own = delegated("");
        enable_controllers(own.path(), &[]);
        assert_eq!(read(&own.path().join(ASIDE), "cgroup.procs"), "0");
        assert_eq!(read(own.path(), "cgroup.subtree_control"), "+pids");
        // Not where others stay: it would become a group of threads.
        let own = delegated("17\n");
        enable_controllers(own.path(), &[]);
        assert_ne!(read(own.path(), "cgroup.subtree_control"), "+pids");
        assert_eq!(read(own.path(), "cgroup.procs"), "0");
    }

    #[test]
    fn who_only_tries_goes_back() {
        let own = fake(&[("cgroup.procs", ""), ("cgroup.subtree_control", "")]);
        fs::create_dir(own.path().join(ASIDE)).unwrap();
        go_back(own.path());
        assert_eq!(read(own.path(), "cgroup.procs"), "0");
        assert!(!own.path().join(ASIDE).exists());
    }
}
