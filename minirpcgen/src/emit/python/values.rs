//! How values are encoded and decoded. Structs and unions have functions; all else is
//! written out where it is used, so that a type that contains itself costs one of
//! Python's frames for each level.

use super::code::Code;
use super::types::{union_members, Scope};
use super::{Coded, Emitter};
use crate::schema::{Int, Kind, Member, Type};

/// A function that is being written.
struct Body {
    code: Code,
    /// How many variables it has so far.
    variables: usize,
}

impl Emitter<'_> {
    pub(super) fn codec(&self, name: &str, coded: Coded, code: &mut Code) {
        let hint = match coded.plain() {
            Some(ty) => self.hint(ty, Scope::Module),
            None => self.names.global(name).to_owned(),
        };
        let package = self.package();
        let [out, value, data] = ["out", "value", "data"].map(|name| self.names.local(name));
        let [encode, decode] = ["_encode_", "_decode_"].map(|way| self.function(way, name));
        let mut body = Body::new();
        self.encode_body(name, coded, &mut body);
        let head = format!("def {encode}({out}: {package}.Encoder, {value}: {hint}) -> None");
        code.definition(head, |code| code.append(body.finish()));
        let mut body = Body::new();
        self.decode_body(name, coded, &mut body);
        let head = format!("def {decode}({data}: {package}.Decoder) -> {hint}");
        code.definition(head, |code| code.append(body.finish()));
        code.line(format!(
            "{} = {package}.Codec({encode}, {decode})",
            codec_name(name)
        ));
    }

    fn function(&self, prefix: &str, name: &str) -> String {
        format!("{}{name}", self.names.prefix(prefix))
    }

    // Encoding.

    fn encode_body(&self, name: &str, coded: Coded, body: &mut Body) {
        let [out, value] = ["out", "value"].map(|name| self.names.local(name));
        let definition = match coded {
            Coded::Plain(ty) => return self.encode(&value, ty, body),
            Coded::Defined(definition) => definition,
        };
        if definition.recursive {
            body.line(format!("{out}.enter()"));
        }
        match &definition.kind {
            // Its name would lead here again.
            Kind::Enum(_) => body.line(format!("{out}.int32({value})")),
            Kind::Alias(ty) => self.encode(&value, ty, body),
            Kind::Struct { members, tail, .. } if *tail => self.encode_list(members, body),
            Kind::Struct { members, .. } => {
                let fields = self.fields(members.iter());
                for (field, member) in fields.iter().zip(members) {
                    self.encode(&format!("{value}.{field}"), &member.ty, body);
                }
            }
            Kind::Union { .. } => self.encode_union(name, &definition.kind, body),
        }
        if definition.recursive {
            body.line(format!("{out}.leave()"));
        }
    }

    /// The nodes of a list, in a loop.
    fn encode_list(&self, members: &[Member], body: &mut Body) {
        let [out, value, each] = ["out", "value", "each"].map(|name| self.names.local(name));
        let fields = self.fields(members.iter());
        let last = &fields[fields.len() - 1];
        body.line(format!("{each} = {value}"));
        body.block("while True", |body| {
            for (field, member) in fields.iter().zip(members).take(members.len() - 1) {
                self.encode(&format!("{each}.{field}"), &member.ty, body);
            }
            body.line(format!("{out}.boolean({each}.{last} is not None)"));
            body.block(format!("if {each}.{last} is None"), |body| {
                body.line("break")
            });
            body.line(format!("{each} = {each}.{last}"));
        });
    }

    fn encode_union(&self, name: &str, kind: &Kind, body: &mut Body) {
        let Kind::Union {
            discriminant,
            arms,
            default,
        } = kind
        else {
            return;
        };
        let [out, value, arm] = ["out", "value", "arm"].map(|name| self.names.local(name));
        let package = self.package();
        let all = union_members(kind);
        let fields = self.fields(all.iter().copied());
        let path = format!("{value}.{}", fields[0]);
        self.encode(&path, &discriminant.ty, body);
        body.line(format!("{arm} = {}", self.number(&path, &discriminant.ty)));
        let one = |chosen: &Option<Member>, body: &mut Body| {
            let is_chosen = |at: usize| match chosen {
                Some(chosen) => std::ptr::eq(all[at], chosen),
                None => false,
            };
            let others = (1..all.len()).filter(|at| !is_chosen(*at));
            let others: Vec<String> = others.map(|at| format!("{value}.{}", fields[at])).collect();
            if !others.is_empty() {
                body.line(format!("{out}.unused({})", others.join(", ")));
            }
            let (Some(member), Some(at)) = (chosen, (1..all.len()).find(|at| is_chosen(*at)))
            else {
                if others.is_empty() {
                    body.line("pass");
                }
                return;
            };
            let path = format!("{value}.{}", fields[at]);
            if !matches!(member.ty, Type::Optional(_)) {
                body.block(format!("if {path} is None"), |body| {
                    body.line(format!(
                        "raise {package}.no_value(\"{name}\", \"{}\")",
                        fields[at]
                    ));
                });
            }
            self.encode(&path, &member.ty, body);
        };
        let mut word = "if";
        for (cases, member) in arms {
            let condition = condition(&arm, cases, &discriminant.ty);
            body.block(format!("{word} {condition}"), |body| one(member, body));
            word = "elif";
        }
        let otherwise = |body: &mut Body| match default {
            Some(member) => one(member, body),
            None => body.line(format!("raise {package}.no_arm(\"{name}\", {arm})")),
        };
        if word == "if" {
            otherwise(body);
        } else {
            body.block("else", otherwise);
        }
    }

    /// A discriminant as what cases are compared with.
    fn number(&self, value: &str, ty: &Type) -> String {
        let int = self.names.builtin("int");
        match ty {
            Type::Bool => format!("{int}({}({value}))", self.names.builtin("bool")),
            _ => format!("{int}({value})"),
        }
    }

    fn encode(&self, value: &str, ty: &Type, body: &mut Body) {
        let out = self.names.local("out");
        match ty {
            Type::Int(int) => body.line(format!("{out}.{}({value})", int_method(*int))),
            Type::Float => body.line(format!("{out}.float32({value})")),
            Type::Double => body.line(format!("{out}.float64({value})")),
            Type::Bool => body.line(format!("{out}.boolean({value})")),
            Type::Opaque(size) => body.line(format!("{out}.opaque({value}, {size})")),
            Type::Bytes(most) => {
                body.line(format!("{out}.buffer({value}, {})", self.bound(*most)));
            }
            Type::Str(most) => body.line(format!("{out}.string({value}, {})", self.bound(*most))),
            Type::Array(of, size) => {
                self.encode_items(&format!("{out}.array({value}, {size})"), of, body);
            }
            Type::List(of, most) => {
                let items = format!("{out}.sequence({value}, {})", self.bound(*most));
                self.encode_items(&items, of, body);
            }
            Type::Optional(of) => {
                body.line(format!("{out}.boolean({value} is not None)"));
                let inner = match **of {
                    Type::Optional(_) => format!("{value}[0]"),
                    _ => value.to_owned(),
                };
                body.block(format!("if {value} is not None"), |body| {
                    self.encode(&inner, of, body);
                });
            }
            Type::Named(at) => {
                let definition = &self.interface.definitions[*at];
                if matches!(definition.kind, Kind::Enum(_)) {
                    body.line(format!("{out}.int32({value})"));
                } else {
                    let function = self.function("_encode_", &definition.name);
                    body.line(format!("{function}({out}, {value})"));
                }
            }
            Type::Foreign(_) => {}
        }
    }

    fn encode_items(&self, items: &str, of: &Type, body: &mut Body) {
        let item = self.variable("item", body);
        body.block(format!("for {item} in {items}"), |body| {
            self.encode(&item, of, body)
        });
    }

    fn bound(&self, most: u32) -> String {
        if most == u32::MAX {
            format!("{}.UNBOUNDED", self.package())
        } else {
            most.to_string()
        }
    }

    fn variable(&self, what: &str, body: &mut Body) -> String {
        body.variables += 1;
        self.names.local(&format!("{what}{}", body.variables))
    }

    // Decoding.

    fn decode_body(&self, name: &str, coded: Coded, body: &mut Body) {
        let data = self.names.local("data");
        let definition = match coded {
            Coded::Plain(ty) => {
                let value = self.decode(ty, body);
                return body.line(format!("return {value}"));
            }
            Coded::Defined(definition) => definition,
        };
        if definition.recursive {
            body.line(format!("{data}.enter()"));
        }
        let leave = if definition.recursive {
            Some(format!("{data}.leave()"))
        } else {
            None
        };
        let class = self.names.global(name).to_owned();
        match &definition.kind {
            Kind::Enum(_) => body.line(format!("return {}", self.decode_enum(name))),
            Kind::Alias(ty) => {
                let value = self.decode(ty, body);
                body.line(format!("return {value}"));
            }
            Kind::Struct { members, tail, .. } if *tail => {
                self.decode_list(&class, members, leave, body);
            }
            Kind::Struct { members, .. } => {
                let values = self.decode_members(members, body);
                self.finish(&format!("{class}({})", values.join(", ")), &leave, body);
            }
            Kind::Union { .. } => self.decode_union(name, &definition.kind, &leave, body),
        }
    }

    fn finish(&self, value: &str, leave: &Option<String>, body: &mut Body) {
        match leave {
            None => body.line(format!("return {value}")),
            Some(leave) => {
                let result = self.names.local("result");
                body.line(format!("{result} = {value}"));
                body.line(leave);
                body.line(format!("return {result}"));
            }
        }
    }

    /// Their values in their order, whatever statements one of them needs.
    fn decode_members(&self, members: &[Member], body: &mut Body) -> Vec<String> {
        let mut trial = Body::new();
        trial.variables = body.variables;
        let values: Vec<String> = members
            .iter()
            .map(|m| self.decode(&m.ty, &mut trial))
            .collect();
        if trial.code.is_empty() {
            return values;
        }
        let mut variables = Vec::new();
        for member in members {
            let value = self.decode(&member.ty, body);
            let variable = self.variable("value", body);
            body.line(format!("{variable} = {value}"));
            variables.push(variable);
        }
        variables
    }

    fn decode_list(&self, class: &str, members: &[Member], leave: Option<String>, body: &mut Body) {
        let [data, first, last, each] =
            ["data", "first", "last", "each"].map(|name| self.names.local(name));
        let fields = self.fields(members.iter());
        let next = &fields[fields.len() - 1];
        body.line(format!("{last}: {class} | None = None"));
        body.block("while True", |body| {
            let mut values = self.decode_members(&members[..members.len() - 1], body);
            values.push("None".to_owned());
            body.line(format!("{each} = {class}({})", values.join(", ")));
            body.block(format!("if {last} is None"), |body| {
                body.line(format!("{first} = {each}"));
            });
            body.block("else", |body| body.line(format!("{last}.{next} = {each}")));
            body.line(format!("{last} = {each}"));
            body.block(format!("if not {data}.boolean()"), |body| {
                body.line("break")
            });
        });
        if let Some(leave) = leave {
            body.line(leave);
        }
        body.line(format!("return {first}"));
    }

    fn decode_union(&self, name: &str, kind: &Kind, leave: &Option<String>, body: &mut Body) {
        let Kind::Union {
            discriminant,
            arms,
            default,
        } = kind
        else {
            return;
        };
        let [switch, arm] = ["switch", "arm"].map(|name| self.names.local(name));
        let package = self.package();
        let class = self.names.global(name);
        let all = union_members(kind);
        let fields = self.fields(all.iter().copied());
        let value = self.decode(&discriminant.ty, body);
        body.line(format!("{switch} = {value}"));
        body.line(format!(
            "{arm} = {}",
            self.number(&switch, &discriminant.ty)
        ));
        let one = |chosen: &Option<Member>, body: &mut Body| {
            let made = match chosen {
                None => format!("{class}({switch})"),
                Some(member) => {
                    let at = all.iter().position(|one| std::ptr::eq(*one, member));
                    let field = at.map_or("", |at| fields[at].as_str());
                    let value = self.decode(&member.ty, body);
                    format!("{class}({switch}, {field}={value})")
                }
            };
            self.finish(&made, leave, body);
        };
        for (cases, member) in arms {
            let condition = condition(&arm, cases, &discriminant.ty);
            body.block(format!("if {condition}"), |body| one(member, body));
        }
        match default {
            Some(member) => one(member, body),
            None => body.line(format!("raise {package}.no_arm(\"{name}\", {arm})")),
        }
    }

    fn decode_enum(&self, name: &str) -> String {
        let data = self.names.local("data");
        let strict = if self.model.strict_enums {
            "True"
        } else {
            "False"
        };
        format!("{data}.enumerated({}, {strict})", self.names.global(name))
    }

    /// An expression, after the statements that it needs.
    fn decode(&self, ty: &Type, body: &mut Body) -> String {
        let data = self.names.local("data");
        match ty {
            Type::Int(int) => format!("{data}.{}()", int_method(*int)),
            Type::Float => format!("{data}.float32()"),
            Type::Double => format!("{data}.float64()"),
            Type::Bool => format!("{data}.boolean()"),
            Type::Opaque(size) => format!("{data}.opaque({size})"),
            Type::Bytes(most) => format!("{data}.buffer({})", self.bound(*most)),
            Type::Str(most) => format!("{data}.string({})", self.bound(*most)),
            Type::Array(of, size) => self.decode_items(&size.to_string(), of, body),
            Type::List(of, most) => {
                let least = self.interface.least(of).max(1);
                let count = format!("{data}.count({}, {least})", self.bound(*most));
                self.decode_items(&count, of, body)
            }
            Type::Optional(of) => {
                let maybe = self.variable("maybe", body);
                let hint = self.hint(ty, Scope::Module);
                body.line(format!("{maybe}: {hint} = None"));
                body.block(format!("if {data}.boolean()"), |body| {
                    let value = self.decode(of, body);
                    body.line(match **of {
                        Type::Optional(_) => format!("{maybe} = ({value},)"),
                        _ => format!("{maybe} = {value}"),
                    });
                });
                maybe
            }
            Type::Named(at) => {
                let definition = &self.interface.definitions[*at];
                if matches!(definition.kind, Kind::Enum(_)) {
                    self.decode_enum(&definition.name)
                } else {
                    format!("{}({data})", self.function("_decode_", &definition.name))
                }
            }
            Type::Foreign(name) => name.clone(),
        }
    }

    fn decode_items(&self, count: &str, of: &Type, body: &mut Body) -> String {
        let items = self.variable("items", body);
        let list = self.names.builtin("list");
        let range = self.names.builtin("range");
        let hint = self.hint(of, Scope::Module);
        body.line(format!("{items}: {list}[{hint}] = []"));
        let index = self.variable("i", body);
        body.block(format!("for {index} in {range}({count})"), |body| {
            let value = self.decode(of, body);
            body.line(format!("{items}.append({value})"));
        });
        items
    }
}

impl Body {
    fn new() -> Body {
        Body {
            code: Code::new(),
            variables: 0,
        }
    }

    fn line(&mut self, text: impl Into<String>) {
        self.code.line(text);
    }

    fn block(&mut self, head: impl Into<String>, fill: impl FnOnce(&mut Body)) {
        let mut inner = Body {
            code: Code::new(),
            variables: self.variables,
        };
        fill(&mut inner);
        self.variables = inner.variables;
        self.code.block(head, |code| code.append(inner.code));
    }

    fn finish(mut self) -> Code {
        if self.code.is_empty() {
            self.code.line("pass");
        }
        self.code
    }
}

/// As in C, where no other name may be like it.
pub(super) fn codec_name(name: &str) -> String {
    format!("xdr_{name}")
}

fn int_method(int: Int) -> String {
    format!("{}int{}", if int.signed { "" } else { "u" }, int.bits)
}

fn condition(arm: &str, cases: &[u32], discriminant: &Type) -> String {
    let unsigned = match discriminant {
        Type::Int(int) => !int.signed,
        _ => false,
    };
    let number = |case: &u32| {
        if unsigned {
            case.to_string()
        } else {
            (*case as i32).to_string()
        }
    };
    let numbers: Vec<String> = cases.iter().map(number).collect();
    match numbers.as_slice() {
        [one] => format!("{arm} == {one}"),
        // Cases that C alone knows were refused with their type.
        [] => "False".to_owned(),
        several => format!("{arm} in ({})", several.join(", ")),
    }
}
