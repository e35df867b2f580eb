//! Words of the XDR language, with the place that the preprocessor's line
//! markers give them.

use std::ops::{Range, RangeInclusive};
use std::rc::Rc;

use crate::diag::{Diagnostic, Source, Span};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    Ident(String),
    /// As written, and its value if that is a number of 64 bits, signed or not.
    Number(String, Option<i128>),
    /// A quoted string or character, with its quotes.
    Quoted(String),
    Punct(char),
    /// A `%` line, without the `%`.
    Copy(String),
    End,
}

impl Token {
    pub fn describe(&self) -> String {
        match self {
            Token::Ident(name) => format!("`{name}`"),
            Token::Number(text, _) | Token::Quoted(text) => format!("`{text}`"),
            Token::Punct(c) => format!("`{c}`"),
            Token::Copy(_) => "a `%` line".to_owned(),
            Token::End => "the end of the file".to_owned(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Lexed {
    pub tokens: Vec<(Token, Span)>,
    /// Every file that the line markers name, but for the system's own.
    pub files: Vec<String>,
    /// Those.
    pub system_files: Vec<String>,
    pub errors: Vec<Diagnostic>,
}

/// Splits the preprocessor's output. `file` is the input's name until a line
/// marker says otherwise.
pub fn lex(text: &str, file: &str) -> Lexed {
    let mut lexer = Lexer {
        out: Lexed {
            tokens: Vec::new(),
            files: Vec::new(),
            system_files: Vec::new(),
            errors: Vec::new(),
        },
        file: Rc::from(file),
        line: 0,
        in_comment: None,
        in_copied_comment: false,
        source: Source::default(),
        continued: None,
    };
    let mut last: Rc<str> = Rc::from("");
    for line in text.lines() {
        lexer.line = lexer.line.saturating_add(1);
        last = Rc::from(line);
        lexer.line(&last);
    }
    if let Some(span) = lexer.in_comment.take() {
        let error = Diagnostic::new(&span, "this comment is not closed");
        lexer.out.errors.push(error);
    }
    let end = lexer.span(&last, last.len()..last.len());
    lexer.out.tokens.push((Token::End, end));
    lexer.out
}

/// The places of the words in one line, for mapping one line onto another.
pub fn words(line: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(word) = next_word(line, at) {
        at = word.end;
        words.push(word);
    }
    words
}

/// The words of C code, without its comments and quoted text: the line of each, from 1, and
/// the word.
pub fn c_words(text: &str) -> Vec<(u32, &str)> {
    let mut words = Vec::new();
    let mut in_comment = false;
    for (number, line) in (1..).zip(text.lines()) {
        let mut at = 0;
        if in_comment {
            let Some(end) = line.find("*/") else { continue };
            at = end + 2;
            in_comment = false;
        }
        while let Some(word) = next_word(line, at) {
            at = word.end;
            let word = &line[word];
            match open_comment(word) {
                Some(goes_on) => in_comment = goes_on,
                None if word.starts_with(['"', '\'']) => {}
                None => words.push((number, word)),
            }
        }
    }
    words
}

struct Lexer {
    out: Lexed,
    file: Rc<str>,
    line: u32,
    in_comment: Option<Span>,
    /// Within a comment that a `%` line has opened.
    in_copied_comment: bool,
    source: Source,
    /// A file's lines that the preprocessor has joined with a `%` line.
    continued: Option<(Rc<str>, RangeInclusive<u32>)>,
}

impl Lexer {
    fn span(&self, text: &Rc<str>, range: Range<usize>) -> Span {
        Span {
            file: self.file.clone(),
            line: self.line,
            start: range.start,
            end: range.end,
            text: text.clone(),
        }
    }

    fn line(&mut self, text: &Rc<str>) {
        let mut at = 0;
        if self.is_continued() && !text.starts_with('#') {
            return;
        }
        if self.in_copied_comment {
            self.copy(text, text.strip_prefix('%').unwrap_or(text));
            return;
        }
        if self.in_comment.is_some() {
            match text.find("*/") {
                Some(end) => {
                    self.in_comment = None;
                    at = end + 2;
                }
                None => return,
            }
        } else if let Some(directive) = text.strip_prefix('#') {
            self.directive(directive);
            return;
        } else if let Some(copied) = text.strip_prefix('%') {
            self.copy(text, copied);
            return;
        }
        while let Some(word) = next_word(text, at) {
            at = word.end;
            if let Some(comment) = open_comment(&text[word.clone()]) {
                if comment {
                    self.in_comment = Some(self.span(text, word.start..word.start + 2));
                }
                continue;
            }
            let span = self.span(text, word.clone());
            match token(&text[word]) {
                Ok(token) => self.out.tokens.push((token, span)),
                Err(message) => self.out.errors.push(Diagnostic::new(&span, message)),
            }
        }
    }

    fn copy(&mut self, text: &Rc<str>, copied: &str) {
        self.in_copied_comment = leaves_comment_open(copied, self.in_copied_comment);
        let span = self.span(text, 0..text.len());
        if self.is_continued_by_next(self.line) && !self.ends_in_comment() {
            self.continuation(span);
            return;
        }
        self.out.tokens.push((Token::Copy(copied.to_owned()), span));
    }

    fn is_continued(&self) -> bool {
        let Some((file, lines)) = &self.continued else {
            return false;
        };
        *file == self.file && lines.contains(&self.line)
    }

    /// Whether a backslash ends this line of the file. The preprocessor's output
    /// does not show it.
    fn is_continued_by_next(&mut self, line: u32) -> bool {
        let line = self.source.line(&self.file, line);
        line.is_some_and(|text| text.ends_with('\\'))
    }

    /// Whether the backslash is a comment's text. The preprocessor's output may have
    /// the whole of the comment in one line.
    fn ends_in_comment(&mut self) -> bool {
        let line = self.source.line(&self.file, self.line);
        self.in_copied_comment || line.is_some_and(|text| leaves_comment_open(text, false))
    }

    /// What preprocessors make of it differs: one line, or several without the `%`.
    fn continuation(&mut self, mut span: Span) {
        let written = self.source.line(&self.file, self.line).unwrap_or_default();
        span.text = Rc::from(written);
        span.end = written.len();
        let error = Diagnostic::new(&span, "a `%` line cannot go on in the next line");
        self.out.errors.push(error.note(
            "the preprocessor has joined the two before the `%` could count: \
             write it in one line, or in a header that a `%#include` line names",
        ));
        let mut last = self.line.saturating_add(1);
        while last < u32::MAX && self.is_continued_by_next(last) {
            last += 1;
        }
        let lines = self.line.saturating_add(1)..=last;
        self.continued = Some((self.file.clone(), lines));
    }

    /// `# 12 "file" 1 3` or `#line 12 "file"`; others, as #pragma, mean nothing here.
    fn directive(&mut self, text: &str) {
        let rest = text.trim_start();
        let rest = rest.strip_prefix("line").unwrap_or(rest).trim_start();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let Ok(line) = rest[..digits].parse::<u32>() else {
            return;
        };
        self.line = line.saturating_sub(1);
        let Some(quoted) = rest[digits..].trim_start().strip_prefix('"') else {
            return;
        };
        let mut name = String::new();
        let mut chars = quoted.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => name.extend(chars.next()),
                '"' => break,
                c => name.push(c),
            }
        }
        let flags: Vec<&str> = chars.as_str().split_whitespace().collect();
        let files = match flags.contains(&"3") {
            true => &mut self.out.system_files,
            false => &mut self.out.files,
        };
        if !name.starts_with('<') && !name.ends_with('/') && !files.contains(&name) {
            files.push(name.clone());
        }
        self.file = Rc::from(name);
    }
}

/// Some(true) for a comment that goes on in the next line, Some(false) for a
/// whole one, None for any other word.
fn open_comment(word: &str) -> Option<bool> {
    if word.starts_with("//") {
        Some(false)
    } else if word.starts_with("/*") {
        Some(word.len() < 4 || !word.ends_with("*/"))
    } else {
        None
    }
}

/// Whether a comment goes on after this line of C.
fn leaves_comment_open(line: &str, open: bool) -> bool {
    let mut at = match (open, line.find("*/")) {
        (true, None) => return true,
        (true, Some(end)) => end + 2,
        (false, _) => 0,
    };
    while let Some(word) = next_word(line, at) {
        at = word.end;
        if open_comment(&line[word]) == Some(true) {
            return true;
        }
    }
    false
}

/// The next word from `at`: an identifier, number, quoted text, comment (as far
/// as it reaches in this line) or single character.
fn next_word(line: &str, at: usize) -> Option<Range<usize>> {
    let rest = &line[at..];
    let start = at + (rest.len() - rest.trim_start().len());
    let rest = &line[start..];
    let first = rest.chars().next()?;
    let len = if rest.starts_with("//") {
        rest.len()
    } else if let Some(comment) = rest.strip_prefix("/*") {
        comment.find("*/").map_or(rest.len(), |end| end + 4)
    } else if is_word(first)
        || (first == '-' && rest[1..].starts_with(|c: char| c.is_ascii_digit()))
    {
        1 + rest[1..]
            .bytes()
            .take_while(|b| is_word(*b as char))
            .count()
    } else if first == '"' || first == '\'' {
        closing_quote(rest, first).unwrap_or(rest.len())
    } else {
        first.len_utf8()
    };
    Some(start..start + len)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Where quoted text ends, if it does.
fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(i + 1),
            _ => {}
        }
    }
    None
}

fn token(word: &str) -> Result<Token, String> {
    let first = word.chars().next().unwrap_or(' ');
    match first {
        '0'..='9' | '-' if word.len() > 1 || first != '-' => match number(word) {
            Some(value) => Ok(Token::Number(word.to_owned(), value)),
            None => Err(format!("`{word}` is not a number")),
        },
        c if is_word(c) => Ok(Token::Ident(word.to_owned())),
        '"' | '\'' => {
            if closing_quote(word, first).is_none() {
                return Err(format!("this text has no closing {first}"));
            }
            Ok(Token::Quoted(word.to_owned()))
        }
        '{' | '}' | '(' | ')' | '[' | ']' | '<' | '>' | ';' | ',' | '=' | '*' | ':' => {
            Ok(Token::Punct(first))
        }
        '%' => Err("a line to copy must have its `%` in the first column".to_owned()),
        c if c.is_control() => Err(format!("unexpected character {:#04x}", c as u32)),
        c => Err(format!("unexpected character `{c}`")),
    }
}

/// Some(None) for a number too large for anything here.
fn number(word: &str) -> Option<Option<i128>> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word),
    };
    let (radix, digits) = if let Some(hex) = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        (16, hex)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, &digits[1..])
    } else {
        (10, digits)
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok();
    let value = value.map(|v| if negative { -v } else { v });
    let range = i128::from(i64::MIN)..=i128::from(u64::MAX);
    Some(value.filter(|v| range.contains(v)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token> {
        let lexed = lex(text, "t.mx");
        assert_eq!(lexed.errors, []);
        lexed.tokens.into_iter().map(|(token, _)| token).collect()
    }

    fn ident(name: &str) -> Token {
        Token::Ident(name.to_owned())
    }

    #[test]
    fn words_of_c_have_their_lines() {
        let text = "#include \"a.h\"\nx->y /* a\nb */ 'c' z // d\n\"/* \" w /* */ v\n";
        let words = c_words(text);
        let in_words: Vec<_> = words
            .iter()
            .filter(|(_, word)| is_word(word.as_bytes()[0] as char))
            .collect();
        assert_eq!(
            in_words,
            [
                &(1, "include"),
                &(2, "x"),
                &(2, "y"),
                &(3, "z"),
                &(4, "w"),
                &(4, "v")
            ]
        );
    }

    #[test]
    fn numbers_have_three_radices() {
        let number = |text: &str, value| Token::Number(text.to_owned(), value);
        assert_eq!(
            tokens(
                "10 010 0x10 -1 0 18446744073709551615 18446744073709551616 -9223372036854775808"
            ),
            [
                number("10", Some(10)),
                number("010", Some(8)),
                number("0x10", Some(16)),
                number("-1", Some(-1)),
                number("0", Some(0)),
                number("18446744073709551615", Some(u64::MAX.into())),
                number("18446744073709551616", None),
                number("-9223372036854775808", Some(i64::MIN.into())),
                Token::End
            ]
        );
    }

    #[test]
    fn comments_are_skipped_also_over_lines() {
        let text = "a /* b */ c // d\n/* e\n# 5 \"f\"\n%g */ h";
        assert_eq!(
            tokens(text),
            [ident("a"), ident("c"), ident("h"), Token::End]
        );
    }

    #[test]
    fn an_open_comment_is_reported_where_it_starts() {
        let lexed = lex("a\n  /* b\nc", "t.mx");
        let [error] = lexed.errors.as_slice() else {
            panic!("{:?}", lexed.errors);
        };
        assert_eq!(error.message, "this comment is not closed");
        assert_eq!((error.span.line, error.span.start), (2, 2));
    }

    #[test]
    fn quoted_text_needs_its_end() {
        let quoted = |text: &str| Token::Quoted(text.to_owned());
        let text = "\"a \\\" b\" 'c' ";
        assert_eq!(
            tokens(text),
            [quoted("\"a \\\" b\""), quoted("'c'"), Token::End]
        );
        for bad in ["\"", "'a", "\"a\\\""] {
            assert_eq!(lex(bad, "t.mx").errors.len(), 1, "{bad}");
        }
    }

    #[test]
    fn line_markers_place_what_follows() {
        let text = "# 7 \"a\\\"b.mx\" 1\nx\n#line 3\ny\n# 1 \"/usr/c.h\" 1 3\n#pragma z\n";
        let lexed = lex(text, "t.mx");
        let places: Vec<_> = lexed
            .tokens
            .iter()
            .map(|(_, span)| (&*span.file, span.line))
            .collect();
        assert_eq!(places[..2], [("a\"b.mx", 7), ("a\"b.mx", 3)]);
        assert_eq!(lexed.files, ["a\"b.mx"]);
    }

    #[test]
    fn copied_lines_keep_their_comments() {
        let copy = |text: &str| Token::Copy(text.to_owned());
        let text = "%int x; /* one */\n%/* two\nlines\n%of */ int y;\nz %";
        let lexed = lex(text, "t.mx");
        let tokens: Vec<_> = lexed.tokens.into_iter().map(|(token, _)| token).collect();
        assert_eq!(
            tokens,
            [
                copy("int x; /* one */"),
                copy("/* two"),
                copy("lines"),
                copy("of */ int y;"),
                ident("z"),
                Token::End
            ]
        );
        assert_eq!(lexed.errors.len(), 1);
    }
}
