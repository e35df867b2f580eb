//! B_minirpc.c: the protocol's tables and the stubs.

use super::code::Code;
use super::peer_h::{
    async_prototype, call_prototype, message_prototype, reply_error_prototype, reply_prototype,
    set_operations_prototype,
};
use super::preamble;
use crate::ast::{Entry, Name, Side};
use crate::model::{Model, Stub};

pub fn emit(model: &Model) -> Code {
    let base = &model.base;
    let mut code = preamble("The stubs of the interface, and its two tables for the library.");
    code.directive("#define MINIRPC_PROTOCOL");
    code.directive("#include <minirpc/protocol.h>");
    code.directive(format!("#include \"{base}_client.h\""));
    code.directive(format!("#include \"{base}_server.h\""));
    code.blank();
    for side in [Side::Server, Side::Client] {
        let (procedures, messages) = model.received(side);
        let all: Vec<&Entry> = procedures.iter().chain(&messages).copied().collect();
        if !all.is_empty() {
            request(model, side, &procedures, &messages, &mut code);
        }
        info(
            model,
            side,
            "request",
            &all,
            |entry| entry.arg.as_ref(),
            &mut code,
        );
        info(
            model,
            side,
            "reply",
            &procedures,
            |entry| entry.result.as_ref(),
            &mut code,
        );
    }
    for side in [Side::Server, Side::Client] {
        table(model, side, &mut code);
    }
    for side in [Side::Client, Side::Server] {
        stubs(model, side, &mut code);
    }
    code
}

fn split(prototype: &str, code: &mut Code) {
    for line in prototype.split('\n') {
        code.line(line);
    }
}

/// Hands a decoded request to the operations' member.
fn request(model: &Model, side: Side, procedures: &[&Entry], messages: &[&Entry], code: &mut Code) {
    let (base, word) = (&model.base, side.word());
    let [ops, data, msg, cmd, input, output, table] =
        ["ops", "conn_data", "msg", "cmd", "in", "out", "table"].map(|name| model.local(name));
    code.line("static mrpc_status_t");
    code.line(format!(
        "mrpc_{base}_{word}_request(const void *{ops}, void *{data}, \
         struct mrpc_message *{msg}, int {cmd}, void *{input}, void *{output})"
    ));
    let entries = || procedures.iter().chain(messages);
    code.body(|code| {
        code.line(format!(
            "const struct {base}_{word}_operations *{table} = {ops};"
        ));
        code.blank();
        if entries().all(|entry| entry.arg.is_none()) {
            code.line(format!("(void){input};"));
        }
        if entries().all(|entry| entry.result.is_none()) {
            code.line(format!("(void){output};"));
        }
        code.line(format!("if ({table} == NULL)"));
        code.nested(|code| code.line("return MINIRPC_PROCEDURE_UNAVAIL;"));
        code.line(format!("switch ({cmd}) {{"));
        for (i, entry) in entries().enumerate() {
            let name = &entry.name.text;
            let mut args = format!("{data}, {msg}");
            if entry.arg.is_some() {
                args.push_str(&format!(", {input}"));
            }
            if entry.result.is_some() {
                args.push_str(&format!(", {output}"));
            }
            code.line(format!("case nr_{base}_{name}:"));
            code.nested(|code| {
                code.line(format!("if ({table}->{name} == NULL)"));
                code.nested(|code| code.line("return MINIRPC_PROCEDURE_UNAVAIL;"));
                if i < procedures.len() {
                    code.line(format!("return {table}->{name}({args});"));
                } else {
                    code.line(format!("{table}->{name}({args});"));
                    code.line("return MINIRPC_OK;");
                }
            });
        }
        code.line("default:");
        code.nested(|code| code.line("return MINIRPC_PROCEDURE_UNAVAIL;"));
        code.line("}");
    });
}

/// Tells the type and the size of what goes along with a command.
fn info<'a>(
    model: &Model,
    side: Side,
    what: &str,
    entries: &[&'a Entry],
    type_of: impl Fn(&'a Entry) -> Option<&'a Name>,
    code: &mut Code,
) {
    let (base, word) = (&model.base, side.word());
    let [cmd, ty, size] = ["cmd", "type", "size"].map(|name| model.local(name));
    code.line("static mrpc_status_t");
    code.line(format!(
        "mrpc_{base}_{word}_{what}_info(unsigned {cmd}, xdrproc_t *{ty}, unsigned *{size})"
    ));
    code.body(|code| {
        if entries.is_empty() {
            for unused in [&cmd, &ty, &size] {
                code.line(format!("(void){unused};"));
            }
            code.line("return MINIRPC_PROCEDURE_UNAVAIL;");
            return;
        }
        code.line(format!("switch ((int){cmd}) {{"));
        for entry in entries {
            code.line(format!("case nr_{base}_{}:", entry.name.text));
            let (procedure, bytes) = match type_of(entry) {
                Some(name) => (
                    model.procedure(&name.text),
                    format!("sizeof({})", name.text),
                ),
                None => ("mrpc_xdr_void".to_owned(), "0".to_owned()),
            };
            code.nested(|code| {
                code.line(format!(
                    "SET_PTR_IF_NOT_NULL({ty}, MRPC_XDRPROC({procedure}));"
                ));
                code.line(format!("SET_PTR_IF_NOT_NULL({size}, {bytes});"));
                code.line("return MINIRPC_OK;");
            });
        }
        code.line("default:");
        code.nested(|code| code.line("return MINIRPC_PROCEDURE_UNAVAIL;"));
        code.line("}");
    });
}

fn table(model: &Model, side: Side, code: &mut Code) {
    let (base, word, peer) = (&model.base, side.word(), side.other().word());
    let (procedures, messages) = model.received(side);
    let request = if procedures.is_empty() && messages.is_empty() {
        "NULL".to_owned()
    } else {
        format!("mrpc_{base}_{word}_request")
    };
    // By position: a constant of the interface is a macro, and may be named as
    // a member is.
    code.block(
        &format!("static const struct mrpc_protocol mrpc_{base}_{word}_protocol ="),
        ";",
        |code| {
            code.line(format!(
                "{}, /* is_server */",
                i32::from(side == Side::Server)
            ));
            code.line(format!("{request},"));
            code.line(format!("mrpc_{base}_{peer}_request_info, /* sender */"));
            code.line(format!("mrpc_{base}_{peer}_reply_info,"));
            code.line(format!("mrpc_{base}_{word}_request_info, /* receiver */"));
            code.line(format!("mrpc_{base}_{word}_reply_info"));
        },
    );
    code.blank();
    code.line(format!(
        "const struct mrpc_protocol * const {base}_{word} = &mrpc_{base}_{word}_protocol;"
    ));
    code.blank();
}

/// The functions that B_client.h or B_server.h declares.
fn stubs(model: &Model, side: Side, code: &mut Code) {
    let (base, word) = (&model.base, side.word());
    let protocol = format!("{base}_{word}");
    let (procedures, messages) = model.received(side);
    if !procedures.is_empty() || !messages.is_empty() {
        split(&set_operations_prototype(model, side, "\n"), code);
        code.body(|code| {
            code.line(format!(
                "return mrpc_conn_set_operations({}, {protocol}, {});",
                model.local("conn"),
                model.local("ops")
            ));
        });
    }
    let (calls, sends) = model.received(side.other());
    for entry in calls {
        call(model, &protocol, entry, Stub::Plain, code);
        call_async(model, &protocol, entry, Stub::Plain, code);
        if model.has_stub(entry, Stub::With) {
            call(model, &protocol, entry, Stub::With, code);
        }
        if model.has_stub(entry, Stub::AsyncWith) {
            call_async(model, &protocol, entry, Stub::AsyncWith, code);
        }
    }
    for entry in procedures {
        reply(model, &protocol, entry, code);
    }
    for entry in sends {
        split(&message_prototype(model, entry, "\n"), code);
        code.body(|code| {
            code.line(format!(
                "return mrpc_send_request_noreply({protocol}, {}, nr_{base}_{}, {});",
                model.local("conn"),
                entry.name.text,
                argument(model, entry)
            ));
        });
    }
}

fn argument(model: &Model, entry: &Entry) -> String {
    match entry.arg {
        Some(_) => model.local("in"),
        None => "NULL".to_owned(),
    }
}

/// The call of the library's function for a stub, up to its first arguments.
fn opening(model: &Model, protocol: &str, entry: &Entry, stub: Stub, function: &str) -> String {
    let number = format!("nr_{}_{}", model.base, entry.name.text);
    let conn = model.local("conn");
    match stub {
        Stub::Plain => format!("{function}({protocol}, {conn}, {number}"),
        Stub::With | Stub::AsyncWith => {
            let options = model.local("options");
            format!("{function}_with({protocol}, {conn}, {options}, {number}")
        }
    }
}

fn call(model: &Model, protocol: &str, entry: &Entry, stub: Stub, code: &mut Code) {
    let opening = opening(model, protocol, entry, stub, "mrpc_send_request");
    let input = argument(model, entry);
    let [output, reply, status] = ["out", "reply", "status"].map(|name| model.local(name));
    split(&call_prototype(model, entry, stub, "\n"), code);
    code.body(|code| {
        if entry.result.is_none() {
            code.line(format!("return {opening}, {input}, NULL);"));
            return;
        }
        code.line(format!("void *{reply} = NULL;"));
        code.line(format!("mrpc_status_t {status};"));
        code.blank();
        code.line(format!(
            "{status} = {opening}, {input}, {output} != NULL ? &{reply} : NULL);"
        ));
        code.line(format!("if ({output} != NULL)"));
        code.nested(|code| code.line(format!("*{output} = {reply};")));
        code.line(format!("return {status};"));
    });
}

fn call_async(model: &Model, protocol: &str, entry: &Entry, stub: Stub, code: &mut Code) {
    let opening = opening(model, protocol, entry, stub, "mrpc_send_request_async");
    let (input, callback) = (argument(model, entry), model.local("callback"));
    let private = model.local("msg_private");
    split(&async_prototype(model, entry, stub, "\n"), code);
    code.body(|code| {
        code.line(format!(
            "return {opening}, (reply_callback_fn *){callback}, {private}, {input});"
        ));
    });
}

fn reply(model: &Model, protocol: &str, entry: &Entry, code: &mut Code) {
    let number = format!("nr_{}_{}", model.base, entry.name.text);
    let request = model.local("request");
    let output = match entry.result {
        Some(_) => model.local("out"),
        None => "NULL".to_owned(),
    };
    split(&reply_prototype(model, entry, "\n"), code);
    code.body(|code| {
        code.line(format!(
            "return mrpc_send_reply({protocol}, {number}, {request}, {output});"
        ));
    });
    split(&reply_error_prototype(model, entry, "\n"), code);
    code.body(|code| {
        code.line(format!(
            "return mrpc_send_reply_error({protocol}, {number}, {request}, {});",
            model.local("status")
        ));
    });
}
