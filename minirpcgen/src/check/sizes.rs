//! How large objects of each type are, in memory and on the wire: what cannot be sent
//! is refused, and so is what takes no room where that would mean something else.

use std::collections::HashMap;

use crate::ast::{Body, Decl, Definition, Prim, Shape, TypeName, Value};
use crate::diag::Diagnostic;
use crate::model::Model;

/// The most that a message can hold, and a protocol's table say.
const MOST: u128 = u32::MAX as u128;

/// Bytes, at the least: of what C declares elsewhere nothing is known. Memory is
/// that of a machine of 64 bits, where it is the most.
#[derive(Clone, Copy)]
struct Extent {
    memory: u128,
    align: u128,
    wire: u128,
    /// All of it is known.
    exact: bool,
}

impl Extent {
    const UNKNOWN: Extent = Extent {
        memory: 0,
        align: 1,
        wire: 0,
        exact: false,
    };

    const NOTHING: Extent = Extent {
        exact: true,
        ..Extent::UNKNOWN
    };
    const POINTER: Extent = Extent::of(8, 4);
    /// `struct { u_int len; T *val; }`.
    const COUNTED: Extent = Extent {
        memory: 16,
        align: 8,
        wire: 4,
        exact: true,
    };

    const fn of(memory: u128, wire: u128) -> Extent {
        Extent {
            memory,
            align: memory,
            wire,
            exact: true,
        }
    }

    fn times(self, count: Option<u32>) -> Extent {
        let exact = count == Some(0) || (count.is_some() && self.exact);
        let count = u128::from(count.unwrap_or(0));
        Extent {
            memory: self.memory.saturating_mul(count),
            align: self.align,
            wire: self.wire.saturating_mul(count),
            exact,
        }
    }

    fn then(self, next: Extent) -> Extent {
        Extent {
            memory: round_up(self.memory, next.align).saturating_add(next.memory),
            align: self.align.max(next.align),
            wire: self.wire.saturating_add(next.wire),
            exact: self.exact && next.exact,
        }
    }

    /// With the room that the next one in an array needs before it.
    fn padded(self) -> Extent {
        Extent {
            memory: round_up(self.memory, self.align),
            ..self
        }
    }

    fn is_too_large(self) -> bool {
        self.memory > MOST || self.wire > MOST
    }
}

fn round_up(size: u128, align: u128) -> u128 {
    size.checked_next_multiple_of(align).unwrap_or(u128::MAX)
}

pub fn check(model: &Model) -> Vec<Diagnostic> {
    let mut sizes = Sizes {
        model,
        known: HashMap::new(),
        depth: 0,
        errors: Vec::new(),
    };
    for file in model.units.all() {
        for definition in file.types() {
            sizes.definition(definition);
        }
    }
    sizes.arguments();
    sizes.errors
}

/// Types within types that have not been looked at: in a sound file there are
/// none, as C must know a type before it is used by value.
const MAX_DEPTH: u32 = 200;

struct Sizes<'a> {
    model: &'a Model,
    /// None while its own members are being looked at.
    known: HashMap<&'a str, Option<Extent>>,
    depth: u32,
    errors: Vec<Diagnostic>,
}

impl<'a> Sizes<'a> {
    fn named(&mut self, name: &str) -> Extent {
        match self.model.find(name) {
            Some(definition) => self.definition(definition),
            None => Extent::UNKNOWN,
        }
    }

    fn definition(&mut self, definition: &'a Definition) -> Extent {
        let name = definition.name.text.as_str();
        match self.known.get(name) {
            Some(Some(extent)) => return *extent,
            // It contains itself, which is refused elsewhere.
            Some(None) => return Extent::UNKNOWN,
            None if self.depth == MAX_DEPTH => return Extent::UNKNOWN,
            None => {}
        }
        self.known.insert(name, None);
        self.depth += 1;
        let mut extent = match &definition.body {
            Body::Enum(_) => Extent::of(4, 4),
            Body::Struct(members) => self.members(members.iter()),
            Body::Union(union) => {
                let mut largest = Extent::NOTHING;
                for arm in union.decls() {
                    let arm = self.decl(arm);
                    largest = Extent {
                        memory: largest.memory.max(arm.memory),
                        align: largest.align.max(arm.align),
                        // A void arm may be the smallest.
                        wire: 0,
                        exact: largest.exact && arm.exact,
                    };
                }
                self.decl(&union.disc).then(largest.padded())
            }
            Body::Typedef(decl) => self.decl(decl),
            Body::Foreign => Extent::UNKNOWN,
        }
        .padded();
        if extent.is_too_large() {
            self.too_large(definition, extent);
            // Once is enough: what contains it is not told of.
            extent = Extent::UNKNOWN;
        }
        self.depth -= 1;
        self.known.insert(name, Some(extent));
        extent
    }

    fn members(&mut self, members: impl Iterator<Item = &'a Decl>) -> Extent {
        let mut sum = Extent::NOTHING;
        for member in members {
            let next = self.decl(member);
            sum = sum.then(next);
        }
        sum
    }

    fn decl(&mut self, decl: &'a Decl) -> Extent {
        match (&decl.ty, &decl.shape) {
            (TypeName::String, _) | (_, Shape::Optional) => Extent::POINTER,
            (_, Shape::Variable(_)) => {
                self.elements_take_room(decl);
                Extent::COUNTED
            }
            (TypeName::Opaque, Shape::Fixed(size)) => {
                let bytes = Extent::of(1, 1).times(self.count(size));
                Extent {
                    wire: round_up(bytes.wire, 4),
                    ..bytes
                }
            }
            (ty, Shape::Fixed(size)) => {
                let count = self.count(size);
                self.ty(ty).times(count)
            }
            (ty, Shape::Plain) => self.ty(ty),
        }
    }

    /// None if only C knows it, or if it is wrong, which is told of elsewhere.
    fn count(&self, size: &Value) -> Option<u32> {
        self.model
            .evaluate(size)
            .and_then(|size| u32::try_from(size).ok())
    }

    fn ty(&mut self, ty: &TypeName) -> Extent {
        match ty {
            TypeName::Prim(prim, _) => of_prim(*prim),
            TypeName::Named(name) => self.named(&name.text),
            TypeName::Opaque | TypeName::String | TypeName::Inline(_) => Extent::UNKNOWN,
        }
    }

    /// Any number of them would fit into any message.
    fn elements_take_room(&mut self, decl: &Decl) {
        let TypeName::Named(name) = &decl.ty else {
            return;
        };
        let element = self.named(&name.text);
        if element.exact && element.wire == 0 && element.memory == 0 {
            let message = format!("the elements of `{}` take no room", decl.name.text);
            let error = Diagnostic::new(&decl.ty_span, message);
            self.errors
                .push(error.note("only arrays of a fixed size can have such elements"));
        }
    }

    fn too_large(&mut self, definition: &Definition, extent: Extent) {
        let name = &definition.name;
        let (bytes, place) = if extent.memory > MOST {
            (extent.memory, "")
        } else {
            (extent.wire, " on the wire")
        };
        let message = format!("`{}` takes {bytes} bytes{place}", name.text);
        let error = Diagnostic::new(&name.span, message);
        self.errors
            .push(error.note(format!("a message holds {MOST} at the most")));
    }

    /// The size 0 stands for void.
    fn arguments(&mut self) {
        let model = self.model;
        let entries = model.units.stubs.blocks().flat_map(|block| &block.entries);
        for name in entries.flat_map(|entry| entry.arg.iter().chain(&entry.result)) {
            let extent = self.named(&name.text);
            if extent.exact && extent.memory == 0 && model.find(&name.text).is_some() {
                let message = format!("`{}` takes no room", name.text);
                let error = Diagnostic::new(&name.span, message);
                self.errors.push(error.note("use void, or leave it out"));
            }
        }
    }
}

fn of_prim(prim: Prim) -> Extent {
    match prim {
        Prim::Char | Prim::UChar | Prim::Int8 | Prim::UInt8 => Extent::of(1, 4),
        Prim::Short | Prim::UShort | Prim::Int16 | Prim::UInt16 => Extent::of(2, 4),
        Prim::Int | Prim::UInt | Prim::Int32 | Prim::UInt32 | Prim::Float | Prim::Bool => {
            Extent::of(4, 4)
        }
        Prim::Long | Prim::ULong => Extent::of(8, 4),
        Prim::Hyper | Prim::UHyper | Prim::Int64 | Prim::UInt64 | Prim::Double => Extent::of(8, 8),
    }
}
