//! Procedure blocks: `serverprocs { name(argument, result) = number; ... }`.

use super::{Parser, Result};
use crate::ast::{Block, Entry, Item, Name, Side};
use crate::diag::{Diagnostic, Span};
use crate::lexer::Token;

/// Types that need a typedef before a procedure can take them.
const PRIMITIVES: [&str; 12] = [
    "int",
    "unsigned",
    "short",
    "long",
    "char",
    "hyper",
    "float",
    "double",
    "bool",
    "string",
    "opaque",
    "quadruple",
];

impl Parser {
    pub(super) fn block(&mut self, word: &str) -> Result<()> {
        let (_, start) = self.advance();
        self.expect('{')?;
        let side = if word.starts_with("server") {
            Side::Server
        } else {
            Side::Client
        };
        let mut block = Block {
            side,
            messages: word.ends_with("msgs"),
            entries: Vec::new(),
            end: start.clone(),
            start,
        };
        while *self.peek() != Token::Punct('}') {
            if *self.peek() == Token::End {
                return Err(self.unexpected("`}`"));
            }
            match self.entry(block.messages) {
                Ok(entry) => block.entries.push(entry),
                Err(error) => {
                    self.errors.push(error);
                    self.recover_entry();
                }
            }
        }
        block.end = self.advance().1;
        // rpcgen's habit.
        self.accept(';');
        self.file.items.push(Item::Block(block));
        Ok(())
    }

    fn recover_entry(&mut self) {
        while !matches!(
            self.peek(),
            Token::End | Token::Punct('}') | Token::Punct(';')
        ) {
            self.advance();
        }
        self.accept(';');
    }

    fn entry(&mut self, message: bool) -> Result<Entry> {
        let what = if message { "message" } else { "procedure" };
        let name = self.name(&format!("a name for this {what}, or `}}`"))?;
        self.expect('(')?;
        let mut types = Vec::new();
        if *self.peek() != Token::Punct(')') {
            loop {
                let span = self.span();
                types.push((self.entry_type()?, span));
                if !self.accept(',') {
                    break;
                }
            }
        }
        if let Some((_, span)) = types.get(2) {
            let message = "a procedure has at most one argument and one result";
            return Err(Diagnostic::new(span, message).note("put several values into a struct"));
        }
        self.expect(')')?;
        let mut types = types.into_iter();
        let arg = types.next().and_then(|(ty, _)| ty);
        let result = match types.next() {
            Some((Some(result), span)) if message => {
                let text = format!(
                    "the message `{}` cannot have the result `{}`",
                    name.text, result.text
                );
                return Err(Diagnostic::new(&span, text)
                    .note("messages go one way; a procs block is for calls with a reply"));
            }
            other => other.and_then(|(ty, _)| ty),
        };
        self.expect('=')?;
        let number_span = self.span();
        let number = self.entry_number(what)?;
        self.expect(';')?;
        Ok(Entry {
            name,
            arg,
            result,
            number,
            number_span,
        })
    }

    fn entry_number(&mut self, what: &str) -> Result<i32> {
        let Token::Number(text, value) = self.peek().clone() else {
            return Err(self.unexpected(&format!("the number of this {what}")));
        };
        match value.and_then(|value| i32::try_from(value).ok()) {
            Some(number) if number > 0 => {
                self.advance();
                Ok(number)
            }
            _ => Err(Diagnostic::new(
                &self.span(),
                format!("the number of a {what} is between 1 and 2147483647, not {text}"),
            )),
        }
    }

    /// None for void.
    fn entry_type(&mut self) -> Result<Option<Name>> {
        if self.accept_word("void") {
            return Ok(None);
        }
        if matches!(self.peek_second(), Token::Ident(_)) {
            for keyword in ["struct", "enum", "union"] {
                if self.accept_word(keyword) {
                    break;
                }
            }
        }
        if let Token::Ident(word) = self.peek() {
            if PRIMITIVES.contains(&word.as_str()) {
                return Err(needs_typedef(&self.span(), "primitive type", word));
            }
        }
        Ok(Some(self.name("a type")?))
    }
}

/// For types that a procedure cannot take by their own name.
pub(crate) fn needs_typedef(at: &Span, what: &str, word: &str) -> Diagnostic {
    let message = format!("the {what} `{word}` needs a typedef here");
    Diagnostic::new(at, message).note(format!("as in `typedef {word} my_type;`"))
}
