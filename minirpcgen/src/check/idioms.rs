//! Definitions that repeat what C or the file says already, as C's writers are used
//! to: rpcgen lets them pass, and so they are left out.

use std::collections::{HashMap, HashSet};

use crate::ast::{Body, Decl, Definition, File, Item, Prim, Shape, TypeName};
use crate::model::Units;
use crate::parser::system_type;

pub fn leave_out(units: &mut Units) {
    let mut tagged = HashSet::new();
    let mut typedefs = HashMap::new();
    for definition in units.all().into_iter().flat_map(File::types) {
        let name = definition.name.text.clone();
        match &definition.body {
            Body::Enum(_) | Body::Struct(_) | Body::Union(_) => {
                tagged.insert(name);
            }
            Body::Typedef(decl) => {
                typedefs.entry(name).or_insert_with(|| (**decl).clone());
            }
            Body::Foreign => {}
        }
    }
    for file in [&mut units.stubs, &mut units.header, &mut units.source] {
        let mut foreign = HashSet::new();
        let mut kept = Vec::new();
        for mut item in std::mem::take(&mut file.items) {
            if let Item::Type(definition) = &mut item {
                let name = &definition.name;
                if names_itself(definition) && tagged.contains(&name.text) {
                    continue;
                } else if names_itself(definition) && has_tag(definition) {
                    if !foreign.insert(name.text.clone()) {
                        continue;
                    }
                    definition.body = Body::Foreign;
                } else if repeats_system_type(definition, &typedefs) {
                    file.system_types.push(name.clone());
                    continue;
                }
            }
            kept.push(item);
        }
        file.items = kept;
    }
}

/// `typedef struct pos pos;`, with the tag or without.
fn names_itself(definition: &Definition) -> bool {
    plain_typedef(definition).is_some_and(
        |decl| matches!(&decl.ty, TypeName::Named(name) if name.text == definition.name.text),
    )
}

fn has_tag(definition: &Definition) -> bool {
    plain_typedef(definition).is_some_and(|decl| decl.tag.is_some())
}

/// `typedef int int32_t;`, also by way of other typedefs.
fn repeats_system_type(definition: &Definition, typedefs: &HashMap<String, Decl>) -> bool {
    let Some(TypeName::Prim(system, _)) = system_type(&definition.name.text) else {
        return false;
    };
    let mut next = plain_typedef(definition);
    for _ in 0..=typedefs.len() {
        match next.map(|decl| &decl.ty) {
            Some(TypeName::Prim(prim, _)) => return meaning(*prim) == meaning(system),
            Some(TypeName::Named(name)) => {
                next = typedefs
                    .get(&name.text)
                    .filter(|decl| matches!(decl.shape, Shape::Plain));
            }
            _ => return false,
        }
    }
    false
}

fn plain_typedef(definition: &Definition) -> Option<&Decl> {
    match &definition.body {
        Body::Typedef(decl) if matches!(decl.shape, Shape::Plain) => Some(decl),
        _ => None,
    }
}

/// One primitive for all that are the same number.
fn meaning(prim: Prim) -> Prim {
    match prim {
        Prim::Char => Prim::Int8,
        Prim::UChar => Prim::UInt8,
        Prim::Short => Prim::Int16,
        Prim::UShort => Prim::UInt16,
        Prim::Int => Prim::Int32,
        Prim::UInt => Prim::UInt32,
        Prim::Hyper => Prim::Int64,
        Prim::UHyper => Prim::UInt64,
        other => other,
    }
}
