//! Manual pages and completions of the command line: made from its definition,
//! committed in packaging/, and compared here, so that packages need no generator.

use crate::cli::Cli;
use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use std::fs;
use std::path::{Path, PathBuf};

/// Pages that belong together.
const SEE_ALSO: &str = ".SH \"SEE ALSO\"\n\
    .BR mini\\-mcp (1),\n.BR mini\\-mcp\\-policy (5),\n.BR mini\\-mcp\\-worker (8)\n";

/// Every file there is to be: path below packaging/, and content.
fn files() -> Vec<(PathBuf, String)> {
    let mut files = pages(&command());
    for (shell, name) in [
        (Shell::Bash, "mini-mcp.bash"),
        (Shell::Zsh, "_mini-mcp"),
        (Shell::Fish, "mini-mcp.fish"),
    ] {
        let mut text = Vec::new();
        generate(shell, &mut command(), "mini-mcp", &mut text);
        let path = Path::new("completions").join(name);
        files.push((path, String::from_utf8(text).unwrap()));
    }
    files
}

/// The definition without what depends on the terminal, and without `help`, which
/// has no page.
fn command() -> Command {
    Cli::command()
        .disable_help_subcommand(true)
        .term_width(0)
        .version(None::<&str>)
}

/// The page of the program and one for each of its commands.
fn pages(command: &Command) -> Vec<(PathBuf, String)> {
    let mut command = command.clone();
    command.build();
    let mut pages = vec![page(command.clone())];
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        pages.push(page(sub.clone()));
    }
    pages
}

fn page(command: Command) -> (PathBuf, String) {
    // Built, so that it is `mini-mcp-serve`, as the manual has it.
    let name = command.get_display_name().unwrap_or("mini-mcp").to_owned();
    let mut text = Vec::new();
    let man = Man::new(command)
        .title(name.clone())
        .date("")
        .source("Mini MCP")
        .manual("Mini MCP");
    man.render(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    // An empty date is left out, and what follows takes its place; and what stands
    // after the options is examples, to be shown as they are.
    let text = text.replacen(" 1  \"", " 1 \"\" \"", 1);
    let text = text.replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n.EX\n");
    let end = if text.contains("\n.EX\n") {
        ".EE\n"
    } else {
        ""
    };
    let path = Path::new("man").join(format!("{name}.1"));
    (path, text + end + SEE_ALSO)
}

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging")
}

/// `MINI_MCP_BLESS=1` writes them anew.
#[test]
fn the_committed_pages_and_completions_are_made_from_the_definition() {
    for (path, made) in files() {
        let path = packaging().join(path);
        if std::env::var_os("MINI_MCP_BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &made).unwrap();
        }
        let there = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            there == made,
            "write `{}` anew: MINI_MCP_BLESS=1 cargo test -p mini-mcp documented",
            path.display()
        );
    }
}

/// A page of a command that is gone would be shipped for ever.
#[test]
fn no_page_is_left_over() {
    let made: Vec<PathBuf> = files().into_iter().map(|(path, _)| path).collect();
    for entry in fs::read_dir(packaging().join("man")).unwrap() {
        let path = Path::new("man").join(entry.unwrap().file_name());
        if path.extension().is_some_and(|section| section == "1") {
            assert!(made.contains(&path), "{}", path.display());
        }
    }
}
