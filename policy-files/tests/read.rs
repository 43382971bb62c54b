//! Which files are read as a policy, and which are refused.

#![allow(clippy::unwrap_used, reason = "a failed expectation fails the test")]

use policy::Setting;
use policy_files::{Change, POLICY_MAX, PolicyFiles, ReadError};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn single_user() -> Setting {
    Setting::SingleUser {
        uid: nix::unistd::geteuid().as_raw(),
        workspace: "/".into(),
    }
}

/// A directory with `files`, of which directories are made as needed.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn read(folder: &Path, mains: &[&str]) -> Result<PolicyFiles, ReadError> {
    let mains: Vec<PathBuf> = mains.iter().map(|main| folder.join(main)).collect();
    PolicyFiles::read(&mains, &folder.join("packs"), &single_user())
}

/// Names beneath `folder` of what was read, packs by their own.
fn names(folder: &Path, mains: &[&str]) -> Vec<String> {
    let files = read(folder, mains).unwrap();
    let sources = files.sources();
    let name = |source: &policy::Source<'_>| {
        let path = Path::new(source.name).strip_prefix(folder).unwrap();
        path.display().to_string()
    };
    sources.iter().map(name).collect()
}

fn refused(folder: &Path) -> String {
    let error = read(folder, &["policy.toml"]).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap();
    format!("{error}: {cause}")
}

#[test]
fn drop_ins_follow_their_file_and_packs_come_last() {
    let folder = folder(&[
        ("policy.toml", "include = ['b', 'a']"),
        ("policy.d/20.toml", ""),
        ("policy.d/10.toml", "include = ['a', 'missing', '../x']"),
        ("policy.d/.hidden.toml", "["),
        ("policy.d/10.toml.bak", "["),
        ("packs/a.toml", "include = ['c', 'b']"),
        ("packs/b.toml", "include = ['a']"),
        ("packs/c.toml", ""),
        ("packs/unused.toml", "["),
        ("x.toml", "["),
    ]);
    let expected = [
        "policy.toml",
        "policy.d/10.toml",
        "policy.d/20.toml",
        "packs/b.toml",
        "packs/a.toml",
        "packs/c.toml",
    ];
    assert_eq!(names(folder.path(), &["policy.toml"]), expected);
}

/// A link to a pack is as good as an `include` of it, and it is read once all the same.
#[test]
fn a_drop_in_that_is_a_link_to_a_pack_takes_it_in() {
    let folder = folder(&[
        ("policy.toml", "include = ['b']"),
        ("policy.d/10.toml", ""),
        ("packs/a.toml", "include = ['b']"),
        ("packs/b.toml", ""),
        ("elsewhere/c.toml", ""),
    ]);
    let path = |file: &str| folder.path().join(file);
    symlink("../packs/a.toml", path("policy.d/a.toml")).unwrap();
    symlink(path("packs/b.toml"), path("policy.d/other.toml")).unwrap();
    symlink(path("elsewhere/c.toml"), path("policy.d/c.toml")).unwrap();
    let all = ["policy.toml", "policy.d/10.toml", "policy.d/c.toml"];
    let expected = [&all[..], &["packs/b.toml", "packs/a.toml"]].concat();
    assert_eq!(names(folder.path(), &["policy.toml"]), expected);

    let after = |change| {
        let (main, packs) = (path("policy.toml"), path("packs"));
        let files = PolicyFiles::read_after(change, &main, &packs, &single_user()).unwrap();
        (files.have_pack("a"), files.have_pack("b"))
    };
    assert_eq!(after(Change::Disable("a")), (false, true));
    fs::remove_file(path("policy.d/a.toml")).unwrap();
    assert_eq!(after(Change::Enable("a")), (true, true));
    let files = read(folder.path(), &["policy.toml"]).unwrap();
    assert!(!files.have_pack("a"));
    let by = path("policy.toml").display().to_string();
    assert_eq!(files.including("b"), Some(by.as_str()));
}

#[test]
fn a_file_alone_is_a_policy_and_none_is_not() {
    let folder = folder(&[("policy.toml", "include = 7 [")]);
    assert_eq!(names(folder.path(), &["policy.toml"]), ["policy.toml"]);
    assert!(read(folder.path(), &["other.toml"]).is_err());
}

#[test]
fn a_drop_in_that_is_named_as_well_is_read_once() {
    let folder = folder(&[("policy.toml", ""), ("policy.d/10.toml", "")]);
    let mains = ["policy.toml", "policy.d/../policy.d/10.toml"];
    assert_eq!(names(folder.path(), &mains), mains);
}

#[test]
fn a_directory_or_a_fifo_is_no_policy() {
    let folder = folder(&[("policy.toml/file", "")]);
    assert!(refused(folder.path()).ends_with("it is not a regular file"));
    let policy = folder.path().join("policy.toml");
    fs::remove_dir_all(&policy).unwrap();
    nix::unistd::mkfifo(&policy, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(refused(folder.path()).ends_with("it is not a regular file"));
}

#[test]
fn what_others_can_write_is_refused_unread() {
    for name in [
        "policy.toml",
        "policy.d",
        "policy.d/10.toml",
        "packs",
        "packs/a.toml",
    ] {
        let folder = folder(&[
            ("policy.toml", "include = ['a']"),
            ("policy.d/10.toml", ""),
            ("packs/a.toml", ""),
        ]);
        read(folder.path(), &["policy.toml"]).unwrap();
        let path = folder.path().join(name);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        fs::set_permissions(&path, Permissions::from_mode(mode | 0o020)).unwrap();
        let told = refused(folder.path());
        assert!(told.contains("can be written by its group"), "{told}");
        assert!(told.contains(name), "{told}");
    }
}

/// Also when each file by itself is not too large.
#[test]
fn a_policy_of_unreasonable_size_is_refused() {
    let folder = folder(&[
        ("policy.toml", "include = ['a']"),
        ("policy.d/10.toml", ""),
        ("packs/a.toml", ""),
    ]);
    let grow = |name: &str, size: u64| {
        let file = File::options().write(true).open(folder.path().join(name));
        file.unwrap().set_len(size).unwrap();
    };
    grow("packs/a.toml", POLICY_MAX / 2);
    read(folder.path(), &["policy.toml"]).unwrap();
    grow("policy.d/10.toml", POLICY_MAX / 2);
    let told = refused(folder.path());
    assert!(told.contains("more than 8388608 bytes"), "{told}");
    assert!(told.contains("packs/a.toml"), "{told}");
}

#[test]
fn a_directory_that_cannot_be_read_is_not_taken_for_an_empty_one() {
    for name in ["policy.d", "packs"] {
        let folder = folder(&[("policy.toml", "include = ['a']")]);
        symlink(name, folder.path().join(name)).unwrap();
        let told = refused(folder.path());
        assert!(told.contains(name) && told.contains("symbolic"), "{told}");
    }
}
