//! What a type is once the typedefs between are resolved, and what follows from it.

use std::collections::{HashMap, HashSet};

use super::values::evaluate;
use super::{Model, MAX_ALIASES};
use crate::ast::{Body, Decl, Definition, Prim, Shape, TypeName, Value};
use crate::rpc_h;

/// A type, with the typedefs that stand between resolved.
#[derive(Clone, Debug)]
pub enum Form {
    Prim(Prim, &'static str),
    Enum(String),
    Struct(String),
    Union(String),
    /// Its procedure is elsewhere. An array's takes the array itself.
    External {
        name: String,
        array: bool,
    },
    Opaque(Count),
    /// `name` is the one that `_len` and `_val` are added to.
    Bytes {
        name: String,
        bound: String,
    },
    Str {
        bound: String,
    },
    Fixed {
        element: Box<Element>,
        count: Count,
    },
    Variable {
        element: Box<Element>,
        name: String,
        bound: String,
    },
    Optional(Box<Element>),
}

/// What an array or a pointer is of: a type with a name.
#[derive(Clone, Debug)]
pub struct Element {
    pub c_name: String,
    pub form: Form,
}

/// A size as C text, and its value where that is known here.
#[derive(Clone, Debug)]
pub struct Count {
    pub text: String,
    pub value: Option<u32>,
}

/// The longest run of members that moves in one piece (MRPC_XDR_WINDOW).
pub const WINDOW: u32 = 256;

impl Model {
    /// The C type that a declaration's members or elements have.
    pub fn c_type(&self, decl: &Decl) -> String {
        let TypeName::Named(name) = &decl.ty else {
            return c_type(&decl.ty);
        };
        if self.find(&name.text).is_some() {
            return name.text.clone();
        }
        // Another header's: it may have a tag only.
        match (decl.tag, rpc_h::spelling(&name.text)) {
            (Some(tag), _) => format!("{tag} {}", name.text),
            (None, Some(spelling)) if !self.units.has_foreign_code() => spelling.to_owned(),
            _ => name.text.clone(),
        }
    }

    pub fn form(&self, decl: &Decl) -> Form {
        self.form_within(decl, 0)
    }

    fn form_within(&self, decl: &Decl, depth: usize) -> Form {
        let name = decl.name.text.clone();
        let bound = |bound: &Option<Value>| match bound {
            Some(value) => value.text.clone(),
            None => "MRPC_XDR_UNBOUNDED".to_owned(),
        };
        match (&decl.ty, &decl.shape) {
            (TypeName::String, Shape::Variable(size)) => Form::Str { bound: bound(size) },
            (TypeName::Opaque, Shape::Variable(size)) => Form::Bytes {
                name,
                bound: bound(size),
            },
            (TypeName::Opaque, Shape::Fixed(size)) => Form::Opaque(self.count(size)),
            (ty, Shape::Plain) => self.type_form(ty, depth),
            (_, Shape::Optional) => Form::Optional(Box::new(self.element(decl, depth))),
            (_, Shape::Fixed(size)) => Form::Fixed {
                element: Box::new(self.element(decl, depth)),
                count: self.count(size),
            },
            (_, Shape::Variable(size)) => Form::Variable {
                element: Box::new(self.element(decl, depth)),
                name,
                bound: bound(size),
            },
        }
    }

    fn count(&self, value: &Value) -> Count {
        Count {
            text: value.text.clone(),
            value: self.evaluate(value).and_then(|v| u32::try_from(v).ok()),
        }
    }

    fn element(&self, decl: &Decl, depth: usize) -> Element {
        Element {
            c_name: self.c_type(decl),
            form: self.type_form(&decl.ty, depth),
        }
    }

    fn type_form(&self, ty: &TypeName, depth: usize) -> Form {
        match ty {
            TypeName::Prim(prim, c_name) => Form::Prim(*prim, c_name),
            TypeName::Named(name) => self.named_form_within(&name.text, depth),
            // The parser lets none of these through.
            TypeName::Opaque | TypeName::String | TypeName::Inline(_) => Form::External {
                name: c_type(ty),
                array: false,
            },
        }
    }

    /// The form of a type of this name.
    pub fn named_form(&self, name: &str) -> Form {
        self.named_form_within(name, 0)
    }

    fn named_form_within(&self, name: &str, depth: usize) -> Form {
        let text = name.to_owned();
        let definition = match self.types.get(name) {
            Some(definition) if self.is_own(name) && depth < MAX_ALIASES => definition,
            _ => {
                return Form::External {
                    name: text,
                    array: self.is_array(name),
                }
            }
        };
        match &definition.body {
            Body::Enum(_) => Form::Enum(text),
            Body::Struct(_) => Form::Struct(text),
            Body::Union(_) => Form::Union(text),
            Body::Typedef(decl) => self.form_within(decl, depth + 1),
            Body::Foreign => Form::External {
                name: text,
                array: false,
            },
        }
    }

    /// Whether a type's XDR procedure takes `T` and not `T *`, as rpcgen has it
    /// for typedefs of fixed arrays.
    pub fn is_array(&self, name: &str) -> bool {
        match self.types.get(name).map(|definition| &definition.body) {
            Some(Body::Typedef(decl)) => matches!(decl.shape, Shape::Fixed(_)),
            _ => false,
        }
    }

    /// The form's size on the wire, if that is fixed and fits into a window. It is
    /// 0 for what has no elements, whatever those would be.
    pub fn wire(&self, form: &Form) -> Option<u32> {
        let size = match form {
            Form::Fixed { count, .. } if count.value == Some(0) => 0,
            Form::Prim(prim, _) => prim_wire(*prim),
            Form::Enum(_) => 4,
            Form::Opaque(count) => count.value?.checked_next_multiple_of(4)?,
            Form::Fixed { element, count } => {
                self.wire(&element.form)?.checked_mul(count.value?)?
            }
            Form::Struct(name) => match self.types.get(name).map(|d| &d.body) {
                Some(Body::Struct(members)) => self.members_wire(members)?,
                _ => return None,
            },
            _ => return None,
        };
        (size <= WINDOW).then_some(size)
    }

    /// Stops as soon as it is too much, which also ends the way down.
    fn members_wire(&self, members: &[Decl]) -> Option<u32> {
        let mut sum = 0;
        for member in members {
            sum += self.wire(&self.form(member))?;
            if sum > WINDOW {
                return None;
            }
        }
        Some(sum)
    }

    /// Whether objects of this form hold memory of their own.
    pub fn holds_memory(&self, form: &Form) -> bool {
        match form {
            Form::Prim(..) | Form::Enum(_) | Form::Opaque(_) => false,
            Form::Bytes { .. } | Form::Str { .. } | Form::Variable { .. } | Form::Optional(_) => {
                true
            }
            Form::Fixed { element, count } => {
                count.value != Some(0) && self.holds_memory(&element.form)
            }
            Form::External { name, .. } | Form::Struct(name) | Form::Union(name) => {
                self.holders.contains(name) || !self.types.contains_key(name)
            }
        }
    }

    /// Whether values of this form, whose size on the wire is fixed, have to be
    /// checked when they have been decoded.
    pub fn is_checked(&self, form: &Form) -> bool {
        self.strict_enums
            && match form {
                Form::Enum(_) => true,
                Form::Fixed { element, count } => {
                    count.value != Some(0) && self.is_checked(&element.form)
                }
                Form::Struct(name) => match self.find(name).map(|d| &d.body) {
                    Some(Body::Struct(members)) => members
                        .iter()
                        .any(|member| self.is_checked(&self.form(member))),
                    _ => false,
                },
                _ => false,
            }
    }
}

/// The types whose objects hold memory: found by going through all of them until
/// there are no more.
pub(super) fn holders(
    types: &HashMap<String, Definition>,
    values: &HashMap<String, Value>,
) -> HashSet<String> {
    let mut holders = HashSet::new();
    loop {
        let holds = |decl: &Decl| match (&decl.ty, &decl.shape) {
            (_, Shape::Fixed(size)) if evaluate(size, values) == Some(0) => false,
            (TypeName::String, _) | (_, Shape::Optional | Shape::Variable(_)) => true,
            (TypeName::Named(name), _) => {
                holders.contains(&name.text) || !types.contains_key(&name.text)
            }
            _ => false,
        };
        let found: Vec<String> = types
            .iter()
            .filter(|(name, definition)| {
                !holders.contains(*name)
                    && match &definition.body {
                        Body::Enum(_) => false,
                        Body::Struct(members) => members.iter().any(holds),
                        Body::Union(union) => union.decls().any(holds),
                        Body::Typedef(decl) => holds(decl),
                        Body::Foreign => true,
                    }
            })
            .map(|(name, _)| name.clone())
            .collect();
        if found.is_empty() {
            return holders;
        }
        holders.extend(found);
    }
}

pub fn prim_wire(prim: Prim) -> u32 {
    match prim {
        Prim::Hyper | Prim::UHyper | Prim::Int64 | Prim::UInt64 | Prim::Double => 8,
        _ => 4,
    }
}

/// The C type that declares it.
fn c_type(ty: &TypeName) -> String {
    match ty {
        TypeName::Prim(_, c_name) => (*c_name).to_owned(),
        TypeName::Named(name) => name.text.clone(),
        TypeName::Opaque | TypeName::String => "char".to_owned(),
        TypeName::Inline(definition) => definition.name.text.clone(),
    }
}
