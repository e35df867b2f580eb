//! Types, constants and enumerators of one preprocessor pass.

use std::collections::HashMap;

use crate::ast::{
    Body, Decl, Definition, Enumerator, File, Item, Name, Prim, Shape, TypeName, Union, Value,
    ValueKind,
};
use crate::diag::{did_you_mean, Diagnostic, Span};
use crate::model::{Form, Model};
use crate::parser::system_type;
use crate::rpc_h;

/// Names that <minirpc/xdr.h> declares, beside the number types.
const RESERVED: [&str; 24] = [
    "XDR",
    "bool_t",
    "enum_t",
    "xdrproc_t",
    "xdr_op",
    "xdr_ops",
    "XDR_ENCODE",
    "XDR_DECODE",
    "XDR_FREE",
    "TRUE",
    "FALSE",
    "NULL",
    "size_t",
    "ssize_t",
    "u_char",
    "u_short",
    "u_int",
    "u_long",
    "quad_t",
    "u_quad_t",
    "free",
    "malloc",
    "calloc",
    "realloc",
];

/// Those of them that are macros, and so no names of members either.
pub const MACROS: [&str; 3] = ["TRUE", "FALSE", "NULL"];

pub fn check(model: &Model, file: &File) -> Vec<Diagnostic> {
    let mut checker = Checker {
        model,
        file,
        names: HashMap::new(),
        constants: HashMap::new(),
        places: HashMap::new(),
        ready: HashMap::new(),
        errors: Vec::new(),
    };
    checker.run();
    checker.errors
}

struct Checker<'a> {
    model: &'a Model,
    file: &'a File,
    /// Types, constants and enumerators share C's one space of names.
    names: HashMap<&'a str, &'a Span>,
    constants: HashMap<&'a str, &'a Span>,
    /// Where each type stands in the file.
    places: HashMap<&'a str, usize>,
    /// From which type on a constant or an enumerator is known, and what it is.
    ready: HashMap<&'a str, (usize, &'a Name, Option<&'a Value>)>,
    errors: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    fn run(&mut self) {
        let file = self.file;
        for (place, definition) in file.types().enumerate() {
            self.places.entry(&definition.name.text).or_insert(place);
        }
        let mut place = 0;
        for item in &file.items {
            match item {
                Item::Const(name, value) => {
                    self.declare(name);
                    self.constants.insert(&name.text, &name.span);
                    let ready = (place, name, Some(value));
                    self.ready.entry(&name.text).or_insert(ready);
                    self.value(value);
                    if self.model.is_circular(value) {
                        let message = format!("`{}` is defined by itself", name.text);
                        self.errors.push(Diagnostic::new(&value.span, message));
                    }
                }
                Item::Type(definition) => {
                    place += 1;
                    self.declare(&definition.name);
                    if let Body::Enum(enumerators) = &definition.body {
                        for enumerator in enumerators {
                            let name = &enumerator.name;
                            self.declare(name);
                            let ready = (place, name, None);
                            self.ready.entry(&name.text).or_insert(ready);
                        }
                    }
                }
                Item::Copy(_) | Item::Block(_) => {}
            }
        }
        for (place, definition) in file.types().enumerate() {
            self.definition(definition, place);
        }
    }

    fn declare(&mut self, name: &'a Name) {
        let system = system_type(&name.text);
        if RESERVED.contains(&name.text.as_str()) || system.is_some() {
            let message = format!("`{}` is a name of <minirpc/xdr.h>", name.text);
            let mut error = Diagnostic::new(&name.span, message);
            if system.is_some() {
                error = error.note("C has that type: a typedef of it can only say the same");
            }
            self.errors.push(error);
        } else if let Some(first) = self.names.get(name.text.as_str()) {
            let message = format!("`{}` is defined twice", name.text);
            let error = Diagnostic::new(&name.span, message);
            self.errors
                .push(error.note_at(first, "the first definition is here"));
        } else {
            self.names.insert(&name.text, &name.span);
        }
    }

    /// Whether a value means something; a name may also be C's.
    fn value(&mut self, value: &Value) {
        if value.kind != ValueKind::Name
            || self.model.is_value(&value.text)
            || self.model.units.has_foreign_code()
            || self.model.units.macros.contains_key(&value.text)
            || rpc_h::constant(&value.text).is_some()
        {
            return;
        }
        let mut error = Diagnostic::new(&value.span, format!("unknown constant `{}`", value.text));
        if let Some(meant) = did_you_mean(&value.text, self.model.value_names()) {
            error = error.note(format!("did you mean `{meant}`?"));
        }
        self.errors.push(error.note(
            "if it is a constant of C's, a `#define`, `%#define` or `%#include` line \
             makes it known",
        ));
    }

    /// C must know the value where it is used. `earlier` are known already.
    fn value_order(&mut self, value: &Value, place: usize, earlier: &[Enumerator]) {
        let mut next = Some(value);
        let mut steps = 0;
        while let Some(Value {
            text,
            kind: ValueKind::Name,
            ..
        }) = next
        {
            let Some(&(ready, name, meaning)) = self.ready.get(text.as_str()) else {
                return;
            };
            let is_earlier = earlier.iter().any(|e| e.name.text == *text);
            if ready > place && !is_earlier {
                let message = format!("`{text}` is used before it is defined");
                let error = Diagnostic::new(&value.span, message);
                self.errors
                    .push(error.note_at(&name.span, "the definition is here"));
                return;
            }
            steps += 1;
            next = meaning.filter(|_| steps < 100);
        }
    }

    fn definition(&mut self, definition: &'a Definition, place: usize) {
        match &definition.body {
            Body::Enum(enumerators) => self.enumerators(enumerators, place),
            Body::Struct(members) => {
                self.member_names(members.iter());
                for member in members {
                    self.decl(member, place, false);
                }
            }
            Body::Union(union) => {
                let member = format!("{}_u", definition.name.text);
                self.not_a_constant(&member, &definition.name.span);
                self.union(union, place);
            }
            Body::Typedef(decl) => self.decl(decl, place, true),
            Body::Foreign => self.unknown_type(&definition.name),
        }
    }

    fn enumerators(&mut self, enumerators: &[Enumerator], place: usize) {
        for (i, enumerator) in enumerators.iter().enumerate() {
            if let Some(value) = &enumerator.value {
                self.value(value);
                self.value_order(value, place, &enumerators[..i]);
            }
            let name = Value {
                text: enumerator.name.text.clone(),
                kind: ValueKind::Name,
                span: enumerator.name.span.clone(),
            };
            let number = self.model.evaluate(&name);
            if number.is_some_and(|n| i32::try_from(n).is_err()) {
                let at = enumerator.value.as_ref().map_or(&name.span, |v| &v.span);
                let message = format!("the value of `{}` does not fit into 32 bits", name.text);
                self.errors.push(Diagnostic::new(at, message));
            }
        }
    }

    fn member_names(&mut self, members: impl Iterator<Item = &'a Decl>) {
        let mut seen: HashMap<&str, &Span> = HashMap::new();
        for member in members {
            let name = &member.name;
            self.not_a_constant(&name.text, &name.span);
            if MACROS.contains(&name.text.as_str()) {
                let message = format!("the member `{}` has the name of a macro in C", name.text);
                self.errors.push(Diagnostic::new(&name.span, message));
            }
            if let Some(first) = seen.insert(&name.text, &name.span) {
                let message = format!("there are two members `{}`", name.text);
                let error = Diagnostic::new(&name.span, message);
                self.errors
                    .push(error.note_at(first, "the first one is here"));
            }
        }
    }

    /// A member with the name of a macro would not be one.
    fn not_a_constant(&mut self, member: &str, at: &Span) {
        if let Some(constant) = self.constants.get(member) {
            let message = format!("the member `{member}` has the name of a constant");
            let error = Diagnostic::new(at, message);
            self.errors
                .push(error.note_at(constant, "which is a macro in C, defined here"));
        }
    }

    fn union(&mut self, union: &'a Union, place: usize) {
        self.decl(&union.disc, place, false);
        let discriminates = matches!(union.disc.shape, Shape::Plain)
            && match self.model.form(&union.disc) {
                Form::Enum(_) => true,
                Form::External { name, .. } => self.external_discriminates(&name),
                Form::Prim(prim, _) => discriminates(prim),
                _ => false,
            };
        if !discriminates {
            let message = "a union is switched by an integer of 32 bits, an enum or a bool";
            self.errors
                .push(Diagnostic::new(&union.disc.ty_span, message));
        }
        self.member_names(std::iter::once(&union.disc));
        self.member_names(union.decls());
        for decl in union.decls() {
            self.decl(decl, place, false);
        }
        let (least, most) = match self.model.form(&union.disc) {
            Form::Prim(prim, _) => case_range(prim),
            _ => case_range(Prim::Int),
        };
        let mut seen: HashMap<u32, &Span> = HashMap::new();
        for case in union.arms.iter().flat_map(|arm| &arm.cases) {
            self.value(case);
            let Some(number) = self.model.evaluate(case) else {
                continue;
            };
            if number < i128::from(least) || number > i128::from(most) {
                let message = format!("a case of this union is from {least} to {most}");
                self.errors.push(Diagnostic::new(&case.span, message));
            }
            // As on the wire, where -1 is 4294967295.
            if let Some(first) = seen.insert(number as u32, &case.span) {
                let message = format!("there are two arms for {}", case.text);
                let error = Diagnostic::new(&case.span, message);
                self.errors
                    .push(error.note_at(first, "the first one is here"));
            }
        }
    }

    /// For a type that another pass or another program declares.
    fn external_discriminates(&self, name: &str) -> bool {
        let mut name = name;
        for _ in 0..100 {
            match self.model.find(name).map(|definition| &definition.body) {
                None | Some(Body::Enum(_) | Body::Foreign) => return true,
                Some(Body::Typedef(decl)) => match (&decl.ty, &decl.shape) {
                    (TypeName::Prim(prim, _), Shape::Plain) => return discriminates(*prim),
                    (TypeName::Named(next), Shape::Plain) => name = &next.text,
                    _ => return false,
                },
                Some(_) => return false,
            }
        }
        false
    }

    fn decl(&mut self, decl: &'a Decl, place: usize, is_typedef: bool) {
        match &decl.shape {
            Shape::Fixed(size) => {
                self.size(size, "an array");
                self.value_order(size, place, &[]);
            }
            Shape::Variable(Some(bound)) => self.size(bound, "a bound"),
            _ => {}
        }
        if matches!(decl.shape, Shape::Variable(_)) && !matches!(decl.ty, TypeName::String) {
            for suffix in ["len", "val"] {
                let member = format!("{}_{suffix}", decl.name.text);
                self.not_a_constant(&member, &decl.name.span);
            }
        }
        let TypeName::Named(name) = &decl.ty else {
            return;
        };
        if self.model.find(&name.text).is_none() {
            self.unknown_type(name);
            return;
        }
        self.order(decl, name, place, is_typedef);
    }

    /// C must know a type before it is used; structs and unions only if they are
    /// used by value, as all their names are declared first.
    fn order(&mut self, decl: &Decl, name: &Name, place: usize, is_typedef: bool) {
        let by_value = match decl.shape {
            Shape::Plain => !is_typedef,
            Shape::Fixed(_) => true,
            Shape::Optional | Shape::Variable(_) => false,
        };
        let mut next = Some(name.text.as_str());
        let mut steps = 0;
        while let Some(target) = next.and_then(|name| self.model.find(name)) {
            let text = target.name.text.as_str();
            let known = match self.places.get(text) {
                // Another file's.
                None => true,
                Some(there) if *there == place && by_value => {
                    let message = format!("`{}` contains itself", name.text);
                    let error = Diagnostic::new(&name.span, message);
                    self.errors
                        .push(error.note("only a pointer or an array `<>` of it can"));
                    return;
                }
                Some(there) => {
                    let has_forward = matches!(target.body, Body::Struct(_) | Body::Union(_));
                    *there < place || (has_forward && !by_value)
                }
            };
            if !known || steps > 100 {
                let message = format!("`{}` is used before it is defined", name.text);
                let error = Diagnostic::new(&name.span, message);
                self.errors
                    .push(error.note_at(&target.name.span, "the definition is here"));
                return;
            }
            steps += 1;
            next = match &target.body {
                Body::Typedef(decl) => match (&decl.ty, &decl.shape) {
                    (TypeName::Named(aliased), Shape::Plain | Shape::Fixed(_)) => {
                        Some(&aliased.text)
                    }
                    _ => None,
                },
                _ => None,
            };
        }
    }

    fn size(&mut self, value: &Value, what: &str) {
        self.value(value);
        let known = self.model.evaluate(value);
        let text = value.kind == ValueKind::Quoted;
        let most = u32::MAX;
        if text || known.is_some_and(|n| u32::try_from(n).is_err()) {
            let message = format!("{what} has a size from 0 to {most}");
            self.errors.push(Diagnostic::new(&value.span, message));
        }
    }

    fn unknown_type(&mut self, name: &Name) {
        // A header that a `%` line brings in may declare it.
        if self.model.units.has_foreign_code() || rpc_h::spelling(&name.text).is_some() {
            return;
        }
        const BUILT_IN: [&str; 10] = [
            "int", "unsigned", "short", "long", "char", "hyper", "float", "double", "string",
            "opaque",
        ];
        let is_other = |candidate: &&str| *candidate != name.text;
        let candidates = self.model.type_names().chain(BUILT_IN).filter(is_other);
        let mut error = Diagnostic::new(&name.span, format!("unknown type `{}`", name.text));
        if let Some(meant) = did_you_mean(&name.text, candidates) {
            error = error.note(format!("did you mean `{meant}`?"));
        }
        self.errors.push(error.note(format!(
            "if C declares it and `xdr_{}`, a `%#include` line makes it known",
            name.text
        )));
    }
}

/// The cases that a union switched by such a number can have.
fn case_range(prim: Prim) -> (i64, i64) {
    match prim {
        Prim::Char | Prim::Int8 => (-0x80, 0x7f),
        Prim::UChar | Prim::UInt8 => (0, 0xff),
        Prim::Short | Prim::Int16 => (-0x8000, 0x7fff),
        Prim::UShort | Prim::UInt16 => (0, 0xffff),
        Prim::UInt | Prim::UInt32 => (i64::from(i32::MIN), i64::from(u32::MAX)),
        Prim::ULong => (0, i64::from(u32::MAX)),
        _ => (i64::from(i32::MIN), i64::from(i32::MAX)),
    }
}

fn discriminates(prim: Prim) -> bool {
    !matches!(
        prim,
        Prim::Hyper | Prim::UHyper | Prim::Int64 | Prim::UInt64 | Prim::Float | Prim::Double
    )
}
