//! One command under a profile, as a text of the policy language.
//!
//! Whoever may run a command without a policy's tool (the administrator, or a user
//! for himself) still gets his [`Grant`](crate::Grant) by the ordinary road: this
//! text is parsed with the policy, and what is wrong in it is a mistake like any
//! other. Nothing is checked or decided here.

use crate::{Setting, variables};
use thiserror::Error;

/// What diagnostics call the text instead of a file name.
pub const TRIAL_NAME: &str = "command line";

/// A command and the terms that are added to those of a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trial {
    /// Name of the profile that is extended.
    pub profile: String,
    /// Paths to read, as the policy writes them.
    pub read: Vec<String>,
    /// Paths to read and write.
    pub write: Vec<String>,
    /// Paths to execute.
    pub execute: Vec<String>,
    /// Ports to connect to, such as `tcp:443`.
    pub connect: Vec<String>,
    /// Variables by name.
    pub environment: Vec<(String, String)>,
    /// Other keys of the profile that hold a string: name and value.
    pub keys: Vec<(&'static str, String)>,
    /// Absolute path of the program, then its arguments, all literal.
    pub command: Vec<String>,
    /// User id of the caller, where the setting does not say it.
    pub caller: u32,
}

/// A word of the command line that the policy language cannot say.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "cannot pass `{0}`: `${{caller.…}}` stands for the caller there\nhint: have the command build the text itself"
)]
pub struct Unsayable(String);

impl Trial {
    /// The text: a profile, a tool and, where the setting has none, a principal, all
    /// called `name`, which no other text of the policy may define.
    ///
    /// # Errors
    /// A word of the command in which something would stand for the caller.
    pub fn text(&self, name: &str, setting: &Setting) -> Result<String, Unsayable> {
        let words = self.command.iter().map(|word| literal(word));
        let words: Vec<String> = words.collect::<Result<_, _>>()?;
        let principal = match setting {
            Setting::System => name,
            Setting::SingleUser { .. } => "self",
        };
        let mut text = "version = 1\n\n".to_owned();
        if let Setting::System = setting {
            let uid = self.caller;
            text += &format!("[principal.{name}]\nuids = [\"{uid}\"]\n\n");
        }
        text += &self.profile(name);
        text += &format!(
            "[tool.{name}]\ndescription = \"The command\"\ncommand = {}\nprofile = \"{name}\"\nallow = [\"{principal}\"]\n",
            array(&words)
        );
        Ok(text)
    }

    fn profile(&self, name: &str) -> String {
        let mut text = format!("[profile.{name}]\nextends = {}\n", quoted(&self.profile));
        let lists = [
            ("read", &self.read),
            ("write", &self.write),
            ("execute", &self.execute),
            ("connect", &self.connect),
        ];
        for (key, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            text += &format!("{key} = {}\n", array(list));
        }
        for (key, value) in &self.keys {
            text += &format!("{key} = {}\n", quoted(value));
        }
        for (variable, value) in &self.environment {
            text += &format!("environment.{} = {}\n", quoted(variable), quoted(value));
        }
        text + "\n"
    }
}

/// `word` as an element of a command in which nothing is a placeholder.
fn literal(word: &str) -> Result<String, Unsayable> {
    if variables::are_in(word) {
        return Err(Unsayable(word.to_owned()));
    }
    Ok(word.replace('{', "{{").replace('}', "}}"))
}

fn array(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// `text` as a basic string of TOML: every character stands for itself or is escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                quoted += &format!("\\u{:04X}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
