//! --check-old: what an interface, and a program that was built of it with the stubs of
//! miniRPC 0.3.3 and rpcgen, meet when the stubs are made anew.

mod interface;
mod sources;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use crate::check;
use crate::cli::Arguments;
use crate::diag::{Diagnostic, Severity, Span};
use crate::run::{self, Stop};

/// One line of the report: what will happen, and what to do about it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    line: u32,
    /// An error stops the generator or the compiler; a warning builds, and does something
    /// else; a note asks for nothing.
    severity: Severity,
    text: String,
}

impl Finding {
    fn at(span: &Span, severity: Severity, text: String) -> Self {
        Finding {
            file: span.file.to_string(),
            line: span.line,
            severity,
            text,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Finding {
            file, line, text, ..
        } = self;
        writeln!(f, "{file}:{line}: {}: {text}", self.severity.word())
    }
}

#[derive(Debug, Default)]
pub struct Report {
    /// A finding a line.
    pub text: String,
    /// Whether one of them is more than a note.
    pub is_work: bool,
}

/// Checks the interface, and its application's sources if there are any. An Err is why that
/// cannot be done.
pub fn check(arguments: &Arguments) -> Result<Report, String> {
    let (_, base) = run::base(arguments)?;
    let mut findings = BTreeSet::new();
    let mut application = sources::Application::default();
    match run::load(&arguments.input, &arguments.defines, &base) {
        Ok(loaded) => {
            let model = &loaded.model;
            findings.extend(interface::findings(model));
            let notes = [
                check::left_out(model),
                check::libtirpc(model),
                check::names(model, arguments.c_only),
            ];
            findings.extend(notes.iter().flatten().map(note));
            application.new_names = interface::new_names(model);
        }
        Err(Stop::Refused { errors, .. }) => findings.extend(errors.iter().map(refusal)),
        Err(Stop::Failed(message)) => return Err(message),
    }
    findings.extend(application.copied_lines(&arguments.input)?);
    let mut report = Report::default();
    report.add(findings);
    for source in &arguments.sources {
        if !is_generated(source, &base) {
            report.add(application.findings(source)?);
        }
    }
    Ok(report)
}

impl Report {
    fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            self.is_work |= finding.severity != Severity::Note;
            self.text.push_str(&finding.to_string());
        }
    }
}

/// The stubs themselves, which will be others.
fn is_generated(source: &Path, base: &str) -> bool {
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    let suffix = name.strip_prefix(base).unwrap_or_default();
    [
        "_client.h",
        "_server.h",
        "_minirpc.h",
        "_minirpc.c",
        "_xdr.h",
        "_xdr.c",
    ]
    .contains(&suffix)
}

/// What the generator says of the file whenever it reads it.
fn note(said: &Diagnostic) -> Finding {
    Finding::at(&said.span, Severity::Note, in_one_line(said))
}

fn refusal(error: &Diagnostic) -> Finding {
    let mut text = format!("the generator stops here: {}", in_one_line(error));
    if error.notes.is_empty() {
        text.push_str("; correct the line");
    }
    Finding::at(&error.span, Severity::Error, text)
}

fn in_one_line(said: &Diagnostic) -> String {
    let mut text = said.message.clone();
    for note in &said.notes {
        text.push_str("; ");
        text.push_str(&note.message);
        if let Some(span) = &note.span {
            text.push_str(&format!(" ({}:{})", span.file, span.line));
        }
    }
    text
}
