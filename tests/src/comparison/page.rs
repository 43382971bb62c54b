//! The made parts of a page in docs/, such as the tables of docs/comparison.md.

use super::attacked::{Attacked, Named, Positive};
use super::everyday::Worked;
use super::sandbox::Sandbox;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Made parts stand between two lines each.
const BEGIN: &str = "<!-- made: ";

/// The page, as text.
#[derive(Debug, Clone)]
pub struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    /// Reads docs/comparison.md.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn read() -> Page {
        Page::of("comparison.md")
    }

    /// Reads the page `name` of docs/.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn of(name: &str) -> Page {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let path = docs.join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        Page { path, text }
    }

    /// Puts `content` where the part `name` is.
    ///
    /// # Panics
    /// When the page has no such part.
    pub fn set(&mut self, name: &str, content: &str) {
        let (before, rest) = self.around(name);
        let (_, after) = rest.split_once("<!-- end -->").expect("an end");
        let head = format!("{BEGIN}{name} -->");
        self.text = format!("{before}{head}\n{content}<!-- end -->{after}");
    }

    /// The part `name`.
    ///
    /// # Panics
    /// When the page has no such part.
    #[must_use]
    pub fn part(&self, name: &str) -> &str {
        let (_, rest) = self.around(name);
        rest.split_once("<!-- end -->")
            .expect("an end")
            .0
            .trim_start_matches('\n')
    }

    fn around(&self, name: &str) -> (&str, &str) {
        let head = format!("{BEGIN}{name} -->");
        let split = self.text.split_once(&head);
        split.unwrap_or_else(|| panic!("`{}` has no part `{name}`", self.path.display()))
    }

    /// Writes it back.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self) {
        fs::write(&self.path, &self.text).expect("ours");
    }

    /// What the page says gets through `sandbox`.
    #[must_use]
    pub fn escapes(&self, sandbox: Sandbox) -> BTreeSet<Named> {
        let head = format!("- {}, ", sandbox.name());
        let lines = self.part("escapes").lines();
        let lines = lines.filter_map(|line| line.strip_prefix(&head)?.split_once(": "));
        lines
            .flat_map(|(class, names)| {
                let names = names.split('`').skip(1).step_by(2);
                names.map(|name| (class.to_owned(), name.to_owned()))
            })
            .collect()
    }

    /// What stands in the row `row` and the column of `sandbox`.
    #[must_use]
    pub fn cell(&self, row: &str, sandbox: Sandbox) -> Option<String> {
        let mut lines = self.part("table").lines().map(cells);
        let column = lines
            .next()?
            .iter()
            .position(|cell| *cell == sandbox.name())?;
        let found = lines.find(|cells| cells.get(1) == Some(&row))?;
        found.get(column).map(|&text| text.to_owned())
    }
}

fn cells(line: &str) -> Vec<&str> {
    line.split('|').map(str::trim).collect()
}

/// What was measured of one sandbox.
#[derive(Debug, Clone)]
pub struct Column {
    /// Which.
    pub sandbox: Sandbox,
    /// Its attacks.
    pub attacked: Attacked,
    /// Its everyday programs.
    pub worked: Worked,
}

/// Escaped of all by class, then working of all, for each column.
#[must_use]
pub fn table(probes: &Positive, columns: &[Column]) -> String {
    let mut classes: Vec<&str> = probes.0.iter().map(|(class, _)| class.as_str()).collect();
    classes.dedup();
    let mut text = row(
        "",
        columns
            .iter()
            .map(|column| column.sandbox.name().to_owned()),
    );
    text += &row("---", columns.iter().map(|_| "---:".to_owned()));
    for class in classes {
        text += &row(
            class,
            columns
                .iter()
                .map(|column| of_class(probes, column, Some(class))),
        );
    }
    text += &row(
        "**escaped of all**",
        columns.iter().map(|column| of_class(probes, column, None)),
    );
    let working = |column: &Column| {
        let Worked { total, failed } = &column.worked;
        format!("{}/{total}", total - failed.len())
    };
    text + &row("**everyday, working**", columns.iter().map(working))
}

fn row(head: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.collect();
    format!("| {head} | {} |\n", cells.join(" | "))
}

fn of_class(probes: &Positive, column: &Column, class: Option<&str>) -> String {
    let count = |all: &[Named]| {
        let counts = |(of, _): &&Named| class.is_none_or(|class| of == class);
        all.iter().filter(counts).count()
    };
    format!("{}/{}", count(&column.attacked.escaped), count(&probes.0))
}

/// By name what gets through, and which everyday programs do not work.
#[must_use]
pub fn escapes(columns: &[Column]) -> String {
    let mut text = String::new();
    for column in columns
        .iter()
        .filter(|column| column.sandbox != Sandbox::Nothing)
    {
        let name = column.sandbox.name();
        let mut classes: Vec<&str> = Vec::new();
        classes.extend(
            column
                .attacked
                .escaped
                .iter()
                .map(|(class, _)| class.as_str()),
        );
        classes.dedup();
        for class in classes {
            let escaped = column.attacked.escaped.iter().filter(|(of, _)| of == class);
            text += &line(name, class, escaped.map(|(_, name)| name));
        }
        if !column.worked.failed.is_empty() {
            text += &line(
                name,
                "not working",
                column.worked.failed.iter().map(|(name, _)| name),
            );
        }
    }
    text
}

fn line<'a>(name: &str, what: &str, names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    format!("- {name}, {what}: {}\n", names.join(" "))
}
