//! What the emitters work from: three passes' files, checked, and one table of
//! all their types and constants.

mod form;
mod names;
mod values;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::ast::{Body, Definition, Entry, File, Name, Side, TypeName, Value, ValueKind};
use crate::rpc_h;
use values::{collect_values, used_values};

pub use form::{Count, Element, Form, WINDOW};
pub use names::{CName, Kind, Stub};

/// The three files that the preprocessor makes of one.
pub struct Units {
    /// With MINIRPC: the interface, and the types of included files as well.
    pub stubs: File,
    /// With RPC_HDR and RPC_XDR: what the XDR header and source hold.
    pub header: File,
    pub source: File,
    /// Macros of the C library that the file uses, and the header that each is in.
    pub macros: BTreeMap<String, &'static str>,
}

impl Units {
    pub fn all(&self) -> [&File; 3] {
        [&self.source, &self.header, &self.stubs]
    }

    pub fn has_foreign_code(&self) -> bool {
        self.header.has_foreign_code() || self.source.has_foreign_code()
    }

    /// Names that stand for a value and that neither the file defines nor, as far
    /// as one can see, C that it brings along.
    pub fn undefined_values(&self) -> BTreeSet<String> {
        let mut defined = HashMap::new();
        for file in self.all() {
            collect_values(file, &mut defined);
        }
        let is_undefined = |name: &String| {
            !matches!(name.as_str(), "TRUE" | "FALSE")
                && !defined.contains_key(name)
                && !self.all().iter().any(|file| file.copies_mention(name))
        };
        let files = self.all().into_iter();
        files
            .flat_map(used_values)
            .filter(|value| value.kind == ValueKind::Name)
            .map(|value| value.text.clone())
            .filter(is_undefined)
            .collect()
    }
}

/// Typedefs that may stand between a name and its type.
const MAX_ALIASES: usize = 100;

pub struct Model {
    pub units: Units,
    /// What the generated names start with.
    pub base: String,
    /// Decoding refuses numbers that an enum does not name.
    pub strict_enums: bool,
    types: HashMap<String, Definition>,
    values: HashMap<String, Value>,
    /// Types whose procedures B_xdr.c has.
    own: HashSet<String>,
    holders: HashSet<String>,
    words: HashSet<String>,
    /// What has a name that a stub with options may have to yield to, in a user's words.
    taken: HashMap<String, String>,
}

impl Model {
    pub fn new(units: Units, base: &str) -> Model {
        let mut types = HashMap::new();
        let mut values = HashMap::new();
        let mut words = HashSet::new();
        for file in units.all() {
            for definition in file.types() {
                let name = &definition.name.text;
                words.insert(name.clone());
                types
                    .entry(name.clone())
                    .or_insert_with(|| definition.clone());
            }
            collect_values(file, &mut values);
            for entry in file.blocks().flat_map(|block| &block.entries) {
                words.insert(entry.name.text.clone());
            }
        }
        words.extend(values.keys().cloned());
        let own = units
            .source
            .types()
            .filter(|definition| !matches!(definition.body, Body::Foreign))
            .map(|definition| definition.name.text.clone())
            .collect();
        let holders = form::holders(&types, &values);
        let mut model = Model {
            units,
            base: base.to_owned(),
            strict_enums: false,
            types,
            values,
            own,
            holders,
            words,
            taken: HashMap::new(),
        };
        let names = model.c_names().into_iter().flatten();
        model.taken = names.map(|name| (name.text, name.what)).collect();
        model
    }

    pub fn find(&self, name: &str) -> Option<&Definition> {
        self.types.get(name)
    }

    pub fn type_names(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }

    pub fn value_names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// `wanted`, or a name like it that the user has given to nothing.
    pub fn local(&self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        while self.words.contains(&name) {
            name.push('_');
        }
        name
    }

    pub fn is_own(&self, name: &str) -> bool {
        self.own.contains(name)
    }

    /// Whether a procedure may take the number type of this name, which the file
    /// has a typedef of.
    pub fn is_system_argument(&self, name: &str) -> bool {
        let mut typedefs = self.units.stubs.system_types.iter();
        typedefs.any(|typedef| typedef.text == name)
    }

    /// The XDR procedure of an argument or result.
    pub fn procedure(&self, name: &str) -> String {
        if self.is_system_argument(name) {
            format!("mrpc_xdr_{name}")
        } else {
            format!("xdr_{name}")
        }
    }

    /// Where types are used that only libtirpc's headers can declare.
    pub fn rpc_types(&self) -> Vec<&Name> {
        if self.units.has_foreign_code() {
            return Vec::new();
        }
        let mut found: BTreeMap<&str, &Name> = BTreeMap::new();
        for decl in self.units.all().into_iter().flat_map(File::decls) {
            if let TypeName::Named(name) = &decl.ty {
                if self.find(&name.text).is_none() && rpc_h::spelling(&name.text).is_some() {
                    found.entry(&name.text).or_insert(name);
                }
            }
        }
        found.into_values().collect()
    }

    /// The same for constants: names and values.
    pub fn rpc_constants(&self) -> Vec<(String, &'static str)> {
        if self.units.has_foreign_code() {
            return Vec::new();
        }
        let undefined = self.units.undefined_values().into_iter();
        undefined
            .filter_map(|name| rpc_h::constant(&name).map(|value| (name, value)))
            .collect()
    }

    /// What one side receives: procedures ascending, then messages ascending.
    pub fn received(&self, side: Side) -> (Vec<&Entry>, Vec<&Entry>) {
        let entries = |messages| {
            let mut entries: Vec<&Entry> = self
                .units
                .stubs
                .blocks()
                .filter(|block| block.side == side && block.messages == messages)
                .flat_map(|block| &block.entries)
                .collect();
            entries.sort_by_key(|entry| entry.number);
            entries
        };
        (entries(false), entries(true))
    }
}
