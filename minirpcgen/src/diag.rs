//! Diagnostics: `file:line:column: error: message`, the line, a caret, notes.

use std::fmt::Write as _;
use std::fs;

use crate::lexer;

/// A piece of the preprocessor's output, placed by its line markers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub file: std::rc::Rc<str>,
    pub line: u32,
    /// Both count from 0, in bytes of the preprocessed line.
    pub start: usize,
    pub end: usize,
    /// The whole preprocessed line.
    pub text: std::rc::Rc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub message: String,
    pub span: Option<Span>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub message: String,
    pub span: Span,
    pub notes: Vec<Note>,
}

impl Diagnostic {
    pub fn new(span: &Span, message: impl Into<String>) -> Self {
        Diagnostic {
            message: message.into(),
            span: span.clone(),
            notes: Vec::new(),
        }
    }

    pub fn note(mut self, message: impl Into<String>) -> Self {
        self.notes.push(Note {
            message: message.into(),
            span: None,
        });
        self
    }

    pub fn note_at(mut self, span: &Span, message: impl Into<String>) -> Self {
        self.notes.push(Note {
            message: message.into(),
            span: Some(span.clone()),
        });
        self
    }

    pub fn render(&self) -> String {
        let mut out = String::new();
        render_one(&mut out, "error", &self.message, &self.span);
        for note in &self.notes {
            match &note.span {
                Some(span) => render_one(&mut out, "note", &note.message, span),
                None => {
                    let _ = writeln!(out, "      = note: {}", note.message);
                }
            }
        }
        out
    }
}

fn render_one(out: &mut String, kind: &str, message: &str, span: &Span) {
    let place = Place::of(span);
    let column = place.line[..place.start].chars().count() + 1;
    let _ = writeln!(
        out,
        "{}:{}:{}: {kind}: {message}",
        span.file, span.line, column
    );
    let _ = writeln!(out, "{:5} | {}", span.line, place.line);
    // Tabs stay tabs, so that the caret lines up whatever their width.
    let pad: String = place.line[..place.start]
        .chars()
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let width = place.line[place.start..place.end].chars().count().max(1);
    let _ = writeln!(out, "      | {pad}^{}", "~".repeat(width - 1));
}

/// Where a span is to be shown.
struct Place {
    line: String,
    start: usize,
    end: usize,
}

impl Place {
    /// The preprocessor squeezes blanks and expands macros. So the line is taken
    /// from the source itself where it has the same words as the preprocessed one.
    fn of(span: &Span) -> Place {
        let seen = Place {
            line: span.text.to_string(),
            start: span.start,
            end: span.end,
        };
        let Some(line) = source_line(&span.file, span.line) else {
            return seen;
        };
        let expanded = lexer::words(&span.text);
        let written = lexer::words(&line);
        let same = expanded.len() == written.len()
            && expanded
                .iter()
                .zip(&written)
                .all(|(a, b)| span.text[a.clone()] == line[b.clone()]);
        if !same {
            return seen;
        }
        let word = expanded
            .iter()
            .position(|word| word.start == span.start)
            .map(|i| written[i].clone());
        match word {
            Some(word) => Place {
                start: word.start,
                end: word.end,
                line,
            },
            // The end of the line, or of the file.
            None => {
                let end = line.trim_end().len();
                Place {
                    start: end,
                    end,
                    line,
                }
            }
        }
    }
}

fn source_line(file: &str, line: u32) -> Option<String> {
    // A line marker may name anything, a device that never ends too.
    if !fs::metadata(file).ok()?.is_file() {
        return None;
    }
    let bytes = fs::read(file).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let index = usize::try_from(line).ok()?.checked_sub(1)?;
    text.lines().nth(index).map(str::to_owned)
}

/// Adds `new` to `all`, without what another preprocessor pass has told already.
pub fn merge(all: &mut Vec<Diagnostic>, new: Vec<Diagnostic>) {
    for diagnostic in new {
        let known = all
            .iter()
            .any(|d| d.message == diagnostic.message && d.span == diagnostic.span);
        if !known {
            all.push(diagnostic);
        }
    }
}

/// The candidate that `name` may have been meant to be.
pub fn did_you_mean<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.len() / 3).max(1);
    candidates
        .map(|c| (strsim::damerau_levenshtein(name, c), c))
        .filter(|(distance, c)| *distance <= limit && *distance < c.len())
        .min()
        .map(|(_, c)| c)
}
