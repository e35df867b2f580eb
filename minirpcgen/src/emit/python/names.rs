//! What things are called in Python: as in the file, unless Python or the generated
//! module itself has that name.

use std::collections::{BTreeMap, HashSet};

use crate::ast::{File, Item};
use crate::model::Model;

/// Words that cannot be names.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

/// What a module has besides the interface's types and constants.
const MODULE: [&str; 2] = ["Client", "Server"];

/// What a connection has besides the interface's procedures.
const PEER: [&str; 6] = [
    "close",
    "connect",
    "connections",
    "port",
    "start",
    "wait_closed",
];

/// What an enum's class, which is an int, has besides the interface's enumerators.
const ENUM: [&str; 15] = [
    "as_integer_ratio",
    "bit_count",
    "bit_length",
    "conjugate",
    "denominator",
    "from_bytes",
    "imag",
    "is_integer",
    "mro",
    "name",
    "numerator",
    "real",
    "to_bytes",
    "value",
    "values",
];

pub struct Names {
    /// All that the file gives a name to.
    words: HashSet<String>,
    /// Members and procedures, in Python: they hide types within a class.
    attributes: HashSet<String>,
    /// Types and constants, by their names in the file.
    globals: BTreeMap<String, String>,
}

impl Names {
    pub fn of(model: &Model) -> Names {
        let mut words = HashSet::new();
        let mut attributes = HashSet::new();
        let mut top: Vec<&str> = Vec::new();
        let files: Vec<&File> = model.units.all().into_iter().rev().collect();
        for file in &files {
            for (what, name) in file.names() {
                words.insert(name.text.clone());
                if matches!(what, "member" | "procedure" | "message") {
                    attributes.insert(attribute(&name.text));
                }
            }
            for item in &file.items {
                let name = match item {
                    Item::Const(name, _) => name,
                    Item::Type(definition) => &definition.name,
                    Item::Copy(_) | Item::Block(_) => continue,
                };
                if !top.contains(&name.text.as_str()) {
                    top.push(&name.text);
                }
            }
        }
        let mut names = Names {
            words,
            attributes,
            globals: BTreeMap::new(),
        };
        let mut used: HashSet<String> = top.iter().map(|name| (*name).to_owned()).collect();
        for name in top {
            let mut given = attribute(name);
            if MODULE.contains(&name) {
                given.push('_');
            }
            while given != name && !used.insert(given.clone()) {
                given.push('_');
            }
            names.words.insert(given.clone());
            names.globals.insert(name.to_owned(), given);
        }
        names
    }

    /// A type or constant of the file.
    pub fn global<'a>(&'a self, name: &'a str) -> &'a str {
        self.globals.get(name).map_or(name, String::as_str)
    }

    /// A type in an annotation within a class, where a member may have its name.
    pub fn within_class(&self, name: &str) -> String {
        let global = self.global(name);
        if self.is_hidden(global) {
            format!("{}{global}", self.prefix("_type_"))
        } else {
            global.to_owned()
        }
    }

    pub fn is_hidden(&self, global: &str) -> bool {
        self.attributes.contains(global)
    }

    /// A name of Python's own, also where the file has it, too.
    pub fn builtin(&self, name: &str) -> String {
        if self.words.contains(name) || self.attributes.contains(name) {
            format!("{}.{name}", self.local("_builtins"))
        } else {
            name.to_owned()
        }
    }

    /// `wanted`, or a name like it that the file gives to nothing.
    pub fn local(&self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        while self.words.contains(&name) {
            name.push('_');
        }
        name
    }

    /// What no name of the file begins with.
    pub fn prefix(&self, wanted: &str) -> String {
        let mut prefix = wanted.to_owned();
        while self.words.iter().any(|word| word.starts_with(&prefix)) {
            prefix.push('_');
        }
        prefix
    }
}

/// The members of one struct or union, in their order.
pub fn members<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    distinct(names, &[])
}

pub fn enumerators<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    distinct(names, &ENUM)
}

pub fn procedures<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    distinct(names, &PEER)
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>, taken: &[&str]) -> Vec<String> {
    let names: Vec<&str> = names.collect();
    let mut given: Vec<String> = Vec::new();
    for name in &names {
        let mut python = attribute(name);
        if taken.contains(name) {
            python.push('_');
        }
        while python != *name && (names.contains(&python.as_str()) || given.contains(&python)) {
            python.push('_');
        }
        given.push(python);
    }
    given
}

/// Names with two underscores in front are private to a class, with two at both ends
/// Python's own, and with one at both ends an enum's.
fn attribute(name: &str) -> String {
    let around =
        |mark: &str| name.len() > 2 * mark.len() && name.starts_with(mark) && name.ends_with(mark);
    if KEYWORDS.contains(&name) || around("__") || around("_") {
        format!("{name}_")
    } else if name.starts_with("__") {
        format!("{name}__")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_pythons_own_yield() {
        let given = members(["in", "in_", "x", "__x", "__init__", "_x_"].into_iter());
        assert_eq!(given, ["in__", "in_", "x", "__x__", "__init___", "_x__"]);
        assert_eq!(
            procedures(["close", "close_"].into_iter()),
            ["close__", "close_"]
        );
        assert_eq!(enumerators(["RED", "name"].into_iter()), ["RED", "name_"]);
    }
}
