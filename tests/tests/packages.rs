//! The packages that `packaging/build.sh` makes: every format has the same files, and twice
//! the same bytes. The machine test makes and installs them, so these are asked for by name:
//!
//! `cargo test -p mini-mcp-tests --test packages -- --ignored`

use harness::packaging::{self, root, said};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// An empty folder.
fn scratch() -> TempDir {
    TempDir::new().expect("a temporary directory can be made")
}

/// The folder of packages, made twice before anybody looks, and the digests of both.
fn made() -> &'static (PathBuf, [String; 2]) {
    static MADE: OnceLock<(PathBuf, [String; 2])> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = root().join("target/packages");
        let sums = [(), ()].map(|()| {
            packaging::packages(&["deb", "rpm", "tarball"]);
            fs::read_to_string(folder.join("SHA256SUMS")).expect("digests")
        });
        (folder, sums)
    })
}

fn packages() -> &'static Path {
    &made().0
}

/// The one package whose name ends so.
fn package(ending: &str) -> PathBuf {
    let of_version = |name: &str| name.contains(env!("CARGO_PKG_VERSION"));
    let entries = fs::read_dir(packages()).expect("packages");
    let mut found = entries.map(|entry| entry.expect("an entry").path());
    let found = found.find(|path| {
        let name = path.file_name().expect("a name").to_string_lossy();
        name.ends_with(ending) && of_version(&name)
    });
    found.unwrap_or_else(|| panic!("no package ends with {ending}"))
}

/// Unpacked, its name is that of a folder that ends with it.
fn unpack_tarball(folder: &Path) -> PathBuf {
    let archive = package("-linux.tar.xz");
    said(
        Command::new("tar")
            .arg("-C")
            .arg(folder)
            .arg("-xf")
            .arg(&archive),
    );
    let mut entries = fs::read_dir(folder).expect("a folder");
    entries.next().expect("an entry").expect("an entry").path()
}

/// Every file beneath `folder`, as it would be installed.
fn files(folder: &Path) -> BTreeSet<String> {
    let found = said(
        Command::new("find")
            .arg(folder)
            .args(["-type", "f", "-printf", "/%P\\n"]),
    );
    found.lines().map(str::to_owned).collect()
}

fn deb_files() -> BTreeSet<String> {
    let folder = scratch();
    said(
        Command::new("dpkg-deb")
            .arg("-x")
            .arg(package(".deb"))
            .arg(folder.path()),
    );
    files(folder.path())
}

/// Of Debian alone.
fn is_debians(file: &str) -> bool {
    file.starts_with("/usr/share/lintian/") || file.ends_with("/changelog.Debian.gz")
}

#[test]
#[ignore = "makes every package twice"]
fn every_format_installs_the_same_files() {
    let deb: BTreeSet<String> = deb_files()
        .into_iter()
        .filter(|file| !is_debians(file))
        .collect();
    assert!(
        deb.contains("/usr/libexec/mini-mcp/mini-mcp-worker"),
        "{deb:?}"
    );
    let as_elsewhere = |file: &String| file.replace("/copyright", "/COPYRIGHT");

    let folder = scratch();
    let tarball = files(&unpack_tarball(folder.path()).join("files"));
    assert_eq!(tarball, deb.iter().map(as_elsewhere).collect());

    let rpm = said(Command::new("rpm").args(["-qlp"]).arg(package(".rpm")));
    let of_rpm: BTreeSet<String> = rpm.lines().map(str::to_owned).collect();
    let as_red_hat = |file: String| file.replace("/vendor-completions/", "/site-functions/");
    assert_eq!(of_rpm, tarball.into_iter().map(as_red_hat).collect());
}

#[test]
#[ignore = "makes every package twice"]
fn what_the_administrator_writes_is_his_in_every_format() {
    let rpm = said(Command::new("rpm").args(["-qcp"]).arg(package(".rpm")));
    let deb = said(
        Command::new("dpkg-deb")
            .args(["--info"])
            .arg(package(".deb"))
            .arg("conffiles"),
    );
    let sorted = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert!(sorted(&deb).contains("/etc/mini-mcp/policy.toml"), "{deb}");
    assert_eq!(sorted(&rpm), sorted(&deb));
}

#[test]
#[ignore = "makes every package twice"]
fn the_rpm_tells_what_it_needs_and_its_scripts_are_sound() {
    let needs = said(Command::new("rpm").args(["-qRp"]).arg(package(".rpm")));
    assert!(needs.contains("systemd >= 252"), "{needs}");
    assert!(needs.contains("libc.so.6(GLIBC_"), "{needs}");
    for script in ["post", "preun", "postun"] {
        let script = root().join("packaging/rpm").join(script);
        said(Command::new("sh").arg("-n").arg(script));
    }
    let scripts = said(
        Command::new("rpm")
            .args(["-qp", "--scripts"])
            .arg(package(".rpm")),
    );
    assert!(
        scripts.contains("systemd-sysusers mini-mcp.conf"),
        "{scripts}"
    );
    // Into a root of its own, where nothing of this machine changes.
    let folder = scratch();
    let mut install = Command::new("rpm");
    install.arg("--root").arg(folder.path());
    said(
        install
            .args(["--install", "--nodeps", "--noscripts"])
            .arg(package(".rpm")),
    );
    assert!(
        folder
            .path()
            .join("usr/lib/systemd/system/mini-mcp.service")
            .exists()
    );
}

#[test]
#[ignore = "makes every package twice"]
fn lintian_has_nothing_to_say() {
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error,warning", "--allow-root"]);
    let complaints = said(lintian.arg(package(".deb")));
    assert_eq!(complaints, "", "overrides are in packaging/deb");
}

#[test]
#[ignore = "makes every package twice"]
fn the_archive_installs_beneath_a_folder_and_leaves_nothing() {
    let (folder, installed) = (scratch(), scratch());
    let unpacked = unpack_tarball(folder.path());
    let install = |option: &[&str]| {
        let mut command = Command::new(unpacked.join("install.sh"));
        said(command.args(option).env("DESTDIR", installed.path()))
    };
    install(&[]);
    assert_eq!(files(installed.path()), files(&unpacked.join("files")));
    let policy = installed.path().join("etc/mini-mcp/policy.toml");
    fs::write(&policy, "version = 1\n").expect("ours");
    assert!(install(&[]).contains("keeping /etc/mini-mcp/policy.toml"));
    assert_eq!(fs::read_to_string(&policy).expect("text"), "version = 1\n");
    install(&["--uninstall"]);
    let left: Vec<String> = files(installed.path()).into_iter().collect();
    assert_eq!(
        left,
        ["/etc/mini-mcp/policy.toml", "/etc/mini-mcp/policy.toml.new"]
    );
    install(&["--purge"]);
    assert_eq!(files(installed.path()), BTreeSet::new());
}

#[test]
#[ignore = "makes every package twice"]
fn two_builds_are_the_same() {
    let [first, second] = &made().1;
    for ending in [".deb", ".rpm", "-linux.tar.xz"] {
        assert!(first.contains(ending), "{first}");
    }
    assert_eq!(first, second);
    let mut check = Command::new("sha256sum");
    said(
        check
            .args(["--check", "--quiet", "SHA256SUMS"])
            .current_dir(packages()),
    );
}
