//! B_client.h and B_server.h: one side's stubs and operations.

use super::code::Code;
use super::{c_linkage, guard, guarded, preamble};
use crate::ast::{Entry, Side};
use crate::model::{Model, Stub};

pub fn emit(model: &Model, side: Side) -> Code {
    let base = &model.base;
    let word = side.word();
    let mut code = preamble(&format!("The {word}'s side of the interface."));
    let guard = guard(model, &format!("{}_H", word.to_uppercase()));
    guarded(&mut code, &guard, |code| {
        code.directive(format!("#include \"{base}_minirpc.h\""));
        code.blank();
        c_linkage(code, |code| {
            code.line(format!(
                "extern const struct mrpc_protocol * const {base}_{word};"
            ));
            code.blank();
            operations(model, side, code);
            let (procedures, messages) = model.received(side.other());
            for entry in procedures {
                calls(model, entry, code);
            }
            for entry in model.received(side).0 {
                replies(model, entry, code);
            }
            if !messages.is_empty() {
                code.line("/* Messages: nothing comes back. */");
            }
            for entry in messages {
                code.line(format!("{};", message_prototype(model, entry, " ")));
            }
        });
    });
    code
}

fn operations(model: &Model, side: Side, code: &mut Code) {
    let base = &model.base;
    let word = side.word();
    let (procedures, messages) = model.received(side);
    if procedures.is_empty() && messages.is_empty() {
        return;
    }
    let (data, msg) = (model.local("conn_data"), model.local("msg"));
    let (input, output) = (model.local("in"), model.local("out"));
    code.comment(&format!("What the {word} does for its peer."));
    code.block(&format!("struct {base}_{word}_operations"), ";", |code| {
        for (entries, result) in [(procedures, "mrpc_status_t"), (messages, "void")] {
            for entry in entries {
                let mut line = format!(
                    "{result} (*{})(void *{data}, struct mrpc_message *{msg}",
                    entry.name.text
                );
                if let Some(arg) = &entry.arg {
                    line.push_str(&format!(", {} *{input}", arg.text));
                }
                if let Some(result) = &entry.result {
                    line.push_str(&format!(", {} *{output}", result.text));
                }
                code.line(format!("{line});"));
            }
        }
    });
    code.blank();
    code.line(format!("{};", set_operations_prototype(model, side, " ")));
    code.blank();
}

fn calls(model: &Model, entry: &Entry, code: &mut Code) {
    let base = &model.base;
    let name = &entry.name.text;
    let mut callback = format!(
        "typedef void ({base}_{name}_callback_fn)(void *{}, void *{}, mrpc_status_t {}",
        model.local("conn_private"),
        model.local("msg_private"),
        model.local("status")
    );
    if let Some(result) = &entry.result {
        callback.push_str(&format!(", {} *{}", result.text, model.local("reply")));
    }
    code.line(format!(
        "{};",
        call_prototype(model, entry, Stub::Plain, " ")
    ));
    code.line(format!("{callback});"));
    code.line(format!(
        "{};",
        async_prototype(model, entry, Stub::Plain, " ")
    ));
    if model.has_stub(entry, Stub::With) {
        code.line(format!(
            "{};",
            call_prototype(model, entry, Stub::With, " ")
        ));
    }
    if model.has_stub(entry, Stub::AsyncWith) {
        code.line(format!(
            "{};",
            async_prototype(model, entry, Stub::AsyncWith, " ")
        ));
    }
    code.blank();
}

fn replies(model: &Model, entry: &Entry, code: &mut Code) {
    code.line(format!("{};", reply_prototype(model, entry, " ")));
    code.line(format!("{};", reply_error_prototype(model, entry, " ")));
    code.blank();
}

// The prototypes, for the header (`gap` a blank) and the source (a line break).

pub fn set_operations_prototype(model: &Model, side: Side, gap: &str) -> String {
    let (base, word) = (&model.base, side.word());
    format!(
        "int{gap}{base}_{word}_set_operations(struct mrpc_connection *{}, \
         const struct {base}_{word}_operations *{})",
        model.local("conn"),
        model.local("ops")
    )
}

pub fn call_prototype(model: &Model, entry: &Entry, stub: Stub, gap: &str) -> String {
    let mut text = opening(model, entry, stub, gap);
    if let Some(result) = &entry.result {
        text.push_str(&format!(", {} **{}", result.text, model.local("out")));
    }
    text.push(')');
    text
}

pub fn message_prototype(model: &Model, entry: &Entry, gap: &str) -> String {
    format!("{})", opening(model, entry, Stub::Plain, gap))
}

/// The function's name and its first parameters.
fn head(model: &Model, name: &str, with_options: bool, gap: &str) -> String {
    let conn = model.local("conn");
    let mut text = format!("mrpc_status_t{gap}{name}(struct mrpc_connection *{conn}");
    if with_options {
        let options = model.local("options");
        text.push_str(&format!(", const struct mrpc_call_options *{options}"));
    }
    text
}

fn opening(model: &Model, entry: &Entry, stub: Stub, gap: &str) -> String {
    let (base, name) = (&model.base, &entry.name.text);
    let name = match stub {
        Stub::Plain => format!("{base}_{name}"),
        with => model.stub(entry, with),
    };
    let mut text = head(model, &name, stub != Stub::Plain, gap);
    if let Some(arg) = &entry.arg {
        text.push_str(&format!(", {} *{}", arg.text, model.local("in")));
    }
    text
}

pub fn async_prototype(model: &Model, entry: &Entry, stub: Stub, gap: &str) -> String {
    let (base, name) = (&model.base, &entry.name.text);
    let function = match stub {
        Stub::Plain => format!("{base}_{name}_async"),
        with => model.stub(entry, with),
    };
    let mut text = head(model, &function, stub != Stub::Plain, gap);
    text.push_str(&format!(
        ", {base}_{name}_callback_fn *{}, void *{}",
        model.local("callback"),
        model.local("msg_private")
    ));
    if let Some(arg) = &entry.arg {
        text.push_str(&format!(", {} *{}", arg.text, model.local("in")));
    }
    text.push(')');
    text
}

pub fn reply_prototype(model: &Model, entry: &Entry, gap: &str) -> String {
    let mut text = format!(
        "mrpc_status_t{gap}{}_{}_send_async_reply(struct mrpc_message *{}",
        model.base,
        entry.name.text,
        model.local("request")
    );
    if let Some(result) = &entry.result {
        text.push_str(&format!(", {} *{}", result.text, model.local("out")));
    }
    text.push(')');
    text
}

pub fn reply_error_prototype(model: &Model, entry: &Entry, gap: &str) -> String {
    format!(
        "mrpc_status_t{gap}{}_{}_send_async_reply_error(struct mrpc_message *{}, \
         mrpc_status_t {})",
        model.base,
        entry.name.text,
        model.local("request"),
        model.local("status")
    )
}
