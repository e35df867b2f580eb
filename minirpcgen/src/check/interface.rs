//! The procedure blocks, and the C names that they make.

use std::collections::HashMap;

use super::types::MACROS;
use crate::ast::{Item, Name, Side};
use crate::diag::{did_you_mean, Diagnostic, Span};
use crate::model::{CName, Kind, Model};
use crate::parser::{needs_typedef, system_type};
use crate::rpc_h;

pub fn check(model: &Model) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    names_and_numbers(model, &mut errors);
    argument_types(model, &mut errors);
    if errors.is_empty() {
        generated_names(model, &mut errors);
        members(model, &mut errors);
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
        if known.contains(&name.text.as_str()) || model.is_system_argument(&name.text) {
            continue;
        }
        if system_type(&name.text).is_some() {
            errors.push(needs_typedef(&name.span, "primitive type", &name.text));
            continue;
        }
        if rpc_h::spelling(&name.text).is_some() {
            errors.push(needs_typedef(&name.span, "type of <rpc/rpc.h>", &name.text));
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

/// Every name of file scope in the outputs, against each other.
fn generated_names(model: &Model, errors: &mut Vec<Diagnostic>) {
    let mut names: HashMap<String, CName> = HashMap::new();
    for group in model.c_names() {
        for name in group {
            let Some(other) = names.get(&name.text) else {
                names.insert(name.text.clone(), name);
                continue;
            };
            // The user's own twice are told of elsewhere.
            if name.kind != Kind::Made || name.what == other.what {
                continue;
            }
            let message = format!(
                "`{}` would be both {} and {}",
                name.text, other.what, name.what
            );
            let (at, note) = match (name.span, other.span) {
                (Some(at), note) => (at, note),
                (None, Some(at)) => (at, None),
                // Neither is the user's.
                (None, None) => continue,
            };
            let mut error = Diagnostic::new(at, message);
            if let Some(span) = note {
                error = error.note_at(span, "the other one comes from here");
            }
            errors.push(error);
            break;
        }
    }
}

/// The operations' members: a constant is a macro, which would replace one.
fn members(model: &Model, errors: &mut Vec<Diagnostic>) {
    let items = model.units.stubs.items.iter();
    let constants: HashMap<&str, &Span> = items
        .filter_map(|item| match item {
            Item::Const(name, _) => Some((name.text.as_str(), &name.span)),
            _ => None,
        })
        .collect();
    for entry in model.units.stubs.blocks().flat_map(|block| &block.entries) {
        let Name { text, span } = &entry.name;
        if let Some(constant) = constants.get(text.as_str()) {
            let message = format!("the procedure `{text}` has the name of a constant");
            let error = Diagnostic::new(span, message);
            errors.push(error.note_at(constant, "which is a macro in C, defined here"));
        }
    }
}
