//! From words to syntax. An error ends its definition (or, in a procedure block,
//! its entry), and parsing goes on with the next, so that one run shows them all.

mod block;
mod decl;
mod inline;

use crate::ast::{Body, Definition, Enumerator, File, Item, Name, Value, ValueKind};
use crate::diag::{Diagnostic, Span};
use crate::lexer::{Lexed, Token};

pub(crate) use block::needs_typedef;
pub use decl::system_type;

type Result<T> = std::result::Result<T, Diagnostic>;

const DEFINITIONS: [&str; 9] = [
    "const",
    "enum",
    "struct",
    "union",
    "typedef",
    "serverprocs",
    "clientprocs",
    "servermsgs",
    "clientmsgs",
];

/// Words that are no names: C's keywords, and the ones XDR adds.
const C_KEYWORDS: [&str; 46] = [
    "asm",
    "auto",
    "break",
    "case",
    "char",
    "const",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "extern",
    "float",
    "for",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "register",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "struct",
    "switch",
    "typedef",
    "typeof",
    "union",
    "unsigned",
    "void",
    "volatile",
    "while",
    "_Alignas",
    "_Alignof",
    "_Atomic",
    "_Bool",
    "_Complex",
    "_Generic",
    "_Imaginary",
    "_Noreturn",
    "_Static_assert",
    "_Thread_local",
];
const XDR_KEYWORDS: [&str; 5] = ["bool", "hyper", "opaque", "quadruple", "string"];

pub fn parse(lexed: Lexed) -> (File, Vec<Diagnostic>) {
    let mut parser = Parser {
        tokens: lexed.tokens,
        at: 0,
        file: File::default(),
        errors: lexed.errors,
        nesting: 0,
        namespaces: 0,
    };
    parser.skip_copies();
    while *parser.peek() != Token::End {
        let start = parser.at;
        if let Err(error) = parser.definition() {
            parser.errors.push(error);
            parser.nesting = 0;
            parser.recover(start);
        }
    }
    (parser.file, parser.errors)
}

struct Parser {
    tokens: Vec<(Token, Span)>,
    at: usize,
    file: File,
    errors: Vec<Diagnostic>,
    /// How deep within types defined where they are used.
    nesting: usize,
    /// Those that are open; they have been refused.
    namespaces: usize,
}

impl Parser {
    // The last token is End, and `at` never passes it.
    fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn span(&self) -> Span {
        self.tokens[self.at].1.clone()
    }

    fn peek_second(&self) -> &Token {
        let next = self.tokens[self.at..]
            .iter()
            .skip(1)
            .find(|(token, _)| !matches!(token, Token::Copy(_)));
        next.map_or(&Token::End, |(token, _)| token)
    }

    /// `%` lines go to the output before the definition that they stand in.
    fn skip_copies(&mut self) {
        while let Token::Copy(line) = &self.tokens[self.at].0 {
            self.file.items.push(Item::Copy(line.clone()));
            self.at += 1;
        }
    }

    fn advance(&mut self) -> (Token, Span) {
        let taken = self.tokens[self.at].clone();
        if taken.0 != Token::End {
            self.at += 1;
            self.skip_copies();
        }
        taken
    }

    fn unexpected(&self, wanted: &str) -> Diagnostic {
        let message = format!("expected {wanted}, found {}", self.peek().describe());
        Diagnostic::new(&self.span(), message)
    }

    fn accept(&mut self, c: char) -> bool {
        let found = *self.peek() == Token::Punct(c);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, c: char) -> Result<Span> {
        if *self.peek() == Token::Punct(c) {
            Ok(self.advance().1)
        } else {
            Err(self.unexpected(&format!("`{c}`")))
        }
    }

    /// A definition's `;`. What it defines comes before the `%` lines after it.
    fn end(&mut self, push: impl FnOnce(&mut Self)) -> Result<()> {
        if *self.peek() != Token::Punct(';') {
            return Err(self.unexpected("`;`"));
        }
        push(self);
        self.advance();
        Ok(())
    }

    fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Ident(name) if name == word)
    }

    fn accept_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.advance();
        }
        found
    }

    /// A name that the user gives or uses: any C identifier but a keyword.
    fn name(&mut self, what: &str) -> Result<Name> {
        let Token::Ident(text) = self.peek() else {
            return Err(self.unexpected(what));
        };
        let text = text.clone();
        let span = self.span();
        if C_KEYWORDS.contains(&text.as_str()) {
            let message = format!("expected {what}, found the C keyword `{text}`");
            return Err(Diagnostic::new(&span, message));
        }
        if XDR_KEYWORDS.contains(&text.as_str()) {
            let message = format!("expected {what}, found `{text}`, a keyword of XDR");
            return Err(Diagnostic::new(&span, message));
        }
        self.advance();
        Ok(Name { text, span })
    }

    fn value(&mut self, what: &str) -> Result<Value> {
        let span = self.span();
        match self.peek().clone() {
            Token::Number(text, Some(number)) => {
                self.advance();
                Ok(Value {
                    text,
                    kind: ValueKind::Number(number),
                    span,
                })
            }
            Token::Number(text, None) => Err(Diagnostic::new(
                &span,
                format!("the number {text} is too large"),
            )),
            Token::Quoted(text) if text.starts_with('\'') => {
                if !is_character(&text) {
                    let message = format!("{text} is not one character of ASCII");
                    return Err(Diagnostic::new(&span, message));
                }
                self.advance();
                Ok(Value {
                    text,
                    kind: ValueKind::Quoted,
                    span,
                })
            }
            _ => {
                let name = self.name(what)?;
                Ok(Value {
                    text: name.text,
                    kind: ValueKind::Name,
                    span,
                })
            }
        }
    }

    fn definition(&mut self) -> Result<()> {
        if self.namespaces > 0 && self.accept('}') {
            self.namespaces -= 1;
            self.accept(';');
            return Ok(());
        }
        let Token::Ident(word) = self.peek().clone() else {
            return Err(self.unexpected("a definition"));
        };
        match word.as_str() {
            "const" => self.constant(),
            "enum" | "struct" | "union" => {
                self.advance();
                let name = self.name("a name for this type")?;
                let body = self.body(&word)?;
                self.end(|parser| parser.push_type(Definition { name, body }))
            }
            "typedef" => {
                self.advance();
                let decl = self.decl()?;
                self.end(|parser| parser.push_typedef(decl))
            }
            "serverprocs" | "clientprocs" | "servermsgs" | "clientmsgs" => self.block(&word),
            "namespace" => {
                self.namespace();
                Ok(())
            }
            "program" => Err(Diagnostic::new(
                &self.span(),
                "program definitions are rpcgen's; here, procedures are listed in \
                 serverprocs, clientprocs, servermsgs and clientmsgs",
            )),
            _ => {
                let mut error = self.unexpected("a definition");
                if let Some(meant) = crate::diag::did_you_mean(&word, DEFINITIONS.into_iter()) {
                    error = error.note(format!("did you mean `{meant}`?"));
                }
                Err(error)
            }
        }
    }

    /// One error is enough: what is inside is read as if it stood outside.
    fn namespace(&mut self) {
        let (_, span) = self.advance();
        let error = Diagnostic::new(&span, "XDR has no namespaces");
        self.errors.push(
            error.note("they are C++'s, in dialects of XDR: put what is inside at the top level"),
        );
        while matches!(self.peek(), Token::Ident(_) | Token::Punct(':')) {
            self.advance();
        }
        if self.accept('{') {
            self.namespaces += 1;
        }
    }

    fn constant(&mut self) -> Result<()> {
        self.advance();
        let name = self.name("a name for this constant")?;
        self.expect('=')?;
        let value = match self.peek().clone() {
            Token::Quoted(text) if text.starts_with('"') => Value {
                text,
                kind: ValueKind::Quoted,
                span: self.advance().1,
            },
            _ => self.value("a number")?,
        };
        self.end(|parser| parser.file.items.push(Item::Const(name, value)))
    }

    /// What follows the name (or, for an inline type, the keyword).
    fn body(&mut self, keyword: &str) -> Result<Body> {
        match keyword {
            "enum" => self.enumerators(),
            "struct" => self.members(),
            _ => self.union_body(),
        }
    }

    fn enumerators(&mut self) -> Result<Body> {
        self.expect('{')?;
        let mut enumerators = Vec::new();
        loop {
            let name = self.name("a name for this enumerator")?;
            let value = if self.accept('=') {
                Some(self.value("a number or the name of a constant")?)
            } else {
                None
            };
            enumerators.push(Enumerator { name, value });
            if !self.accept(',') {
                break;
            }
        }
        if *self.peek() != Token::Punct('}') {
            return Err(self.unexpected("`,` or `}`"));
        }
        self.advance();
        Ok(Body::Enum(enumerators))
    }

    /// Skips to where the next definition may start.
    fn recover(&mut self, start: usize) {
        let mut depth = 0i32;
        for (token, _) in &self.tokens[start..self.at] {
            match token {
                Token::Punct('{') => depth += 1,
                Token::Punct('}') => depth -= 1,
                _ => {}
            }
        }
        if self.at == start {
            self.advance();
        }
        loop {
            let starts_line = self.tokens[self.at].1.start == 0;
            match self.peek() {
                Token::End => return,
                Token::Ident(word) if starts_line && DEFINITIONS.contains(&word.as_str()) => return,
                Token::Punct('{') => depth += 1,
                Token::Punct('}') => depth -= 1,
                Token::Punct(';') if depth <= 0 => {
                    self.advance();
                    return;
                }
                _ => {}
            }
            self.advance();
        }
    }
}

/// A letter, or a backslash and what C lets follow one, in quotes.
fn is_character(quoted: &str) -> bool {
    let inner = &quoted[1..quoted.len() - 1];
    let mut bytes = inner.bytes();
    match (bytes.next(), bytes.next()) {
        (Some(b'\\'), Some(escaped)) => {
            let rest = &inner.as_bytes()[2..];
            match escaped {
                b'0'..=b'7' => rest.len() <= 2 && rest.iter().all(|b| (b'0'..=b'7').contains(b)),
                b'x' => matches!(rest.len(), 1 | 2) && rest.iter().all(u8::is_ascii_hexdigit),
                _ => rest.is_empty() && b"abfnrtv\\'\"?".contains(&escaped),
            }
        }
        (Some(letter), None) => letter != b'\\' && (b' '..=b'~').contains(&letter),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::lex;

    fn parse_text(text: &str) -> (File, Vec<Diagnostic>) {
        parse(lex(text, "t.mx"))
    }

    #[test]
    fn an_error_costs_its_definition_only() {
        let (file, errors) = parse_text("struct a { int; };\nstruct b { int x; };\nenum c { D }\n");
        let names: Vec<_> = file.types().map(|d| d.name.text.as_str()).collect();
        assert_eq!(names, ["b"]);
        let messages: Vec<_> = errors.iter().map(|e| e.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "expected a name, found `;`",
                "expected `;`, found the end of the file"
            ]
        );
    }

    #[test]
    fn an_error_costs_its_entry_only() {
        let (file, errors) = parse_text("serverprocs { a(x) = 0; b(x) = 1; }");
        let entries: Vec<_> = file.blocks().flat_map(|b| &b.entries).collect();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].name.text, "b");
        assert_eq!(errors.len(), 1);
    }

    #[test]
    fn copied_lines_come_before_what_they_stand_in() {
        let (file, errors) =
            parse_text("const A = 1;\n%one\nstruct s {\n%two\nint x; };\n%three\n");
        assert_eq!(errors, []);
        let items: Vec<_> = file
            .items
            .iter()
            .map(|item| match item {
                Item::Copy(line) => line,
                Item::Const(name, _) => &name.text,
                Item::Type(definition) => &definition.name.text,
                Item::Block(_) => "block",
            })
            .collect();
        assert_eq!(items, ["A", "one", "two", "s", "three"]);
    }

    #[test]
    fn every_prefix_of_a_file_ends_in_errors_not_in_a_panic() {
        let text = "%x\nconst A = -1;\nenum e { B = A, C };\nunion u switch (e d) {\n\
                    case B: struct { int x[3]; } y; default: void; };\n\
                    typedef string s<9>;\nserverprocs { f(u, s) = 1; }\n";
        let (_, errors) = parse_text(text);
        assert_eq!(errors, []);
        for end in 0..text.len() {
            parse_text(&text[..end]);
        }
    }
}
