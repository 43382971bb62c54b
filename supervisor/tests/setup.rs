//! `mini-mcp setup`: what each client's configuration becomes, and when it is left alone.
//!
//! For each client there are its configuration before, and golden files of what it
//! becomes and of one with nothing else in it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::text;
use tempfile::TempDir;

/// Each client, the file of its user, and that of a project.
const CLIENTS: [(&str, &str, Option<&str>); 8] = [
    ("claude-code", ".claude.json", Some(".mcp.json")),
    (
        "claude-desktop",
        ".config/Claude/claude_desktop_config.json",
        None,
    ),
    (
        "vscode",
        ".config/Code/User/mcp.json",
        Some(".vscode/mcp.json"),
    ),
    ("cursor", ".cursor/mcp.json", Some(".cursor/mcp.json")),
    ("codex", ".codex/config.toml", Some(".codex/config.toml")),
    (
        "gemini",
        ".gemini/settings.json",
        Some(".gemini/settings.json"),
    ),
    (
        "zed",
        ".config/zed/settings.json",
        Some(".zed/settings.json"),
    ),
    ("goose", ".config/goose/config.yaml", None),
];

/// A home of a user who has no other client.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn put(&self, file: &str, text: &str) -> PathBuf {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mini-mcp"));
        command.arg("setup").args(words);
        command.env_clear().env("HOME", self.0.path());
        command.current_dir(self.0.path());
        command
    }

    fn setup(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Succeeds, and says so on standard output.
    fn fine(&self, words: &[&str]) -> String {
        let output = self.setup(words);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    }

    fn refused(&self, words: &[&str]) -> (String, String) {
        let output = self.setup(words);
        assert_eq!(output.status.code(), Some(1));
        let said = |bytes| text(bytes).to_owned();
        (said(&output.stdout), said(&output.stderr))
    }

    /// Every file that there is.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![self.0.path().to_owned()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let name = path.strip_prefix(self.0.path()).unwrap();
                    found.push(name.display().to_string());
                }
            }
        }
        found.sort();
        found
    }
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/setup")
        .join(name)
}

/// `MINI_MCP_BLESS=1` writes them anew.
fn compare(name: &str, made: &str) {
    let made = made.replace(env!("CARGO_BIN_EXE_mini-mcp"), "/usr/bin/mini-mcp");
    let path = golden(name);
    if std::env::var_os("MINI_MCP_BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(made, there, "{}", path.display());
}

#[test]
fn the_configuration_of_each_client_is_printed() {
    let home = Home::new();
    for (client, file, _) in CLIENTS {
        let output = home.setup(&["--client", client, "--stdio"]);
        assert!(output.status.success());
        compare(&format!("{client}.fresh"), text(&output.stdout));
        let said = text(&output.stderr);
        assert_eq!(said, format!("for {}:\n", home.path(file).display()));
    }
    assert_eq!(home.files(), Vec::<String>::new());
}

#[test]
fn it_is_merged_into_what_is_there_and_nothing_else_changes() {
    for (client, file, _) in CLIENTS {
        let home = Home::new();
        let before = fs::read_to_string(golden(&format!("{client}.before"))).unwrap();
        let path = home.put(file, &before);
        fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        let words = ["--client", client, "--stdio"];

        let shown = home.fine(&[&words[..], &["--dry-run"]].concat());
        assert_eq!(fs::read_to_string(&path).unwrap(), before, "{client}");
        let shown = shown.replace(&path.display().to_string(), "FILE");
        compare(&format!("{client}.diff"), &shown);

        let write = [&words[..], &["--write"]].concat();
        let said = home.fine(&write);
        let backup = format!("{}.before-mini-mcp", path.display());
        assert!(said.contains(&backup), "{said}");
        let after = fs::read_to_string(&path).unwrap();
        compare(&format!("{client}.after"), &after);
        assert_eq!(fs::read_to_string(&backup).unwrap(), before, "{client}");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);

        // Once more, there is nothing to do.
        let inode = fs::metadata(&path).unwrap().ino();
        let said = home.fine(&write);
        assert!(said.ends_with("mini-mcp is set up\n"), "{said}");
        assert_eq!(fs::metadata(&path).unwrap().ino(), inode, "{client}");
        assert_eq!(home.files().len(), 2, "{:?}", home.files());
    }
}

/// patch(1) makes of the former file what `--write` makes of it.
#[test]
fn the_difference_that_is_shown_is_the_one_that_is_made() {
    for (client, ..) in CLIENTS {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("file");
        fs::copy(golden(&format!("{client}.before")), &file).unwrap();
        let patch = fs::File::open(golden(&format!("{client}.diff"))).unwrap();
        let mut command = Command::new("patch");
        let patched = command
            .args(["--quiet", "--fuzz=0"])
            .arg(&file)
            .stdin(patch)
            .status();
        assert!(
            patched
                .expect("patch runs\nhint: apt-get install patch")
                .success()
        );
        let after = fs::read_to_string(golden(&format!("{client}.after"))).unwrap();
        assert_eq!(fs::read_to_string(file).unwrap(), after, "{client}");
    }
}

#[test]
fn a_file_that_is_not_there_is_made_for_its_user_alone() {
    for (client, file, project) in CLIENTS {
        let home = Home::new();
        home.fine(&["--client", client, "--stdio", "--write"]);
        assert_eq!(home.files(), [file]);
        compare(
            &format!("{client}.fresh"),
            &fs::read_to_string(home.path(file)).unwrap(),
        );
        assert_eq!(fs::metadata(home.path(file)).unwrap().mode() & 0o777, 0o600);

        let home = Home::new();
        let words = [
            "--client", client, "--stdio", "--write", "--scope", "project",
        ];
        match project {
            Some(project) => {
                home.fine(&words);
                assert_eq!(home.files(), [project]);
                let mode = fs::metadata(home.path(project)).unwrap().mode();
                assert_eq!(mode & 0o777, 0o644);
            }
            None => {
                let (_, said) = home.refused(&words);
                assert!(said.contains("\nhint: leave --scope away"), "{said}");
            }
        }
    }
}

#[test]
fn what_cannot_be_changed_without_loss_is_left_alone_and_the_text_is_shown() {
    for (client, before, why) in [
        (
            "cursor",
            "{ \"mcpServers\": [] }",
            "`mcpServers` is no object",
        ),
        ("cursor", "[]", "it is no object"),
        ("cursor", "{ mcpServers: {} }", "line 1"),
        ("cursor", "{ \"a\": 1", "line 1"),
        (
            "cursor",
            "{ \"mcpServers\": {}, \"mcpServers\": {} }",
            "it says something twice",
        ),
        (
            "cursor",
            "{ \"mcpServers\": { \"mini-mcp\": { \"url\": \"http://localhost\" } } }",
            "`mini-mcp` is there, and is no program to start",
        ),
        ("codex", "a = = 1", ""),
        ("codex", "mcp_servers = 1", "`mcp_servers` is no table"),
        (
            "codex",
            "[mcp_servers.mini-mcp]\nurl = \"http://localhost\"\n",
            "`mcp_servers.mini-mcp` is there, and is no program to start",
        ),
        (
            "goose",
            "extensions: {a: {type: builtin}}\n",
            "`extensions` is not written as a block",
        ),
        ("goose", "extensions:\n- a\n", "`- a` is not understood"),
        (
            "goose",
            "extensions:\n  - a\n",
            "`extensions` is not written as a block",
        ),
        (
            "goose",
            "extensions: &all\n  a: {}\n",
            "`extensions` is not written as a block",
        ),
        ("goose", "extensions:\n\ta:\n", "it is indented by tabs"),
        (
            "goose",
            "extensions:\n  a: {}\nextensions:\n",
            "it has `extensions` twice",
        ),
        (
            "goose",
            "{extensions: {}}\n",
            "`{extensions: {}}` is not understood",
        ),
        ("goose", "a: 1\n---\nb: 1\n", "it has several documents"),
        (
            "goose",
            "extensions:\n  mini-mcp:\n    type: streamable_http\n    uri: http://localhost\n",
            "`mini-mcp` is there, and is no program to start",
        ),
        (
            "goose",
            "extensions:\n  mini-mcp:\n    type: stdio\n    cmd: |\n      x\n    args: []\n",
            "`mini-mcp` is there, and is not written as goose writes it",
        ),
    ] {
        let home = Home::new();
        let (_, file, _) = CLIENTS.into_iter().find(|known| known.0 == client).unwrap();
        let path = home.put(file, before);
        let (printed, said) = home.refused(&["--client", client, "--stdio", "--write"]);
        let expected = format!(
            "mini-mcp: cannot change `{}` without loss: ",
            path.display()
        );
        assert!(said.starts_with(&expected) && said.contains(why), "{said}");
        assert!(said.contains("\nhint: paste what is printed"), "{said}");
        compare(&format!("{client}.fresh"), &printed);
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
        assert_eq!(home.files().len(), 1);
    }
}

/// goose writes its file anew, in styles of its own.
#[test]
fn an_entry_as_goose_writes_it_is_known_and_changed_in_its_lines_alone() {
    let home = Home::new();
    let program = env!("CARGO_BIN_EXE_mini-mcp");
    let entry = |cmd: &str, args: &str| {
        format!(
            "extensions:\n  mini-mcp:\n    enabled: false\n    type: stdio\n    name: mini-mcp\n    \
             cmd: {cmd}\n    args:\n{args}    envs: {{}}\n    timeout: 60\n    bundled: null\n  \
             other:\n    type: builtin\n"
        )
    };
    let there = entry(program, "    - stdio\n");
    let path = home.put(".config/goose/config.yaml", &there);
    let words = ["--client", "goose", "--stdio", "--write"];
    assert!(home.fine(&words).ends_with("mini-mcp is set up\n"));

    home.put(
        ".config/goose/config.yaml",
        &entry("'old'", "      - a\n      - \"b c\"\n"),
    );
    home.fine(&words);
    let after = fs::read_to_string(path).unwrap();
    let expected = there
        .replace("    args:\n    - stdio\n", "    args: [\"stdio\"]\n")
        .replace(program, &format!("\"{program}\""));
    assert_eq!(after, expected);
}

#[test]
fn another_machine_is_reached_by_ssh() {
    let home = Home::new();
    let words = ["--client", "codex", "--ssh", "alice@web1.example.org"];
    let said = home.fine(&words);
    let expected = "[mcp_servers.mini-mcp-web1]\ncommand = \"ssh\"\n\
                    args = [\"alice@web1.example.org\", \"mini-mcp\", \"connect\"]\n";
    assert!(said.starts_with(expected), "{said}");
    for host in ["-oProxyCommand=x", "", "a b"] {
        let output = home.setup(&["--client", "codex", "--ssh", host]);
        assert_eq!(output.status.code(), Some(2), "{host}");
    }
}

#[test]
fn the_service_of_this_machine_is_attached_to_by_its_socket() {
    let home = Home::new();
    let words = [
        "--client",
        "cursor",
        "--name",
        "x_1",
        "--socket",
        "/run/other.sock",
    ];
    let said: serde_json::Value = serde_json::from_str(&home.fine(&words)).unwrap();
    let expected = serde_json::json!({
        "command": env!("CARGO_BIN_EXE_mini-mcp"),
        "args": ["connect", "--socket", "/run/other.sock"],
    });
    assert_eq!(said["mcpServers"]["x_1"], expected);
    let output = home.setup(&["--client", "cursor", "--name", "a.b"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn clients_that_are_here_are_told_with_what_each_would_get() {
    let home = Home::new();
    let said = home.fine(&["--stdio"]);
    assert!(
        said.starts_with("not found here: claude-code, claude-desktop, vscode"),
        "{said}"
    );
    let codex = home.put(".codex/config.toml", "");
    let cursor = home.put(".cursor/mcp.json", "[]");
    home.fine(&["--client", "codex", "--stdio", "--write"]);
    fs::create_dir_all(home.path(".config/zed")).unwrap();
    let said = home.fine(&["--stdio"]);
    let zed = home.path(".config/zed/settings.json");
    for line in [
        format!("codex           {}: is set up\n", codex.display()),
        format!(
            "cursor          {}: cannot be changed without loss: it is no object\n",
            cursor.display()
        ),
        format!("zed             {}: would be set up\n", zed.display()),
        "not found here: claude-code, claude-desktop, vscode, gemini, goose\n".to_owned(),
        format!("mini-mcp = {} stdio\n", env!("CARGO_BIN_EXE_mini-mcp")),
    ] {
        assert!(said.contains(&line), "{line} in\n{said}");
    }
    for words in [&["--write"][..], &["--dry-run"]] {
        assert_eq!(home.setup(words).status.code(), Some(2));
    }
}

#[test]
fn a_link_stays_and_what_it_leads_to_is_replaced() {
    let home = Home::new();
    let target = home.put("dotfiles/cursor.json", "{}\n");
    fs::create_dir(home.path(".cursor")).unwrap();
    let link = home.path(".cursor/mcp.json");
    symlink("../dotfiles/cursor.json", &link).unwrap();
    let words = ["--client", "cursor", "--stdio", "--write"];
    home.fine(&words);
    assert!(link.is_symlink());
    assert!(fs::read_to_string(&target).unwrap().contains("mini-mcp"));

    fs::remove_file(&target).unwrap();
    let (_, said) = home.refused(&words);
    assert!(said.contains("cannot read `"), "{said}");
    assert!(!target.exists() && link.is_symlink());
}

#[test]
fn variables_of_the_clients_say_where_their_files_are() {
    let home = Home::new();
    for (client, variable, file) in [
        ("codex", "CODEX_HOME", "x/config.toml"),
        ("claude-code", "CLAUDE_CONFIG_DIR", "x/.claude.json"),
        ("goose", "XDG_CONFIG_HOME", "x/goose/config.yaml"),
    ] {
        let mut command = home.command(&["--client", client, "--stdio", "--write"]);
        let status = command.env(variable, home.path("x")).status().unwrap();
        assert!(status.success());
        assert!(home.path(file).exists(), "{file}");
    }
    let mut command = home.command(&["--client", "codex"]);
    let output = command.env_remove("HOME").output().unwrap();
    assert!(text(&output.stderr).contains("HOME is not set"));
}

/// He could have put a link there.
#[test]
fn root_changes_no_file_of_somebody_else() {
    let home = Home::new();
    let path = home.put(".cursor/mcp.json", "{}");
    std::os::unix::fs::chown(&path, Some(65_534), Some(65_534)).unwrap();
    let words = ["--client", "cursor", "--stdio", "--write"];
    let (_, said) = home.refused(&words);
    assert!(said.contains("as root: it is another user's"), "{said}");
    fs::remove_file(&path).unwrap();
    let directory = path.parent().unwrap();
    std::os::unix::fs::chown(directory, Some(65_534), Some(65_534)).unwrap();
    let (_, said) = home.refused(&words);
    assert!(
        said.contains("\nhint: sudo -u USER mini-mcp setup"),
        "{said}"
    );
    assert!(!path.exists());
}
