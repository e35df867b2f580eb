//! What is allowed, and may surprise.

use crate::ast::Entry;
use crate::diag::{self, Diagnostic, Severity};
use crate::model::{Model, Stub};

const CXX_KEYWORDS: [&str; 50] = [
    "and",
    "and_eq",
    "bitand",
    "bitor",
    "catch",
    "char16_t",
    "char32_t",
    "char8_t",
    "class",
    "co_await",
    "co_return",
    "co_yield",
    "compl",
    "concept",
    "const_cast",
    "consteval",
    "constinit",
    "contract_assert",
    "decltype",
    "delete",
    "dynamic_cast",
    "explicit",
    "export",
    "friend",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "not_eq",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "reinterpret_cast",
    "requires",
    "static_cast",
    "template",
    "this",
    "throw",
    "try",
    "typeid",
    "typename",
    "using",
    "virtual",
    "wchar_t",
    "xor",
    "xor_eq",
];

/// C23's, and C++'s for the most part.
const C23_KEYWORDS: [&str; 9] = [
    "alignas",
    "alignof",
    "constexpr",
    "false",
    "nullptr",
    "static_assert",
    "thread_local",
    "true",
    "typeof_unqual",
];

/// Names that other compilers do not take. Headers that are `c_only` need not suit C++.
pub fn names(model: &Model, c_only: bool) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    for file in model.units.all().into_iter().rev() {
        let mut found = Vec::new();
        for (what, name) in file.names() {
            let text = name.text.as_str();
            let (language, note) = if C23_KEYWORDS.contains(&text) {
                ("C since C23", "headers with this name suit older C only")
            } else if !c_only && CXX_KEYWORDS.contains(&text) {
                (
                    "C++",
                    "no C++ program can include the headers; --c-only says that none will",
                )
            } else {
                continue;
            };
            let message = format!("the {what} `{text}` has the name of a keyword of {language}");
            found.push(Diagnostic::of(Severity::Warning, &name.span, message).note(note));
        }
        found.sort_by_key(|warning| {
            (
                warning.span.file.clone(),
                warning.span.line,
                warning.span.start,
            )
        });
        diag::merge(&mut all, found);
    }
    all
}

/// Stubs with options whose names were taken before there were any.
pub fn left_out(model: &Model) -> Vec<Diagnostic> {
    let blocks = model.units.stubs.blocks().filter(|block| !block.messages);
    let entries = blocks.flat_map(|block| &block.entries);
    let of_entry = |entry: &Entry| {
        [Stub::With, Stub::AsyncWith].map(|stub| {
            let (name, of) = (model.stub(entry, stub), &entry.name.text);
            let taker = model.taker(entry, stub)?;
            let message = format!("no stub `{name}` is made of `{of}`: it is {taker}");
            Some(Diagnostic::of(Severity::Note, &entry.name.span, message))
        })
    };
    entries.flat_map(of_entry).flatten().collect()
}

/// Types of libtirpc's that the file uses: the outputs then need that library.
pub fn libtirpc(model: &Model) -> Vec<Diagnostic> {
    model
        .rpc_types()
        .into_iter()
        .map(|name| {
            let message = format!("`{}` is a type of libtirpc's <rpc/rpc.h>", name.text);
            Diagnostic::of(Severity::Note, &name.span, message)
                .note("the stubs need its headers, and programs -ltirpc")
        })
        .collect()
}
