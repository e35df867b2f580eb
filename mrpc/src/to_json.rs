//! XDR to JSON. The text is written as the bytes are read: what a peer can make this
//! program allocate is proportional to what it sent.

use std::fmt::Write as _;

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;

use crate::failure::Misfit;
use crate::hex;
use crate::schema::{Int, Interface, Kind, Member, Type};

/// How deep trees and other recursive types may nest; generated C code has the same limit.
pub const MAX_DEPTH: usize = 512;

/// Numbers beyond this are strings: other programs would round them.
pub const EXACT: u64 = 1 << 53;

/// A payload that is one value of the type, and nothing more.
pub fn decode(interface: &Interface, ty: &Type, payload: &[u8]) -> Result<String, Misfit> {
    let mut decoder = Decoder {
        interface,
        rest: payload,
        out: String::new(),
        depth: 0,
    };
    decoder.value(ty)?;
    if !decoder.rest.is_empty() {
        let left = decoder.rest.len();
        return Err(Misfit::new(format!("{left} bytes are left over")));
    }
    Ok(decoder.out)
}

struct Decoder<'a> {
    interface: &'a Interface,
    rest: &'a [u8],
    out: String,
    depth: usize,
}

impl<'a> Decoder<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Misfit> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(Misfit::new("the payload ends here"));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn word(&mut self) -> Result<u32, Misfit> {
        let taken = self.take(4)?;
        Ok(u32::from_be_bytes([taken[0], taken[1], taken[2], taken[3]]))
    }

    fn long_word(&mut self) -> Result<u64, Misfit> {
        let high = u64::from(self.word()?);
        Ok(high << 32 | u64::from(self.word()?))
    }

    /// What pads it to a multiple of four bytes may be anything.
    fn bytes(&mut self, len: u32) -> Result<&'a [u8], Misfit> {
        let len = len as usize;
        let taken = self.take(len)?;
        self.take(len.next_multiple_of(4) - len)?;
        Ok(taken)
    }

    fn count(&mut self, bound: u32) -> Result<u32, Misfit> {
        let count = self.word()?;
        if count > bound {
            return Err(Misfit::new(format!("{count} is more than {bound}")));
        }
        Ok(count)
    }

    fn value(&mut self, ty: &Type) -> Result<(), Misfit> {
        match ty {
            Type::Int(int) => self.int(*int),
            Type::Float => {
                let value = f32::from_bits(self.word()?);
                self.float(f64::from(value), || short(value));
                Ok(())
            }
            Type::Double => {
                let value = f64::from_bits(self.long_word()?);
                self.float(value, || value);
                Ok(())
            }
            Type::Bool => {
                let value = self.word()? != 0;
                self.print(value);
                Ok(())
            }
            Type::Opaque(len) => self.opaque(*len),
            Type::Bytes(bound) => {
                let len = self.count(*bound)?;
                self.opaque(len)
            }
            Type::Str(bound) => self.string(*bound),
            Type::Array(element, len) => self.array(element, *len),
            Type::List(element, bound) => {
                let len = self.count(*bound)?;
                self.array(element, len)
            }
            Type::Optional(pointee) => self.optional(pointee),
            Type::Named(at) => self.named(*at),
            Type::Foreign(name) => Err(Misfit::new(format!(
                "`{name}` is declared in C, and this program cannot know its bytes"
            ))),
        }
    }

    fn print(&mut self, value: impl std::fmt::Display) {
        // A String takes everything.
        let _ = write!(self.out, "{value}");
    }

    fn quoted(&mut self, text: &str) {
        self.print(serde_json::Value::from(text));
    }

    fn int(&mut self, int: Int) -> Result<(), Misfit> {
        match (int.bits, int.signed) {
            (64, signed) => {
                let value = self.long_word()?;
                let signed_value = value as i64;
                match (signed, signed && signed_value.unsigned_abs() <= EXACT) {
                    (true, true) => self.print(signed_value),
                    (true, false) => self.print(format_args!("\"{signed_value}\"")),
                    (false, _) if value <= EXACT => self.print(value),
                    (false, _) => self.print(format_args!("\"{value}\"")),
                }
            }
            (bits, signed) => {
                let word = self.word()?;
                match (bits, signed) {
                    (8, true) => self.print(word as u8 as i8),
                    (8, false) => self.print(word as u8),
                    (16, true) => self.print(word as u16 as i16),
                    (16, false) => self.print(word as u16),
                    (_, true) => self.print(word as i32),
                    (_, false) => self.print(word),
                }
            }
        }
        Ok(())
    }

    fn float(&mut self, value: f64, finite: impl Fn() -> f64) {
        if value.is_nan() {
            self.out.push_str("\"NaN\"");
        } else if value.is_infinite() {
            let text = if value > 0.0 {
                "\"Infinity\""
            } else {
                "\"-Infinity\""
            };
            self.out.push_str(text);
        } else if value == 0.0 && value.is_sign_negative() {
            self.out.push_str("\"-0\"");
        } else {
            self.print(serde_json::Value::from(finite()));
        }
    }

    fn opaque(&mut self, len: u32) -> Result<(), Misfit> {
        let bytes = self.bytes(len)?;
        self.out.push('"');
        STANDARD.encode_string(bytes, &mut self.out);
        self.out.push('"');
        Ok(())
    }

    fn string(&mut self, bound: u32) -> Result<(), Misfit> {
        let len = self.count(bound)?;
        let bytes = self.bytes(len)?;
        if bytes.contains(&0) {
            return Err(Misfit::new("a string with a zero byte"));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => self.quoted(text),
            Err(_) => self.print(format_args!("{{\"hex\":\"{}\"}}", hex::encode(bytes))),
        }
        Ok(())
    }

    fn array(&mut self, element: &Type, len: u32) -> Result<(), Misfit> {
        self.out.push('[');
        for i in 0..len as usize {
            if i > 0 {
                self.out.push(',');
            }
            self.value(element).map_err(|misfit| misfit.at(i))?;
        }
        self.out.push(']');
        Ok(())
    }

    fn optional(&mut self, pointee: &Type) -> Result<(), Misfit> {
        let interface = self.interface;
        let present = self.word()? != 0;
        let Some((at, members)) = interface.list_of(pointee) else {
            if present {
                return self.value(pointee);
            }
            self.out.push_str("null");
            return Ok(());
        };
        if present {
            self.enter(at)?;
            self.list(members)?;
            self.leave(at);
        } else {
            self.out.push_str("[]");
        }
        Ok(())
    }

    /// The rest of a list, of which there is one at least.
    fn list(&mut self, members: &[Member]) -> Result<(), Misfit> {
        self.out.push('[');
        let mut index = 0;
        loop {
            self.out.push('{');
            let next = self
                .members(members)
                .and_then(|()| self.word())
                .map_err(|misfit| misfit.at(index))?;
            self.out.push('}');
            if next == 0 {
                break;
            }
            self.out.push(',');
            index += 1;
        }
        self.out.push(']');
        Ok(())
    }

    /// A struct whose last member leads on to others of its kind.
    fn chain(&mut self, members: &[Member], list: bool) -> Result<(), Misfit> {
        let (last, members) = members.split_last().ok_or_else(|| Misfit::new("empty"))?;
        let mut open = 0;
        loop {
            self.out.push('{');
            open += 1;
            self.members(members)?;
            if !members.is_empty() {
                self.out.push(',');
            }
            self.quoted(&last.name);
            self.out.push(':');
            match (self.word().map_err(|m| m.within(&last.name))?, list) {
                (0, true) => self.out.push_str("[]"),
                (0, false) => self.out.push_str("null"),
                (_, true) => self.list(members).map_err(|m| m.within(&last.name))?,
                (_, false) => continue,
            }
            break;
        }
        self.out.extend(std::iter::repeat_n('}', open));
        Ok(())
    }

    fn enter(&mut self, at: usize) -> Result<(), Misfit> {
        if self.interface.definitions[at].recursive {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(Misfit::new("nested too deep"));
            }
        }
        Ok(())
    }

    fn leave(&mut self, at: usize) {
        if self.interface.definitions[at].recursive {
            self.depth -= 1;
        }
    }

    fn named(&mut self, at: usize) -> Result<(), Misfit> {
        let interface = self.interface;
        self.enter(at)?;
        match &interface.definitions[at].kind {
            Kind::Enum(values) => {
                let word = self.word()?;
                self.enumerator(values, word);
            }
            Kind::Struct {
                members,
                tail: true,
                list,
            } => self.chain(members, *list)?,
            Kind::Struct { members, .. } => {
                self.out.push('{');
                self.members(members)?;
                self.out.push('}');
            }
            Kind::Union {
                discriminant,
                arms,
                default,
            } => self.union(discriminant, arms, default.as_ref())?,
            Kind::Alias(ty) => self.value(ty)?,
        }
        self.leave(at);
        Ok(())
    }

    fn enumerator(&mut self, values: &[(String, u32)], word: u32) {
        match values.iter().find(|(_, value)| *value == word) {
            Some((name, _)) => self.quoted(name),
            None => self.print(word as i32),
        }
    }

    fn members(&mut self, members: &[Member]) -> Result<(), Misfit> {
        for (i, member) in members.iter().enumerate() {
            if i > 0 {
                self.out.push(',');
            }
            self.member(member)?;
        }
        Ok(())
    }

    fn member(&mut self, member: &Member) -> Result<(), Misfit> {
        self.quoted(&member.name);
        self.out.push(':');
        self.value(&member.ty)
            .map_err(|misfit| misfit.within(&member.name))
    }

    fn union(
        &mut self,
        discriminant: &Member,
        arms: &[(Vec<u32>, Option<Member>)],
        default: Option<&Option<Member>>,
    ) -> Result<(), Misfit> {
        self.out.push('{');
        let word = narrowed(&discriminant.ty, self.next_word());
        self.member(discriminant)?;
        let arm = arms.iter().find(|(cases, _)| cases.contains(&word));
        match arm.map(|(_, member)| member).or(default) {
            Some(Some(member)) => {
                self.out.push(',');
                self.member(member)?;
            }
            Some(None) => {}
            None => {
                let misfit = Misfit::new("no arm has this discriminant");
                return Err(misfit.within(&discriminant.name));
            }
        }
        self.out.push('}');
        Ok(())
    }

    /// The next word, which stays; 0 where nothing is left.
    fn next_word(&self) -> u32 {
        match self.rest.first_chunk() {
            Some(bytes) => u32::from_be_bytes(*bytes),
            None => 0,
        }
    }
}

/// What a discriminant on the wire is in memory, and to the cases.
pub fn narrowed(ty: &Type, word: u32) -> u32 {
    match ty {
        Type::Bool => u32::from(word != 0),
        Type::Int(Int { bits: 8, signed }) if *signed => word as u8 as i8 as u32,
        Type::Int(Int { bits: 8, .. }) => u32::from(word as u8),
        Type::Int(Int { bits: 16, signed }) if *signed => word as u16 as i16 as u32,
        Type::Int(Int { bits: 16, .. }) => u32::from(word as u16),
        _ => word,
    }
}

/// The same float with as few digits as tell it from others.
fn short(value: f32) -> f64 {
    let text = value.to_string();
    match text.parse::<f64>() {
        Ok(short) if (short as f32).to_bits() == value.to_bits() => short,
        _ => f64::from(value),
    }
}
