//! What `packaging/build.sh` makes: every format has the same files, twice the same bytes,
//! and what is said of it. The machine test installs the packages; here they are looked
//! into, and the image runs.

use harness::{Client, scratch};
use nix::fcntl::{Flock, FlockArg};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What a command prints that succeeds.
fn said(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {complaints}");
    String::from_utf8(output.stdout).expect("text")
}

/// Makes every package of what the tests have built.
fn build() {
    let mut command = Command::new(root().join("packaging/build.sh"));
    command.env("MINI_MCP_PROFILE", "dev");
    // What cargo tells its tests would have those crates built anew that read it.
    for (name, _) in std::env::vars() {
        if name.starts_with("CARGO_") && name != "CARGO_HOME" {
            command.env_remove(name);
        }
    }
    // Beside the machine test, which packages the same.
    let lock = root().join("target/machine");
    fs::create_dir_all(&lock).expect("a folder");
    let lock = fs::File::create(lock.join("lock")).expect("a file");
    let lock = Flock::lock(lock, FlockArg::LockExclusive).expect("a lock");
    said(&mut command);
    drop(lock);
}

/// The folder of packages, made once.
fn packages() -> &'static Path {
    static PACKAGES: OnceLock<PathBuf> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        build();
        root().join("target/packages")
    })
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
fn lintian_has_nothing_to_say() {
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error,warning", "--allow-root"]);
    let complaints = said(lintian.arg(package(".deb")));
    assert_eq!(complaints, "", "overrides are in packaging/deb");
}

#[test]
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
fn two_builds_are_the_same() {
    let sums = || fs::read_to_string(packages().join("SHA256SUMS")).expect("digests");
    let first = sums();
    for ending in [".deb", ".rpm", "-linux.tar.xz", ".oci.tar", ".cdx.json"] {
        assert!(first.contains(ending), "{first}");
    }
    build();
    assert_eq!(sums(), first);
    let mut check = Command::new("sha256sum");
    said(
        check
            .args(["--check", "--quiet", "SHA256SUMS"])
            .current_dir(packages()),
    );
}

/// Names and versions of the crates in a bill of materials.
fn components(program: &str) -> BTreeSet<(String, String)> {
    let file = packages().join(format!("{program}-{}.cdx.json", env!("CARGO_PKG_VERSION")));
    let bill: Value = serde_json::from_slice(&fs::read(file).expect("a bill")).expect("JSON");
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let components = bill["components"].as_array().expect("components").iter();
    let text = |component: &Value, key: &str| component[key].as_str().expect("text").to_owned();
    components
        .map(|component| (text(component, "name"), text(component, "version")))
        .collect()
}

#[test]
fn the_bill_of_materials_has_the_crates_of_the_lock_file() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("a lock file");
    let (front, worker) = (components("mini-mcp"), components("mini-mcp-worker"));
    for (name, version) in front.iter().chain(&worker) {
        let locked = format!("name = \"{name}\"\nversion = \"{version}\"\n");
        assert!(lock.contains(&locked), "{name} {version}");
    }
    let names = |bill: &BTreeSet<(String, String)>| -> BTreeSet<String> {
        bill.iter().map(|(name, _)| name.clone()).collect()
    };
    assert!(names(&front).contains("rmcp"), "{front:?}");
    let worker = names(&worker);
    assert!(
        worker.contains("postcard") && !worker.contains("tokio"),
        "{worker:?}"
    );
}

/// The storage of images that a test has for itself, and the network of none.
struct Images(tempfile::TempDir);

impl Images {
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        let path = |folder: &str| self.0.path().join(folder);
        command
            .arg("--root")
            .arg(path("storage"))
            .arg("--runroot")
            .arg(path("run"));
        command.args(["--storage-driver", "vfs"]);
        command
    }

    /// Runs an image as one would who trusts nothing.
    fn run(&self) -> Command {
        let mut command = self.program("podman");
        command.args(["--runtime", "runc", "--cgroup-manager", "cgroupfs"]);
        command.args([
            "run",
            "--rm",
            "--interactive",
            "--read-only",
            "--network",
            "none",
        ]);
        command.args(["--cap-drop", "all", "--security-opt", "no-new-privileges"]);
        // The engine's own limits are beyond what a machine in a machine may set.
        command.args(["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=512:512"]);
        command.args(["--log-driver", "none"]);
        command
    }
}

/// An image with a command to run, made as the Dockerfile says: ours is a layer of it.
const DERIVED: &str = r#"FROM base
COPY busybox /bin/busybox
COPY policy.toml /etc/mini-mcp/policy.toml
"#;

const POLICY: &str = r#"version = 1

[profile.look]
read = ["/bin", "/etc"]

[tool.list]
description = "Names in a directory"
command = ["/bin/busybox", "ls", "--", "{directory}"]
profile = "look"
allow = ["self"]
args = { directory = { type = "path", under = ["/etc"], kind = "directory" } }
"#;

#[test]
fn the_image_runs_read_only_and_without_privileges() {
    let images = Images(scratch());
    let archive = format!("oci-archive:{}", package(".oci.tar").display());
    let base = said(images.program("podman").args(["pull", "--quiet", &archive]));
    let version = said(images.run().args([base.trim(), "--version"]));
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");

    let context = scratch();
    let write = |name: &str, text: &[u8]| fs::write(context.path().join(name), text).expect("ours");
    write(
        "Dockerfile",
        DERIVED.replace("base", base.trim()).as_bytes(),
    );
    write("policy.toml", POLICY.as_bytes());
    fs::copy("/bin/busybox", context.path().join("busybox"))
        .expect("busybox\nhint: apt-get install busybox-static");
    let mut build = images.program("buildah");
    build.args(["build", "--quiet", "--isolation", "chroot"]);
    let derived = said(build.arg(context.path()));
    let mut run = images.run();
    run.args([
        derived.trim(),
        "stdio",
        "--policy",
        "/etc/mini-mcp/policy.toml",
    ]);
    let client = Client::spawn(&mut run);
    client.initialize();
    let listed = client.call("list", &json!({ "directory": "/etc/mini-mcp" }));
    assert!(listed.text().contains("policy.toml"), "{listed:?}");
    let denied = client.call("list", &json!({ "directory": "/bin" }));
    assert!(denied.is_error(), "{denied:?}");
}
