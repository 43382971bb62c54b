//! `requires` and `conflicts`: which arguments a call gives together.

use crate::quote::quoted;
use crate::{Arguments, Denial, Parameter, Tool, Value};

/// Refuses `arguments` that need others or exclude each other.
pub(crate) fn together(tool: &Tool, arguments: &Arguments) -> Result<(), Denial> {
    let given = |parameter: &&Parameter| is_given(arguments, &parameter.name);
    for parameter in tool.parameters.iter().filter(given) {
        let absent = |name: &&String| !is_given(arguments, name);
        if let Some(other) = parameter.requires.iter().find(absent) {
            return Err(denial(tool, parameter, "requires", "needs", other));
        }
        let present = |name: &&String| is_given(arguments, name);
        if let Some(other) = parameter.conflicts.iter().find(present) {
            let verb = "cannot be given together with";
            return Err(denial(tool, parameter, "conflicts", verb, other));
        }
    }
    Ok(())
}

/// Whether the call itself brings the argument `name`, and it stands for
/// something: a flag that is false and a list without items do not.
fn is_given(arguments: &Arguments, name: &str) -> bool {
    match arguments.get(name) {
        None | Some(Value::Boolean(false)) => false,
        Some(Value::List(items)) => !items.is_empty(),
        Some(Value::Boolean(true) | Value::Integer(_) | Value::Number(_) | Value::Text(_)) => true,
    }
}

fn denial(
    tool: &Tool,
    parameter: &Parameter,
    code: &'static str,
    verb: &str,
    other: &str,
) -> Denial {
    let (name, other) = (quoted(&parameter.name), quoted(other));
    Denial {
        code,
        rule: format!("{}.args.{}", tool.place(), parameter.name),
        reason: format!("argument {name} {verb} argument {other}"),
    }
}
