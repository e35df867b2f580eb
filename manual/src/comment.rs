//! The text of a comment: paragraphs, parameters, lists, code.

#[derive(Debug, PartialEq, Eq)]
pub enum Block {
    Text(String),
    /// Names, and what they are.
    Terms(Vec<(String, String)>),
    Items(Vec<String>),
    Code(Vec<String>),
}

/// A comment's text without what makes it one.
pub fn strip(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        let line = line.trim_start();
        let line = line
            .strip_prefix("/**")
            .or(line.strip_prefix("/*"))
            .unwrap_or(line);
        let line = line.strip_suffix("*/").unwrap_or(line);
        let line = line.strip_prefix('*').unwrap_or(line);
        text.push_str(line.strip_prefix(' ').unwrap_or(line).trim_end());
        text.push('\n');
    }
    text.trim_matches('\n').to_owned()
}

pub fn without_comments(line: &str) -> &str {
    let code = line.trim_start();
    if code.starts_with("/*") || code.starts_with('*') {
        ""
    } else {
        line.split("/*").next().unwrap_or(line)
    }
}

/// Splits a text at its empty lines.
pub fn parse(text: &str) -> Vec<Block> {
    text.split("\n\n")
        .map(|paragraph| paragraph.trim_matches('\n'))
        .filter(|paragraph| !paragraph.is_empty())
        .map(block)
        .collect()
}

fn block(paragraph: &str) -> Block {
    let lines: Vec<&str> = paragraph.lines().collect();
    if lines.iter().all(|line| line.starts_with("    ")) {
        return Block::Code(lines.iter().map(|line| line[4..].to_owned()).collect());
    }
    if lines[0].starts_with("- ") {
        let mut items: Vec<String> = Vec::new();
        for line in lines {
            match (line.strip_prefix("- "), items.last_mut()) {
                (Some(text), _) => items.push(text.to_owned()),
                (None, Some(item)) => join(item, line),
                (None, None) => {}
            }
        }
        return Block::Items(items);
    }
    if term(lines[0]).is_none() {
        let mut text = String::new();
        for line in lines {
            join(&mut text, line);
        }
        return Block::Text(text);
    }
    let mut terms: Vec<(String, String)> = Vec::new();
    for line in lines {
        match (term(line), terms.last_mut()) {
            (Some((names, text)), _) => terms.push((names.to_owned(), text.to_owned())),
            (None, Some((_, all))) => join(all, line),
            (None, None) => {}
        }
    }
    Block::Terms(terms)
}

fn join(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(line.trim());
}

/// `a, b: what they are`.
fn term(line: &str) -> Option<(&str, &str)> {
    let (names, text) = line.split_once(": ")?;
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    names.split(", ").all(is_name).then_some((names, text))
}

/// Sentences of a text. One ends where a capital letter begins the next.
pub fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(". ") {
        let next = text[at + 2..].chars().next();
        // Not behind "...", which is within a sentence.
        if next.is_some_and(char::is_uppercase) && !text[..at].ends_with("..") {
            found.push(&text[start..=at]);
            start = at + 2;
        }
    }
    found.push(&text[start..]);
    found
}

/// The first sentence as a line of an index: without its end, and short.
pub fn brief(blocks: &[Block]) -> Option<String> {
    const LONG: usize = 80;
    let Some(Block::Text(text)) = blocks.first() else {
        return None;
    };
    let line = text
        .split(". ")
        .next()
        .unwrap_or(text)
        .trim_end_matches('.');
    let mut line = line.split(": ").next().unwrap_or(line);
    if line.len() > LONG {
        let ends = ["; ", ", ", " that ", " and ", " or "]
            .iter()
            .flat_map(|separator| line.match_indices(separator))
            .map(|(at, _)| at);
        line = &line[..ends.filter(|at| *at <= LONG).max().unwrap_or(line.len())];
    }
    Some(decapitalised(line))
}

fn decapitalised(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        // "TLS" stays.
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

pub fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

/// A function's comment, by what a reader looks for.
#[derive(Default)]
pub struct Parts<'a> {
    pub description: Vec<Part<'a>>,
    /// How many of those come before the parameters.
    pub before: usize,
    pub parameters: Vec<&'a (String, String)>,
    pub returns: Vec<String>,
    pub threads: Vec<String>,
}

/// What is left of a block.
pub enum Part<'a> {
    Text(String),
    Block(&'a Block),
}

/// Sorts the sentences of a comment.
pub fn parts(blocks: &[Block]) -> Parts<'_> {
    let mut parts = Parts::default();
    for block in blocks {
        let text = match block {
            Block::Terms(terms) => {
                parts.before = parts.description.len();
                parts.parameters.extend(terms);
                continue;
            }
            Block::Text(text) => text,
            Block::Items(_) | Block::Code(_) => {
                parts.description.push(Part::Block(block));
                continue;
            }
        };
        let (mut told, mut returned, mut threads) = (Vec::new(), Vec::new(), Vec::new());
        let mut returns = false;
        for sentence in sentences(text) {
            let begins = |words: &[&str]| words.iter().any(|word| sentence.starts_with(word));
            returns |= begins(&["Returns "]);
            if begins(&[
                "Any thread ",
                "Never blocks",
                "Not to be called",
                "To be called ",
                "Runs in ",
            ]) {
                threads.push(sentence);
            } else if returns && !begins(&["Holds "]) {
                returned.push(sentence);
            } else {
                told.push(sentence);
            }
        }
        if !told.is_empty() {
            parts.description.push(Part::Text(told.join(" ")));
        }
        for (sentences, part) in [
            (returned, &mut parts.returns),
            (threads, &mut parts.threads),
        ] {
            if !sentences.is_empty() {
                part.push(sentences.join(" "));
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_before_capitals() {
        assert_eq!(
            sentences("One (A ...). Two, as 1. is said. See x() for 2.5 s."),
            ["One (A ...).", "Two, as 1. is said.", "See x() for 2.5 s."]
        );
    }

    #[test]
    fn a_comment_is_sorted() {
        let blocks = parse("Does it. Well.\n\nset: the set.\n\nReturns 0; EINVAL. Holds at once. Any thread may call it.");
        let parts = parts(&blocks);
        assert_eq!(parts.returns, ["Returns 0; EINVAL."]);
        assert_eq!(parts.threads, ["Any thread may call it."]);
        assert_eq!(parts.parameters.len(), 1);
        let told: Vec<&str> = parts
            .description
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.as_str(),
                Part::Block(_) => "",
            })
            .collect();
        assert_eq!(told, ["Does it. Well.", "Holds at once."]);
    }

    #[test]
    fn a_brief_is_one_line() {
        let of = |text| brief(&parse(text)).expect("a text");
        assert_eq!(of("Makes a set: a group. More."), "makes a set");
        assert_eq!(of("TLS is on."), "TLS is on");
        let long =
            "Tells of what comes, goes, stays, or happens, with everything one might want to know about it.";
        assert_eq!(of(long), "tells of what comes, goes, stays, or happens");
        assert_eq!(brief(&parse("set: the set.")), None);
    }
}
