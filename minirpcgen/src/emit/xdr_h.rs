//! B_xdr.h: the C types, as rpcgen declares them, and their procedures.

use super::code::Code;
use super::{c_linkage, guard, guarded, leading_includes, preamble};
use crate::ast::{Body, Decl, Definition, Enumerator, Item, Shape, TypeName, Value, ValueKind};
use crate::model::{c_type, Model};

pub fn emit(model: &Model) -> Code {
    let mut code = preamble("The types of the interface and their XDR procedures.");
    guarded(&mut code, &guard(model, "XDR_H"), |code| {
        code.directive("#include <minirpc/xdr.h>");
        // Other headers bring their own linkage.
        let items = &model.units.header.items;
        let (copied, rest) = items.split_at(leading_includes(items));
        for item in copied {
            copy(item, code);
        }
        code.blank();
        c_linkage(code, |code| {
            forward(model, code);
            for item in rest {
                match item {
                    Item::Copy(_) => copy(item, code),
                    Item::Const(name, value) => {
                        code.directive(format!("#define {} {}", name.text, constant(value)));
                    }
                    Item::Type(definition) => type_definition(definition, code),
                    Item::Block(_) => {}
                }
            }
            prototypes(model, code);
        });
    });
    code
}

fn copy(item: &Item, code: &mut Code) {
    if let Item::Copy(line) = item {
        code.directive(line.clone());
    }
}

/// A negative number in brackets, as an operator may stand before the name.
fn constant(value: &Value) -> String {
    match value.kind {
        ValueKind::Number(number) if number < 0 => format!("({})", value.text),
        _ => value.text.clone(),
    }
}

/// Structs may refer to each other, so that all their names come first.
fn forward(model: &Model, code: &mut Code) {
    for definition in model.units.header.types() {
        if matches!(definition.body, Body::Struct(_) | Body::Union(_)) {
            let name = &definition.name.text;
            code.line(format!("typedef struct {name} {name};"));
        }
    }
    code.blank();
}

fn type_definition(definition: &Definition, code: &mut Code) {
    let name = &definition.name.text;
    code.blank();
    match &definition.body {
        Body::Enum(enumerators) => {
            enumeration(name, enumerators, code);
            code.line(format!("typedef enum {name} {name};"));
        }
        Body::Struct(members) => code.block(&format!("struct {name}"), ";", |code| {
            for member in members {
                declaration("", member, code);
            }
        }),
        Body::Union(union) => code.block(&format!("struct {name}"), ";", |code| {
            declaration("", &union.disc, code);
            // C has no union without members.
            if union.decls().next().is_some() {
                code.block("union", &format!(" {name}_u;"), |code| {
                    for arm in union.decls() {
                        declaration("", arm, code);
                    }
                });
            }
        }),
        Body::Typedef(decl) => declaration("typedef ", decl, code),
    }
    code.blank();
}

fn enumeration(name: &str, enumerators: &[Enumerator], code: &mut Code) {
    code.block(&format!("enum {name}"), ";", |code| {
        // The first is 0, a later one its predecessor's value plus one: C's rule too.
        let last = enumerators.len().saturating_sub(1);
        for (i, enumerator) in enumerators.iter().enumerate() {
            let comma = if i == last { "" } else { "," };
            let name = &enumerator.name.text;
            code.line(match &enumerator.value {
                Some(value) => format!("{name} = {}{comma}", value.text),
                None if i == 0 => format!("{name} = 0{comma}"),
                None => format!("{name}{comma}"),
            });
        }
    });
}

fn declaration(prefix: &str, decl: &Decl, code: &mut Code) {
    let ty = c_type(&decl.ty);
    let name = &decl.name.text;
    match (&decl.ty, &decl.shape) {
        (TypeName::String, _) | (_, Shape::Optional) => {
            code.line(format!("{prefix}{ty} *{name};"));
        }
        (_, Shape::Plain) => code.line(format!("{prefix}{ty} {name};")),
        (_, Shape::Fixed(size)) => {
            code.line(format!("{prefix}{ty} {name}[{}];", size.text));
        }
        (_, Shape::Variable(_)) => {
            code.block(&format!("{prefix}struct"), &format!(" {name};"), |code| {
                code.line(format!("u_int {name}_len;"));
                code.line(format!("{ty} *{name}_val;"));
            });
        }
    }
}

fn prototypes(model: &Model, code: &mut Code) {
    code.blank();
    for definition in model.units.header.types() {
        let name = &definition.name.text;
        let star = if model.is_array(name) { "" } else { " *" };
        code.line(format!("extern bool_t xdr_{name}(XDR *, {name}{star});"));
    }
}
