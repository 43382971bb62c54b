//! The image and the bills of materials that `packaging/build.sh` makes. Both take a build
//! of all crates as static programs, so they are asked for by name:
//!
//! `cargo test -p mini-mcp-tests --test image -- --ignored`

use harness::packaging::{self, root, said};
use harness::{Client, scratch};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder of what was made, once.
fn packages() -> &'static Path {
    static PACKAGES: OnceLock<PathBuf> = OnceLock::new();
    PACKAGES.get_or_init(|| packaging::packages(&["image", "sbom"]))
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
#[ignore = "builds all crates as static programs"]
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

fn archive() -> PathBuf {
    let (version, machine) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    packages().join(format!("mini-mcp-{version}-{machine}.oci.tar"))
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
#[ignore = "builds all crates as static programs"]
fn the_image_runs_read_only_and_without_privileges() {
    let images = Images(scratch());
    let archive = format!("oci-archive:{}", archive().display());
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
