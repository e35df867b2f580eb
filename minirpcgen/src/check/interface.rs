//! The procedure blocks, and the C names that they make.

use std::collections::HashMap;

use super::types::MACROS;
use crate::ast::{Item, Name, Side};
use crate::diag::{did_you_mean, Diagnostic, Span};
use crate::model::Model;

pub fn check(model: &Model) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    names_and_numbers(model, &mut errors);
    argument_types(model, &mut errors);
    if errors.is_empty() {
        generated_names(model, &mut errors);
    }
    errors
}

fn names_and_numbers(model: &Model, errors: &mut Vec<Diagnostic>) {
    let mut names: HashMap<&str, &Span> = HashMap::new();
    let mut numbers: HashMap<(Side, bool, i32), &Span> = HashMap::new();
    for block in model.units.stubs.blocks() {
        for entry in &block.entries {
            let Name { text, span } = &entry.name;
            if let Some(first) = names.get(text.as_str()) {
                let message = format!("`{text}` is defined twice");
                let error = Diagnostic::new(span, message);
                errors.push(error.note_at(first, "the first definition is here"));
                continue;
            }
            names.insert(text, span);
            if MACROS.contains(&text.as_str()) {
                let message = format!("the procedure `{text}` has the name of a macro in C");
                errors.push(Diagnostic::new(span, message));
            }
            let key = (block.side, block.messages, entry.number);
            if let Some(first) = numbers.get(&key) {
                let kind = if block.messages { "msgs" } else { "procs" };
                let message = format!(
                    "the number {} is used twice in {}{kind}",
                    entry.number,
                    block.side.word()
                );
                let error = Diagnostic::new(&entry.number_span, message);
                errors.push(error.note_at(first, "the first use is here"));
            } else {
                numbers.insert(key, &entry.number_span);
            }
        }
    }
}

fn argument_types(model: &Model, errors: &mut Vec<Diagnostic>) {
    let known: Vec<&str> = model
        .units
        .stubs
        .types()
        .map(|definition| definition.name.text.as_str())
        .collect();
    let entries = model.units.stubs.blocks().flat_map(|block| &block.entries);
    for name in entries.flat_map(|entry| entry.arg.iter().chain(&entry.result)) {
        if known.contains(&name.text.as_str()) {
            continue;
        }
        let error = Diagnostic::new(&name.span, format!("unknown type `{}`", name.text));
        let error = if model.find(&name.text).is_some() {
            error.note("the pass with MINIRPC defined does not see its definition")
        } else if let Some(meant) = did_you_mean(&name.text, known.iter().copied()) {
            error.note(format!("did you mean `{meant}`?"))
        } else if model.units.has_foreign_code() {
            error.note("a type from a `%` line must be declared in the .mx file as well")
        } else {
            error
        };
        errors.push(error);
    }
}

/// Every name of file scope in the generated stubs, against each other and
/// against the user's types.
fn generated_names(model: &Model, errors: &mut Vec<Diagnostic>) {
    let base = &model.base;
    let mut names: HashMap<String, (Option<&Span>, String)> = HashMap::new();
    for item in &model.units.stubs.items {
        let (name, what) = match item {
            Item::Const(name, _) => (name, "constant"),
            Item::Type(definition) => (&definition.name, "type"),
            _ => continue,
        };
        let what = format!("the {what} `{}`", name.text);
        names.insert(name.text.clone(), (Some(&name.span), what));
    }
    for side in [Side::Server, Side::Client] {
        let word = side.word();
        let what = format!("the table of the {word}'s side");
        names.insert(format!("{base}_{word}"), (None, what));
        let what = format!("the function to set the {word}'s operations");
        names.insert(format!("{base}_{word}_set_operations"), (None, what));
    }
    for block in model.units.stubs.blocks() {
        for entry in &block.entries {
            let name = &entry.name.text;
            let mut made = vec![(format!("{base}_{name}"), "the stub")];
            if !block.messages {
                for (suffix, what) in [
                    ("_async", "the async stub"),
                    ("_callback_fn", "the callback type"),
                    ("_send_async_reply", "the reply function"),
                    ("_send_async_reply_error", "the error reply function"),
                ] {
                    made.push((format!("{base}_{name}{suffix}"), what));
                }
            }
            // The operations' member; a constant is a macro, which would replace it.
            if let Some((Some(span), what)) = names.get(name) {
                if what.starts_with("the constant") {
                    let message = format!("the procedure `{name}` has the name of a constant");
                    let error = Diagnostic::new(&entry.name.span, message);
                    errors.push(error.note_at(span, "which is a macro in C, defined here"));
                    continue;
                }
            }
            for (c_name, what) in made {
                let what = format!("{what} of `{name}`");
                if let Some((span, other)) = names.get(&c_name) {
                    let message = format!("`{c_name}` would be both {other} and {what}");
                    let mut error = Diagnostic::new(&entry.name.span, message);
                    if let Some(span) = span {
                        error = error.note_at(span, "the other one comes from here");
                    }
                    errors.push(error);
                    break;
                }
                names.insert(c_name, (Some(&entry.name.span), what));
            }
        }
    }
}
