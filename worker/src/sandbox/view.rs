//! What a command sees of the file system, mount_namespaces(7): in the isolated
//! strength a root directory in which only granted paths exist; otherwise the
//! host's, read-only but for what is granted to write, and with temporary
//! directories of its own where the profile says so.
//!
//! Landlock does not hold what changes metadata (chmod, chown, utime, extended
//! attributes); a read-only mount does, whoever owns the file.
//!
//! Granted paths are looked up with the rights of the user whom the command will
//! be: the new root must not lead around a directory that is closed to him.

mod root;
mod tree;

use super::fresh::Fresh;
use super::prepared::Shared;
use crate::sys::mount::{
    self, NO_DEVICES, NO_EXECUTE, NO_SUID, READ_ONLY, attach, clone_tree, new_file_system, restrict,
};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, fchmod, mkdirat, umask};
use nix::unistd::{chdir, fchdir};
use policy::{Identity, Strength};
use root::Root;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tree::{Common, Links, SYSTEM, Tree, is_system, look_up, with_rights_of};

/// What a mount namespace is made to hold.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub strength: Strength,
    /// Whether temporary directories are its own; in the isolated strength they are.
    pub private_tmp: bool,
    /// Bytes in all temporary directories together.
    pub tmp_size: u64,
    /// Whose processes there are.
    pub processes: Processes,
    /// What of the host there is.
    pub places: Vec<Place<'a>>,
    /// Exists even where nothing in it is granted.
    pub directory: PathBuf,
}

/// A granted file or tree.
#[derive(Debug, Clone)]
pub(crate) struct Place<'a> {
    /// As the command names it.
    pub path: Rc<Path>,
    /// The very file, where it was chosen by an argument.
    pub opened: Option<BorrowedFd<'a>>,
    pub write: bool,
    pub execute: bool,
    pub device: bool,
}

/// Whose processes a command is among. Where they have numbers of their own the host's
/// /proc would tell of others: it is replaced where temporary directories are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Processes {
    /// The host's.
    Host,
    /// Those of the command, in a pid namespace of its own.
    Own,
    /// Likewise, in one that the lane keeps, and with it a /proc.
    Kept,
}

/// When file systems of a command's own are mounted.
#[derive(Clone, Copy)]
enum Moment {
    /// With all else.
    Here,
    /// By each command that enters.
    Later,
}

/// What every file system of the view's own is mounted with.
const OWN: u64 = NO_SUID | NO_DEVICES | NO_EXECUTE;

/// What all of the host is mounted with in the default strength.
const SHUT: u64 = READ_ONLY | NO_SUID | NO_EXECUTE;

/// Temporary directories, and their names in the one file system that holds them.
const TEMPORARY: [(&str, &CStr); 3] =
    [("/tmp", c"tmp"), ("/var/tmp", c"var"), ("/dev/shm", c"shm")];

/// Where pseudo-terminals are: their own file system, so that no terminal of anybody
/// else is in it, pts(4).
const TERMINALS: &str = "/dev/pts";

/// Most pseudo-terminals that a command has at once; the kernel counts all of the host.
const TERMINALS_MAX: &CStr = c"64";

/// Directories of a view that are not the host's, for the Landlock rules.
pub(super) struct Own {
    /// May be listed, and with it all that is there.
    pub listed: Option<&'static CStr>,
    pub read: &'static [&'static CStr],
    pub write: &'static [&'static CStr],
    /// Makes, holds and stands for terminals; may be missing.
    pub terminals: &'static [&'static CStr],
    /// Whether sockets may be made where it may be written.
    pub serves: bool,
}

impl View<'_> {
    /// What the command may do with what is not the host's.
    pub(super) fn own(&self, serves: bool) -> Option<Own> {
        Some(match self.strength {
            Strength::Isolated => Own {
                listed: Some(c"/"),
                read: &[c"/proc"],
                write: &[c"/tmp", c"/var/tmp", c"/dev/shm"],
                terminals: &[c"/dev/pts", c"/dev/tty"],
                serves,
            },
            Strength::Default | _ if !self.private_tmp => return None,
            Strength::Default | _ => Own {
                listed: None,
                read: match self.processes {
                    Processes::Host => &[],
                    Processes::Own | Processes::Kept => &[c"/proc"],
                },
                write: &[c"/tmp", c"/var/tmp", c"/dev/shm"],
                terminals: &[c"/dev/pts", c"/dev/ptmx", c"/dev/tty"],
                serves,
            },
        })
    }

    /// The same, where nothing of the host is asked of it.
    pub(super) fn without_places(&self) -> View<'static> {
        View {
            places: Vec::new(),
            directory: self.directory.clone(),
            ..*self
        }
    }

    fn isolated(&self) -> bool {
        self.strength == Strength::Isolated
    }

    /// Whether anything is not the host's.
    pub(crate) fn has_own(&self) -> bool {
        self.isolated() || self.private_tmp
    }

    /// The temporary directories that are not the host's.
    fn temporary(&self) -> impl Iterator<Item = (&'static str, &'static CStr)> {
        let own = self.has_own();
        TEMPORARY.into_iter().filter(move |_| own)
    }

    /// Where something of the view's own is mounted by each command.
    fn covers(&self) -> impl Iterator<Item = &'static Path> {
        let more = ["/proc", TERMINALS].into_iter();
        let numbered = self.processes != Processes::Host;
        let more = more.filter(move |path| self.has_own() && (*path == TERMINALS || numbered));
        let all = self.temporary().map(|(path, _)| path).chain(more);
        all.map(Path::new)
    }

    /// Fails where what is granted would be covered by that, or the directory that an
    /// isolated command starts in and that is made with the root.
    fn uncovered(&self, trees: &[Tree]) -> Result<(), Errno> {
        let covered = |tree: &Tree| self.covers().any(|own| tree.path.starts_with(own));
        let beneath = |own: &Path| self.directory != own && self.directory.starts_with(own);
        let starts_covered = self.isolated() && self.covers().any(beneath);
        match starts_covered || trees.iter().any(covered) {
            true => Err(Errno::EXDEV),
            false => Ok(()),
        }
    }

    /// Whether `path` is, or is beneath, what this view has of its own.
    fn is_own(&self, path: &Path) -> bool {
        let temporary = self.temporary().any(|(own, _)| path == Path::new(own));
        let own = temporary || self.has_own() && path.starts_with(TERMINALS);
        own || self.isolated() && (path.starts_with("/proc") || path == Path::new("/dev"))
    }

    /// Whether the grant of `place`, which is at `path`, has a mount of its own.
    fn wanted(&self, place: &Place<'_>, path: &Path) -> bool {
        let differs = || {
            let covered = self.temporary().any(|(own, _)| path.starts_with(own));
            covered || place.write || place.execute || is_system(path)
        };
        !self.is_own(path) && (self.isolated() || differs())
    }

    /// What of the host has mounts of its own besides what is granted, so that
    /// libraries can be mapped where all else is shut.
    fn system(&self) -> Vec<Place<'static>> {
        let all = SYSTEM.into_iter().filter(|_| !self.isolated());
        all.map(|path| Place {
            path: Path::new(path).into(),
            opened: None,
            write: false,
            execute: false,
            device: false,
        })
        .collect()
    }
}

/// Builds `view` in this process's new mount namespace and enters it.
pub(super) fn enter(view: &View<'_>, identity: Option<&Identity>) -> Result<(), Errno> {
    fill(view, identity, Moment::Here)
}

/// The same, but for what no two commands may share; returns which places the user could
/// reach.
pub(super) fn enter_shared(
    view: &View<'_>,
    identity: Option<&Identity>,
) -> Result<Vec<bool>, Errno> {
    let reachable = reachable(view, identity)?;
    fill(view, identity, Moment::Later)?;
    Ok(reachable)
}

/// Which places of an isolated view `identity` can reach. In the default strength he sees
/// the host, where nothing leads around a directory that is closed to him.
fn reachable(view: &View<'_>, identity: Option<&Identity>) -> Result<Vec<bool>, Errno> {
    if !view.isolated() {
        return Ok(Vec::new());
    }
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let reach = |place: &Place<'_>| open(&*place.path, flags, Mode::empty()).is_ok();
    with_rights_of(identity, || Ok(view.places.iter().map(reach).collect()))
}

fn fill(view: &View<'_>, identity: Option<&Identity>, when: Moment) -> Result<(), Errno> {
    let host = directory(c"/")?;
    mount::make_private(host.as_fd())?;
    let (trees, links) = with_rights_of(identity, || look_up(view, Common::Missing))?;
    // What is made here is for the command to pass through, whatever its own mask.
    let mask = umask(Mode::empty());
    let built = if view.isolated() {
        isolate(view, trees, &links, when)
    } else {
        shut(view, host, trees, when)
    };
    umask(mask);
    built
}

/// Makes of `host` what the default strength sees of it.
fn shut(view: &View<'_>, host: OwnedFd, trees: Vec<Tree>, when: Moment) -> Result<(), Errno> {
    // Before the host is shut: directories for this are made in it for a moment.
    let own = match when {
        Moment::Here if view.private_tmp => beside_the_host(view)?,
        Moment::Here => Vec::new(),
        Moment::Later => view.uncovered(&trees).map(|()| Vec::new())?,
    };
    restrict(host.as_fd(), SHUT, true)?;
    Root::of_host(host).add_all(trees.into_iter().chain(own).collect())
}

/// What is the view's own where all else is the host's; what that one has not is not
/// needed.
fn beside_the_host(view: &View<'_>) -> Result<Vec<Tree>, Errno> {
    let mut own = temporary(view, c"/tmp")?;
    own.push(terminals()?);
    if view.processes == Processes::Own {
        own.push(processes()?);
    }
    own.retain(|tree| tree.path.is_dir());
    Ok(own)
}

/// Enters `fresh`, which was made of `shared`, if that is still what `identity` may see;
/// returns whether it is.
pub(super) fn enter_fresh(
    view: &View<'_>,
    (shared, fresh): (&Shared, &Fresh),
    identity: Option<&Identity>,
) -> Result<bool, Errno> {
    let current = reachable(view, identity)? == shared.reachable;
    if current {
        fresh.enter_mounts()?;
    }
    Ok(current)
}

/// Enters the namespace of `shared`, where all of `view` is but what arguments name and
/// what is a command's own: those are mounted in a copy that ends with the command.
pub(super) fn join(
    view: &View<'_>,
    shared: &Shared,
    identity: Option<&Identity>,
) -> Result<(), Errno> {
    // A directory above a granted path may have been closed to the user since, or opened.
    if reachable(view, identity)? != shared.reachable {
        mount::unshare(libc::CLONE_NEWNS)?;
        return enter(view, identity);
    }
    let chosen = view.places.iter().any(|place| place.opened.is_some());
    // Copied before: of what is read-only in there, copies are too.
    let trees = match chosen {
        true => look_up(view, Common::Mounted)?.0,
        false => Vec::new(),
    };
    shared.enter()?;
    if !chosen && !view.has_own() {
        return Ok(());
    }
    furnish_with(view, trees)
}

/// Mounts what of `view` is a command's own in a copy of this process's mount namespace.
pub(super) fn furnish(view: &View<'_>) -> Result<(), Errno> {
    furnish_with(view, Vec::new())
}

/// The same, with `trees`.
fn furnish_with(view: &View<'_>, mut trees: Vec<Tree>) -> Result<(), Errno> {
    mount::unshare(libc::CLONE_NEWNS)?;
    // What is made here is for the command to pass through, whatever its own mask.
    let mask = umask(Mode::empty());
    if view.isolated() {
        if view.processes == Processes::Own {
            trees.push(processes()?);
        }
        trees.extend(own_trees(view, c"/tmp")?);
    } else if view.has_own() {
        trees.extend(beside_the_host(view)?);
    }
    let joined = directory(c"/").and_then(|top| Root::of_host(top).add_all(trees));
    umask(mask);
    joined
}

/// What every isolated command has of its own; `at` as for [`temporary`], where one of
/// these belongs.
fn own_trees(view: &View<'_>, at: &CStr) -> Result<Vec<Tree>, Errno> {
    let mut own = temporary(view, at)?;
    own.push(terminals()?);
    Ok(own)
}

/// What tells of the processes of this process's pid namespace, proc(5).
fn processes() -> Result<Tree, Errno> {
    let mounts = new_file_system(c"proc", &[], OWN | READ_ONLY)?;
    Ok(Tree::own("/proc", mounts))
}

/// Makes a root with nothing in it this process's, in its new mount namespace.
pub(super) fn enter_nothing() -> Result<(), Errno> {
    mount::make_private(directory(c"/")?.as_fd())?;
    let top = new_file_system(c"tmpfs", &[(c"size", c"4k")], OWN | READ_ONLY)?;
    attach(top.as_fd(), directory(c"/proc")?.as_fd())?;
    become_root(&top)
}

/// Makes `top`, which is mounted, the root, and leaves the former one.
fn become_root(top: &OwnedFd) -> Result<(), Errno> {
    fchdir(top)?;
    mount::pivot_here()?;
    chdir(c"/")
}

/// Builds a root directory of granted paths and makes it this process's.
fn isolate(view: &View<'_>, trees: Vec<Tree>, links: &Links, when: Moment) -> Result<(), Errno> {
    let size = [
        (c"size", c"4M"),
        (c"nr_inodes", c"65536"),
        (c"mode", c"0755"),
    ];
    let top = new_file_system(c"tmpfs", &size, OWN)?;
    // Any directory serves until the root is changed; this one exists.
    attach(top.as_fd(), directory(c"/proc")?.as_fd())?;
    mkdirat(&top, c"proc", Mode::from_bits_truncate(0o755))?;
    let mut root = Root::empty(top);
    root.link(links)?;
    root.link(&standard_links())?;
    match when {
        Moment::Here => {
            let own = own_trees(view, c"/proc/proc")?;
            root.add_all(trees.into_iter().chain(own).chain([processes()?]).collect())?;
        }
        Moment::Later => {
            view.uncovered(&trees)?;
            root.add_all(trees)?;
            view.covers().try_for_each(|path| root.make(path, true))?;
            if view.processes == Processes::Kept {
                root.add(&processes()?)?;
            }
        }
    }
    if !root.covers(&view.directory) {
        root.make(&view.directory, true)?;
    }
    restrict(root.top.as_fd(), READ_ONLY, false)?;
    become_root(&root.top)
}

/// Names that programs take for granted.
fn standard_links() -> Links {
    [
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "/proc/self/fd/0"),
        ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"),
        ("/dev/ptmx", "pts/ptmx"),
    ]
    .map(|(link, target)| (link.into(), target.into()))
    .into()
}

/// The temporary directories, in one file system so that one size bounds them. It
/// is mounted `at` a directory, for only what is mounted can be copied, and stays there,
/// read-only, beneath what is mounted on it next: the kernel waits for all processors when
/// anything is unmounted.
fn temporary(view: &View<'_>, at: &CStr) -> Result<Vec<Tree>, Errno> {
    let text = |number: u64| CString::new(number.to_string()).map_err(|_| Errno::EINVAL);
    let (size, inodes) = (text(view.tmp_size)?, text(view.tmp_size / 4096)?);
    let options = [
        (c"size", size.as_c_str()),
        (c"nr_inodes", inodes.as_c_str()),
        (c"mode", c"0755"),
    ];
    let all = new_file_system(c"tmpfs", &options, OWN)?;
    attach(all.as_fd(), directory(at)?.as_fd())?;
    let trees = view.temporary().map(|(path, name)| {
        mkdirat(&all, name, Mode::from_bits_truncate(0o700))?;
        let one = openat(
            &all,
            name,
            OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
        fchmod(&one, Mode::from_bits_truncate(0o1777))?;
        Ok(Tree::own(path, clone_tree(one.as_fd())?))
    });
    let trees = trees.collect::<Result<_, Errno>>()?;
    restrict(all.as_fd(), OWN | READ_ONLY, false)?;
    Ok(trees)
}

/// Pseudo-terminals of the command's own, that anybody in it may make.
fn terminals() -> Result<Tree, Errno> {
    let options = [
        (c"ptmxmode", c"0666"),
        (c"mode", c"0600"),
        (c"max", TERMINALS_MAX),
    ];
    let mounts = new_file_system(c"devpts", &options, NO_SUID | NO_EXECUTE)?;
    Ok(Tree {
        device: true,
        ..Tree::own(TERMINALS, mounts)
    })
}

fn directory(path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(path, flags, Mode::empty())
}
