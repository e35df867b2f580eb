//! B_minirpc.h: what both sides share.

use super::code::Code;
use super::{c_linkage, guard, guarded, preamble};
use crate::ast::{Body, Enumerator, Side};
use crate::model::Model;

pub fn emit(model: &Model) -> Code {
    let base = &model.base;
    let mut code = preamble("What the client's and the server's side of the interface share.");
    guarded(&mut code, &guard(model, "MINIRPC_H"), |code| {
        code.directive("#include <stdlib.h>");
        code.directive("#include <minirpc/minirpc.h>");
        code.directive(format!("#include \"{base}_xdr.h\""));
        code.blank();
        code.line("/* The version of the generator, as MRPC_MAKE_VERSION_CODE makes it. */");
        code.directive(format!(
            "#define {}_MRPC_VERSION_CODE() {:#010x}",
            base.to_uppercase(),
            version_code()
        ));
        code.blank();
        c_linkage(code, |code| {
            numbers(model, Side::Server, code);
            numbers(model, Side::Client, code);
            for definition in model.units.stubs.types() {
                if let Body::Enum(enumerators) = &definition.body {
                    valid_function(model, &definition.name.text, enumerators, code);
                }
            }
            for definition in model.units.stubs.types() {
                free_function(model, &definition.name.text, code);
            }
            for name in &model.units.stubs.system_types {
                free_function(model, &name.text, code);
            }
        });
    });
    code
}

fn version_code() -> u32 {
    let mut parts = env!("CARGO_PKG_VERSION")
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next() << 24) + (next() << 16) + (next() << 8)
}

fn numbers(model: &Model, side: Side, code: &mut Code) {
    let base = &model.base;
    let (procedures, messages) = model.received(side);
    if procedures.is_empty() && messages.is_empty() {
        return;
    }
    let numbers = procedures.iter().map(|entry| (entry, entry.number));
    let numbers = numbers.chain(messages.iter().map(|entry| (entry, -entry.number)));
    let lines: Vec<String> = numbers
        .map(|(entry, number)| format!("nr_{base}_{} = {number}", entry.name.text))
        .collect();
    let head = format!("enum {base}_{}_procedures", side.word());
    code.block(&head, ";", |code| {
        let last = lines.len() - 1;
        for (i, line) in lines.iter().enumerate() {
            let comma = if i == last { "" } else { "," };
            code.line(format!("{line}{comma}"));
        }
    });
    code.blank();
}

/// Decoding lets any number pass for an enum's.
fn valid_function(model: &Model, name: &str, enumerators: &[Enumerator], code: &mut Code) {
    let value = model.local("value");
    code.directive(format!("#ifndef MRPC_IS_VALID_{name}_DEFINED"));
    code.directive(format!("#define MRPC_IS_VALID_{name}_DEFINED"));
    code.line("static inline int");
    code.line(format!("mrpc_is_valid_{name}({name} {value})"));
    code.body(|code| {
        let tests: Vec<String> = model
            .distinct(enumerators)
            .into_iter()
            .map(|enumerator| format!("{value} == {enumerator}"))
            .collect();
        code.line(format!("return {};", tests.join(" || ")));
    });
    code.directive("#endif");
    code.blank();
}

fn free_function(model: &Model, name: &str, code: &mut Code) {
    let object = model.local("in");
    let container = model.local("container");
    let stream = model.local("xdrs");
    let star = if model.is_array(name) { "*" } else { "" };
    code.directive(format!("#ifndef MRPC_FREE_{name}_DEFINED"));
    code.directive(format!("#define MRPC_FREE_{name}_DEFINED"));
    code.line("static inline void");
    code.line(format!("free_{name}({name} *{object}, int {container})"));
    code.body(|code| {
        code.line(format!("XDR {stream};"));
        code.blank();
        code.line(format!("if ({object} == NULL)"));
        code.nested(|code| code.line("return;"));
        code.line(format!("mrpc_xdr_set_free(&{stream});"));
        let procedure = model.procedure(name);
        code.line(format!("{procedure}(&{stream}, {star}{object});"));
        code.line(format!("if ({container})"));
        code.nested(|code| code.line(format!("free({object});")));
    });
    code.directive("#endif");
    code.blank();
}
