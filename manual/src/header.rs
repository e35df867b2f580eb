//! What a header of ours documents: comments, and the declarations behind them.

use crate::comment::{self, Block};

/// A header.
pub struct Header {
    /// As it is included: `minirpc/tls.h`.
    pub name: String,
    /// What the comment at its top says after the header's name.
    pub intro: Vec<Block>,
    pub entries: Vec<Entry>,
}

/// A comment and what it is about: mostly one declaration, sometimes some that belong together.
pub struct Entry {
    pub line: usize,
    pub blocks: Vec<Block>,
    pub declarations: Vec<Declaration>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Function,
    Type,
    Macro,
}

pub struct Declaration {
    pub kind: Kind,
    pub name: String,
    /// Its lines, as the header has them.
    pub text: String,
}

/// Reads a header whose text is `text`.
pub fn parse(text: &str) -> Result<Header, String> {
    let mut lines = text.lines().enumerate().peekable();
    let mut header = Header {
        name: String::new(),
        intro: Vec::new(),
        entries: Vec::new(),
    };
    while let Some((number, line)) = lines.next() {
        let documented = line.starts_with("/**");
        let first = line == "/*" && header.name.is_empty();
        if !(documented || first) {
            continue;
        }
        let mut raw = vec![line];
        while !raw.last().is_some_and(|line| line.ends_with("*/")) {
            raw.push(lines.next().ok_or("a comment does not end")?.1);
        }
        let comment = comment::strip(&raw);
        if !documented {
            let (name, rest) = comment
                .split_once(": ")
                .ok_or("the first comment does not begin with the header's name")?;
            name.clone_into(&mut header.name);
            header.intro = comment::parse(&comment::capitalised(rest));
            continue;
        }
        let mut entry = Entry {
            line: number + 1,
            blocks: comment::parse(&comment),
            declarations: Vec::new(),
        };
        while let Some((_, line)) = lines.next_if(|(_, line)| !is_gap(line)) {
            let mut declaration = vec![line];
            while !is_whole(&declaration) {
                declaration.push(lines.next().ok_or("a declaration does not end")?.1);
            }
            entry.declarations.push(declared(&declaration.join("\n"))?);
        }
        check(&entry)?;
        header.entries.push(entry);
    }
    Ok(header)
}

/// Whether a line is none of a declaration.
fn is_gap(line: &str) -> bool {
    line.is_empty()
        || line.starts_with("/*")
        || (line.starts_with('#') && !line.starts_with("#define"))
}

fn is_whole(lines: &[&str]) -> bool {
    let last = lines[lines.len() - 1];
    if lines[0].starts_with("#define") {
        return !last.ends_with('\\');
    }
    let code: String = lines
        .iter()
        .map(|line| comment::without_comments(line))
        .collect();
    last.ends_with(';') && code.matches('{').count() == code.matches('}').count()
}

fn declared(text: &str) -> Result<Declaration, String> {
    let word = |text: &str| -> String { text.chars().take_while(|&c| is_word(c)).collect() };
    let (kind, name) = if let Some(rest) = text.strip_prefix("#define ") {
        (Kind::Macro, word(rest))
    } else if let Some(rest) = text.strip_prefix("typedef ") {
        let name = match rest.split_once('(') {
            Some((_, rest)) => word(rest),
            None => word(rest.trim_end_matches(';').rsplit(' ').next().unwrap_or("")),
        };
        (Kind::Type, name)
    } else if let Some(rest) = ["struct ", "enum "]
        .iter()
        .find_map(|tag| text.strip_prefix(tag))
        .filter(|rest| rest.contains('{') || !rest.contains('('))
    {
        (Kind::Type, word(rest))
    } else {
        let before = text.split('(').next().unwrap_or("");
        let start = before.rfind(|c| !is_word(c)).map_or(0, |at| at + 1);
        (Kind::Function, before[start..].to_owned())
    };
    if name.is_empty() {
        return Err(format!("no name in: {text}"));
    }
    Ok(Declaration {
        kind,
        name,
        text: text.to_owned(),
    })
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// A comment that speaks of a parameter which is not there is out of date.
fn check(entry: &Entry) -> Result<(), String> {
    let declared: String = entry.declarations.iter().map(|d| d.text.as_str()).collect();
    let words: Vec<&str> = declared.split(|c| !is_word(c)).collect();
    for block in &entry.blocks {
        let Block::Terms(terms) = block else { continue };
        for name in terms.iter().flat_map(|(names, _)| names.split(", ")) {
            if !words.contains(&name) {
                return Err(format!("line {}: there is no {name}", entry.line));
            }
        }
    }
    if entry.declarations.is_empty() {
        return Err(format!("line {}: a comment of nothing", entry.line));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "\
/*
 * minirpc/x.h: what is tried.
 *
 * - One.
 */
#ifndef X
/** The version. */
#define X_VERSION() \\
\t1

/**
 * Does it.
 *
 * set: the set;
 *     NULL is allowed.
 *
 * Returns 0.
 */
int x_do(struct set *set,
         int more);

/** What there is. */
struct x {
\t/** A function; it ends. */
\tint (*f)(void);
};
/** One of the two. */
typedef void *(x_fn)(int a);
typedef int x_t;
";

    #[test]
    fn finds_declarations() {
        let header = parse(HEADER).expect("a header");
        assert_eq!(header.name, "minirpc/x.h");
        let names: Vec<&str> = header
            .entries
            .iter()
            .flat_map(|entry| &entry.declarations)
            .map(|declaration| declaration.name.as_str())
            .collect();
        assert_eq!(names, ["X_VERSION", "x_do", "x", "x_fn", "x_t"]);
        assert_eq!(header.entries[3].declarations.len(), 2);
        assert!(header.entries[2].declarations[0].text.ends_with("\n};"));
        assert_eq!(
            header.entries[1].blocks[1],
            Block::Terms(vec![("set".into(), "the set; NULL is allowed.".into())])
        );
    }

    #[test]
    fn a_parameter_that_is_not_there() {
        let wrong = HEADER.replace("* set: the", "* sets: the");
        assert_eq!(
            parse(&wrong).err().as_deref(),
            Some("line 11: there is no sets")
        );
    }
}
