//! The clients that are known: where each has its configuration, and of which shape.

use super::error::SetupError;
use super::options::Scope;
use super::server::Server;
use super::{json, toml, yaml};
use clap::ValueEnum;
use std::env;
use std::fmt::{self, Display};
use std::path::PathBuf;

/// A program that speaks MCP with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// Claude Code
    ClaudeCode,
    /// Claude Desktop
    ClaudeDesktop,
    /// Visual Studio Code
    Vscode,
    /// Cursor
    Cursor,
    /// Codex
    Codex,
    /// Gemini CLI
    Gemini,
    /// Zed
    Zed,
    /// goose
    Goose,
}

/// What is known of one.
struct About {
    /// The variable that names the directory of the user's file.
    variable: Option<&'static str>,
    /// That directory without it.
    directory: Directory,
    /// The user's file in it.
    file: &'static str,
    /// The file in the directory of a project.
    project: Option<&'static str>,
    shape: Shape,
    /// Programs by which it is found.
    programs: &'static [&'static str],
}

/// A directory of the user.
enum Directory {
    /// Beneath his home.
    Home(&'static str),
    /// Beneath $XDG_CONFIG_HOME.
    Config(&'static str),
}

/// How servers are written.
enum Shape {
    /// JSON, perhaps with comments: the key of all servers, and the type of each where
    /// it is written.
    Json(&'static str, Option<&'static str>),
    /// The tables of Codex.
    Toml,
    /// The extensions of goose.
    Yaml,
}

impl Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.pad(value.as_ref().map_or("", |value| value.get_name()))
    }
}

impl Client {
    /// Where each keeps what, as its documentation of November 2026 has it.
    fn about(self) -> About {
        let usual = About {
            variable: None,
            directory: Directory::Home(""),
            file: "mcp.json",
            project: None,
            shape: Shape::Json("mcpServers", None),
            programs: &[],
        };
        match self {
            Self::ClaudeCode => About {
                variable: Some("CLAUDE_CONFIG_DIR"),
                file: ".claude.json",
                project: Some(".mcp.json"),
                shape: Shape::Json("mcpServers", Some("stdio")),
                programs: &["claude"],
                ..usual
            },
            Self::ClaudeDesktop => About {
                directory: Directory::Config("Claude"),
                file: "claude_desktop_config.json",
                programs: &["claude-desktop"],
                ..usual
            },
            Self::Vscode => About {
                directory: Directory::Config("Code/User"),
                project: Some(".vscode/mcp.json"),
                shape: Shape::Json("servers", Some("stdio")),
                programs: &["code"],
                ..usual
            },
            Self::Cursor => About {
                directory: Directory::Home(".cursor"),
                project: Some(".cursor/mcp.json"),
                programs: &["cursor", "cursor-agent"],
                ..usual
            },
            Self::Codex => About {
                variable: Some("CODEX_HOME"),
                directory: Directory::Home(".codex"),
                file: "config.toml",
                project: Some(".codex/config.toml"),
                shape: Shape::Toml,
                programs: &["codex"],
            },
            Self::Gemini => About {
                directory: Directory::Home(".gemini"),
                file: "settings.json",
                project: Some(".gemini/settings.json"),
                programs: &["gemini"],
                ..usual
            },
            Self::Zed => About {
                directory: Directory::Config("zed"),
                file: "settings.json",
                project: Some(".zed/settings.json"),
                shape: Shape::Json("context_servers", None),
                programs: &["zed", "zeditor"],
                ..usual
            },
            Self::Goose => About {
                directory: Directory::Config("goose"),
                file: "config.yaml",
                shape: Shape::Yaml,
                programs: &["goose"],
                ..usual
            },
        }
    }

    /// The file that it reads in this `scope`.
    pub(super) fn file(self, scope: Scope) -> Result<PathBuf, SetupError> {
        let about = self.about();
        match (scope, about.project) {
            (Scope::User, _) => Ok(about.directory()?.join(about.file)),
            (Scope::Project, Some(file)) => Ok(file.into()),
            (Scope::Project, None) => Err(SetupError::NoProject(self)),
        }
    }

    /// Its configuration `text` with `server`; what stands in the way otherwise.
    pub(super) fn merge(self, text: &str, server: &Server) -> Result<String, String> {
        match self.about().shape {
            Shape::Json(table, kind) => json::merge(text, table, kind, server),
            Shape::Toml => toml::merge(text, server),
            Shape::Yaml => yaml::merge(text, server),
        }
    }

    /// Whether there is anything of it on this machine.
    pub(super) fn is_here(self) -> bool {
        let about = self.about();
        let directory = about.directory();
        let has_files = directory.is_ok_and(|directory| {
            let own = !matches!(about.directory, Directory::Home("")) && directory.is_dir();
            own || directory.join(about.file).exists()
        });
        has_files || about.programs.iter().any(|program| is_program(program))
    }
}

impl About {
    fn directory(&self) -> Result<PathBuf, SetupError> {
        if let Some(path) = self.variable.and_then(set) {
            return Ok(path);
        }
        let home = set("HOME").ok_or(SetupError::NoHome)?;
        Ok(match self.directory {
            Directory::Home(path) => home.join(path),
            Directory::Config(path) => set("XDG_CONFIG_HOME")
                .filter(|path| path.is_absolute())
                .unwrap_or_else(|| home.join(".config"))
                .join(path),
        })
    }
}

/// The path in a variable, if there is any.
fn set(variable: &str) -> Option<PathBuf> {
    let value = env::var_os(variable).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

/// Whether PATH leads to `program`.
fn is_program(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
