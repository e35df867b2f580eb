//! `mrpc describe`: procedures and types, and examples of their JSON.

use std::fmt::Write as _;

use minirpcgen::ast::Side;

use super::{kind, line, load};
use crate::cli::File;
use crate::failure::Failure;
use crate::schema::{Definition, Interface, Kind, Member, Procedure, Type};

pub fn describe(file: &File, name: Option<&str>) -> Result<(), Failure> {
    let interface = load(file)?;
    let mut text = String::new();
    match name {
        Some(name) => {
            let procedure = interface.procedure(name);
            let at = interface.find(name);
            if procedure.is_none() && at.is_none() {
                let path = file.path.display();
                let message = format!("{path} has neither a procedure nor a type `{name}`");
                return Err(Failure::usage(message));
            }
            if let Some(procedure) = procedure {
                show_procedure(&interface, procedure, &mut text);
            }
            if let Some(at) = at {
                show_type(&interface, at, &mut text);
            }
        }
        None => {
            for procedure in &interface.procedures {
                show_procedure(&interface, procedure, &mut text);
            }
            for at in 0..interface.definitions.len() {
                show_type(&interface, at, &mut text);
            }
        }
    }
    line(text.trim_end())
}

fn show_procedure(interface: &Interface, procedure: &Procedure, out: &mut String) {
    let name = |member: &Option<Member>| match member {
        Some(member) => member.name.clone(),
        None => "void".to_owned(),
    };
    let json = |member: &Option<Member>| member.as_ref().map(|m| example(interface, &m.ty));
    let receiver = match procedure.side {
        Side::Server => "server",
        Side::Client => "client",
    };
    let number = procedure.cmd.unsigned_abs();
    let (from, to) = (name(&procedure.argument), name(&procedure.result));
    let arrow = match procedure.message {
        true => String::new(),
        false => format!(" -> {to}"),
    };
    // A String takes everything, here and below.
    let _ = writeln!(out, "{}({from}){arrow}", procedure.name);
    let _ = writeln!(
        out,
        "    number {number} of the {}: the {receiver} receives it",
        kind(procedure)
    );
    if let Some(json) = json(&procedure.argument) {
        let _ = writeln!(out, "    argument: {json}");
    }
    if let Some(json) = json(&procedure.result) {
        let _ = writeln!(out, "    result: {json}");
    }
    out.push('\n');
}

fn show_type(interface: &Interface, at: usize, out: &mut String) {
    let Definition { name, kind, .. } = &interface.definitions[at];
    let word = match kind {
        Kind::Enum(_) => "enum",
        Kind::Struct { .. } => "struct",
        Kind::Union { .. } => "union",
        Kind::Alias(_) => "typedef",
    };
    let _ = writeln!(out, "{word} {name}");
    if let Kind::Enum(values) = kind {
        for (name, value) in values {
            let _ = writeln!(out, "    {name} = {}", *value as i32);
        }
    }
    let ty = Type::Named(at);
    if let Kind::Union { arms, default, .. } = kind {
        for (cases, _) in arms {
            let json = Example::of(interface, |e| e.union(at, cases.first().copied(), 0));
            let _ = writeln!(out, "    {json}");
        }
        if default.is_some() {
            let _ = writeln!(out, "    or another discriminant");
        }
    } else {
        let _ = writeln!(out, "    {}", example(interface, &ty));
    }
    out.push('\n');
}

/// A value's JSON, as an example.
pub fn example(interface: &Interface, ty: &Type) -> String {
    Example::of(interface, |example| example.value(ty, 0))
}

struct Example<'a> {
    interface: &'a Interface,
    out: String,
}

/// How deep an example goes where it need not, and how long it may become.
const DEPTH: usize = 4;
const LENGTH: usize = 4096;

impl<'a> Example<'a> {
    fn of(interface: &'a Interface, fill: impl FnOnce(&mut Self)) -> String {
        let mut example = Example {
            interface,
            out: String::new(),
        };
        fill(&mut example);
        example.out
    }

    fn value(&mut self, ty: &Type, depth: usize) {
        let interface = self.interface;
        let ends = depth >= DEPTH || self.out.len() > LENGTH;
        match ty {
            Type::Int(_) => self.out.push('0'),
            Type::Float | Type::Double => self.out.push_str("0.5"),
            Type::Bool => self.out.push_str("true"),
            Type::Opaque(len) => {
                use base64::Engine as _;
                let bytes = vec![0; *len as usize];
                let text = base64::engine::general_purpose::STANDARD.encode(bytes);
                let _ = write!(self.out, "\"{text}\"");
            }
            Type::Bytes(0) | Type::Str(0) => self.out.push_str("\"\""),
            Type::Bytes(_) => self.out.push_str("\"AA==\""),
            Type::Str(bound) => {
                let text = &"text"[..4.min(*bound as usize)];
                let _ = write!(self.out, "\"{text}\"");
            }
            Type::List(_, _) if ends => self.out.push_str("[]"),
            Type::List(element, bound) => self.elements(element, (*bound).min(1), depth),
            Type::Array(element, len) => self.elements(element, *len, depth),
            Type::Optional(pointee) => match interface.list_of(pointee) {
                Some((_, members)) if !ends => {
                    self.out.push('[');
                    self.object(members, depth + 1);
                    self.out.push(']');
                }
                Some(_) => self.out.push_str("[]"),
                None if ends => self.out.push_str("null"),
                None => self.value(pointee, depth + 1),
            },
            Type::Named(at) => match &interface.definitions[*at].kind {
                Kind::Enum(values) => match values.first() {
                    Some((name, _)) => {
                        let _ = write!(self.out, "\"{name}\"");
                    }
                    None => self.out.push('0'),
                },
                Kind::Struct { members, .. } => self.object(members, depth),
                Kind::Union { arms, .. } => {
                    // One without more of the same, if there is one.
                    let plain = |(_, arm): &&(Vec<u32>, Option<Member>)| arm.is_none();
                    let arm = match ends {
                        true => arms.iter().find(plain).or(arms.first()),
                        false => arms.first(),
                    };
                    let case = arm.and_then(|(cases, _)| cases.first().copied());
                    self.union(*at, case, depth);
                }
                Kind::Alias(ty) => self.value(ty, depth),
            },
            Type::Foreign(_) => self.out.push('?'),
        }
    }

    fn elements(&mut self, element: &Type, count: u32, depth: usize) {
        self.out.push('[');
        for i in 0..count {
            if i > 0 {
                self.out.push(',');
            }
            if self.out.len() > LENGTH {
                self.out.push_str("..");
                break;
            }
            self.value(element, depth + 1);
        }
        self.out.push(']');
    }

    fn object<'m>(&mut self, members: impl IntoIterator<Item = &'m Member>, depth: usize) {
        self.out.push('{');
        for (i, member) in members.into_iter().enumerate() {
            if i > 0 {
                self.out.push(',');
            }
            let _ = write!(self.out, "\"{}\":", member.name);
            // Types cannot hold themselves but by what can be empty; this is for unions.
            if depth > 8 * DEPTH {
                self.out.push_str("..");
            } else {
                self.value(&member.ty, depth + 1);
            }
        }
        self.out.push('}');
    }

    fn union(&mut self, at: usize, case: Option<u32>, depth: usize) {
        let interface = self.interface;
        let Kind::Union {
            discriminant,
            arms,
            default,
        } = &interface.definitions[at].kind
        else {
            return;
        };
        let word = case.unwrap_or(0);
        let name = match &discriminant.ty {
            Type::Bool => (word != 0).to_string(),
            Type::Named(at) => match &interface.definitions[*at].kind {
                Kind::Enum(values) => match values.iter().find(|(_, value)| *value == word) {
                    Some((name, _)) => format!("\"{name}\""),
                    None => (word as i32).to_string(),
                },
                _ => (word as i32).to_string(),
            },
            _ => (word as i32).to_string(),
        };
        let _ = write!(self.out, "{{\"{}\":{name}", discriminant.name);
        let arm = arms.iter().find(|(cases, _)| cases.contains(&word));
        if let Some(Some(member)) = arm.map(|(_, arm)| arm).or(default.as_ref()) {
            let _ = write!(self.out, ",\"{}\":", member.name);
            if depth > 8 * DEPTH {
                self.out.push_str("..");
            } else {
                self.value(&member.ty, depth + 1);
            }
        }
        self.out.push('}');
    }
}
