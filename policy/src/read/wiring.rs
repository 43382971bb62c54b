//! What a call puts where: the elements of the command, standard input, and the
//! directory it starts in, with placeholders resolved.

use super::command::Written;
use super::fields::Fields;
use super::nearest::hint;
use super::parameter::Declared;
use super::{Located, Reader, Span};
use crate::path::absolute;
use crate::quote::listed;
use crate::template::{Element, Template};
use crate::{Access, Existence, FileKind, Kind, variables};
use std::path::PathBuf;

/// Where the arguments of a tool go.
pub(super) struct Wiring {
    pub(super) template: Template,
    /// The directory that the tool names itself.
    pub(super) directory: Option<PathBuf>,
}

/// The wiring of the tool `fields`; each parameter is used.
pub(super) fn wiring(fields: &Fields<'_, '_>, declared: &[Declared<'_>]) -> Option<Wiring> {
    fields.require("command", "write `command = [\"/usr/bin/…\", …]`");
    let texts = fields.texts("command")?;
    let Some((first, rest)) = texts.value.split_first() else {
        fields.reader.error(&texts.span, "`command` is empty");
        return None;
    };
    let program = program(fields.reader, first);
    let mut uses = Uses {
        fields,
        declared,
        used: vec![false; declared.len()],
    };
    let elements: Vec<Option<Element>> = rest.iter().map(|text| uses.element(text)).collect();
    let stdin = uses.stdin();
    let directory = uses.directory();
    let elements = elements.into_iter().collect::<Option<Vec<Element>>>()?;
    // What is written wrongly there may be what is missing elsewhere.
    let missed = stdin.is_none() && fields.has("stdin")
        || directory.is_none() && fields.has("working_directory");
    if !missed {
        uses.all();
    }
    let (directory, starts_in) = match directory {
        Some(Directory::Fixed(path)) => (Some(path), None),
        Some(Directory::Argument(index)) => (None, Some(index)),
        None => (None, None),
    };
    let template = Template {
        program: program?,
        elements,
        stdin,
        input: None,
        starts_in,
    };
    Some(Wiring {
        template,
        directory,
    })
}

/// What `working_directory` of a tool says.
enum Directory {
    Fixed(PathBuf),
    /// Index of a parameter.
    Argument(usize),
}

fn program(reader: &Reader<'_>, text: &Located<&str>) -> Option<String> {
    let written = reader.element(text)?;
    if let Some((_, range)) = written.placeholder {
        let span = reader.within(text, range);
        reader.error(&span, "the program cannot be chosen by an argument");
        return None;
    }
    match absolute(&written.literal) {
        Ok(program) => Some(program),
        Err(fault) => {
            let message = format!("program `{}` {fault}", text.value);
            reader.error_hint(&text.span, message, "write the whole path of the program");
            None
        }
    }
}

/// Which parameters a command has used so far.
struct Uses<'a> {
    fields: &'a Fields<'a, 'a>,
    declared: &'a [Declared<'a>],
    used: Vec<bool>,
}

impl Uses<'_> {
    fn element(&mut self, text: &Located<&str>) -> Option<Element> {
        let reader = self.fields.reader;
        let Written {
            literal,
            placeholder,
        } = reader.element(text)?;
        let Some((name, range)) = placeholder else {
            return Some(Element::Literal(literal));
        };
        let span = reader.within(text, range);
        let parameter = self.parameter(name, &span)?;
        let parsed = self.declared.get(parameter)?.parsed.as_ref();
        match parsed.and_then(|parsed| parsed.flag.clone()) {
            None => Some(Element::Value {
                parameter,
                prefix: literal,
            }),
            Some(flag) if literal.is_empty() => Some(Element::Flag { parameter, flag }),
            Some(_) => {
                let message = format!("something stands before the flag `{name}`");
                reader.error_hint(&text.span, message, "a flag is an element by itself");
                None
            }
        }
    }

    /// The index of the parameter `name`, which stands at `span`.
    fn parameter(&mut self, name: &str, span: &Span) -> Option<usize> {
        let Some(index) = self.declared.iter().position(|one| one.name.value == name) else {
            let message = format!("{} has no argument `{name}`", self.fields.owner);
            let names = self.declared.iter().map(|one| one.name.value);
            let hint = match name {
                _ if name.starts_with("caller.") => {
                    format!(
                        "known of the caller: {}",
                        listed(variables::KNOWN.into_iter())
                    )
                }
                _ => hint(name, names).unwrap_or_else(|| {
                    "declare it in `args`; for literal braces write `{{` and `}}`".to_owned()
                }),
            };
            self.fields.reader.error_hint(span, message, hint);
            return None;
        };
        let used = self.used.get_mut(index)?;
        if std::mem::replace(used, true) {
            self.fields
                .reader
                .error(span, format!("argument `{name}` is used twice"));
            return None;
        }
        Some(index)
    }

    /// The parameter that is the standard input.
    fn stdin(&mut self) -> Option<usize> {
        let text = self.fields.text("stdin")?;
        let (index, span) = self.alone(&text, "stdin", Self::parameter)?;
        let readable = |kind: &Kind| {
            let wanted = (Access::Read, FileKind::File, Existence::Must);
            kind.path() == Some(wanted) || matches!(kind, Kind::Text { .. })
        };
        let message = "the standard input must be a string, or a path of a file to read";
        self.must(index, &span, message, readable)
    }

    /// What the tool says of the directory it starts in.
    fn directory(&mut self) -> Option<Directory> {
        let text = self.fields.text("working_directory")?;
        if !text.value.starts_with('{') {
            return self.fields.reader.path(&text).map(Directory::Fixed);
        }
        // Commands may be told where they are: the argument may stand there too.
        let (index, span) = self.alone(&text, "working_directory", Self::parameter_again)?;
        let fits = |kind: &Kind| {
            let wanted = (FileKind::Directory, Existence::Must);
            kind.path()
                .is_some_and(|(_, kind, exists)| (kind, exists) == wanted)
        };
        let message = "the working directory must be a path of `kind = \"directory\"`";
        let index = self.must(index, &span, message, fits)?;
        Some(Directory::Argument(index))
    }

    /// The parameter whose placeholder is all of `text`, and where it stands.
    fn alone(
        &mut self,
        text: &Located<&str>,
        key: &str,
        find: impl FnOnce(&mut Self, &str, &Span) -> Option<usize>,
    ) -> Option<(usize, Span)> {
        let written = self.fields.reader.element(text)?;
        let (Some((name, range)), true) = (written.placeholder, written.literal.is_empty()) else {
            let message = format!("`{key}` is not one placeholder");
            let hint = "write `{NAME}`, an argument in braces, and nothing else";
            self.fields.reader.error_hint(&text.span, message, hint);
            return None;
        };
        let span = self.fields.reader.within(text, range);
        Some((find(self, name, &span)?, span))
    }

    /// `index`, if what its parameter takes `fits`.
    fn must(
        &self,
        index: usize,
        span: &Span,
        message: &str,
        fits: impl FnOnce(&Kind) -> bool,
    ) -> Option<usize> {
        // A parameter with mistakes of its own has been told of.
        let parsed = self.declared.get(index)?.parsed.as_ref()?;
        if fits(&parsed.parameter.kind) {
            return Some(index);
        }
        self.fields.reader.error(span, message);
        None
    }

    /// As [`Uses::parameter`], wherever else it is used.
    fn parameter_again(&mut self, name: &str, span: &Span) -> Option<usize> {
        if let Some(index) = self.declared.iter().position(|one| one.name.value == name)
            && let Some(used) = self.used.get_mut(index)
        {
            *used = false;
        }
        self.parameter(name, span)
    }

    /// Notes the parameters that are not used.
    fn all(&self) {
        for (one, used) in self.declared.iter().zip(&self.used) {
            if !used {
                let name = one.name.value;
                let message = format!("argument `{name}` is not used in the command");
                let hint = format!("write `{{{name}}}` as an element of `command`");
                self.fields.reader.error_hint(&one.name.span, message, hint);
            }
        }
    }
}
