//! Dataclasses, enums and aliases.

use super::code::Code;
use super::{names, Emitter};
use crate::schema::{Definition, Kind, Member, Type};

/// Where an annotation stands.
#[derive(Clone, Copy, PartialEq)]
pub enum Scope {
    Module,
    Class,
}

impl Emitter<'_> {
    pub(super) fn class(&self, definition: &Definition, code: &mut Code) {
        let name = self.names.global(&definition.name);
        match &definition.kind {
            Kind::Enum(values) => {
                let head = format!("class {name}({}.Enum)", self.package());
                let given = names::enumerators(values.iter().map(|(name, _)| name.as_str()));
                code.definition(head, |code| {
                    for (name, (_, value)) in given.iter().zip(values) {
                        code.line(format!("{name} = {}", *value as i32));
                    }
                });
            }
            Kind::Struct { members, .. } => {
                let fields = self.fields(members.iter());
                self.dataclass(name, code, |code| {
                    for (field, member) in fields.iter().zip(members) {
                        code.line(format!("{field}: {}", self.hint(&member.ty, Scope::Class)));
                    }
                });
            }
            Kind::Union { .. } => {
                let all = union_members(&definition.kind);
                let fields = self.fields(all.iter().copied());
                self.dataclass(name, code, |code| {
                    for (i, (field, member)) in fields.iter().zip(&all).enumerate() {
                        let hint = self.hint(&member.ty, Scope::Class);
                        code.line(match (i, &member.ty) {
                            (0, _) => format!("{field}: {hint}"),
                            (_, Type::Optional(_)) => format!("{field}: {hint} = None"),
                            _ => format!("{field}: {hint} | None = None"),
                        });
                    }
                });
            }
            Kind::Alias(_) => {}
        }
    }

    fn dataclass(&self, name: &str, code: &mut Code, fill: impl FnOnce(&mut Code)) {
        let mut fields = Code::new();
        fill(&mut fields);
        if fields.is_empty() {
            fields.line("pass");
        }
        code.blank();
        code.blank();
        code.line(format!("@{}(slots=True)", self.names.local("_dataclass")));
        code.block(format!("class {name}"), |code| code.append(fields));
        code.blank();
        code.blank();
    }

    pub(super) fn fields<'m>(&self, members: impl Iterator<Item = &'m Member>) -> Vec<String> {
        names::members(members.map(|member| member.name.as_str()))
    }

    /// Typedefs, and other names for types that a member hides: after all classes, so
    /// that nothing is used ahead of its definition.
    pub(super) fn aliases(&self, code: &mut Code) {
        let alias = self.names.local("_TypeAlias");
        code.blank();
        for definition in &self.interface.definitions {
            let name = self.names.global(&definition.name);
            if let Kind::Alias(ty) = &definition.kind {
                let hint = self.hint(ty, Scope::Module);
                code.line(format!("{name}: {alias} = {hint}"));
            } else if self.names.is_hidden(name) {
                let hidden = self.names.within_class(&definition.name);
                code.line(format!("{hidden}: {alias} = {name}"));
            }
        }
        code.blank();
    }

    pub(super) fn hint(&self, ty: &Type, scope: Scope) -> String {
        let builtin = |name: &str| self.names.builtin(name);
        match ty {
            Type::Int(_) => builtin("int"),
            Type::Float | Type::Double => builtin("float"),
            Type::Bool => builtin("bool"),
            Type::Opaque(_) | Type::Bytes(_) => builtin("bytes"),
            Type::Str(_) => builtin("str"),
            Type::Array(of, _) | Type::List(of, _) => {
                format!("{}[{}]", builtin("list"), self.hint(of, scope))
            }
            // None is one of the inner one's values.
            Type::Optional(of) if matches!(**of, Type::Optional(_)) => {
                format!("{}[{}] | None", builtin("tuple"), self.hint(of, scope))
            }
            Type::Optional(of) => format!("{} | None", self.hint(of, scope)),
            Type::Named(at) => {
                let name = &self.interface.definitions[*at].name;
                match scope {
                    Scope::Module => self.names.global(name).to_owned(),
                    Scope::Class => self.names.within_class(name),
                }
            }
            Type::Foreign(name) => name.clone(),
        }
    }
}

/// The discriminant, and all that arms hold.
pub(super) fn union_members(kind: &Kind) -> Vec<&Member> {
    let Kind::Union {
        discriminant,
        arms,
        default,
    } = kind
    else {
        return Vec::new();
    };
    let arms = arms.iter().filter_map(|(_, member)| member.as_ref());
    std::iter::once(discriminant)
        .chain(arms)
        .chain(default.iter().flatten())
        .collect()
}
