//! The command line of `mini-mcp-worker run`, which `mini-mcp run` writes.

use crate::options::{Preference, UsageError, preference};
use std::ffi::OsString;
use std::path::PathBuf;

/// What is to run, under which profile, and what is added to that.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Once {
    /// The policy file; the shipped profiles alone without one.
    pub policy: Option<PathBuf>,
    /// The directory of packs.
    pub packs: Option<PathBuf>,
    /// Name of the profile.
    pub profile: String,
    /// Paths, as the policy writes them.
    pub read: Vec<String>,
    /// The same, to write as well.
    pub write: Vec<String>,
    /// The same, to execute.
    pub execute: Vec<String>,
    /// Ports, as the policy writes them.
    pub connect: Vec<String>,
    /// `NAME=VALUE`.
    pub environment: Vec<(String, String)>,
    /// Other keys of the profile, as the policy writes them.
    pub keys: Vec<(&'static str, String)>,
    /// For whom, where root says it.
    pub user: Option<String>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Which containment to use.
    pub containment: Preference,
    /// Whether what Landlock refuses is told.
    pub explain_denials: bool,
}

/// Options that stand for a key of the profile.
const KEYS: [(&str, &str); 4] = [
    ("timeout", "timeout"),
    ("strength", "strength"),
    ("network", "network"),
    ("dir", "working_directory"),
];

/// Reads what follows `run`.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Once, UsageError> {
    use lexopt::{Arg, ValueExt};
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut once = Once::default();
    while let Some(argument) = parser.next()? {
        let Arg::Long(option) = argument else {
            let Arg::Value(program) = argument else {
                return Err(argument.unexpected().into());
            };
            once.command.push(program.string()?);
            for word in parser.raw_args()? {
                once.command.push(word.string()?);
            }
            break;
        };
        let key = KEYS.iter().find(|(known, _)| *known == option);
        match (option, key) {
            (_, Some((_, key))) => {
                let value = parser.value()?.string()?;
                once.keys.push((key, value));
            }
            ("policy", _) => once.policy = Some(parser.value()?.into()),
            ("packs", _) => once.packs = Some(parser.value()?.into()),
            ("profile", _) => once.profile = parser.value()?.string()?,
            ("read", _) => once.read.push(parser.value()?.string()?),
            ("rw", _) => once.write.push(parser.value()?.string()?),
            ("exec", _) => once.execute.push(parser.value()?.string()?),
            ("connect", _) => once.connect.push(parser.value()?.string()?),
            ("env", _) => once.environment.push(variable(&parser.value()?.string()?)?),
            ("as", _) => once.user = Some(parser.value()?.string()?),
            ("containment", _) => {
                once.containment = preference(Some(&parser.value()?.string()?))?;
            }
            ("explain-denials", _) => once.explain_denials = true,
            _ => return Err(argument.unexpected().into()),
        }
    }
    match once {
        Once { profile, .. } if profile.is_empty() => Err(UsageError::Missing("--profile")),
        Once { command, .. } if command.is_empty() => Err(UsageError::Missing("COMMAND")),
        once => Ok(once),
    }
}

fn variable(text: &str) -> Result<(String, String), UsageError> {
    let pair = text.split_once('=');
    let (name, value) = pair.ok_or_else(|| UsageError::Variable(text.to_owned()))?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &[&str]) -> Result<Once, UsageError> {
        parse(words.iter().map(OsString::from))
    }

    #[test]
    fn options_end_where_the_command_begins() {
        let once = line(&[
            "--profile=default",
            "--read=-/a",
            "--dir=/tmp",
            "--",
            "ls",
            "--profile",
            "-l",
            "--",
        ]);
        let expected = Once {
            profile: "default".to_owned(),
            read: vec!["-/a".to_owned()],
            keys: vec![("working_directory", "/tmp".to_owned())],
            command: ["ls", "--profile", "-l", "--"].map(str::to_owned).into(),
            ..Once::default()
        };
        assert_eq!(once.unwrap(), expected);
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        for (words, error) in [
            (&["--", "ls"][..], "cannot start without `--profile`"),
            (&["--profile=x"], "cannot start without `COMMAND`"),
            (
                &["--profile=x", "--rx=y", "--", "ls"],
                "invalid option '--rx'",
            ),
            (
                &["--profile=x", "--env=A", "--", "ls"],
                "cannot set `A`: write NAME=VALUE",
            ),
        ] {
            assert_eq!(line(words).unwrap_err().to_string(), error);
        }
    }
}
