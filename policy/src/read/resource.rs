//! `[resource.NAME]`: files and directories that are published.

use super::document::{Document, Entry};
use super::example::{Example, Tries, examples};
use super::fields::Fields;
use super::limits::limits;
use super::lint;
use super::profile::silent;
use super::rules::rules;
use super::tool::{Known, description, profile, users_only};
use crate::resource::{PREFIX, Published, copying, listing, names_file, narrowed, origin};
use crate::template::Template;
use crate::{Background, FileKind, Limits, Parameter, PathRule, Profile, Resource, Tool};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const KEYS: [&str; 13] = [
    "title",
    "description",
    "path",
    "kind",
    "mime_type",
    "size_max",
    "profile",
    "allow",
    "deny",
    "rate",
    "concurrency",
    "quota",
    "example",
];

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const SIZE_MAX: u64 = MIB;

/// All resources; their examples are added to those of the tools.
pub(super) fn resources<'r>(
    document: &Document<'r, '_>,
    known: &Known<'_>,
    all_examples: &mut Vec<Example<'r>>,
) -> Vec<Resource> {
    let tables = document.resources.iter();
    let resources = tables.filter_map(|entry| resource(entry, known, all_examples));
    resources.collect()
}

fn resource<'r>(
    entry: &Entry<'r, '_>,
    known: &Known<'_>,
    all_examples: &mut Vec<Example<'r>>,
) -> Option<Resource> {
    let Entry { reader, name, node } = entry;
    let before = reader.mistakes();
    let owner = format!("resource `{}`", name.value);
    let fields = Fields::open(reader, owner, name.span.clone(), node)?;
    reader.name(name, "a resource");
    fields.only(&KEYS);
    let description = description(&fields);
    let published = published(&fields);
    let mime_type = mime_type(&fields);
    let size_max = fields.size("size_max", KIB..=16 * MIB);
    let chosen = chosen(&fields, known, name.value);
    let rules = rules(&fields, known.principals);
    let limits = limits(&fields);
    let command = format!("{PREFIX}{}", name.value);
    all_examples.extend(examples(
        (entry, Tries::Command(&command)),
        &fields,
        known.principals,
    ));
    let (published, size_max) = (published?, size_max.unwrap_or(SIZE_MAX));
    let at = reader.at(&name.span);
    let frame = Frame {
        rules: rules?,
        limits,
        profile: chosen?,
        name: name.value,
        description: description?,
    };
    let (root, lister) = match &published {
        Published::File(_) => (Path::new("/"), None),
        Published::Directory(root) => (
            root.as_path(),
            Some(frame.tool(format!("{command}/"), &at, root, listing(root, &at))),
        ),
    };
    let file = frame.tool(command, &at, root, copying(&published, size_max, &at));
    users_only(&fields, &file);
    if reader.mistakes() == before {
        lint::published(&fields, &file);
    }
    Some(Resource {
        name: name.value.to_owned(),
        title: title(&fields),
        description: frame.description,
        mime_type,
        size_max,
        reader: file,
        lister,
    })
}

/// What the commands of one resource or prompt have in common.
pub(super) struct Frame<'a> {
    pub(super) name: &'a str,
    pub(super) description: String,
    pub(super) profile: Profile,
    pub(super) rules: crate::rule::Rules,
    pub(super) limits: Limits,
}

impl Frame<'_> {
    fn tool(
        &self,
        command: String,
        at: &crate::source::At,
        directory: &Path,
        (template, parameters): (Template, Vec<Parameter>),
    ) -> Tool {
        let place = format!("resource.{}", self.name);
        let profile = narrowed(&self.profile, place, directory.to_owned());
        let mut tool = Tool {
            approval_timeout: None,
            queue_timeout: None,
            name: command,
            origin: origin(self.name),
            at: at.clone(),
            description: self.description.clone(),
            template,
            sha256: None,
            profile: Arc::new(profile),
            rules: self.rules.clone(),
            read_only: true,
            background: Background::Never,
            limits: self.limits.clone(),
            names_caller: false,
            parameters,
        };
        tool.names_caller = tool.looks_like_naming_caller();
        tool
    }
}

/// The profile that says whom it is read as and how that is held.
fn chosen(fields: &Fields<'_, '_>, known: &Known<'_>, name: &str) -> Option<Profile> {
    if fields.has("profile") {
        return profile(fields, known.profiles).map(|profile| Profile::clone(&profile));
    }
    Some(silent(name))
}

/// What people call it.
pub(super) fn title(fields: &Fields<'_, '_>) -> Option<String> {
    fields.text("title").map(|text| text.value.to_owned())
}

/// The file, or the directory with what is beneath.
fn published(fields: &Fields<'_, '_>) -> Option<Published> {
    fields.require("path", "write the absolute path of a file or a directory");
    let words = [("file", FileKind::File), ("directory", FileKind::Directory)];
    let kind = fields.word("kind", &words);
    let text = fields.text("path")?;
    let path = fields.reader.path(&text)?;
    let rule = PathRule {
        path: path.clone(),
        optional: false,
    };
    lint::secret(fields, &rule, &text.span);
    match kind {
        None if fields.has("kind") => None,
        Some(FileKind::Directory) => Some(Published::Directory(path)),
        _ if names_file(&path) => Some(Published::File(path)),
        _ => {
            let message = format!("`{}` is not the path of a file", text.value);
            let hint = "with `kind = \"directory\"` it is published with all that is beneath";
            fields.reader.error_hint(&text.span, message, hint);
            None
        }
    }
}

/// Two words with a slash between, and perhaps parameters, RFC 2045.
fn mime_type(fields: &Fields<'_, '_>) -> Option<String> {
    let text = fields.text("mime_type")?;
    let token = |word: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c);
        !word.is_empty() && word.chars().all(fits)
    };
    let (essence, parameters) = text.value.split_once(';').unwrap_or((text.value, ""));
    let parts = essence.split_once('/');
    let plain = parameters.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    if parts.is_some_and(|(one, two)| token(one) && token(two)) && plain {
        return Some(text.value.to_owned());
    }
    let message = format!("`mime_type` is not a media type: `{}`", text.value);
    let hint = "write such as \"text/markdown\" or \"application/json\"";
    fields.reader.error_hint(&text.span, message, hint);
    None
}

/// Directories of unit files, and the file of the accounts: what everybody may read.
pub(super) const UNITS: [&str; 4] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/lib/systemd/system",
    "/usr/lib/systemd/system",
];

pub(super) fn optional(path: &str) -> PathRule {
    PathRule {
        path: PathBuf::from(path),
        optional: true,
    }
}
