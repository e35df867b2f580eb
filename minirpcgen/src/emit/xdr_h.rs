//! B_xdr.h: the C types, as rpcgen declares them, and their procedures.

use super::code::Code;
use super::{c_linkage, guard, guarded, leading_includes, preamble};
use crate::ast::{
    Body, Decl, Definition, Enumerator, File, Item, Name, Shape, TypeName, Value, ValueKind,
};
use crate::cpp;
use crate::model::{Kind, Model};
use crate::rpc_h;

pub fn emit(model: &Model) -> Code {
    let mut code = preamble("The types of the interface and their XDR procedures.");
    guarded(&mut code, &guard(model, "XDR_H"), |code| {
        code.directive("#include <minirpc/xdr.h>");
        libraries(model, code);
        // Other headers bring their own linkage.
        let items = &model.units.header.items;
        let (copied, rest) = items.split_at(leading_includes(items));
        for item in copied {
            copy(item, code);
        }
        code.blank();
        c_linkage(code, |code| {
            let is_empty = |decl: &Decl| is_empty_array(model, decl);
            let has_empty = model
                .units
                .all()
                .into_iter()
                .flat_map(File::decls)
                .any(is_empty);
            forward(model, code);
            if has_empty {
                code.line("MRPC_XDR_NO_ELEMENTS_BEGIN");
            }
            for item in rest {
                match item {
                    Item::Copy(_) => copy(item, code),
                    Item::Const(name, value) => constant(name, value, code),
                    Item::Type(definition) => type_definition(model, definition, code),
                    Item::Block(_) => {}
                }
            }
            if has_empty {
                code.line("MRPC_XDR_NO_ELEMENTS_END");
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

/// What rpcgen's header brings along, and macros of the C library that it needs.
fn libraries(model: &Model, code: &mut Code) {
    let mut headers: Vec<&str> = model.units.macros.values().copied().collect();
    headers.retain(|header| *header != "rpc/rpc.h");
    headers.sort_unstable();
    headers.dedup();
    let types = model.rpc_types();
    let own_names = own_names_of_rpc_h(model);
    let with_rpc_h = !types.is_empty() || own_names.is_empty();
    if with_rpc_h {
        code.directive("#ifdef MINIRPC_SYSTEM_RPC");
        code.directive("#include <rpc/rpc.h>");
        code.directive("#else");
    } else {
        code.comment(&format!(
            "Not <rpc/rpc.h>, which has names of this interface: {}.",
            own_names.join(", ")
        ));
    }
    for header in ["stdio.h", "string.h", "sys/time.h", "netinet/in.h"] {
        code.directive(format!("#include <{header}>"));
    }
    for (name, value) in model.rpc_constants() {
        code.directive(format!("#define {name} {value}"));
    }
    for name in types {
        code.directive(format!(
            "#error {} needs the headers of libtirpc",
            name.text
        ));
    }
    if with_rpc_h {
        code.directive("#endif");
    }
    for header in headers {
        code.directive(format!("#include <{header}>"));
    }
    // Names of the interface that GNU C has for itself, where it is not strict.
    for name in cpp::SYSTEMS {
        let mut names = model.units.all().into_iter().flat_map(File::names);
        if names.any(|(_, own)| own.text == name) {
            code.directive(format!("#undef {name}"));
        }
    }
}

/// Names that the interface gives to something else. With rpcgen it could not have
/// been compiled, so nobody relies on that header.
fn own_names_of_rpc_h(model: &Model) -> Vec<String> {
    // A macro may come after whatever else has its name.
    let names = model.c_names().into_iter().flatten();
    let names = names.filter(|name| name.kind != Kind::Constant && rpc_h::is_taken(&name.text));
    let mut names: Vec<String> = names.map(|name| name.text).collect();
    let members = model.units.all().into_iter().flat_map(File::members);
    names.extend(
        members
            .map(|decl| &decl.name.text)
            .filter(|name| rpc_h::is_macro(name))
            .cloned(),
    );
    names.sort_unstable();
    names.dedup();
    names
}

fn constant(name: &Name, value: &Value, code: &mut Code) {
    // As after the header in rpcgen's output, but without a warning.
    if rpc_h::is_taken(&name.text) {
        code.directive(format!("#undef {}", name.text));
    }
    code.directive(format!("#define {} {}", name.text, literal(value)));
}

/// Without a warning in C: the largest numbers have no sign, and the smallest has no
/// literal. A negative number in brackets, as an operator may stand before the name.
fn literal(value: &Value) -> String {
    let text = &value.text;
    match value.kind {
        ValueKind::Number(number) if number == i128::from(i64::MIN) => {
            "(-9223372036854775807 - 1)".to_owned()
        }
        ValueKind::Number(number) if number < 0 => format!("({text})"),
        ValueKind::Number(number) if number > i128::from(i64::MAX) && !text.starts_with('0') => {
            format!("{text}u")
        }
        _ => text.clone(),
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

fn type_definition(model: &Model, definition: &Definition, code: &mut Code) {
    let name = &definition.name.text;
    if matches!(definition.body, Body::Foreign) {
        return;
    }
    let declaration = |prefix, decl, code: &mut Code| declaration(model, prefix, decl, code);
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
        Body::Foreign => {}
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

fn declaration(model: &Model, prefix: &str, decl: &Decl, code: &mut Code) {
    let ty = model.c_type(decl);
    let name = &decl.name.text;
    match (&decl.ty, &decl.shape) {
        (TypeName::String, _) | (_, Shape::Optional) => {
            code.line(format!("{prefix}{ty} *{name};"));
        }
        (_, Shape::Plain) => code.line(format!("{prefix}{ty} {name};")),
        (_, Shape::Fixed(size)) => {
            // ISO C has no arrays without elements, the compilers have.
            let extension = if is_empty_array(model, decl) {
                "__extension__ "
            } else {
                ""
            };
            code.line(format!("{extension}{prefix}{ty} {name}[{}];", size.text));
        }
        (_, Shape::Variable(_)) => {
            code.block(&format!("{prefix}struct"), &format!(" {name};"), |code| {
                code.line(format!("u_int {name}_len;"));
                code.line(format!("{ty} *{name}_val;"));
            });
        }
    }
}

fn is_empty_array(model: &Model, decl: &Decl) -> bool {
    match &decl.shape {
        Shape::Fixed(size) => model.evaluate(size) == Some(0),
        _ => false,
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
