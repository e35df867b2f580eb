//! Which types refer to themselves, and how.

use std::collections::{BTreeMap, BTreeSet};

use crate::ast::{Body, Decl};
use crate::model::{Form, Model};

/// Whether a struct is the node of a list: its last member, and no more than
/// that, leads on to the next node. Such a type is walked in a loop.
pub fn tail(model: &Model, name: &str, members: &[Decl]) -> bool {
    let Some(last) = members.last() else {
        return false;
    };
    match model.form(last) {
        Form::Optional(element) => matches!(&element.form, Form::Struct(next) if next == name),
        _ => false,
    }
}

/// Structs and unions that can contain themselves by another way than a list's.
pub fn recursive(model: &Model) -> BTreeSet<String> {
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for definition in model.units.source.types() {
        let name = &definition.name.text;
        let mut targets = BTreeSet::new();
        match &definition.body {
            Body::Struct(members) => {
                let count = members.len() - usize::from(tail(model, name, members));
                for member in &members[..count] {
                    collect(&model.form(member), &mut targets);
                }
            }
            Body::Union(union) => {
                for arm in union.decls() {
                    collect(&model.form(arm), &mut targets);
                }
            }
            Body::Enum(_) | Body::Typedef(_) | Body::Foreign => continue,
        }
        edges.insert(name.clone(), targets);
    }
    edges
        .keys()
        .filter(|name| reaches(&edges, name, name))
        .cloned()
        .collect()
}

fn collect(form: &Form, targets: &mut BTreeSet<String>) {
    match form {
        Form::Struct(name) | Form::Union(name) => {
            targets.insert(name.clone());
        }
        Form::Fixed { element, .. } | Form::Variable { element, .. } | Form::Optional(element) => {
            collect(&element.form, targets);
        }
        _ => {}
    }
}

fn reaches(edges: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut pending: Vec<&String> = edges.get(from).into_iter().flatten().collect();
    while let Some(name) = pending.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            pending.extend(edges.get(name).into_iter().flatten());
        }
    }
    false
}
