//! JSON to XDR.

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;
use serde_json::{Map, Value};

use crate::failure::Misfit;
use crate::hex;
use crate::schema::{Int, Interface, Kind, Member, Type};
use crate::to_json::{narrowed, EXACT, MAX_DEPTH};

pub fn encode(interface: &Interface, ty: &Type, value: &Value) -> Result<Vec<u8>, Misfit> {
    let mut encoder = Encoder {
        interface,
        out: Vec::new(),
        depth: 0,
    };
    encoder.value(ty, value)?;
    if u32::try_from(encoder.out.len()).is_err() {
        return Err(Misfit::new("more than a message can hold"));
    }
    Ok(encoder.out)
}

struct Encoder<'a> {
    interface: &'a Interface,
    out: Vec<u8>,
    depth: usize,
}

fn expected<T>(what: &str, found: &Value) -> Result<T, Misfit> {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    Err(Misfit::new(format!("expected {what}, not {found}")))
}

/// A number without a fraction.
fn integer(value: &Value) -> Option<i128> {
    let Value::Number(number) = value else {
        return None;
    };
    if let Some(number) = number.as_i128() {
        return Some(number);
    }
    // 1e3, and 1.0; more than 2^53 may have been rounded.
    let number = number.as_f64()?;
    let exact = number.fract() == 0.0 && number.abs() <= EXACT as f64;
    exact.then_some(number as i128)
}

impl Encoder<'_> {
    fn word(&mut self, word: u32) {
        self.out.extend(word.to_be_bytes());
    }

    fn length(&mut self, len: usize, bound: u32, what: &str) -> Result<(), Misfit> {
        match u32::try_from(len) {
            Ok(len) if len <= bound => {
                self.word(len);
                Ok(())
            }
            _ => Err(Misfit::new(format!("{len} {what}, {bound} at most"))),
        }
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.out.extend(bytes);
        self.out.resize(self.out.len().next_multiple_of(4), 0);
    }

    fn value(&mut self, ty: &Type, value: &Value) -> Result<(), Misfit> {
        match ty {
            Type::Int(int) => self.int(*int, value),
            Type::Float => {
                let wide = float(value)?;
                let narrow = wide as f32;
                if narrow.is_infinite() && wide.is_finite() {
                    return Err(Misfit::new("too large for a float"));
                }
                self.word(narrow.to_bits());
                Ok(())
            }
            Type::Double => {
                self.out.extend(float(value)?.to_bits().to_be_bytes());
                Ok(())
            }
            Type::Bool => match value {
                Value::Bool(value) => {
                    self.word(u32::from(*value));
                    Ok(())
                }
                _ => expected("true or false", value),
            },
            Type::Opaque(len) => {
                let bytes = opaque(value)?;
                if bytes.len() != *len as usize {
                    let found = bytes.len();
                    return Err(Misfit::new(format!("{found} bytes instead of {len}")));
                }
                self.padded(&bytes);
                Ok(())
            }
            Type::Bytes(bound) => {
                let bytes = opaque(value)?;
                self.length(bytes.len(), *bound, "bytes")?;
                self.padded(&bytes);
                Ok(())
            }
            Type::Str(bound) => self.string(*bound, value),
            Type::Array(element, len) => {
                let Value::Array(values) = value else {
                    return expected("an array", value);
                };
                if values.len() != *len as usize {
                    let found = values.len();
                    return Err(Misfit::new(format!("{found} elements instead of {len}")));
                }
                self.elements(element, values)
            }
            Type::List(element, bound) => {
                let Value::Array(values) = value else {
                    return expected("an array", value);
                };
                self.length(values.len(), *bound, "elements")?;
                self.elements(element, values)
            }
            Type::Optional(pointee) => self.optional(pointee, value),
            Type::Named(at) => self.named(*at, value),
            Type::Foreign(name) => Err(Misfit::new(format!(
                "`{name}` is declared in C, and this program cannot know its bytes"
            ))),
        }
    }

    fn int(&mut self, int: Int, value: &Value) -> Result<(), Misfit> {
        let number = match value {
            Value::String(digits) if int.bits == 64 => match digits.parse::<i128>() {
                Ok(number) => number,
                Err(_) => return Err(Misfit::new(format!("`{digits}` is no whole number"))),
            },
            Value::Number(_) => match integer(value) {
                Some(number) => number,
                None => {
                    let reason = format!("{value} is no whole number, or it is too large");
                    return Err(Misfit::new(reason));
                }
            },
            _ => return expected("a number", value),
        };
        let (least, most) = if int.signed {
            (-(1i128 << (int.bits - 1)), (1i128 << (int.bits - 1)) - 1)
        } else {
            (0, (1i128 << int.bits) - 1)
        };
        if number < least || number > most {
            let reason = format!("{number} is not between {least} and {most}");
            return Err(Misfit::new(reason));
        }
        if int.bits == 64 {
            self.out.extend((number as u64).to_be_bytes());
        } else {
            self.word(number as u32);
        }
        Ok(())
    }

    fn string(&mut self, bound: u32, value: &Value) -> Result<(), Misfit> {
        let bytes = match value {
            Value::String(text) => text.as_bytes().to_vec(),
            Value::Object(map) if map.len() == 1 => match map.get("hex") {
                Some(Value::String(digits)) => match hex::decode(digits) {
                    Some(bytes) => bytes,
                    None => return Err(Misfit::new("\"hex\" takes pairs of hexadecimal digits")),
                },
                _ => return expected("a string or {\"hex\": \"..\"}", value),
            },
            _ => return expected("a string", value),
        };
        if bytes.contains(&0) {
            return Err(Misfit::new("a string cannot have a zero byte"));
        }
        self.length(bytes.len(), bound, "bytes")?;
        self.padded(&bytes);
        Ok(())
    }

    fn elements(&mut self, element: &Type, values: &[Value]) -> Result<(), Misfit> {
        for (i, value) in values.iter().enumerate() {
            self.value(element, value).map_err(|misfit| misfit.at(i))?;
        }
        Ok(())
    }

    fn optional(&mut self, pointee: &Type, value: &Value) -> Result<(), Misfit> {
        let interface = self.interface;
        let Some((at, members)) = interface.list_of(pointee) else {
            if value.is_null() {
                self.word(0);
                return Ok(());
            }
            self.word(1);
            return self.value(pointee, value);
        };
        let Value::Array(values) = value else {
            return expected("an array", value);
        };
        if !values.is_empty() {
            self.enter(at)?;
            self.list(members, values)?;
            self.leave(at);
            return Ok(());
        }
        self.word(0);
        Ok(())
    }

    fn list(&mut self, members: &[Member], values: &[Value]) -> Result<(), Misfit> {
        for (i, value) in values.iter().enumerate() {
            self.word(1);
            let map = object(value, is_one_of(members)).map_err(|misfit| misfit.at(i))?;
            self.members(members, map).map_err(|misfit| misfit.at(i))?;
        }
        self.word(0);
        Ok(())
    }

    /// A struct whose last member leads on to others of its kind.
    fn chain(&mut self, members: &[Member], list: bool, value: &Value) -> Result<(), Misfit> {
        let (last, others) = members.split_last().ok_or_else(|| Misfit::new("empty"))?;
        let mut value = value;
        let mut passed = 0;
        loop {
            match self.node(last, others, list, value) {
                Ok(Some(next)) => value = next,
                Ok(None) => return Ok(()),
                Err(misfit) => {
                    return Err((0..passed).fold(misfit, |misfit, _| misfit.within(&last.name)))
                }
            }
            passed += 1;
        }
    }

    /// The next node's value, if there is one.
    fn node<'v>(
        &mut self,
        last: &Member,
        others: &[Member],
        list: bool,
        value: &'v Value,
    ) -> Result<Option<&'v Value>, Misfit> {
        let map = object(value, |name| {
            name == last.name || others.iter().any(|member| member.name == name)
        })?;
        self.members(others, map)?;
        match map.get(&last.name) {
            None => Err(Misfit::new("missing").within(&last.name)),
            Some(Value::Array(values)) if list => {
                let listed = self.list(others, values);
                listed
                    .map(|()| None)
                    .map_err(|misfit| misfit.within(&last.name))
            }
            Some(next) if list => {
                expected("an array", next).map_err(|misfit: Misfit| misfit.within(&last.name))
            }
            Some(Value::Null) => {
                self.word(0);
                Ok(None)
            }
            Some(next) => {
                self.word(1);
                Ok(Some(next))
            }
        }
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

    fn named(&mut self, at: usize, value: &Value) -> Result<(), Misfit> {
        let interface = self.interface;
        let definition = &interface.definitions[at];
        self.enter(at)?;
        match &definition.kind {
            Kind::Enum(values) => {
                let word = enumerator(&definition.name, values, value)?;
                self.word(word);
            }
            Kind::Struct {
                members,
                tail: true,
                list,
            } => self.chain(members, *list, value)?,
            Kind::Struct { members, .. } => {
                self.members(members, object(value, is_one_of(members))?)?;
            }
            Kind::Union {
                discriminant,
                arms,
                default,
            } => self.union(discriminant, arms, default.as_ref(), value)?,
            Kind::Alias(ty) => self.value(ty, value)?,
        }
        self.leave(at);
        Ok(())
    }

    fn members(&mut self, members: &[Member], map: &Map<String, Value>) -> Result<(), Misfit> {
        members
            .iter()
            .try_for_each(|member| self.member(member, map))
    }

    fn member(&mut self, member: &Member, map: &Map<String, Value>) -> Result<(), Misfit> {
        let Some(value) = map.get(&member.name) else {
            return Err(Misfit::new("missing").within(&member.name));
        };
        self.value(&member.ty, value)
            .map_err(|misfit| misfit.within(&member.name))
    }

    fn union(
        &mut self,
        discriminant: &Member,
        arms: &[(Vec<u32>, Option<Member>)],
        default: Option<&Option<Member>>,
        value: &Value,
    ) -> Result<(), Misfit> {
        let Value::Object(map) = value else {
            return expected("an object", value);
        };
        let begun = self.out.len();
        self.member(discriminant, map)?;
        let word = match self.out[begun..].first_chunk() {
            Some(bytes) => narrowed(&discriminant.ty, u32::from_be_bytes(*bytes)),
            None => 0,
        };
        let arm = arms.iter().find(|(cases, _)| cases.contains(&word));
        let Some(arm) = arm.map(|(_, member)| member).or(default) else {
            let misfit = Misfit::new("no arm has this discriminant");
            return Err(misfit.within(&discriminant.name));
        };
        let arm_name = arm.as_ref().map(|member| member.name.as_str());
        no_others(map, |name| {
            name == discriminant.name || Some(name) == arm_name
        })?;
        match arm {
            Some(member) => self.member(member, map),
            None => Ok(()),
        }
    }
}

fn is_one_of(members: &[Member]) -> impl Fn(&str) -> bool + '_ {
    |name| members.iter().any(|member| member.name == name)
}

/// An object that has no members but these.
fn object(value: &Value, known: impl Fn(&str) -> bool) -> Result<&Map<String, Value>, Misfit> {
    let Value::Object(map) = value else {
        return expected("an object", value);
    };
    no_others(map, known)?;
    Ok(map)
}

fn no_others(map: &Map<String, Value>, known: impl Fn(&str) -> bool) -> Result<(), Misfit> {
    match map.keys().find(|name| !known(name)) {
        Some(name) => Err(Misfit::new("there is no such member").within(name)),
        None => Ok(()),
    }
}

fn enumerator(ty: &str, values: &[(String, u32)], value: &Value) -> Result<u32, Misfit> {
    match value {
        Value::String(name) => match values.iter().find(|(known, _)| known == name) {
            Some((_, word)) => Ok(*word),
            None => Err(Misfit::new(format!("`{name}` is not in enum {ty}"))),
        },
        _ => {
            let Some(number) = integer(value) else {
                return expected("a name or a whole number", value);
            };
            i32::try_from(number)
                .map(|number| number as u32)
                .or_else(|_| u32::try_from(number))
                .map_err(|_| Misfit::new(format!("{number} is too large for an enum")))
        }
    }
}

fn float(value: &Value) -> Result<f64, Misfit> {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(number) => Ok(number),
            None => expected("a number", value),
        },
        Value::String(text) => match text.as_str() {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            "-0" => Ok(-0.0),
            _ => Err(Misfit::new(format!(
                "`{text}` is none of NaN, Infinity, -Infinity and -0"
            ))),
        },
        _ => expected("a number", value),
    }
}

fn opaque(value: &Value) -> Result<Vec<u8>, Misfit> {
    match value {
        Value::String(text) => STANDARD
            .decode(text)
            .map_err(|error| Misfit::new(format!("no base64: {error}"))),
        _ => expected("a string of base64", value),
    }
}
