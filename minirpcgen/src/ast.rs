//! The syntax of a file, as one preprocessor pass shows it.

use crate::diag::Span;

#[derive(Clone, Debug)]
pub struct Name {
    pub text: String,
    pub span: Span,
}

/// A number, or the name of a constant or enumerator.
#[derive(Clone, Debug)]
pub struct Value {
    /// As written.
    pub text: String,
    pub kind: ValueKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueKind {
    Number(i128),
    Name,
    /// Quoted text: a character, or a string for a `const`.
    Quoted,
}

/// The types that need no declaration, and the C type of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prim {
    Char,
    UChar,
    Short,
    UShort,
    Int,
    UInt,
    Long,
    ULong,
    Hyper,
    UHyper,
    Float,
    Double,
    Bool,
    Int8,
    UInt8,
    Int16,
    UInt16,
    Int32,
    UInt32,
    Int64,
    UInt64,
}

#[derive(Clone, Debug)]
pub enum TypeName {
    /// The primitive, and the C type that declares it.
    Prim(Prim, &'static str),
    Named(Name),
    Opaque,
    String,
    /// `struct { ... } name` and the like; named by the parser's last step.
    Inline(Box<Definition>),
}

#[derive(Clone, Debug)]
pub enum Shape {
    Plain,
    Optional,
    Fixed(Value),
    Variable(Option<Value>),
}

#[derive(Clone, Debug)]
pub struct Decl {
    pub name: Name,
    pub ty: TypeName,
    /// `struct`, `enum` or `union`, if that stands before the type's name.
    pub tag: Option<&'static str>,
    /// Where the type is written.
    pub ty_span: Span,
    pub shape: Shape,
}

#[derive(Clone, Debug)]
pub struct Enumerator {
    pub name: Name,
    pub value: Option<Value>,
}

#[derive(Clone, Debug)]
pub struct Arm {
    pub cases: Vec<Value>,
    /// None for void.
    pub decl: Option<Decl>,
}

#[derive(Clone, Debug)]
pub struct Union {
    pub disc: Decl,
    pub arms: Vec<Arm>,
    /// The default arm, which may be void.
    pub default: Option<Option<Decl>>,
}

impl Union {
    /// The arms' declarations, the default's last.
    pub fn decls(&self) -> impl Iterator<Item = &Decl> + Clone {
        let arms = self.arms.iter().filter_map(|arm| arm.decl.as_ref());
        arms.chain(self.default.iter().flatten())
    }
}

#[derive(Clone, Debug)]
pub enum Body {
    Enum(Vec<Enumerator>),
    Struct(Vec<Decl>),
    Union(Box<Union>),
    Typedef(Box<Decl>),
    /// `typedef struct x x;` for an x that C declares elsewhere.
    Foreign,
}

#[derive(Clone, Debug)]
pub struct Definition {
    pub name: Name,
    pub body: Body,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    Server,
    Client,
}

impl Side {
    pub fn word(self) -> &'static str {
        match self {
            Side::Server => "server",
            Side::Client => "client",
        }
    }

    pub fn other(self) -> Side {
        match self {
            Side::Server => Side::Client,
            Side::Client => Side::Server,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub name: Name,
    pub arg: Option<Name>,
    pub result: Option<Name>,
    pub number: i32,
    pub number_span: Span,
}

#[derive(Clone, Debug)]
pub struct Block {
    /// Who receives what the block names.
    pub side: Side,
    pub messages: bool,
    pub entries: Vec<Entry>,
    /// The word that opens it, and the brace that closes it.
    pub start: Span,
    pub end: Span,
}

#[derive(Clone, Debug)]
pub enum Item {
    Copy(String),
    Const(Name, Value),
    Type(Box<Definition>),
    Block(Block),
}

#[derive(Clone, Debug, Default)]
pub struct File {
    pub items: Vec<Item>,
    /// Typedefs that say what C's own say, and were left out.
    pub system_types: Vec<Name>,
}

impl File {
    pub fn types(&self) -> impl Iterator<Item = &Definition> {
        self.items.iter().filter_map(|item| match item {
            Item::Type(definition) => Some(&**definition),
            _ => None,
        })
    }

    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.items.iter().filter_map(|item| match item {
            Item::Block(block) => Some(block),
            _ => None,
        })
    }

    /// All names that the file gives, and what bears each.
    pub fn names(&self) -> Vec<(&'static str, &Name)> {
        let mut names = Vec::new();
        for item in &self.items {
            match item {
                Item::Copy(_) => {}
                Item::Const(name, _) => names.push(("constant", name)),
                Item::Type(definition) => {
                    names.push(("type", &definition.name));
                    if let Body::Enum(enumerators) = &definition.body {
                        names.extend(enumerators.iter().map(|e| ("enumerator", &e.name)));
                    }
                }
                Item::Block(block) => {
                    let what = if block.messages {
                        "message"
                    } else {
                        "procedure"
                    };
                    names.extend(block.entries.iter().map(|entry| (what, &entry.name)));
                }
            }
        }
        names.extend(self.members().map(|decl| ("member", &decl.name)));
        names
    }

    /// Members of structs and unions, discriminants among them.
    pub fn members(&self) -> impl Iterator<Item = &Decl> {
        self.types().flat_map(|definition| match &definition.body {
            Body::Enum(_) | Body::Typedef(_) | Body::Foreign => Vec::new(),
            Body::Struct(members) => members.iter().collect(),
            Body::Union(union) => std::iter::once(&union.disc).chain(union.decls()).collect(),
        })
    }

    /// Members and typedefs.
    pub fn decls(&self) -> impl Iterator<Item = &Decl> {
        let typedefs = self
            .types()
            .filter_map(|definition| match &definition.body {
                Body::Typedef(decl) => Some(&**decl),
                _ => None,
            });
        self.members().chain(typedefs)
    }

    /// Whether a `%` line has this word in it.
    pub fn copies_mention(&self, word: &str) -> bool {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        self.items.iter().any(|item| match item {
            Item::Copy(line) => line.split(|c| !is_word(c)).any(|found| found == word),
            _ => false,
        })
    }

    /// Whether C that this program does not see may declare names.
    pub fn has_foreign_code(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Copy(_)))
    }
}
