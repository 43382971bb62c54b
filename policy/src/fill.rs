//! The argument vector of a call: one element for each parameter, or for each
//! item of a list.

use crate::argument::{Accepted, Fault, Item, Place, accept};
use crate::quote::quoted;
use crate::template::Element;
use crate::{Arguments, Denial, PathGrant, Tool};

/// The argument vector, and the grant of each path in it.
pub(crate) fn fill(
    tool: &Tool,
    arguments: &Arguments,
) -> Result<(Vec<String>, Vec<PathGrant>), Denial> {
    let mut argv = Vec::with_capacity(tool.template.elements.len() + 1);
    let mut paths = Vec::new();
    argv.push(tool.template.program.clone());
    for element in &tool.template.elements {
        match element {
            Element::Literal(text) => argv.push(text.clone()),
            Element::Value { parameter, prefix } => {
                let accepted = argument(tool, *parameter, arguments, prefix.is_empty())?;
                for item in accepted.map_or_else(Vec::new, Accepted::items) {
                    argv.push(prefixed(prefix, item.text));
                    paths.extend(item.path);
                }
            }
            Element::Flag { parameter, flag } => {
                if let Some(Accepted::Flag(true)) = argument(tool, *parameter, arguments, true)? {
                    argv.push(flag.clone());
                }
            }
        }
    }
    Ok((argv, paths))
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

/// The value of the parameter at `index`: given, or the default, or absent.
/// `whole` tells whether it stands without a prefix.
fn argument(
    tool: &Tool,
    index: usize,
    arguments: &Arguments,
    whole: bool,
) -> Result<Option<Accepted>, Denial> {
    let Some(parameter) = tool.parameters.get(index) else {
        return Ok(None);
    };
    let place = Place {
        whole,
        base: &tool.profile.working_directory,
    };
    let given = arguments.get(&parameter.name);
    let accepted = match given.or(parameter.default.as_ref()) {
        Some(value) => accept(parameter, value, &place).map(Some),
        None if parameter.optional => Ok(None),
        None => Err(Fault::new("missing_argument", "is missing")),
    };
    accepted.map_err(|fault| Denial {
        code: fault.code,
        rule: format!("tool.{}.args.{}", tool.name, parameter.name),
        reason: format!("argument {} {}", quoted(&parameter.name), fault.reason),
    })
}
