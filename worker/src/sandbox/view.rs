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

use super::trace::trace;
use crate::sys::mount::{
    self, NO_DEVICES, NO_EXECUTE, NO_SUID, READ_ONLY, attach, clone_tree, new_file_system, restrict,
};
use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::{Mode, SFlag, fchmod, fstat, mkdirat, umask};
use nix::unistd::{Gid, Uid, chdir, fchdir, setfsgid, setfsuid, symlinkat};
use policy::{Identity, Strength};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// What a mount namespace is made to hold.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub strength: Strength,
    /// Whether temporary directories are its own; in the isolated strength they are.
    pub private_tmp: bool,
    /// Bytes in all temporary directories together.
    pub tmp_size: u64,
    /// Whether processes have numbers of their own, so that the host's /proc would
    /// tell of others; it is replaced where temporary directories are.
    pub numbered: bool,
    /// What of the host there is.
    pub places: Vec<Place<'a>>,
    /// Exists even where nothing in it is granted.
    pub directory: PathBuf,
}

/// A granted file or tree.
#[derive(Debug, Clone)]
pub(crate) struct Place<'a> {
    /// As the command names it.
    pub path: PathBuf,
    /// The very file, where it was chosen by an argument.
    pub opened: Option<BorrowedFd<'a>>,
    pub write: bool,
    pub execute: bool,
    pub device: bool,
}

/// A granted tree of the host's, or a file system of the view's own, and where it
/// belongs.
struct Tree {
    path: PathBuf,
    /// Its copy; `None` for one that is in its place already.
    mounts: Option<OwnedFd>,
    host: bool,
    write: bool,
    execute: bool,
    device: bool,
}

/// Symbolic links, by their places and targets.
type Links = Vec<(PathBuf, PathBuf)>;

/// What every file system of the view's own is mounted with.
const OWN: u64 = NO_SUID | NO_DEVICES | NO_EXECUTE;

/// What all of the host is mounted with in the default strength.
const SHUT: u64 = READ_ONLY | NO_SUID | NO_EXECUTE;

/// Where systems keep programs and shared libraries. What is read there may be mapped
/// for execution, as libraries must be; elsewhere only what is granted to execute.
const SYSTEM: [&str; 9] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/opt",
    "/nix/store",
    "/gnu/store",
];

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
}

impl View<'_> {
    /// What the command may do with what is not the host's.
    pub(super) fn own(&self) -> Own {
        match self.strength {
            Strength::Isolated => Own {
                listed: Some(c"/"),
                read: &[c"/proc"],
                write: &[c"/tmp", c"/var/tmp", c"/dev/shm"],
                terminals: &[c"/dev/pts", c"/dev/tty"],
            },
            Strength::Default | _ if !self.private_tmp => Own {
                listed: None,
                read: &[],
                write: &[],
                terminals: &[],
            },
            Strength::Default | _ => Own {
                listed: None,
                read: if self.numbered { &[c"/proc"] } else { &[] },
                write: &[c"/tmp", c"/var/tmp", c"/dev/shm"],
                terminals: &[c"/dev/pts", c"/dev/ptmx", c"/dev/tty"],
            },
        }
    }

    fn isolated(&self) -> bool {
        self.strength == Strength::Isolated
    }

    /// Whether anything is not the host's.
    fn has_own(&self) -> bool {
        self.isolated() || self.private_tmp
    }

    /// The temporary directories that are not the host's.
    fn temporary(&self) -> impl Iterator<Item = (&'static str, &'static CStr)> {
        let own = self.has_own();
        TEMPORARY.into_iter().filter(move |_| own)
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
            path: path.into(),
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
    let host = directory(c"/")?;
    mount::make_private(host.as_fd())?;
    let (trees, links) = with_rights_of(identity, || look_up(view, Common::Missing))?;
    // What is made here is for the command to pass through, whatever its own mask.
    let mask = umask(Mode::empty());
    let built = if view.isolated() {
        isolate(view, trees, &links)
    } else {
        shut(view, host, trees)
    };
    umask(mask);
    built
}

/// Makes of `host` what the default strength sees of it.
fn shut(view: &View<'_>, host: OwnedFd, trees: Vec<Tree>) -> Result<(), Errno> {
    // Before the host is shut: directories for this are made in it for a moment.
    let own = match view.private_tmp {
        true => beside_the_host(view)?,
        false => Vec::new(),
    };
    restrict(host.as_fd(), SHUT, true)?;
    Root::of_host(host).add_all(trees.into_iter().chain(own).collect())
}

/// What is the view's own where all else is the host's; what that one has not is not
/// needed.
fn beside_the_host(view: &View<'_>) -> Result<Vec<Tree>, Errno> {
    let mut own = temporary(view, c"/tmp")?;
    own.push(terminals()?);
    if view.numbered {
        let process = new_file_system(c"proc", &[], OWN | READ_ONLY)?;
        own.push(Tree::own("/proc", process));
    }
    own.retain(|tree| tree.path.is_dir());
    Ok(own)
}

/// Enters the namespace `prepared`, where all of `view` is but what arguments name:
/// those mounts are added in a copy that ends with the command.
pub(super) fn join(view: &View<'_>, prepared: BorrowedFd<'_>) -> Result<(), Errno> {
    let chosen = view.places.iter().any(|place| place.opened.is_some());
    // Copied before: of what is read-only in there, copies are too.
    let trees = match chosen {
        true => merged(look_up(view, Common::Mounted)?.0),
        false => Vec::new(),
    };
    setns(prepared, CloneFlags::CLONE_NEWNS)?;
    if trees.is_empty() {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWNS)?;
    let mut root = Root::of_host(directory(c"/")?);
    trees.iter().try_for_each(|tree| root.add(tree))
}

fn isolate(view: &View<'_>, trees: Vec<Tree>, links: &Links) -> Result<(), Errno> {
    // Before anything is mounted over the host's, which must be seen for that.
    let process = new_file_system(c"proc", &[], OWN | READ_ONLY)?;
    let size = [
        (c"size", c"4M"),
        (c"nr_inodes", c"65536"),
        (c"mode", c"0755"),
    ];
    let top = new_file_system(c"tmpfs", &size, OWN)?;
    // Any directory serves until the root is changed; this one exists.
    attach(top.as_fd(), directory(c"/proc")?.as_fd())?;
    mkdirat(&top, c"tmp", Mode::from_bits_truncate(0o755))?;
    let mut own = temporary(view, c"/proc/tmp")?;
    own.push(Tree::own("/proc", process));
    own.push(terminals()?);
    let mut root = Root {
        top,
        placed: Vec::new(),
    };
    root.link(links)?;
    root.link(&standard_links())?;
    root.add_all(trees.into_iter().chain(own).collect())?;
    if !root.covers(&view.directory) {
        root.make(&view.directory, true)?;
    }
    restrict(root.top.as_fd(), READ_ONLY, false)?;
    fchdir(&root.top)?;
    mount::pivot_here()?;
    chdir(c"/")
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
/// is mounted `at` a directory for a moment: only what is mounted can be copied.
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
    mount::detach(at)?;
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

impl Tree {
    fn own(path: &str, mounts: OwnedFd) -> Self {
        Self {
            path: path.into(),
            mounts: Some(mounts),
            host: false,
            write: true,
            execute: false,
            device: false,
        }
    }

    /// What is written, or is anybody's, is not executed, by a loader or else, unless
    /// that is granted.
    fn attributes(&self) -> u64 {
        let when = |yes, attribute| if yes { attribute } else { 0 };
        let library = !self.write && is_system(&self.path);
        NO_SUID
            | when(!self.device, NO_DEVICES)
            | when(!self.write, READ_ONLY)
            | when(!self.execute && !library, NO_EXECUTE)
    }
}

fn is_system(path: &Path) -> bool {
    SYSTEM.iter().any(|system| path.starts_with(system))
}

/// Whether what calls have in common is mounted already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Common {
    Missing,
    Mounted,
}

/// Copies what is granted; what the user himself cannot reach is left out.
fn look_up(view: &View<'_>, common: Common) -> Result<(Vec<Tree>, Links), Errno> {
    let (mut trees, mut links) = (Vec::<Tree>::new(), Links::new());
    for place in view.system().iter().chain(&view.places) {
        let (file, path) = match find(place, &mut links) {
            Err(Errno::ENOENT | Errno::EACCES | Errno::ENOTDIR) if place.opened.is_none() => {
                continue;
            }
            found => found?,
        };
        if !view.wanted(place, &path) {
            continue;
        }
        let copied = common == Common::Missing || place.opened.is_some();
        let same = |tree: &&mut Tree| tree.path == path && tree.mounts.is_some() == copied;
        if let Some(same) = trees.iter_mut().find(same) {
            same.write |= place.write;
            same.execute |= place.execute;
            continue;
        }
        let mounts = copied.then(|| clone_tree(file.as_fd()));
        trees.push(Tree {
            mounts: mounts.transpose()?,
            path,
            host: true,
            write: place.write,
            execute: place.execute,
            device: place.device,
        });
    }
    Ok((trees, links))
}

fn find(place: &Place<'_>, links: &mut Links) -> Result<(OwnedFd, PathBuf), Errno> {
    let traced = trace(&place.path)
        .map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = open(&traced.path, flags, Mode::empty())?;
    if let Some(opened) = place.opened {
        let (now, then) = (fstat(&file)?, fstat(opened)?);
        if (now.st_dev, now.st_ino) != (then.st_dev, then.st_ino) {
            return Err(Errno::ESTALE);
        }
    }
    links.extend(traced.links);
    Ok((file, traced.path))
}

/// Looks files up as `identity` may, who is nobody else where there is none.
fn with_rights_of<T>(
    identity: Option<&Identity>,
    look: impl FnOnce() -> Result<T, Errno>,
) -> Result<T, Errno> {
    let Some(identity) = identity else {
        return look();
    };
    super::privilege::set_groups(identity)?;
    let search = Capability::CAP_DAC_READ_SEARCH;
    let had = caps::has_cap(None, CapSet::Effective, search).map_err(|_| Errno::last())?;
    // The kernel takes it from other users, but not from root.
    caps::drop(None, CapSet::Effective, search).map_err(|_| Errno::last())?;
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    let (own_gid, own_uid) = (setfsgid(gid), setfsuid(uid));
    // They report no failure, so they are asked again.
    let became = setfsuid(uid) == uid && setfsgid(gid) == gid;
    let result = if became { look() } else { Err(Errno::EPERM) };
    setfsuid(own_uid);
    setfsgid(own_gid);
    if had {
        // Likewise: it gives back what it took, and nothing to root.
        caps::raise(None, CapSet::Effective, search).map_err(|_| Errno::last())?;
    }
    result
}

/// The trees that are to be mounted, each after those above it and with what is
/// granted of those as well.
fn merged(mut trees: Vec<Tree>) -> Vec<Tree> {
    trees.sort_by(|one, other| one.path.cmp(&other.path));
    let mut done = Vec::<Tree>::new();
    for mut tree in trees {
        let above = done
            .iter()
            .filter(|above| tree.path.starts_with(&above.path));
        let above = above.max_by_key(|above| above.path.as_os_str().len());
        if let Some(above) = above.filter(|above| above.host && tree.host) {
            tree.write |= above.write;
            tree.execute |= above.execute;
            if tree.attributes() == above.attributes() {
                continue;
            }
        }
        done.push(tree);
    }
    done.retain(|tree| tree.mounts.is_some());
    done
}

/// A root directory that is being filled.
struct Root {
    top: OwnedFd,
    /// What is mounted, and whether it is the host's.
    placed: Vec<(PathBuf, bool)>,
}

impl Root {
    fn of_host(top: OwnedFd) -> Self {
        Self {
            top,
            placed: vec![(PathBuf::from("/"), true)],
        }
    }

    fn add_all(&mut self, trees: Vec<Tree>) -> Result<(), Errno> {
        merged(trees).iter().try_for_each(|tree| self.add(tree))
    }

    fn add(&mut self, tree: &Tree) -> Result<(), Errno> {
        let Some(mounts) = &tree.mounts else {
            return Ok(());
        };
        restrict(mounts.as_fd(), tree.attributes(), true)?;
        let kind = SFlag::from_bits_truncate(fstat(mounts)?.st_mode) & SFlag::S_IFMT;
        if !self.covers(&tree.path) {
            self.make(&tree.path, kind == SFlag::S_IFDIR)?;
        }
        attach(mounts.as_fd(), self.at(&tree.path)?.as_fd())?;
        self.placed.push((tree.path.clone(), tree.host));
        Ok(())
    }

    /// Whether `path` is in a tree of the host's, where nothing is ever made.
    fn covers(&self, path: &Path) -> bool {
        let above = self
            .placed
            .iter()
            .filter(|(above, _)| path.starts_with(above));
        let nearest = above.max_by_key(|(above, _)| above.as_os_str().len());
        nearest.is_some_and(|(_, host)| *host)
    }

    /// The file at `path`, to which no symbolic link may lead.
    fn at(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let strict = ResolveFlag::RESOLVE_IN_ROOT
            | ResolveFlag::RESOLVE_NO_SYMLINKS
            | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        openat2(&self.top, path, OpenHow::new().flags(flags).resolve(strict))
    }

    /// Makes an empty directory or file, and the directories above.
    fn make(&self, path: &Path, is_directory: bool) -> Result<(), Errno> {
        let mut above: Vec<&Path> = path
            .ancestors()
            .filter(|one| one.parent().is_some())
            .collect();
        above.reverse();
        for one in above {
            if one == path && !is_directory {
                let flags = OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                openat(
                    &self.top,
                    relative(one),
                    flags,
                    Mode::from_bits_truncate(0o444),
                )?;
                continue;
            }
            match mkdirat(&self.top, relative(one), Mode::from_bits_truncate(0o755)) {
                Err(Errno::EEXIST) => {}
                made => made?,
            }
        }
        Ok(())
    }

    /// Makes symbolic links; those in granted trees are there already.
    fn link(&self, links: &[(PathBuf, PathBuf)]) -> Result<(), Errno> {
        for (link, target) in links {
            self.make(link.parent().unwrap_or(link), true)?;
            match symlinkat(target, &self.top, relative(link)) {
                Err(Errno::EEXIST) => {}
                made => made?,
            }
        }
        Ok(())
    }
}

fn relative(path: &Path) -> &Path {
    path.strip_prefix(Component::RootDir).unwrap_or(path)
}

fn directory(path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(path, flags, Mode::empty())
}
