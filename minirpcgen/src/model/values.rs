//! Constants and enumerators: what they are worth, and which of them are used.

use std::collections::{HashMap, HashSet};

use super::{Model, MAX_ALIASES};
use crate::ast::{Body, Enumerator, File, Item, Shape, Value, ValueKind};

impl Model {
    /// The value, if this program can know it: C may define more names.
    pub fn evaluate(&self, value: &Value) -> Option<i128> {
        evaluate(value, &self.values)
    }

    /// Whether the names that it stands for go round in a circle.
    pub fn is_circular(&self, value: &Value) -> bool {
        let mut next = Some(value);
        for _ in 0..=self.values.len() {
            match next {
                Some(value) if value.kind == ValueKind::Name => {
                    next = self.values.get(&value.text);
                }
                _ => return false,
            }
        }
        true
    }

    pub fn is_value(&self, name: &str) -> bool {
        matches!(name, "TRUE" | "FALSE") || self.values.contains_key(name)
    }

    /// The names of an enum's values: one for each number.
    pub fn distinct<'a>(&self, enumerators: &'a [Enumerator]) -> Vec<&'a str> {
        let mut seen = HashSet::new();
        let is_new = |name: &&str| match self.values.get(*name) {
            Some(value) => evaluate(value, &self.values).is_none_or(|number| seen.insert(number)),
            None => true,
        };
        enumerators
            .iter()
            .map(|enumerator| enumerator.name.text.as_str())
            .filter(is_new)
            .collect()
    }
}

/// All values, wherever they stand.
pub(super) fn used_values(file: &File) -> Vec<&Value> {
    let mut values = Vec::new();
    for decl in file.decls() {
        match &decl.shape {
            Shape::Fixed(size) | Shape::Variable(Some(size)) => values.push(size),
            _ => {}
        }
    }
    for item in &file.items {
        match item {
            Item::Const(_, value) => values.push(value),
            Item::Type(definition) => match &definition.body {
                Body::Enum(enumerators) => {
                    values.extend(enumerators.iter().filter_map(|e| e.value.as_ref()));
                }
                Body::Union(union) => values.extend(union.arms.iter().flat_map(|arm| &arm.cases)),
                _ => {}
            },
            Item::Copy(_) | Item::Block(_) => {}
        }
    }
    values
}

pub(super) fn collect_values(file: &File, values: &mut HashMap<String, Value>) {
    for item in &file.items {
        match item {
            Item::Const(name, value) => {
                values
                    .entry(name.text.clone())
                    .or_insert_with(|| value.clone());
            }
            Item::Type(definition) => {
                if let Body::Enum(enumerators) = &definition.body {
                    collect_enumerators(enumerators, values);
                }
            }
            Item::Copy(_) | Item::Block(_) => {}
        }
    }
}

fn collect_enumerators(enumerators: &[Enumerator], values: &mut HashMap<String, Value>) {
    // One without a value is its predecessor's plus one.
    let mut next = Some(0i128);
    for enumerator in enumerators {
        let value = match (&enumerator.value, next) {
            (Some(value), _) => value.clone(),
            (None, Some(number)) => Value {
                text: number.to_string(),
                kind: ValueKind::Number(number),
                span: enumerator.name.span.clone(),
            },
            // C knows it.
            (None, None) => continue,
        };
        next = evaluate(&value, values).map(|number| number.wrapping_add(1));
        values.entry(enumerator.name.text.clone()).or_insert(value);
    }
}

pub(super) fn evaluate(value: &Value, values: &HashMap<String, Value>) -> Option<i128> {
    let mut value = value;
    for _ in 0..MAX_ALIASES {
        match &value.kind {
            ValueKind::Number(number) => return Some(*number),
            ValueKind::Quoted => return character(&value.text).map(i128::from),
            ValueKind::Name => match value.text.as_str() {
                "TRUE" => return Some(1),
                "FALSE" => return Some(0),
                name => value = values.get(name)?,
            },
        }
    }
    None
}

/// The value of a plain character constant; C knows the others.
fn character(text: &str) -> Option<i64> {
    let mut chars = text.strip_prefix('\'')?.strip_suffix('\'')?.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) if c.is_ascii() && c != '\\' => Some(i64::from(u32::from(c))),
        _ => None,
    }
}
