//! Files that need no preprocessor: those with nothing in them for one but `#ifdef`, `#ifndef`,
//! `#else`, `#endif`, `#include "file"` and guards, and with no word that a C compiler could have
//! a macro for. Starting cpp three times takes longer than all the rest of a call from a shell.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::cpp::SYSTEMS;

/// The macros that the passes define.
pub const PASSES: [&str; 3] = ["MINIRPC", "RPC_HDR", "RPC_XDR"];

const MAX_INCLUDES: usize = 50;

/// What gives a file's text, if there is such a file.
pub type Read<'a> = &'a dyn Fn(&Path) -> Option<String>;

/// What the preprocessor would make of the file in one pass; None if it takes one to know.
pub fn preprocess(input: &Path, pass: &str, read: Read<'_>) -> Option<String> {
    let mut plain = Plain {
        pass,
        read,
        guards: HashSet::new(),
        words: HashSet::new(),
        includes: 0,
        out: String::new(),
    };
    plain.file(input)?;
    let is_macro = |word: &String| plain.guards.contains(word) || PASSES.contains(&word.as_str());
    (!plain.words.iter().any(is_macro)).then_some(plain.out)
}

struct Plain<'a> {
    pass: &'a str,
    read: Read<'a>,
    /// Macros of the files' own, which stand for nothing.
    guards: HashSet<String>,
    /// All words outside of directives and comments.
    words: HashSet<String>,
    includes: usize,
    out: String,
}

/// An `#ifdef` whose lines are read now.
struct Condition {
    /// Whether the lines around it count, whether this branch does, and whether it is the second.
    outer: bool,
    holds: bool,
    is_else: bool,
}

impl Plain<'_> {
    fn file(&mut self, path: &Path) -> Option<()> {
        let name = path.to_str().filter(|name| is_plain_name(name))?;
        let text = (self.read)(path)?;
        let is_plain = |byte: u8| matches!(byte, b'\t' | b'\n' | b' '..=b'~') && byte != b'\\';
        if !text.bytes().all(is_plain) {
            return None;
        }
        self.mark(1, name);
        let mut conditions: Vec<Condition> = Vec::new();
        let mut in_comment = false;
        for (number, line) in text.lines().enumerate() {
            let began_in_comment = in_comment;
            let code = code(line, &mut in_comment)?;
            let counts = conditions.last().is_none_or(|c| c.outer && c.holds);
            // GNU C takes `%:` for `#`.
            if code.trim_start().starts_with("%:") {
                return None;
            }
            if let Some(directive) = code.trim_start().strip_prefix('#') {
                if began_in_comment || in_comment {
                    return None;
                }
                match self.directive(directive, counts, &mut conditions)? {
                    Some(include) => {
                        self.include(path, include)?;
                        self.mark(number + 2, name);
                    }
                    None => self.out.push('\n'),
                }
                continue;
            }
            if counts {
                self.words(&code)?;
                self.out.push_str(line);
            } else if began_in_comment || in_comment {
                // Half of a comment.
                return None;
            }
            self.out.push('\n');
        }
        (conditions.is_empty() && !in_comment).then_some(())
    }

    /// A line marker, as the preprocessor writes them.
    fn mark(&mut self, line: usize, name: &str) {
        self.out.push_str(&format!("# {line} \"{name}\"\n"));
    }

    /// The file that the directive includes, if it does.
    fn directive<'t>(
        &mut self,
        text: &'t str,
        counts: bool,
        conditions: &mut Vec<Condition>,
    ) -> Option<Option<&'t str>> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            [word @ ("ifdef" | "ifndef"), name] => {
                let defined = self.is_defined(name)?;
                conditions.push(Condition {
                    outer: counts,
                    holds: defined == (*word == "ifdef"),
                    is_else: false,
                });
            }
            ["else"] => {
                let condition = conditions.last_mut().filter(|c| !c.is_else)?;
                condition.holds = !condition.holds;
                condition.is_else = true;
            }
            ["endif"] => {
                conditions.pop()?;
            }
            ["define", name] if counts && is_name(name) && self.is_defined(name) == Some(false) => {
                self.guards.insert((*name).to_owned());
            }
            ["include", file] if counts => {
                let file = file.strip_prefix('"')?.strip_suffix('"')?;
                return Some(Some(file));
            }
            ["define" | "include", _] if !counts => {}
            _ => return None,
        }
        Some(None)
    }

    /// None for what the compiler may define.
    fn is_defined(&self, name: &str) -> Option<bool> {
        if !is_name(name) || name.starts_with('_') || SYSTEMS.contains(&name) {
            return None;
        }
        Some(name == self.pass || self.guards.contains(name))
    }

    /// One beside the file that includes it; others are searched for.
    fn include(&mut self, from: &Path, file: &str) -> Option<()> {
        self.includes += 1;
        if self.includes > MAX_INCLUDES || file.contains('"') {
            return None;
        }
        let path = match from.parent() {
            Some(directory) if directory != Path::new("") => directory.join(file),
            _ => PathBuf::from(file),
        };
        self.file(&path)
    }

    /// None if one of the words may be a macro of the compiler's.
    fn words(&mut self, code: &str) -> Option<()> {
        for word in code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if word.starts_with('_') {
                return None;
            }
            if !word.is_empty() && !self.words.contains(word) {
                self.words.insert(word.to_owned());
            }
        }
        Some(())
    }
}

fn is_name(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.chars().all(is_word) && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// One that looks in a line marker as it is.
fn is_plain_name(name: &str) -> bool {
    !name.starts_with('-')
        && name
            .bytes()
            .all(|b| (b' '..=b'~').contains(&b) && b != b'"')
}

/// The line with spaces instead of comments and the insides of quotes; None where one of the
/// latter does not end.
fn code(line: &str, in_comment: &mut bool) -> Option<String> {
    let mut code = String::with_capacity(line.len());
    let mut rest = line;
    loop {
        if *in_comment {
            let Some(end) = rest.find("*/") else {
                return Some(code);
            };
            *in_comment = false;
            code.push(' ');
            rest = &rest[end + 2..];
        }
        let Some(at) = rest.find(['/', '"', '\'']) else {
            code.push_str(rest);
            return Some(code);
        };
        code.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with("//") {
            return Some(code);
        } else if rest.starts_with("/*") {
            *in_comment = true;
            rest = &rest[2..];
        } else if let Some(quote) = rest.chars().next().filter(|c| *c != '/') {
            let end = 1 + rest[1..].find(quote)?;
            code.push_str(&rest[..=end]);
            rest = &rest[end + 1..];
        } else {
            code.push('/');
            rest = &rest[1..];
        }
    }
}
