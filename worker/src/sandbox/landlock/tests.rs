//! Older kernels, by building the rulesets that are built on them: for each ABI, the
//! rights it has are held by the running kernel against attacks from inside, and
//! those it has not are open, which shows that the attack is one.
//!
//! Landlock restricts the calling thread, so each domain gets a thread of its own.

use super::*;
use crate::sandbox::settings::tests::policy;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, OpenOptions};
use std::io::IsTerminal;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream};
use std::process::Command;
use std::thread;

/// Those that the running kernel has; the tests need the first seven.
fn abis() -> impl Iterator<Item = u32> {
    let newest = sys::landlock_abi();
    assert!(
        newest >= 7,
        "Landlock ABI {newest} is too old for this test\nhint: run it on Linux 6.15 or newer"
    );
    1..=newest.min(9)
}

/// What is outside of the domain.
struct Host {
    directory: tempfile::TempDir,
    port: TcpListener,
    socket: UnixListener,
    process: std::process::Child,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Host {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["read", "write", "write/other", "closed"] {
            fs::create_dir(directory.path().join(name)).unwrap();
            fs::write(directory.path().join(name).join("file"), "text").unwrap();
        }
        let name = format!("mini-mcp-test-{}", directory.path().display());
        let name = UnixAddress::from_abstract_name(name).unwrap();
        Self {
            directory,
            port: TcpListener::bind("127.0.0.1:0").unwrap(),
            socket: UnixListener::bind_addr(&name).unwrap(),
            process: Command::new("sleep").arg("600").spawn().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn rules(&self) -> Vec<Rule> {
        let rule = |path: &Path, right| Rule::new(path, right, false).unwrap();
        let null = Right::Device { writable: true };
        vec![
            rule(&self.path("read"), Right::Read),
            rule(&self.path("write"), Right::Write),
            rule(Path::new("/dev/null"), null),
        ]
    }

    /// What happens inside a domain of `abi`.
    fn inside(&self, abi: u32) -> Attacks {
        let abi = ABI::from(i32::try_from(abi).unwrap());
        let domain = build(abi, &self.rules(), &Network::None).unwrap();
        let (port, socket) = (self.port.local_addr(), self.socket.local_addr());
        let (port, socket) = (port.unwrap(), socket.unwrap());
        let base = self.directory.path().to_path_buf();
        let process = Pid::from_raw(self.process.id().cast_signed());
        let attack = move || {
            nix::sys::prctl::set_no_new_privs().unwrap();
            restrict(&domain).unwrap();
            Attacks::make(&base, port, &socket, process)
        };
        thread::spawn(attack).join().unwrap()
    }
}

/// The error number of each attempt; `None` when it succeeded.
#[derive(Debug)]
struct Attacks {
    read_granted: Option<Errno>,
    write_granted: Option<Errno>,
    read_closed: Option<Errno>,
    write_closed: Option<Errno>,
    make_closed: Option<Errno>,
    remove_closed: Option<Errno>,
    execute: Option<Errno>,
    move_granted: Option<Errno>,
    link_to_more_rights: Option<Errno>,
    move_out: Option<Errno>,
    truncate: Option<Errno>,
    connect: Option<Errno>,
    device: Option<Errno>,
    signal: Option<Errno>,
    abstract_socket: Option<Errno>,
}

fn failed<T>(result: io::Result<T>) -> Option<Errno> {
    let error = result.err()?;
    Some(Errno::from_raw(error.raw_os_error().unwrap()))
}

impl Attacks {
    fn make(base: &Path, port: SocketAddr, socket: &UnixAddress, process: Pid) -> Self {
        let at = |name: &str| base.join(name);
        let write = |name: &str| OpenOptions::new().write(true).open(at(name));
        let moved = fs::rename(at("write/file"), at("write/other/moved"));
        let truncated = nix::unistd::truncate(&at("read/file"), 0);
        let null = File::open("/dev/null").unwrap();
        // isatty(3) asks the device by ioctl(2).
        Errno::clear();
        assert!(!null.is_terminal());
        let device = Errno::last();
        Self {
            read_granted: failed(File::open(at("read/file"))),
            write_granted: failed(fs::write(at("write/new"), "text")),
            read_closed: failed(File::open(at("closed/file"))),
            write_closed: failed(write("closed/file")),
            make_closed: failed(fs::create_dir(at("closed/new"))),
            remove_closed: failed(fs::remove_file(at("closed/file"))),
            execute: failed(Command::new("/bin/true").spawn()),
            move_granted: failed(moved),
            link_to_more_rights: failed(fs::hard_link(at("read/file"), at("write/linked"))),
            move_out: failed(fs::rename(at("write/new"), at("closed/out"))),
            truncate: truncated.err(),
            connect: failed(TcpStream::connect(port)),
            device: Some(device),
            signal: kill(process, Signal::SIGCONT).err(),
            abstract_socket: failed(UnixStream::connect_addr(socket)),
        }
    }
}

#[test]
fn each_abi_holds_what_it_has() {
    for abi in abis() {
        let host = Host::new();
        let seen = host.inside(abi);
        let told = format!("ABI {abi}: {seen:?}");
        let from = |first, errno| (abi >= first).then_some(errno);
        assert_eq!(seen.read_granted, None, "{told}");
        assert_eq!(seen.write_granted, None, "{told}");
        for denied in [
            seen.read_closed,
            seen.write_closed,
            seen.make_closed,
            seen.remove_closed,
            seen.execute,
        ] {
            assert_eq!(denied, Some(Errno::EACCES), "{told}");
        }
        // Without the right to be granted every move between directories is refused.
        let granted = (abi < 2).then_some(Errno::EXDEV);
        assert_eq!(seen.move_granted, granted, "{told}");
        assert!(seen.link_to_more_rights.is_some(), "{told}");
        assert!(seen.move_out.is_some(), "{told}");
        assert_eq!(seen.truncate, from(3, Errno::EACCES), "{told}");
        assert_eq!(seen.connect, from(4, Errno::EACCES), "{told}");
        let device = if abi >= 5 {
            Errno::EACCES
        } else {
            Errno::ENOTTY
        };
        assert_eq!(seen.device, Some(device), "{told}");
        assert_eq!(seen.signal, from(6, Errno::EPERM), "{told}");
        assert_eq!(seen.abstract_socket, from(6, Errno::EPERM), "{told}");
    }
}

/// The kernel that runs is never believed to hold more than it does.
#[test]
fn a_ruleset_of_a_newer_kernel_is_refused() {
    let have = sys::landlock_abi();
    let newer = [(9, ABI::V9), (10, ABI::V10)];
    for (_, abi) in newer.into_iter().filter(|(abi, _)| *abi > have) {
        let built = build(abi, &[], &Network::None);
        assert!(built.is_err(), "{abi:?}");
    }
}

#[test]
fn a_profile_is_refused_below_its_minimum_and_told_what_it_needs() {
    for minimum in 1..=9 {
        let policy = policy(&format!("minimum_landlock = {minimum}"));
        let profile = policy.profiles().next().unwrap();
        for abi in 0..=9 {
            let Err(error) = holds(profile, abi) else {
                assert!(abi >= minimum, "{abi} < {minimum}");
                continue;
            };
            assert!(abi < minimum, "{abi} >= {minimum}");
            let said = error.to_string();
            let reason = format!(
                "cannot restrict files: the kernel has Landlock ABI {abi}, profile `p` needs {minimum}\n"
            );
            assert!(said.starts_with(&reason), "{said}");
            let hint = format!("(ABI {minimum} is Linux {})", linux(minimum));
            assert!(said.contains(&hint), "{said}");
            let accept = format!("minimum_landlock = {abi}`");
            assert_eq!(said.contains(&accept), abi > 0, "{said}");
        }
    }
}

#[test]
fn ports_are_refused_where_the_kernel_knows_none() {
    let policy = policy("connect = ['tcp:443']\nminimum_landlock = 1");
    let profile = policy.profiles().next().unwrap();
    for abi in 1..=7 {
        let refused = holds(profile, abi).map_err(|error| error.to_string());
        assert_eq!(refused.is_err(), abi < 4, "{abi}");
        let said = refused.err().unwrap_or_default();
        assert!(abi >= 4 || said.contains("Linux 6.7"), "{said}");
    }
}

#[test]
fn without_landlock_nothing_runs() {
    let policy = policy("minimum_landlock = 1");
    let said = holds(policy.profiles().next().unwrap(), 0).unwrap_err();
    let said = said.to_string();
    assert!(said.contains("/sys/kernel/security/lsm"), "{said}");
}
