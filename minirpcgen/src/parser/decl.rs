//! Declarations: members, arms, typedefs.

use super::{Parser, Result};
use crate::ast::{Arm, Body, Decl, Definition, Name, Prim, Shape, TypeName, Union};
use crate::diag::{Diagnostic, Span};
use crate::lexer::Token;

/// Names of types that <minirpc/xdr.h> brings along.
const SYSTEM_TYPES: [(&str, Prim); 19] = [
    ("u_char", Prim::UChar),
    ("u_short", Prim::UShort),
    ("u_int", Prim::UInt),
    ("u_long", Prim::ULong),
    ("quad_t", Prim::Hyper),
    ("u_quad_t", Prim::UHyper),
    ("bool_t", Prim::Bool),
    ("int8_t", Prim::Int8),
    ("uint8_t", Prim::UInt8),
    ("u_int8_t", Prim::UInt8),
    ("int16_t", Prim::Int16),
    ("uint16_t", Prim::UInt16),
    ("u_int16_t", Prim::UInt16),
    ("int32_t", Prim::Int32),
    ("uint32_t", Prim::UInt32),
    ("u_int32_t", Prim::UInt32),
    ("int64_t", Prim::Int64),
    ("uint64_t", Prim::UInt64),
    ("u_int64_t", Prim::UInt64),
];

const TAGS: [&str; 3] = ["struct", "enum", "union"];

/// Types defined within types.
const MAX_NESTING: usize = 50;

/// The type that a name of the system stands for.
pub fn system_type(name: &str) -> Option<TypeName> {
    SYSTEM_TYPES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(c_name, prim)| TypeName::Prim(*prim, c_name))
}

impl Parser {
    pub(super) fn members(&mut self) -> Result<Body> {
        self.expect('{')?;
        let mut members = Vec::new();
        if *self.peek() == Token::Punct('}') {
            let message = "a struct needs at least one member";
            return Err(Diagnostic::new(&self.span(), message));
        }
        while !self.accept('}') {
            members.push(self.decl()?);
            self.expect(';')?;
        }
        Ok(Body::Struct(members))
    }

    pub(super) fn union_body(&mut self) -> Result<Body> {
        if !self.accept_word("switch") {
            return Err(self.unexpected("`switch`"));
        }
        self.expect('(')?;
        let disc = self.decl()?;
        self.expect(')')?;
        self.expect('{')?;
        let mut arms = Vec::new();
        let mut default = None;
        if !self.at_word("case") {
            return Err(self.unexpected("`case`"));
        }
        while !self.accept('}') {
            if default.is_some() {
                let message = "the default arm must be the last one";
                return Err(Diagnostic::new(&self.span(), message));
            }
            if self.accept_word("default") {
                self.expect(':')?;
                default = Some(self.arm_decl()?);
            } else {
                arms.push(self.arm()?);
            }
        }
        Ok(Body::Union(Box::new(Union {
            disc,
            arms,
            default,
        })))
    }

    fn arm(&mut self) -> Result<Arm> {
        let mut cases = Vec::new();
        while self.accept_word("case") {
            cases.push(self.value("a number or the name of a constant")?);
            self.expect(':')?;
        }
        if cases.is_empty() {
            return Err(self.unexpected("`case`, `default` or `}`"));
        }
        let decl = self.arm_decl()?;
        Ok(Arm { cases, decl })
    }

    fn arm_decl(&mut self) -> Result<Option<Decl>> {
        let decl = if self.accept_word("void") {
            None
        } else {
            Some(self.decl()?)
        };
        self.expect(';')?;
        Ok(decl)
    }

    /// A type, a name and what makes it optional or an array.
    pub(super) fn decl(&mut self) -> Result<Decl> {
        let ty_span = self.span();
        let tag = TAGS.into_iter().find(|tag| self.at_word(tag));
        let ty = self.type_name()?;
        let star = self.span();
        let optional = self.accept('*');
        if optional && *self.peek() == Token::Punct('*') {
            let message = "XDR has no pointers to pointers";
            return Err(
                Diagnostic::new(&self.span(), message).note("use a typedef for the inner one")
            );
        }
        let name = self.name("a name")?;
        let shape_span = self.span();
        let shape = match self.peek() {
            Token::Punct('[') => {
                self.advance();
                let size = self.value("the number of elements")?;
                self.expect(']')?;
                Shape::Fixed(size)
            }
            Token::Punct('<') => {
                self.advance();
                let bound = match self.peek() {
                    Token::Punct('>') => None,
                    _ => Some(self.value("the largest number of elements, or `>`")?),
                };
                self.expect('>')?;
                Shape::Variable(bound)
            }
            _ if optional => Shape::Optional,
            _ => Shape::Plain,
        };
        if matches!(self.peek(), Token::Punct('[' | '<')) {
            let message = "XDR has no arrays of arrays";
            return Err(
                Diagnostic::new(&self.span(), message).note("use a typedef for the inner one")
            );
        }
        if optional && !matches!(shape, Shape::Optional) {
            let message = "XDR has no arrays of pointers";
            return Err(Diagnostic::new(&shape_span, message).note("use a typedef for the pointer"));
        }
        match (&ty, &shape) {
            (TypeName::String, Shape::Variable(_)) => {}
            (TypeName::String, _) => {
                let at = if optional { &star } else { &name.span };
                return Err(Diagnostic::new(at, "a string needs `<>` or `<bound>`")
                    .note(format!("as in `string {}<>`", name.text)));
            }
            (TypeName::Opaque, Shape::Variable(_) | Shape::Fixed(_)) => {}
            (TypeName::Opaque, _) => {
                let at = if optional { &star } else { &name.span };
                return Err(
                    Diagnostic::new(at, "opaque data needs `[size]`, `<>` or `<bound>`")
                        .note(format!("as in `opaque {}<>`", name.text)),
                );
            }
            _ => {}
        }
        Ok(Decl {
            name,
            ty,
            tag,
            ty_span,
            shape,
        })
    }

    fn type_name(&mut self) -> Result<TypeName> {
        let span = self.span();
        let Token::Ident(word) = self.peek().clone() else {
            return Err(self.unexpected("a type"));
        };
        let simple = match word.as_str() {
            "int" => Some((Prim::Int, "int")),
            "char" => Some((Prim::Char, "char")),
            "hyper" => Some((Prim::Hyper, "quad_t")),
            "float" => Some((Prim::Float, "float")),
            "double" => Some((Prim::Double, "double")),
            "bool" => Some((Prim::Bool, "bool_t")),
            _ => None,
        };
        if let Some((prim, c_name)) = simple {
            self.advance();
            return Ok(TypeName::Prim(prim, c_name));
        }
        match word.as_str() {
            "string" => {
                self.advance();
                Ok(TypeName::String)
            }
            "opaque" => {
                self.advance();
                Ok(TypeName::Opaque)
            }
            "short" | "long" => {
                self.advance();
                self.no_long_long(&word, &span)?;
                self.accept_word("int");
                Ok(if word == "short" {
                    TypeName::Prim(Prim::Short, "short")
                } else {
                    TypeName::Prim(Prim::Long, "long")
                })
            }
            "unsigned" => {
                self.advance();
                self.unsigned()
            }
            "struct" | "enum" | "union" => self.tagged(&word),
            "void" => {
                let message = "void is for the arms of a union and for procedures only";
                Err(Diagnostic::new(&span, message))
            }
            "quadruple" => Err(Diagnostic::new(
                &span,
                "the type quadruple is not supported",
            )),
            "signed" => Err(Diagnostic::new(&span, "XDR has no `signed`")
                .note("int, short, long, char and hyper are signed")),
            _ => {
                let name = self.name("a type")?;
                Ok(system_type(&name.text).unwrap_or(TypeName::Named(name)))
            }
        }
    }

    fn no_long_long(&self, word: &str, span: &Span) -> Result<()> {
        if word == "long" && self.at_word("long") {
            let error = Diagnostic::new(span, "XDR has no `long long`");
            return Err(error.note("the type of 64 bits is hyper"));
        }
        Ok(())
    }

    fn unsigned(&mut self) -> Result<TypeName> {
        let span = self.span();
        let (prim, c_name) = if self.accept_word("char") {
            (Prim::UChar, "u_char")
        } else if self.accept_word("short") {
            self.accept_word("int");
            (Prim::UShort, "u_short")
        } else if self.accept_word("long") {
            self.no_long_long("long", &span)?;
            self.accept_word("int");
            (Prim::ULong, "u_long")
        } else if self.accept_word("hyper") {
            (Prim::UHyper, "u_quad_t")
        } else {
            self.accept_word("int");
            (Prim::UInt, "u_int")
        };
        Ok(TypeName::Prim(prim, c_name))
    }

    /// `struct name`, or a type that is defined where it is used.
    fn tagged(&mut self, keyword: &str) -> Result<TypeName> {
        let (_, span) = self.advance();
        let inline = if keyword == "union" {
            self.at_word("switch")
        } else {
            *self.peek() == Token::Punct('{')
        };
        if !inline {
            return Ok(TypeName::Named(self.name("a name of a type")?));
        }
        if self.nesting == MAX_NESTING {
            let message = format!("types are nested more than {MAX_NESTING} deep");
            return Err(Diagnostic::new(&span, message));
        }
        self.nesting += 1;
        let body = self.body(keyword)?;
        self.nesting -= 1;
        // Named by its member's name, once that is known.
        let name = Name {
            text: String::new(),
            span,
        };
        Ok(TypeName::Inline(Box::new(Definition { name, body })))
    }
}
