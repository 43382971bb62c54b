//! The base profiles that are shipped: each is without warnings, and runs real commands.

use harness::{ALICE, Client, Site, binary};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;

const TOOLS: &str = r#"
[principal.alice]
unix_users = ["mmtest-alice"]

[profile.project]
extends = "workspace"
write = ["@site@/drop"]
working_directory = "@site@/drop"
environment = { HOME = "@site@/drop", TMPDIR = "@site@/drop", SITE = "@site@" }

[profile.built]
extends = "build"
write = ["@site@/drop"]
execute = ["@site@/drop"]
working_directory = "@site@/drop"
environment = { TMPDIR = "@site@/drop", SITE = "@site@" }

[profile.apt]
extends = "package-query"
write = ["@site@/drop"]
environment = { TMPDIR = "@site@/drop", SITE = "@site@" }

[tool.processes]
description = "All processes"
command = ["/usr/bin/ps", "-ef"]
profile = "inspect"
allow = ["alice"]

[tool.memory]
description = "Memory in use"
command = ["/usr/bin/free"]
profile = "inspect"
allow = ["alice"]

[tool.passwords]
description = "Must not succeed"
command = ["/usr/bin/cat", "/etc/sudoers", "/etc/login.defs"]
profile = "inspect"
allow = ["alice"]

[tool.logs]
description = "Names of logs"
command = ["/usr/bin/ls", "/var/log"]
profile = "logs"
allow = ["alice"]

[tool.commit]
description = "A repository with a commit"
command = [
    "/usr/bin/sh", "-c",
    "git init -q . && echo text > file && git add file && git -c user.name=a -c user.email=b commit -qm first && git log --format=%s",
]
profile = "project"
allow = ["alice"]

[tool.compile]
description = "Compiles a program and runs it"
command = [
    "/usr/bin/sh", "-c",
    "printf '#include <stdio.h>\\nint main(void) {{ puts(\"built\"); }}\\n' > a.c && cc a.c -o a && ./a && nice",
]
profile = "built"
allow = ["alice"]

[tool.version]
description = "The version of a package"
command = ["/usr/bin/dpkg-query", "-W", "-f=${{Package}}", "dpkg"]
profile = "package-query"
allow = ["alice"]

[tool.installed]
description = "A package that is installed"
command = ["/usr/bin/apt", "-qq", "list", "--installed", "dpkg"]
profile = "apt"
allow = ["alice"]
"#;

fn pack() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/policy.d/profiles.toml");
    fs::read_to_string(path).expect("the pack is shipped")
}

#[test]
fn the_pack_is_without_mistakes_and_warnings() {
    let policy = format!("version = 1\ninclude = [\"profiles\"]\n{TOOLS}");
    let site = Site::with(&policy).prepare();
    fs::create_dir(site.path("packs")).expect("ours");
    site.file("packs/profiles.toml", &pack());
    let mut check = Command::new(binary("mini-mcp"));
    check.args(["check", "--packs"]).arg(site.path("packs"));
    check.arg(site.policy());
    let output = check.output().expect("it starts");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    // What this test compiles it also runs, which no pack does.
    let warnings = said.matches("warning: ").count();
    let own = said.matches("warning: tool `compile` may write").count();
    assert!(output.status.success() && warnings == own, "{said}");
}

#[test]
fn each_profile_runs_real_commands() {
    // Worker and supervisor read one file.
    let site = Site::with(&format!("{}\n{TOOLS}", pack())).start();
    let client = Client::attach(&site, ALICE);
    for (tool, expected) in [
        ("processes", "ps -ef"),
        ("memory", "Mem:"),
        ("logs", ""),
        ("commit", "first\n"),
        ("compile", "built\n10\n"),
        ("version", "dpkg"),
        ("installed", "dpkg/"),
    ] {
        let called = client.call(tool, &json!({}));
        let said = called.success();
        assert!(said.contains(expected), "{tool}: {said}");
    }
    let passwords = client.call("passwords", &json!({}));
    assert_eq!((passwords.exit_code(), passwords.stdout()), (Some(1), ""));
}
