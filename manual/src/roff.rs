//! Pages for man(1).

use std::collections::BTreeSet;

use crate::comment::{self, Block, Part, Parts};
use crate::header::{Entry, Kind};
use crate::pages::{self, Index, Page, Piece};

/// The version and its day, which stand in each page's margins.
pub struct Release<'a> {
    pub version: &'a str,
    pub day: &'a str,
}

/// A page of section 3.
pub fn page(page: &Page, index: &Index, release: &Release) -> String {
    let mut writer = Writer {
        roff: title(page.name, 3, release),
        index,
        seen: BTreeSet::new(),
    };
    writer.names(page);
    writer.synopsis(page);
    let parts: Vec<Parts> = page
        .entries
        .iter()
        .map(|e| comment::parts(&e.blocks))
        .collect();
    writer.roff.push_str(".SH DESCRIPTION\n");
    if let [parts] = &parts[..] {
        writer.description(parts);
        for (heading, texts) in [
            ("RETURN VALUE", &parts.returns),
            ("THREADS", &parts.threads),
        ] {
            if !texts.is_empty() {
                writer.roff.push_str(&format!(".SH \"{heading}\"\n"));
                writer.paragraphs(texts);
            }
        }
    } else {
        for (entry, parts) in page.entries.iter().zip(&parts) {
            writer.roff.push_str(&format!(".SS {}\n", heading(entry)));
            writer.description(parts);
            for texts in [&parts.returns, &parts.threads] {
                if !texts.is_empty() {
                    writer.roff.push_str(".PP\n");
                    writer.paragraphs(texts);
                }
            }
        }
    }
    writer.see_also(page);
    writer.roff
}

pub fn title(name: &str, section: u8, release: &Release) -> String {
    let Release { version, day } = release;
    format!(
        ".TH \"{}\" {section} {day} \"libminirpc {version}\" \"libminirpc\"\n",
        name.to_uppercase()
    )
}

/// What a part of a page is called: what it declares.
fn heading(entry: &Entry) -> String {
    let names: Vec<String> = entry
        .declarations
        .iter()
        .map(|declaration| match declaration.kind {
            Kind::Function => format!("{}()", declaration.name),
            Kind::Type | Kind::Macro => declaration.name.clone(),
        })
        .collect();
    format!("\"{}\"", names.join(", "))
}

struct Writer<'a> {
    roff: String,
    index: &'a Index<'a>,
    /// The pages that were mentioned.
    seen: BTreeSet<&'a str>,
}

impl<'a> Writer<'a> {
    /// A line for each entry, as apropos(1) shows them.
    fn names(&mut self, page: &Page) {
        let mut lines = Vec::new();
        for entry in &page.entries {
            let names = pages::ours(entry);
            if let (Some(brief), false) = (comment::brief(&entry.blocks), names.is_empty()) {
                lines.push(fill(&format!(
                    "{} \\- {}",
                    names.join(", "),
                    escape(&brief)
                )));
            }
        }
        self.roff.push_str(".SH NAME\n");
        self.roff.push_str(&lines.join(".br\n"));
    }

    fn synopsis(&mut self, page: &Page) {
        self.roff.push_str(".SH SYNOPSIS\n.nf\n");
        if page.include() == "minirpc/protocol.h" {
            self.roff.push_str("#define MINIRPC_PROTOCOL\n");
        }
        self.roff
            .push_str(&format!("#include <{}>\n", page.include()));
        for entry in &page.entries {
            self.roff.push_str("\\&\n");
            for declaration in &entry.declarations {
                self.code(declaration.text.lines());
            }
        }
        self.roff.push_str(".fi\n");
        if page.is_function() {
            let library = match page.include() {
                "minirpc/tls.h" => "\\-lminirpc\\-tls",
                _ => "\\-lminirpc",
            };
            self.roff
                .push_str(&format!(".PP\nLink with\n.BR {library} .\n"));
        }
    }

    fn code<'t>(&mut self, lines: impl Iterator<Item = &'t str>) {
        for line in lines {
            self.roff.push_str(&escape_code(line));
            self.roff.push('\n');
        }
    }

    fn description(&mut self, parts: &Parts) {
        let mut first = true;
        for part in &parts.description[..parts.before] {
            self.part(part, &mut first);
        }
        for (names, text) in &parts.parameters {
            let names = names.replace(", ", "\\fR, \\fI");
            self.roff.push_str(&format!(".TP\n\\fI{names}\\fR\n"));
            self.text(&comment::capitalised(text));
        }
        for part in &parts.description[parts.before..] {
            self.part(part, &mut first);
        }
    }

    fn part(&mut self, part: &Part, first: &mut bool) {
        match part {
            Part::Text(text) => {
                if !std::mem::take(first) {
                    self.roff.push_str(".PP\n");
                }
                self.text(text);
            }
            Part::Block(block) => self.block(block),
        }
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Text(text) => {
                self.roff.push_str(".PP\n");
                self.text(text);
            }
            Block::Terms(_) => {}
            Block::Items(items) => {
                for item in items {
                    self.roff.push_str(".IP \\(bu 2\n");
                    self.text(item);
                }
            }
            Block::Code(lines) => {
                self.roff.push_str(".PP\n.RS 4\n.nf\n");
                self.code(lines.iter().map(String::as_str));
                self.roff.push_str(".fi\n.RE\n");
            }
        }
    }

    fn paragraphs(&mut self, texts: &[String]) {
        for (place, text) in texts.iter().enumerate() {
            if place > 0 {
                self.roff.push_str(".PP\n");
            }
            self.text(text);
        }
    }

    /// Text, a sentence on each line at least; functions as references to their pages.
    fn text(&mut self, text: &str) {
        for sentence in comment::sentences(text) {
            let mut line = String::new();
            for piece in pages::split(sentence, self.index) {
                match piece {
                    Piece::Text(text) => line.push_str(&escape(text)),
                    Piece::Name(name) => {
                        let page = self.index[name];
                        self.seen.insert(page);
                        line.push_str(&format!("\\fB{name}\\fR(3)"));
                    }
                }
            }
            self.roff.push_str(&fill(&strong(&line)));
        }
    }

    fn see_also(&mut self, page: &Page) {
        self.seen.remove(page.name);
        self.roff.push_str(".SH \"SEE ALSO\"\n");
        for name in &self.seen {
            self.roff.push_str(&format!(".BR {name} (3),\n"));
        }
        self.roff.push_str(".BR minirpc (7)\n");
    }
}

/// What is between two grave accents in bold, without them.
fn strong(line: &str) -> String {
    let mut pieces = line.split("\\(ga");
    let mut strong = pieces.next().unwrap_or("").to_owned();
    let mut within = false;
    for piece in pieces {
        within = !within;
        strong.push_str(if within { "\\fB" } else { "\\fR" });
        strong.push_str(piece);
    }
    strong
}

/// Breaks a line at its spaces, so that none is longer than 78 bytes if that can be.
pub fn fill(text: &str) -> String {
    let mut filled = String::new();
    let mut len = 0;
    for word in text.split(' ') {
        if len > 0 && len + 1 + word.len() > 78 {
            filled.push('\n');
            len = 0;
        } else if len > 0 {
            filled.push(' ');
            len += 1;
        }
        // At a line's begin it would be a request.
        if len == 0 && word.starts_with(['.', '\'']) {
            filled.push_str("\\&");
        }
        filled.push_str(word);
        len += word.len();
    }
    filled.push('\n');
    filled
}

pub fn escape(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('`', "\\(ga")
        .replace('^', "\\(ha")
        .replace('~', "\\(ti")
}

/// A line as it is: with all of the characters that are of a program.
pub fn escape_code(line: &str) -> String {
    let line = escape(line)
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
        .replace('\t', "        ");
    if line.is_empty() || line.starts_with(['.', ' ']) {
        return format!("\\&{line}");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_bold() {
        assert_eq!(
            strong(&escape("an `@` and `x`")),
            "an \\fB@\\fR and \\fBx\\fR"
        );
    }

    #[test]
    fn lines_are_no_requests() {
        assert_eq!(fill("'x y"), "\\&'x y\n");
        assert_eq!(escape_code("\t.a-b\\"), "\\&        .a\\-b\\e");
        assert_eq!(escape_code(""), "\\&");
    }

    #[test]
    fn long_lines_are_broken() {
        let text = "word ".repeat(40);
        let filled = fill(text.trim());
        assert!(filled.lines().all(|line| line.len() <= 78));
        assert_eq!(filled.replace('\n', " "), text);
    }
}
