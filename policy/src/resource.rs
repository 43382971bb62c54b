//! Resources: files and directories that the policy publishes.
//!
//! Nothing but commands reads anything, and nothing runs without a
//! [`Grant`](crate::Grant): so each resource has a command of its own that copies one
//! file to its output, and a directory a second one that lists. What is read is opened
//! for the command before it starts, so that its program gets no name and no choice.

use crate::path::absolute;
use crate::source::At;
use crate::template::{Element, Template};
use crate::tool::Origin;
use crate::{Access, Caller, Existence, FileKind, Kind, Parameter, PathRule, Profile, Tool, Value};
use std::path::{Path, PathBuf};

/// What the names of their commands begin with, which no tool's name can.
pub(crate) const PREFIX: &str = "resource/";

/// The argument of their commands that names what is beneath a directory.
pub(crate) const PATH: &str = "path";

/// The argument that says how many bytes are passed over.
pub(crate) const OFFSET: &str = "offset";

/// Copies standard input; dd(1) alone begins anywhere in it.
const COPY: &str = "/bin/dd";

/// Lists the directory it is in: a name a line, those of directories with a slash.
const LIST: [&str; 2] = ["/bin/ls", "-1Apq"];

/// What those two load, wherever the host has it.
const LIBRARIES: [&str; 5] = [
    "/etc/ld.so.cache",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
];

/// A file or a directory that is published.
#[derive(Debug, Clone)]
pub struct Resource {
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) description: String,
    pub(crate) mime_type: Option<String>,
    pub(crate) size_max: u64,
    /// Reads a file.
    pub(crate) reader: Tool,
    /// Lists a directory, if it is one.
    pub(crate) lister: Option<Tool>,
}

impl Resource {
    /// Name, `[resource.NAME]`: 1 to 64 of `A-Z a-z 0-9 _ -`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its name for people.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// What it holds, for people and models.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The type of its content, where the policy says it.
    #[must_use]
    pub fn mime_type(&self) -> Option<&str> {
        self.mime_type.as_deref()
    }

    /// Most bytes that one read gives.
    #[must_use]
    pub fn size_max(&self) -> u64 {
        self.size_max
    }

    /// Whether it is a directory, with all that is beneath.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.lister.is_some()
    }

    /// Name of the command that reads a file of it: one call of [`crate::Policy::decide`].
    #[must_use]
    pub fn reads(&self) -> &str {
        self.reader.name()
    }

    /// Name of the command that lists a directory of it.
    #[must_use]
    pub fn lists(&self) -> Option<&str> {
        self.lister.as_ref().map(Tool::name)
    }

    /// Whether `caller` learns that it exists.
    pub(crate) fn is_shown_to(&self, caller: &Caller) -> bool {
        self.reader.is_shown_to(caller)
    }

    /// Its commands.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &Tool> {
        std::iter::once(&self.reader).chain(&self.lister)
    }

    /// The command whose name is `rest` after [`PREFIX`] and the name of the resource.
    pub(crate) fn command(&self, rest: &str) -> Option<&Tool> {
        self.commands()
            .find(|tool| tool.name.get(PREFIX.len() + self.name.len()..) == Some(rest))
    }
}

/// What is published.
pub(crate) enum Published {
    File(PathBuf),
    Directory(PathBuf),
}

/// How a file is copied: at most `size_max` bytes and one, by which one sees that
/// there are more.
pub(crate) fn copying(published: &Published, size_max: u64, at: &At) -> (Template, Vec<Parameter>) {
    let beneath = match published {
        Published::File(_) => None,
        Published::Directory(root) => Some(beneath(root, FileKind::File, at)),
    };
    let offset = Parameter {
        default: Some(Value::Integer(0)),
        ..parameter(
            OFFSET,
            Kind::Integer {
                min: 0,
                max: i64::MAX,
            },
            at,
        )
    };
    let parameters: Vec<Parameter> = beneath.into_iter().chain([offset]).collect();
    let last = parameters.len() - 1;
    let fixed = [
        "bs=65536".to_owned(),
        "iflag=fullblock,skip_bytes,count_bytes".to_owned(),
        "status=none".to_owned(),
        format!("count={}", size_max.saturating_add(1)),
    ];
    let skip = Element::Value {
        parameter: last,
        prefix: "skip=".to_owned(),
    };
    let template = Template {
        program: COPY.to_owned(),
        elements: fixed
            .into_iter()
            .map(Element::Literal)
            .chain([skip])
            .collect(),
        stdin: (last > 0).then_some(0),
        input: match published {
            Published::File(path) => Some(path.clone()),
            Published::Directory(_) => None,
        },
        starts_in: None,
    };
    (template, parameters)
}

/// How a directory beneath `root` is listed: by a command that starts in it.
pub(crate) fn listing(root: &Path, at: &At) -> (Template, Vec<Parameter>) {
    let [program, flags] = LIST.map(str::to_owned);
    let directory = Parameter {
        default: Some(Value::Text(".".to_owned())),
        ..beneath(root, FileKind::Directory, at)
    };
    let template = Template {
        program,
        elements: vec![Element::Literal(flags)],
        stdin: None,
        input: None,
        starts_in: Some(0),
    };
    (template, vec![directory])
}

fn beneath(root: &Path, kind: FileKind, at: &At) -> Parameter {
    let kind = Kind::Path {
        under: vec![root.to_owned()],
        access: Access::Read,
        kind,
        exists: Existence::Must,
    };
    parameter(PATH, kind, at)
}

pub(crate) fn parameter(name: &str, kind: Kind, at: &At) -> Parameter {
    Parameter {
        name: name.to_owned(),
        at: at.clone(),
        description: None,
        kind,
        default: None,
        optional: false,
        secret: false,
        requires: Vec::new(),
        conflicts: Vec::new(),
    }
}

/// The origin of the commands of the resource `name`.
pub(crate) fn origin(name: &str) -> Origin {
    Origin::Resource(name.to_owned())
}

/// The profile of a command that reads for the policy's table `place`: of `chosen` it
/// has whom it runs as and how it is held, but nothing that it opens.
pub(crate) fn narrowed(chosen: &Profile, place: String, directory: PathBuf) -> Profile {
    let library = |path: &str| PathRule {
        path: PathBuf::from(path),
        optional: true,
    };
    Profile {
        name: place,
        read: LIBRARIES.into_iter().map(library).collect(),
        write: Vec::new(),
        execute: Vec::new(),
        unix_sockets: Vec::new(),
        network: crate::Network::None,
        system_calls: crate::SystemCalls::default(),
        tty: false,
        working_directory: directory,
        ..chosen.clone()
    }
}

/// Whether `path` is the name of a file, and not of the root directory alone.
pub(crate) fn names_file(path: &Path) -> bool {
    let normal = path.to_str().is_some_and(|text| {
        // What begins with a variable is absolute once that is filled in.
        absolute(text).is_ok() || text.starts_with("${")
    });
    normal && path.file_name().is_some() && path.parent() != Some(Path::new(""))
}
