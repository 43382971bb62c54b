//! Manual pages from the Markdown of docs/: one text, two forms. What comes out is
//! committed in packaging/man and compared, so that packages need no generator.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// What a page needs besides its text.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Its name, as in `man NAME`.
    pub name: &'static str,
    /// Its section.
    pub section: u8,
    /// What it is about, in one line.
    pub about: &'static str,
    /// Lines of the synopsis.
    pub synopsis: &'static [&'static str],
    /// Files, and what they are.
    pub files: &'static [(&'static str, &'static str)],
    /// Other pages, with their sections.
    pub see_also: &'static [&'static str],
}

/// `markdown` as a manual page in the man macros, man(7).
///
/// # Panics
/// At what the manual has no form for.
#[must_use]
pub fn page(page: &Page, markdown: &str) -> String {
    let Page {
        name,
        section,
        about,
        ..
    } = page;
    let mut writer = Writer::default();
    let title = escaped(&name.to_uppercase());
    writer.line(&format!(
        ".\\\" Made from docs/: change it there.\n.TH {title} {section} \"\" \"Mini MCP\" \"Mini MCP\""
    ));
    writer.line(&format!(
        ".SH NAME\n{} \\- {}",
        escaped(name),
        escaped(about)
    ));
    writer.line(".SH SYNOPSIS");
    for line in page.synopsis {
        writer.line(&format!(".I {}\n.br", escaped(line)));
    }
    writer.line(".SH DESCRIPTION");
    let options = Options::ENABLE_TABLES;
    Parser::new_ext(markdown, options).for_each(|event| writer.event(event));
    writer.flush();
    writer.line(".SH FILES");
    for (file, about) in page.files {
        writer.line(&format!(".TP\n.I {}\n{}", escaped(file), escaped(about)));
    }
    let others: Vec<String> = page
        .see_also
        .iter()
        .map(|other| format!(".BR {}", escaped(other)))
        .collect();
    writer.line(&format!(".SH SEE ALSO\n{}", others.join(" ,\n")));
    writer.out
}

/// Where text goes until its end is seen.
#[derive(Debug, Default)]
struct Writer {
    out: String,
    /// The paragraph, heading or cell that is being read, with fonts.
    text: String,
    /// The cells of the row that is being read.
    row: Vec<String>,
    /// The heads of the table that is being read.
    head: Vec<String>,
    code: bool,
    list: usize,
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what has no form of its own is the text in it"
)]
impl Writer {
    fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    /// Ends a paragraph.
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        if !text.trim().is_empty() {
            self.line(&guarded(text.trim()));
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code => self.out.push_str(&literal(&text)),
            Event::Text(text) => self.text.push_str(&escaped(&text)),
            Event::Code(code) => {
                let code = escaped(&code);
                self.text.push_str(&format!("\\fB{code}\\fR"));
            }
            Event::SoftBreak | Event::HardBreak => self.text.push(' '),
            Event::Html(_)
            | Event::InlineHtml(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::Rule
            | Event::TaskListMarker(_) => panic!("the manual has no form for {event:?}"),
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Heading { .. } | Tag::TableRow | Tag::TableHead | Tag::TableCell => {}
            Tag::Paragraph if self.list == 0 => self.line(".PP"),
            Tag::List(_) => self.list += 1,
            Tag::Item => {
                self.flush();
                self.line(".IP \\(bu 2");
            }
            Tag::CodeBlock(_) => {
                self.code = true;
                self.line(".PP\n.RS 4\n.EX");
            }
            Tag::Strong => self.text.push_str("\\fB"),
            Tag::Emphasis => self.text.push_str("\\fI"),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => self.heading(level),
            TagEnd::Paragraph | TagEnd::Item => self.flush(),
            TagEnd::List(_) => self.list -= 1,
            TagEnd::CodeBlock => {
                self.code = false;
                self.line(".EE\n.RE");
            }
            TagEnd::Strong | TagEnd::Emphasis => self.text.push_str("\\fR"),
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.text);
                self.row.push(cell.trim().to_owned());
            }
            TagEnd::TableHead => self.head = std::mem::take(&mut self.row),
            TagEnd::TableRow => self.table_row(),
            _ => {}
        }
    }

    /// The title of the document is the page's own; others are sections.
    fn heading(&mut self, level: HeadingLevel) {
        let text = std::mem::take(&mut self.text);
        match level {
            HeadingLevel::H1 => {}
            // Names stay as they are written.
            HeadingLevel::H2 if text.contains("\\fB") => self.line(&format!(".SH {text}")),
            HeadingLevel::H2 => self.line(&format!(".SH {}", text.to_uppercase())),
            _ => self.line(&format!(".SS {text}")),
        }
    }

    /// A row is a tagged paragraph: the first cell, then the last, and between them
    /// in parentheses what the columns between say.
    fn table_row(&mut self) {
        let row = std::mem::take(&mut self.row);
        let Some((tag, cells)) = row.split_first() else {
            return;
        };
        let told = |index: usize, cell: &String| {
            let name = self.head.get(index + 1).map(String::as_str);
            match name {
                _ if cell.is_empty() => None,
                Some("type" | "meaning" | "holds when" | "when") | None => Some(cell.clone()),
                Some(name) => Some(format!("{name}: {cell}")),
            }
        };
        let told: Vec<String> = cells
            .iter()
            .enumerate()
            .filter_map(|(index, cell)| told(index, cell))
            .collect();
        let text = told.join("; ");
        self.line(&format!(".TP\n{}\n{}", guarded(tag), guarded(&text)));
    }
}

/// `text` without meaning for roff: backslashes, and hyphens that are to stay as typed.
fn escaped(text: &str) -> String {
    let plain = text.replace('\\', "\\e").replace('-', "\\-");
    plain
        .replace('\u{2026}', "...")
        .replace(['\u{201c}', '\u{201d}'], "\"")
}

/// `text` whose first character makes no request of its line.
fn guarded(text: &str) -> String {
    if text.starts_with(['.', '\'']) {
        format!("\\&{text}")
    } else {
        text.to_owned()
    }
}

/// The lines of an example, as they are.
fn literal(text: &str) -> String {
    let lines = text.lines().map(|line| guarded(&escaped(line)) + "\n");
    lines.collect()
}
