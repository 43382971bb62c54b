//! The argument vector of a call: one element for each parameter, or for each
//! item of a list.

use crate::argument::{Accepted, Fault, Item, Place, accept};
use crate::quote::quoted;
use crate::template::Element;
use crate::{
    Access, Arguments, Denial, Existence, FileKind, Parameter, PathGrant, Secret, Stdin, Tool,
};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A tool with the arguments of a call in their places.
pub(crate) struct Filled {
    pub(crate) argv: Vec<String>,
    /// What of it is secret.
    pub(crate) secrets: Vec<Secret>,
    /// The grant of each path in it, and of the directory it starts in.
    pub(crate) paths: Vec<PathGrant>,
    pub(crate) stdin: Stdin,
    /// Index of that directory in `paths`.
    pub(crate) starts_in: Option<usize>,
}

/// Puts `arguments` into their places.
pub(crate) fn fill(tool: &Tool, arguments: &Arguments) -> Result<Filled, Denial> {
    let directory = directory(tool, arguments)?;
    let call = Call {
        tool,
        arguments,
        base: directory.as_ref().map(PathGrant::path),
    };
    let (argv, secrets, mut paths) = call.command()?;
    let starts_in = directory.map(|directory| {
        let told = paths.iter().position(|path| *path == directory);
        told.unwrap_or_else(|| {
            paths.push(directory);
            paths.len() - 1
        })
    });
    Ok(Filled {
        argv,
        secrets,
        paths,
        stdin: call.stdin()?,
        starts_in,
    })
}

/// The text of the parameter at `index` for the `arguments` of a call; none when it is
/// absent.
pub(crate) fn text(tool: &Tool, arguments: &Arguments, index: usize) -> Result<String, Denial> {
    let call = Call {
        tool,
        arguments,
        base: None,
    };
    let accepted = call.argument(index, false)?;
    let items = accepted.map_or_else(Vec::new, Accepted::items).into_iter();
    Ok(items.map(|item| item.text).collect())
}

/// The directory that the call starts in, when it says so.
fn directory(tool: &Tool, arguments: &Arguments) -> Result<Option<PathGrant>, Denial> {
    let Some(index) = tool.template.starts_in else {
        return Ok(None);
    };
    let call = Call {
        tool,
        arguments,
        base: None,
    };
    let accepted = call.argument(index, false)?;
    let mut items = accepted.map_or_else(Vec::new, Accepted::items).into_iter();
    Ok(items.next().and_then(|item| item.path))
}

/// The argument vector, what of it is secret, and the grant of each path in it.
type Command = (Vec<String>, Vec<Secret>, Vec<PathGrant>);

/// One call.
struct Call<'a> {
    tool: &'a Tool,
    arguments: &'a Arguments,
    /// The directory that it starts in, when that is not the profile's.
    base: Option<PathBuf>,
}

impl Call<'_> {
    /// The argument vector, what of it is secret, and the grant of each path in it.
    fn command(&self) -> Result<Command, Denial> {
        let template = &self.tool.template;
        let mut argv = Vec::with_capacity(template.elements.len() + 1);
        let (mut secrets, mut paths) = (Vec::new(), Vec::new());
        argv.push(template.program.clone());
        for element in &template.elements {
            match element {
                Element::Literal(text) => argv.push(text.clone()),
                Element::Value { parameter, prefix } => {
                    let accepted = self.argument(*parameter, prefix.is_empty())?;
                    for item in accepted.map_or_else(Vec::new, Accepted::items) {
                        secrets.extend(self.is_secret(*parameter).then_some(Secret {
                            element: argv.len(),
                            prefix: prefix.len(),
                        }));
                        argv.push(prefixed(prefix, item.text));
                        paths.extend(item.path);
                    }
                }
                Element::Flag { parameter, flag } => {
                    if let Some(Accepted::Flag(true)) = self.argument(*parameter, true)? {
                        argv.push(flag.clone());
                    }
                }
            }
        }
        Ok((argv, secrets, paths))
    }

    fn stdin(&self) -> Result<Stdin, Denial> {
        if let Some(input) = &self.tool.template.input {
            return Ok(Stdin::File(whole(input)));
        }
        let Some(index) = self.tool.template.stdin else {
            return Ok(Stdin::Null);
        };
        let accepted = self.argument(index, false)?;
        let mut items = accepted.map_or_else(Vec::new, Accepted::items).into_iter();
        Ok(match items.next() {
            None => Stdin::Null,
            Some(Item { path: None, text }) => Stdin::Text(text),
            Some(Item {
                path: Some(path), ..
            }) => Stdin::File(path),
        })
    }

    /// The value of the parameter at `index`: given, or the default, or absent.
    /// `whole` tells whether it stands in the command without a prefix.
    fn argument(&self, index: usize, whole: bool) -> Result<Option<Accepted>, Denial> {
        let Some(parameter) = self.tool.parameters.get(index) else {
            return Ok(None);
        };
        let of_profile = &self.tool.profile.working_directory;
        // The directory itself is relative to the profile's.
        let chosen = self
            .base
            .as_ref()
            .filter(|_| self.tool.template.starts_in != Some(index));
        let place = Place {
            whole,
            lines: self.tool.template.takes_lines(index),
            base: chosen.unwrap_or(of_profile),
        };
        let given = self.arguments.get(&parameter.name);
        let accepted = match given.or(parameter.default.as_ref()) {
            Some(value) => accept(parameter, value, &place).map(Some),
            None if parameter.optional => Ok(None),
            None => Err(Fault::new("missing_argument", "is missing")),
        };
        accepted.map_err(|fault| Denial {
            code: fault.code,
            rule: format!("{}.args.{}", self.tool.place(), parameter.name),
            reason: format!(
                "argument {} {}",
                quoted(&parameter.name),
                said(parameter, fault)
            ),
        })
    }

    fn is_secret(&self, index: usize) -> bool {
        let parameter = self.tool.parameters.get(index);
        parameter.is_some_and(|parameter| parameter.secret)
    }
}

/// Leave to read just the file `path`, beneath the directory that it is in.
fn whole(path: &Path) -> PathGrant {
    PathGrant {
        root: path.parent().unwrap_or(Path::new("/")).to_owned(),
        beneath: path.file_name().unwrap_or(OsStr::new(".")).into(),
        access: Access::Read,
        kind: FileKind::File,
        exists: Existence::Must,
    }
}

/// What is wrong with a value. Reasons repeat values, but not secret ones.
fn said(parameter: &Parameter, fault: Fault) -> String {
    if parameter.secret {
        format!("is secret, and refused: {}", fault.code)
    } else {
        fault.reason
    }
}

fn prefixed(prefix: &str, text: String) -> String {
    if prefix.is_empty() {
        text
    } else {
        format!("{prefix}{text}")
    }
}

impl Accepted {
    /// What stands in the command where a value stands.
    fn items(self) -> Vec<Item> {
        match self {
            Self::One(item) => vec![item],
            Self::Many(items) => items,
            Self::Flag(_) => Vec::new(),
        }
    }
}
