//! What the emitters work from: three passes' files, checked, and one table of
//! all their types and constants.

use std::collections::{HashMap, HashSet};

use crate::ast::{
    Body, Decl, Definition, Entry, Enumerator, File, Item, Prim, Shape, Side, TypeName, Value,
    ValueKind,
};

/// The three files that the preprocessor makes of one.
pub struct Units {
    /// With MINIRPC: the interface, and the types of included files as well.
    pub stubs: File,
    /// With RPC_HDR and RPC_XDR: what the XDR header and source hold.
    pub header: File,
    pub source: File,
}

impl Units {
    pub fn all(&self) -> [&File; 3] {
        [&self.source, &self.header, &self.stubs]
    }

    pub fn has_foreign_code(&self) -> bool {
        self.header.has_foreign_code() || self.source.has_foreign_code()
    }
}

pub struct Model {
    pub units: Units,
    /// What the generated names start with.
    pub base: String,
    types: HashMap<String, Definition>,
    values: HashMap<String, Value>,
    /// Types whose procedures B_xdr.c has.
    own: HashSet<String>,
    holders: HashSet<String>,
    words: HashSet<String>,
}

/// A type, with the typedefs that stand between resolved.
#[derive(Clone, Debug)]
pub enum Form {
    Prim(Prim, &'static str),
    Enum(String),
    Struct(String),
    Union(String),
    /// Its procedure is elsewhere. An array's takes the array itself.
    External {
        name: String,
        array: bool,
    },
    Opaque(Count),
    /// `name` is the one that `_len` and `_val` are added to.
    Bytes {
        name: String,
        bound: String,
    },
    Str {
        bound: String,
    },
    Fixed {
        element: Box<Element>,
        count: Count,
    },
    Variable {
        element: Box<Element>,
        name: String,
        bound: String,
    },
    Optional(Box<Element>),
}

/// What an array or a pointer is of: a type with a name.
#[derive(Clone, Debug)]
pub struct Element {
    pub c_name: String,
    pub form: Form,
}

/// A size as C text, and its value where that is known here.
#[derive(Clone, Debug)]
pub struct Count {
    pub text: String,
    pub value: Option<u32>,
}

/// The longest run of members that moves in one piece (MRPC_XDR_WINDOW).
pub const WINDOW: u32 = 256;

/// Typedefs that may stand between a name and its type.
const MAX_ALIASES: usize = 100;

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
            .map(|definition| definition.name.text.clone())
            .collect();
        let holders = holders(&types);
        Model {
            units,
            base: base.to_owned(),
            types,
            values,
            own,
            holders,
            words,
        }
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

    /// The value, if this program can know it: C may define more names.
    pub fn evaluate(&self, value: &Value) -> Option<i64> {
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

    pub fn is_own(&self, name: &str) -> bool {
        self.own.contains(name)
    }

    pub fn form(&self, decl: &Decl) -> Form {
        self.form_within(decl, 0)
    }

    fn form_within(&self, decl: &Decl, depth: usize) -> Form {
        let name = decl.name.text.clone();
        let bound = |bound: &Option<Value>| match bound {
            Some(value) => value.text.clone(),
            None => "MRPC_XDR_UNBOUNDED".to_owned(),
        };
        match (&decl.ty, &decl.shape) {
            (TypeName::String, Shape::Variable(size)) => Form::Str { bound: bound(size) },
            (TypeName::Opaque, Shape::Variable(size)) => Form::Bytes {
                name,
                bound: bound(size),
            },
            (TypeName::Opaque, Shape::Fixed(size)) => Form::Opaque(self.count(size)),
            (ty, Shape::Plain) => self.type_form(ty, depth),
            (ty, Shape::Optional) => Form::Optional(Box::new(self.element(ty, depth))),
            (ty, Shape::Fixed(size)) => Form::Fixed {
                element: Box::new(self.element(ty, depth)),
                count: self.count(size),
            },
            (ty, Shape::Variable(size)) => Form::Variable {
                element: Box::new(self.element(ty, depth)),
                name,
                bound: bound(size),
            },
        }
    }

    fn count(&self, value: &Value) -> Count {
        Count {
            text: value.text.clone(),
            value: self.evaluate(value).and_then(|v| u32::try_from(v).ok()),
        }
    }

    fn element(&self, ty: &TypeName, depth: usize) -> Element {
        Element {
            c_name: c_type(ty),
            form: self.type_form(ty, depth),
        }
    }

    fn type_form(&self, ty: &TypeName, depth: usize) -> Form {
        match ty {
            TypeName::Prim(prim, c_name) => Form::Prim(*prim, c_name),
            TypeName::Named(name) => self.named_form_within(&name.text, depth),
            // The parser lets none of these through.
            TypeName::Opaque | TypeName::String | TypeName::Inline(_) => Form::External {
                name: c_type(ty),
                array: false,
            },
        }
    }

    /// The form of a type of this name.
    pub fn named_form(&self, name: &str) -> Form {
        self.named_form_within(name, 0)
    }

    fn named_form_within(&self, name: &str, depth: usize) -> Form {
        let text = name.to_owned();
        let definition = match self.types.get(name) {
            Some(definition) if self.is_own(name) && depth < MAX_ALIASES => definition,
            _ => {
                return Form::External {
                    name: text,
                    array: self.is_array(name),
                }
            }
        };
        match &definition.body {
            Body::Enum(_) => Form::Enum(text),
            Body::Struct(_) => Form::Struct(text),
            Body::Union(_) => Form::Union(text),
            Body::Typedef(decl) => self.form_within(decl, depth + 1),
        }
    }

    /// Whether a type's XDR procedure takes `T` and not `T *`, as rpcgen has it
    /// for typedefs of fixed arrays.
    pub fn is_array(&self, name: &str) -> bool {
        match self.types.get(name).map(|definition| &definition.body) {
            Some(Body::Typedef(decl)) => matches!(decl.shape, Shape::Fixed(_)),
            _ => false,
        }
    }

    /// The form's size on the wire, if that is fixed and fits into a window.
    pub fn wire(&self, form: &Form) -> Option<u32> {
        let size = match form {
            Form::Prim(prim, _) => prim_wire(*prim),
            Form::Enum(_) => 4,
            Form::Opaque(count) => count.value?.checked_next_multiple_of(4)?,
            Form::Fixed { element, count } => {
                self.wire(&element.form)?.checked_mul(count.value?)?
            }
            Form::Struct(name) => match self.types.get(name).map(|d| &d.body) {
                Some(Body::Struct(members)) => self.members_wire(members)?,
                _ => return None,
            },
            _ => return None,
        };
        (size <= WINDOW).then_some(size)
    }

    /// Stops as soon as it is too much, which also ends the way down.
    fn members_wire(&self, members: &[Decl]) -> Option<u32> {
        let mut sum = 0;
        for member in members {
            sum += self.wire(&self.form(member))?;
            if sum > WINDOW {
                return None;
            }
        }
        Some(sum)
    }

    /// Whether objects of this form hold memory of their own.
    pub fn holds_memory(&self, form: &Form) -> bool {
        match form {
            Form::Prim(..) | Form::Enum(_) | Form::Opaque(_) => false,
            Form::Bytes { .. } | Form::Str { .. } | Form::Variable { .. } | Form::Optional(_) => {
                true
            }
            Form::Fixed { element, .. } => self.holds_memory(&element.form),
            Form::External { name, .. } | Form::Struct(name) | Form::Union(name) => {
                self.holders.contains(name) || !self.types.contains_key(name)
            }
        }
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

fn collect_values(file: &File, values: &mut HashMap<String, Value>) {
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
    let mut next = Some(0i64);
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

fn evaluate(value: &Value, values: &HashMap<String, Value>) -> Option<i64> {
    let mut value = value;
    for _ in 0..MAX_ALIASES {
        match &value.kind {
            ValueKind::Number(number) => return Some(*number),
            ValueKind::Quoted => return character(&value.text),
            ValueKind::Name => match value.text.as_str() {
                "TRUE" => return Some(1),
                "FALSE" => return Some(0),
                name => value = values.get(name)?,
            },
        }
    }
    None
}

/// The types whose objects hold memory: found by going through all of them until
/// there are no more.
fn holders(types: &HashMap<String, Definition>) -> HashSet<String> {
    let mut holders = HashSet::new();
    loop {
        let holds = |decl: &Decl| match (&decl.ty, &decl.shape) {
            (TypeName::String, _) | (_, Shape::Optional | Shape::Variable(_)) => true,
            (TypeName::Named(name), _) => {
                holders.contains(&name.text) || !types.contains_key(&name.text)
            }
            _ => false,
        };
        let found: Vec<String> = types
            .iter()
            .filter(|(name, definition)| {
                !holders.contains(*name)
                    && match &definition.body {
                        Body::Enum(_) => false,
                        Body::Struct(members) => members.iter().any(holds),
                        Body::Union(union) => union.decls().any(holds),
                        Body::Typedef(decl) => holds(decl),
                    }
            })
            .map(|(name, _)| name.clone())
            .collect();
        if found.is_empty() {
            return holders;
        }
        holders.extend(found);
    }
}

/// The value of a plain character constant; C knows the others.
fn character(text: &str) -> Option<i64> {
    let mut chars = text.strip_prefix('\'')?.strip_suffix('\'')?.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) if c.is_ascii() && c != '\\' => Some(i64::from(u32::from(c))),
        _ => None,
    }
}

pub fn prim_wire(prim: Prim) -> u32 {
    match prim {
        Prim::Hyper | Prim::UHyper | Prim::Int64 | Prim::UInt64 | Prim::Double => 8,
        _ => 4,
    }
}

/// The C type that declares it.
pub fn c_type(ty: &TypeName) -> String {
    match ty {
        TypeName::Prim(_, c_name) => (*c_name).to_owned(),
        TypeName::Named(name) => name.text.clone(),
        TypeName::Opaque | TypeName::String => "char".to_owned(),
        TypeName::Inline(definition) => definition.name.text.clone(),
    }
}
