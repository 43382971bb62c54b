//! What depends on what, and what no source file may contain.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const WORKER_TREE_MAX: usize = 40;

fn root() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    folder
        .canonicalize()
        .expect("the package is in a workspace")
}

fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml"));
    command.other_options([
        "--locked".into(),
        "--filter-platform".into(),
        "x86_64-unknown-linux-gnu".into(),
    ]);
    command.exec().expect("cargo metadata works")
}

fn package<'a>(metadata: &'a Metadata, name: &str) -> &'a Package {
    let mut packages = metadata.workspace_packages().into_iter();
    let found = packages.find(|package| package.name.as_str() == name);
    found.unwrap_or_else(|| panic!("no package `{name}`"))
}

/// Names of everything that is linked into `name`, itself included, with the
/// features that it alone asks for: no compile-time crates, which never run there.
fn tree(name: &str) -> BTreeSet<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--package", name, "--edges", "normal,no-proc-macro"]);
    cargo.args(["--prefix", "none", "--format", "{p}"]);
    let output = cargo.current_dir(root()).output().expect("cargo starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree failed: {error}");
    let text = String::from_utf8(output.stdout).expect("names");
    let names = text
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

/// Which packages of this workspace `name` depends on.
fn ours(metadata: &Metadata, name: &str) -> BTreeSet<String> {
    let members = metadata.workspace_packages();
    let direct = package(metadata, name).dependencies.iter();
    direct
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .map(|dependency| dependency.name.clone())
        .filter(|name| members.iter().any(|member| member.name.as_str() == name))
        .collect()
}

/// All Rust files of the workspace.
fn sources() -> Vec<PathBuf> {
    let (mut found, mut left) = (Vec::new(), vec![root()]);
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the workspace") {
            let path = entry.expect("an entry").path();
            let hidden = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if path.is_dir() && !hidden && path != root().join("target") {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 30, "found only {} source files", found.len());
    found
}

#[test]
fn supervisor_and_worker_know_only_policy_and_wire() {
    let metadata = metadata();
    let policy = "mini-mcp-policy".to_owned();
    let files = "mini-mcp-policy-files".to_owned();
    let both = BTreeSet::from([policy.clone(), files, "mini-mcp-wire".to_owned()]);
    assert_eq!(ours(&metadata, "mini-mcp"), both);
    assert_eq!(ours(&metadata, "mini-mcp-worker"), both);
    assert_eq!(
        ours(&metadata, "mini-mcp-policy-files"),
        BTreeSet::from([policy])
    );
    assert_eq!(ours(&metadata, "mini-mcp-policy"), BTreeSet::new());
    assert_eq!(ours(&metadata, "mini-mcp-wire"), BTreeSet::new());
}

#[test]
fn worker_has_no_runtime_no_json_and_few_crates() {
    let tree = tree("mini-mcp-worker");
    for absent in [
        "tokio",
        "rmcp",
        "serde_json",
        "hyper",
        "futures",
        "async-io",
    ] {
        assert!(!tree.contains(absent), "the worker depends on `{absent}`");
    }
    assert!(
        tree.contains("mini-mcp-wire"),
        "the tree is not the worker's: {tree:?}"
    );
    assert!(
        tree.len() < WORKER_TREE_MAX,
        "{} crates: {tree:?}",
        tree.len()
    );
}

/// It confines itself in one module, and nobody else anywhere.
#[test]
fn supervisor_does_not_restrict_commands() {
    let metadata = metadata();
    let direct = &package(&metadata, "mini-mcp").dependencies;
    assert!(direct.iter().all(|dependency| dependency.name != "caps"));
    let supervisor = root().join("supervisor");
    let mut names: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|path| path.starts_with(&supervisor))
        .filter(|path| {
            let text = fs::read_to_string(path).expect("a source file");
            ["use landlock", "landlock::", "seccompiler"]
                .iter()
                .any(|word| text.contains(word))
        })
        .collect();
    names.sort();
    let module = ["src/confine/network.rs", "src/confine.rs"];
    assert_eq!(names, module.map(|name| supervisor.join(name)));
}

#[test]
fn unsafe_code_has_one_door() {
    let door = root().join("worker/src/sys");
    // Put together here, or this file would be found as well.
    let words = [
        ["uns", "afe {"],
        ["uns", "afe fn"],
        ["uns", "afe impl"],
        ["uns", "afe extern"],
    ];
    let (mut outside, mut inside) = (Vec::new(), 0);
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a source file");
        let found = words.iter().any(|word| text.contains(&word.concat()));
        match (
            found,
            path.starts_with(&door) || path.with_extension("") == door,
        ) {
            (true, true) => inside += 1,
            (true, false) => outside.push(path),
            (false, _) => {}
        }
    }
    assert_eq!(outside, Vec::<PathBuf>::new());
    assert!(inside > 0, "the door itself was not found");
}

#[test]
fn every_crate_but_the_worker_forbids_unsafe_code() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        let wanted = if package.name.as_str() == "mini-mcp-worker" {
            "#[expect(unsafe_code"
        } else {
            "#![forbid(unsafe_code)]"
        };
        for target in package
            .targets
            .iter()
            .filter(|target| target.is_lib() || target.is_bin())
        {
            let text = fs::read_to_string(&target.src_path).expect("a source file");
            assert!(
                text.contains(wanted),
                "`{}` lacks {wanted}",
                target.src_path
            );
        }
    }
}

#[test]
fn licences_are_permissive() {
    let permissive = [
        "MIT",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "0BSD",
        "ISC",
        "Zlib",
        "Unicode-3.0",
        "Unlicense",
        "CC0-1.0",
        "BSL-1.0",
        "MIT-0",
        "Apache-2.0 WITH LLVM-exception",
    ];
    for package in metadata().packages {
        let licence = package
            .license
            .unwrap_or_else(|| panic!("`{}` names no licence", package.name));
        let licence = licence.replace('/', " OR ").replace(['(', ')'], "");
        // Of alternatives one must be permissive; of joint licences each.
        let fine = licence.split(" AND ").all(|joint| {
            joint
                .split(" OR ")
                .any(|licence| permissive.contains(&licence.trim()))
        });
        assert!(fine, "`{}` is under `{licence}`", package.name);
    }
}
