//! Diagnostics: `file:line:column: error: message`, the line, a caret, notes.

use std::fmt::Write as _;
use std::fs;
use std::rc::Rc;

use crate::lexer;

/// A piece of the preprocessor's output, placed by its line markers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub file: Rc<str>,
    pub line: u32,
    /// Both count from 0, in bytes of the preprocessed line.
    pub start: usize,
    pub end: usize,
    /// The whole preprocessed line.
    pub text: Rc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub message: String,
    pub span: Option<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
    Note,
}

impl Severity {
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub message: String,
    pub span: Span,
    pub notes: Vec<Note>,
}

impl Diagnostic {
    pub fn new(span: &Span, message: impl Into<String>) -> Self {
        Diagnostic::of(Severity::Error, span, message)
    }

    pub fn of(severity: Severity, span: &Span, message: impl Into<String>) -> Self {
        Diagnostic {
            severity,
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
        let written = render_one(&mut out, self.severity, &self.message, &self.span);
        if let Some(line) = written {
            let _ = writeln!(out, "      = note: before the preprocessor: {line}");
        }
        for note in &self.notes {
            match &note.span {
                Some(span) => drop(render_one(&mut out, Severity::Note, &note.message, span)),
                None => {
                    let _ = writeln!(out, "      = note: {}", note.message);
                }
            }
        }
        out
    }
}

/// Returns the line as it is in the source, if that is not what was shown.
fn render_one(out: &mut String, severity: Severity, message: &str, span: &Span) -> Option<String> {
    let place = Place::of(span);
    let kind = severity.word();
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
    place.written
}

/// Where a span is to be shown.
struct Place {
    line: String,
    start: usize,
    end: usize,
    /// The source's line, where the preprocessor has made another one of it.
    written: Option<String>,
}

impl Place {
    /// The preprocessor squeezes blanks and expands macros. So the line is taken
    /// from the source itself where it has the same words as the preprocessed one.
    fn of(span: &Span) -> Place {
        let seen = Place {
            line: span.text.to_string(),
            start: span.start,
            end: span.end,
            written: None,
        };
        let mut source = Source::default();
        let Some(line) = source.line(&span.file, span.line).map(str::to_owned) else {
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
            return Place {
                written: Some(line.trim().to_owned()),
                ..seen
            };
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
                written: None,
            },
            // The end of the line, or of the file.
            None => {
                let end = line.trim_end().len();
                Place {
                    start: end,
                    end,
                    line,
                    written: None,
                }
            }
        }
    }
}

/// The lines of a file as it is written, of the last one that was asked for.
#[derive(Default)]
pub struct Source {
    file: Option<Rc<str>>,
    text: String,
}

impl Source {
    /// Lines count from 1.
    pub fn line(&mut self, file: &Rc<str>, line: u32) -> Option<&str> {
        if self.file.as_ref() != Some(file) {
            self.text = read(file).unwrap_or_default();
            self.file = Some(file.clone());
        }
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        self.text.lines().nth(index)
    }
}

fn read(file: &str) -> Option<String> {
    // A line marker may name anything, a device that never ends too.
    if !fs::metadata(file).ok()?.is_file() {
        return None;
    }
    let bytes = fs::read(file).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
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
