//! Types defined where they are used. They become definitions of their own:
//! the member `m` of `S` gets the type `S_m`, and `typedef struct { ... } T` is
//! `struct T { ... }`.

use super::Parser;
use crate::ast::{Body, Decl, Definition, Item, Shape, TypeName};

impl Parser {
    pub(super) fn push_type(&mut self, mut definition: Definition) {
        let parent = definition.name.text.clone();
        match &mut definition.body {
            Body::Enum(_) | Body::Foreign => {}
            Body::Struct(members) => {
                for member in members {
                    self.hoist(member, &parent);
                }
            }
            Body::Union(union) => {
                self.hoist(&mut union.disc, &parent);
                let arms = union.arms.iter_mut().filter_map(|arm| arm.decl.as_mut());
                for decl in arms.chain(union.default.iter_mut().flatten()) {
                    self.hoist(decl, &parent);
                }
            }
            Body::Typedef(decl) => self.hoist(decl, &parent),
        }
        self.file.items.push(Item::Type(Box::new(definition)));
    }

    pub(super) fn push_typedef(&mut self, decl: Decl) {
        if let (TypeName::Inline(_), Shape::Plain) = (&decl.ty, &decl.shape) {
            if let TypeName::Inline(mut definition) = decl.ty {
                definition.name = decl.name;
                self.push_type(*definition);
            }
            return;
        }
        let name = decl.name.clone();
        let body = Body::Typedef(Box::new(decl));
        self.push_type(Definition { name, body });
    }

    fn hoist(&mut self, decl: &mut Decl, parent: &str) {
        if !matches!(decl.ty, TypeName::Inline(_)) {
            return;
        }
        let mut name = decl.name.clone();
        // A typedef's own name is the parent's.
        name.text = if name.text == parent {
            format!("{parent}_item")
        } else {
            format!("{parent}_{}", name.text)
        };
        let inline = std::mem::replace(&mut decl.ty, TypeName::Named(name.clone()));
        if let TypeName::Inline(mut definition) = inline {
            definition.name = name;
            self.push_type(*definition);
        }
    }
}
