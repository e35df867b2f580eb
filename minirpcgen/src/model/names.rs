//! The names that the outputs declare at file scope, the user's and those made of them.

use super::Model;
use crate::ast::{Body, Entry, Item, Name, Side};
use crate::diag::Span;

pub struct CName<'a> {
    pub text: String,
    /// What has the name, in a user's words.
    pub what: String,
    /// Where it comes from, if that is in the file.
    pub span: Option<&'a Span>,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A constant of the user's, a macro in C.
    Constant,
    /// Another name of the user's.
    Other,
    /// Made of one.
    Made,
}

/// A stub of a procedure, sync or async.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stub {
    Plain,
    /// With options, which came later: it yields its name to whatever has it already.
    With,
    AsyncWith,
}

impl Model {
    /// The name of a stub with options.
    pub fn stub(&self, entry: &Entry, stub: Stub) -> String {
        let suffix = match stub {
            Stub::AsyncWith => "_async_with",
            Stub::Plain | Stub::With => "_with",
        };
        format!("{}_{}{suffix}", self.base, entry.name.text)
    }

    pub fn has_stub(&self, entry: &Entry, stub: Stub) -> bool {
        self.taker(entry, stub).is_none()
    }

    /// What has the name of a stub with options.
    pub fn taker(&self, entry: &Entry, stub: Stub) -> Option<&str> {
        self.taken.get(&self.stub(entry, stub)).map(String::as_str)
    }

    /// Names that belong together, as those of one type or procedure: what is wrong
    /// with one of them need not be said of the others.
    pub fn c_names(&self) -> Vec<Vec<CName<'_>>> {
        let mut groups = Vec::new();
        for item in &self.units.stubs.items {
            match item {
                Item::Const(name, _) => groups.push(vec![CName {
                    kind: Kind::Constant,
                    ..user("constant", name)
                }]),
                Item::Type(definition) => {
                    groups.push(vec![user("type", &definition.name)]);
                    if let Body::Enum(enumerators) = &definition.body {
                        let names = enumerators.iter().map(|enumerator| &enumerator.name);
                        groups.extend(names.map(|name| vec![user("enumerator", name)]));
                    }
                }
                Item::Copy(_) | Item::Block(_) => {}
            }
        }
        groups.extend(self.units.stubs.types().map(|definition| {
            let is_enum = matches!(definition.body, Body::Enum(_));
            of_type(&definition.name, is_enum)
        }));
        groups.push(self.tables());
        let entries = self.units.stubs.blocks().flat_map(|block| {
            let of_block = |entry| self.of_entry(entry, block.messages);
            block.entries.iter().map(of_block)
        });
        groups.extend(entries);
        groups
    }

    fn tables(&self) -> Vec<CName<'_>> {
        let base = &self.base;
        let sides = [Side::Server, Side::Client].map(Side::word).into_iter();
        let names = sides.flat_map(|word| {
            let table = format!("the table of the {word}'s side");
            let setter = format!("the function to set the {word}'s operations");
            [
                (format!("{base}_{word}"), table),
                (format!("{base}_{word}_set_operations"), setter),
            ]
        });
        names
            .map(|(text, what)| CName {
                text,
                what,
                span: None,
                kind: Kind::Made,
            })
            .collect()
    }

    fn of_entry<'a>(&self, entry: &'a Entry, is_message: bool) -> Vec<CName<'a>> {
        let base = &self.base;
        let name = &entry.name.text;
        let mut made = vec![
            (format!("{base}_{name}"), "the stub"),
            (format!("nr_{base}_{name}"), "the number"),
        ];
        if !is_message {
            for (suffix, what) in [
                ("async", "the async stub"),
                ("callback_fn", "the callback type"),
                ("send_async_reply", "the reply function"),
                ("send_async_reply_error", "the error reply function"),
            ] {
                made.push((format!("{base}_{name}_{suffix}"), what));
            }
        }
        of(&entry.name, made)
    }
}

fn user<'a>(what: &str, name: &'a Name) -> CName<'a> {
    CName {
        text: name.text.clone(),
        what: format!("the {what} `{}`", name.text),
        span: Some(&name.span),
        kind: Kind::Other,
    }
}

fn of_type(name: &Name, is_enum: bool) -> Vec<CName<'_>> {
    let text = &name.text;
    let mut made = vec![
        (format!("xdr_{text}"), "the XDR procedure"),
        (format!("free_{text}"), "the function that frees objects"),
    ];
    if is_enum {
        made.push((
            format!("mrpc_is_valid_{text}"),
            "the function that checks values",
        ));
    }
    of(name, made)
}

fn of<'a>(name: &'a Name, made: Vec<(String, &str)>) -> Vec<CName<'a>> {
    made.into_iter()
        .map(|(text, what)| CName {
            text,
            what: format!("{what} of `{}`", name.text),
            span: Some(&name.span),
            kind: Kind::Made,
        })
        .collect()
}
