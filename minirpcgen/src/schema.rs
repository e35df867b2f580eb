//! An interface without C: every type with all that its bytes depend on, as those need it
//! who read and write values themselves.

use std::collections::HashMap;

use crate::ast::{Body, Decl, Entry, Name, Prim, Shape, Side, TypeName, Union, Value, ValueKind};
use crate::model::Model;
use crate::parser::system_type;
use crate::rpc_h;

#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    Int(Int),
    Float,
    Double,
    Bool,
    /// These have a place in `Interface::definitions`.
    Named(usize),
    /// Bytes: as many, or up to as many.
    Opaque(u32),
    Bytes(u32),
    Str(u32),
    Array(Box<Type>, u32),
    List(Box<Type>, u32),
    Optional(Box<Type>),
    /// Declared in C only.
    Foreign(String),
}

/// A number of `bits` in memory; less than 64 take four bytes on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Int {
    pub bits: u32,
    pub signed: bool,
}

#[derive(Debug)]
pub struct Member {
    pub name: String,
    pub ty: Type,
}

#[derive(Debug)]
pub enum Kind {
    /// Names and what they are worth on the wire.
    Enum(Vec<(String, u32)>),
    Struct {
        members: Vec<Member>,
        /// Whether the last member leads on to another of the same, which C walks in a
        /// loop; and whether no other does, so that it is a list.
        tail: bool,
        list: bool,
    },
    Union {
        discriminant: Member,
        arms: Vec<(Vec<u32>, Option<Member>)>,
        default: Option<Option<Member>>,
    },
    Alias(Type),
}

#[derive(Debug)]
pub struct Definition {
    pub name: String,
    pub kind: Kind,
    /// Whether it can contain itself by another way than a list's.
    pub recursive: bool,
    /// The fewest bytes that a value takes on the wire.
    pub least: u32,
}

impl Kind {
    /// What it is made of.
    fn types(&self) -> Vec<&Type> {
        match self {
            Kind::Enum(_) => Vec::new(),
            Kind::Alias(ty) => vec![ty],
            Kind::Struct { members, .. } => members.iter().map(|m| &m.ty).collect(),
            Kind::Union {
                discriminant,
                arms,
                default,
            } => {
                let arms = arms.iter().filter_map(|(_, arm)| arm.as_ref());
                let members = arms.chain(default.iter().flatten());
                let all = std::iter::once(discriminant).chain(members);
                all.map(|member| &member.ty).collect()
            }
        }
    }
}

#[derive(Debug)]
pub struct Procedure {
    pub name: String,
    /// Who receives it.
    pub side: Side,
    pub message: bool,
    /// As on the wire: negative for a message.
    pub cmd: i32,
    /// None is void.
    pub argument: Option<Member>,
    pub result: Option<Member>,
}

#[derive(Debug)]
pub struct Interface {
    pub definitions: Vec<Definition>,
    pub procedures: Vec<Procedure>,
}

/// Typedefs that may stand between a name and its type.
const MAX_ALIASES: usize = 100;

impl Interface {
    pub fn of(model: &Model) -> Interface {
        Compiler::compile(model)
    }

    /// A type that is declared in C only, if something here needs one.
    pub fn foreign(&self) -> Option<&str> {
        fn within(ty: &Type) -> Option<&str> {
            match ty {
                Type::Foreign(name) => Some(name),
                Type::Array(of, _) | Type::List(of, _) | Type::Optional(of) => within(of),
                _ => None,
            }
        }
        let definitions = self.definitions.iter().flat_map(|d| d.kind.types());
        let procedures = self.procedures.iter();
        let members = procedures.flat_map(|p| p.argument.iter().chain(&p.result));
        definitions
            .chain(members.map(|member| &member.ty))
            .find_map(within)
    }

    /// The fewest bytes that a value of the type takes.
    pub fn least(&self, ty: &Type) -> u32 {
        least(ty, &mut |at| self.definitions[at].least)
    }

    pub fn find(&self, name: &str) -> Option<usize> {
        self.definitions.iter().position(|d| d.name == name)
    }

    pub fn procedure(&self, name: &str) -> Option<&Procedure> {
        self.procedures.iter().find(|p| p.name == name)
    }

    /// What `side` knows a request's or message's number as.
    pub fn received(&self, side: Side, cmd: i32) -> Option<&Procedure> {
        self.procedures
            .iter()
            .find(|p| p.side == side && p.cmd == cmd)
    }

    /// The place of a list's struct, if that is what the type points to.
    pub fn list_of(&self, pointee: &Type) -> Option<(usize, &[Member])> {
        let Type::Named(at) = pointee else {
            return None;
        };
        match &self.definitions[*at].kind {
            Kind::Struct {
                members,
                list: true,
                ..
            } => Some((*at, &members[..members.len() - 1])),
            _ => None,
        }
    }
}

struct Compiler<'a> {
    model: &'a Model,
    places: HashMap<&'a str, usize>,
}

impl<'a> Compiler<'a> {
    fn compile(model: &'a Model) -> Interface {
        let mut order: Vec<&str> = Vec::new();
        for file in model.units.all().into_iter().rev() {
            for definition in file.types() {
                let name = definition.name.text.as_str();
                if !matches!(definition.body, Body::Foreign) && !order.contains(&name) {
                    order.push(name);
                }
            }
        }
        let places = order.iter().enumerate().map(|(i, name)| (*name, i));
        let compiler = Compiler {
            model,
            places: places.collect(),
        };
        let definitions = order.iter().map(|name| compiler.definition(name));
        let mut interface = Interface {
            definitions: definitions.collect(),
            procedures: compiler.procedures(),
        };
        let recursive = recursive(&interface.definitions);
        for (definition, recursive) in interface.definitions.iter_mut().zip(recursive) {
            definition.recursive = recursive;
        }
        let mut known = vec![None; interface.definitions.len()];
        for at in 0..known.len() {
            let least = least_of(&interface.definitions, at, &mut known);
            interface.definitions[at].least = least;
        }
        interface
    }

    fn definition(&self, name: &str) -> Definition {
        let kind = match self.model.find(name).map(|definition| &definition.body) {
            Some(Body::Enum(enumerators)) => {
                let value = |name: &str| {
                    self.number(&Value {
                        text: name.to_owned(),
                        kind: ValueKind::Name,
                        span: enumerators[0].name.span.clone(),
                    })
                };
                let named = enumerators.iter().map(|e| e.name.text.clone());
                Kind::Enum(
                    named
                        .filter_map(|name| value(&name).map(|value| (name, value)))
                        .collect(),
                )
            }
            Some(Body::Struct(members)) => self.structure(name, members),
            Some(Body::Union(union)) => self.union(union),
            Some(Body::Typedef(decl)) => Kind::Alias(self.decl(decl, 0)),
            Some(Body::Foreign) | None => Kind::Alias(Type::Foreign(name.to_owned())),
        };
        Definition {
            name: name.to_owned(),
            kind,
            recursive: false,
            least: 0,
        }
    }

    fn structure(&self, name: &str, members: &[Decl]) -> Kind {
        let place = self.places.get(name).copied();
        let members: Vec<Member> = members.iter().map(|decl| self.member(decl)).collect();
        let itself = |member: &Member| match &member.ty {
            Type::Optional(to) => matches!(**to, Type::Named(to) if Some(to) == place),
            _ => false,
        };
        let tail = members.last().is_some_and(itself);
        let list = tail && members.iter().filter(|member| itself(member)).count() == 1;
        Kind::Struct {
            members,
            tail,
            list,
        }
    }

    fn union(&self, union: &Union) -> Kind {
        let discriminant = self.member(&union.disc);
        let member = |decl: &Option<Decl>| {
            let mut member = self.member(decl.as_ref()?);
            // In C they are in two scopes.
            if member.name == discriminant.name {
                member.name.push_str("_u");
            }
            Some(member)
        };
        let arms = union.arms.iter().map(|arm| {
            let cases = arm.cases.iter().filter_map(|case| self.number(case));
            (cases.collect(), member(&arm.decl))
        });
        Kind::Union {
            arms: arms.collect(),
            default: union.default.as_ref().map(member),
            discriminant,
        }
    }

    fn member(&self, decl: &Decl) -> Member {
        Member {
            name: decl.name.text.clone(),
            ty: self.decl(decl, 0),
        }
    }

    fn decl(&self, decl: &Decl, depth: usize) -> Type {
        let foreign = || Type::Foreign(decl.name.text.clone());
        let bound = |size: &Option<Value>| match size {
            Some(size) => self.number(size),
            None => Some(u32::MAX),
        };
        let made = match (&decl.ty, &decl.shape) {
            (TypeName::String, Shape::Variable(size)) => bound(size).map(Type::Str),
            (TypeName::Opaque, Shape::Variable(size)) => bound(size).map(Type::Bytes),
            (TypeName::Opaque, Shape::Fixed(size)) => self.number(size).map(Type::Opaque),
            (ty, shape) => {
                let element = self.named(ty, depth);
                match shape {
                    Shape::Plain => Some(element),
                    Shape::Optional => Some(Type::Optional(Box::new(element))),
                    Shape::Fixed(size) => self
                        .number(size)
                        .map(|size| Type::Array(Box::new(element), size)),
                    Shape::Variable(size) => {
                        bound(size).map(|size| Type::List(Box::new(element), size))
                    }
                }
            }
        };
        made.unwrap_or_else(foreign)
    }

    fn named(&self, ty: &TypeName, depth: usize) -> Type {
        let name = match ty {
            TypeName::Prim(prim, _) => return primitive(*prim),
            TypeName::Named(name) => &name.text,
            // The parser lets none of these through.
            TypeName::Opaque => return Type::Foreign("opaque".to_owned()),
            TypeName::String => return Type::Foreign("string".to_owned()),
            TypeName::Inline(definition) => &definition.name.text,
        };
        match self.model.find(name).map(|definition| &definition.body) {
            Some(Body::Typedef(decl)) if depth < MAX_ALIASES => self.decl(decl, depth + 1),
            Some(Body::Enum(_) | Body::Struct(_) | Body::Union(_)) => {
                Type::Named(self.places[name.as_str()])
            }
            Some(_) => Type::Foreign(name.clone()),
            None => match system_type(name) {
                Some(TypeName::Prim(prim, _)) => primitive(prim),
                _ => Type::Foreign(name.clone()),
            },
        }
    }

    /// A size, case or enumerator as it stands on the wire.
    fn number(&self, value: &Value) -> Option<u32> {
        let number = self
            .model
            .evaluate(value)
            .or_else(|| rpc_h::constant(&value.text).and_then(|text| text.parse().ok()))?;
        u32::try_from(number)
            .or_else(|_| i32::try_from(number).map(|number| number as u32))
            .ok()
    }

    fn procedures(&self) -> Vec<Procedure> {
        let mut procedures = Vec::new();
        for side in [Side::Server, Side::Client] {
            let (called, sent) = self.model.received(side);
            procedures.extend(called.into_iter().map(|e| self.procedure(side, false, e)));
            procedures.extend(sent.into_iter().map(|e| self.procedure(side, true, e)));
        }
        procedures
    }

    fn procedure(&self, side: Side, message: bool, entry: &Entry) -> Procedure {
        let member = |name: &Name| Member {
            name: name.text.clone(),
            ty: self.named(&TypeName::Named(name.clone()), 0),
        };
        Procedure {
            name: entry.name.text.clone(),
            side,
            message,
            cmd: if message { -entry.number } else { entry.number },
            argument: entry.arg.as_ref().map(member),
            result: entry.result.as_ref().map(member),
        }
    }
}

fn primitive(prim: Prim) -> Type {
    let int = |bits, signed| Type::Int(Int { bits, signed });
    match prim {
        Prim::Char | Prim::Int8 => int(8, true),
        Prim::UChar | Prim::UInt8 => int(8, false),
        Prim::Short | Prim::Int16 => int(16, true),
        Prim::UShort | Prim::UInt16 => int(16, false),
        Prim::Int | Prim::Int32 | Prim::Long => int(32, true),
        Prim::UInt | Prim::UInt32 | Prim::ULong => int(32, false),
        Prim::Hyper | Prim::Int64 => int(64, true),
        Prim::UHyper | Prim::UInt64 => int(64, false),
        Prim::Float => Type::Float,
        Prim::Double => Type::Double,
        Prim::Bool => Type::Bool,
    }
}

/// The definitions that lead back to themselves.
fn recursive(definitions: &[Definition]) -> Vec<bool> {
    fn inner(ty: &Type) -> Option<usize> {
        match ty {
            Type::Named(at) => Some(*at),
            Type::Array(of, _) | Type::List(of, _) | Type::Optional(of) => inner(of),
            _ => None,
        }
    }
    let targets = |at: usize| -> Vec<usize> {
        let members: Vec<&Member> = match &definitions[at].kind {
            Kind::Struct { members, tail, .. } => members[..members.len() - usize::from(*tail)]
                .iter()
                .collect(),
            Kind::Union { arms, default, .. } => {
                let arms = arms.iter().filter_map(|(_, arm)| arm.as_ref());
                arms.chain(default.iter().flatten()).collect()
            }
            Kind::Enum(_) | Kind::Alias(_) => Vec::new(),
        };
        members.iter().filter_map(|m| inner(&m.ty)).collect()
    };
    let leads_back = |start: usize| {
        let mut seen = vec![false; definitions.len()];
        let mut pending = targets(start);
        while let Some(at) = pending.pop() {
            if at == start {
                return true;
            }
            if !std::mem::replace(&mut seen[at], true) {
                pending.extend(targets(at));
            }
        }
        false
    };
    (0..definitions.len()).map(leads_back).collect()
}

fn least(ty: &Type, named: &mut impl FnMut(usize) -> u32) -> u32 {
    match ty {
        Type::Int(Int { bits: 64, .. }) | Type::Double => 8,
        Type::Opaque(size) => size.div_ceil(4).saturating_mul(4),
        Type::Array(of, size) => least(of, named).saturating_mul(*size),
        Type::Named(at) => named(*at),
        Type::Foreign(_) => 0,
        _ => 4,
    }
}

/// Types contain themselves by way of pointers and lists only, which end the way down.
fn least_of(definitions: &[Definition], at: usize, known: &mut [Option<u32>]) -> u32 {
    if let Some(least) = known[at] {
        return least;
    }
    let mut one = |ty: &Type| least(ty, &mut |at| least_of(definitions, at, known));
    let sum = match &definitions[at].kind {
        Kind::Enum(_) => 4,
        Kind::Alias(ty) => one(ty),
        Kind::Struct { members, .. } => {
            let sizes = members.iter().map(|member| one(&member.ty));
            sizes.fold(0, u32::saturating_add)
        }
        // An arm may be void.
        Kind::Union { discriminant, .. } => one(&discriminant.ty),
    };
    known[at] = Some(sum);
    sum
}
