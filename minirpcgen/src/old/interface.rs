//! What changes with the interface's own stubs.

use std::collections::BTreeMap;

use super::Finding;
use crate::ast::{Body, Decl, File, Prim, Shape, TypeName, ValueKind};
use crate::diag::{Severity, Span};
use crate::model::{Model, Stub};
use crate::schema::Interface;

pub fn findings(model: &Model) -> Vec<Finding> {
    let mut findings = blocks_in_one_line(model);
    findings.extend(deep_types(model));
    findings.extend(strings(model));
    findings.extend(inline_bools(model));
    findings
}

/// The old generator saw a block only if it reached over several lines.
fn blocks_in_one_line(model: &Model) -> Vec<Finding> {
    let blocks = model.units.stubs.blocks();
    let alone =
        blocks.filter(|block| block.start.line == block.end.line && !block.entries.is_empty());
    alone
        .map(|block| {
            let names: Vec<&str> = block
                .entries
                .iter()
                .map(|entry| entry.name.text.as_str())
                .collect();
            let side = block.side.word();
            let text = format!(
                "the old generator left this block out, as it is in one line; now the {side}'s \
                 operations have `{}`: name each one's function, or delete the block",
                names.join("`, `")
            );
            Finding::at(&block.start, Severity::Warning, text)
        })
        .collect()
}

/// Types that nest, other than as lists do.
fn deep_types(model: &Model) -> Vec<Finding> {
    let interface = Interface::of(model);
    let recursive = interface.definitions.iter().filter(|d| d.recursive);
    let own = recursive.filter(|definition| model.is_own(&definition.name));
    own.filter_map(|definition| model.find(&definition.name))
        .filter(|definition| matches!(definition.body, Body::Struct(_) | Body::Union(_)))
        .map(|definition| {
            let name = &definition.name;
            let text = format!(
                "a `{}` can be 512 deep, with rpcgen's code as deep as the stack; if yours are \
                 deeper, compile {}_xdr.c with -DMRPC_XDR_MAX_DEPTH=n",
                name.text, model.base
            );
            Finding::at(&name.span, Severity::Warning, text)
        })
        .collect()
}

/// One finding for all of them: what is said of one holds for each.
fn strings(model: &Model) -> Option<Finding> {
    let decls = model.units.all().into_iter().flat_map(File::decls);
    let is_string = |decl: &&Decl| matches!(decl.ty, TypeName::String);
    let spans: BTreeMap<_, &Span> = decls
        .filter(is_string)
        .map(|decl| &decl.name.span)
        .map(|span| ((span.file.clone(), span.line, span.start), span))
        .collect();
    let more = match spans.len() {
        0 | 1 => String::new(),
        2 => " (and another one)".to_owned(),
        n => format!(" (and {} others)", n - 1),
    };
    let text = format!(
        "a string{more} with a zero byte in it no longer decodes, where C saw the part before it; \
         if yours come with such bytes, which no peer in C sends, declare opaque: it has the \
         same bytes on the wire"
    );
    let first = spans.into_values().next()?;
    Some(Finding::at(first, Severity::Note, text))
}

/// Where members of fixed size fill four words in a row, rpcgen's code stored them as they are. The
/// first such bool is told of: what is said of one holds for each.
fn inline_bools(model: &Model) -> Option<Finding> {
    let structs = model.units.all().into_iter().flat_map(File::types);
    let members = structs.filter_map(|definition| match &definition.body {
        Body::Struct(members) => Some(members),
        _ => None,
    });
    let is_inline = |decl: &Decl| {
        matches!(decl.ty, TypeName::Prim(..))
            && matches!(decl.shape, Shape::Plain | Shape::Fixed(_))
    };
    let is_bool = |decl: &&Decl| matches!(decl.ty, TypeName::Prim(Prim::Bool, _));
    let mut runs =
        members.flat_map(|members| members.chunk_by(|a, b| is_inline(a) == is_inline(b)));
    let bool = runs.find_map(|run| {
        let words: i128 = run.iter().map(words).sum();
        run.iter()
            .find(is_bool)
            .filter(|d| words >= 4 && is_inline(d))
    })?;
    let text = format!(
        "`{}` is sent as 1 and received as TRUE whatever it is but 0, where rpcgen's code passed a \
         number such as `flags & 4` as it is in some structs; if yours depend on that, declare int: \
         it has the same bytes on the wire",
        bool.name.text
    );
    Some(Finding::at(&bool.name.span, Severity::Note, text))
}

/// Of a member of fixed size; a length that has a name may be any.
fn words(decl: &Decl) -> i128 {
    match &decl.shape {
        Shape::Fixed(length) => match length.kind {
            ValueKind::Number(n) => n,
            _ => 4,
        },
        _ => 1,
    }
}

/// Names that the old stubs did not declare, and what has each now.
pub fn new_names(model: &Model) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let blocks = model.units.stubs.blocks().filter(|block| !block.messages);
    for entry in blocks.flat_map(|block| &block.entries) {
        for stub in [Stub::With, Stub::AsyncWith] {
            if model.has_stub(entry, stub) {
                let what = format!("a stub of `{}`, with options", entry.name.text);
                names.insert(model.stub(entry, stub), what);
            }
        }
    }
    for definition in model.units.stubs.types() {
        if let Body::Enum(_) = definition.body {
            let name = &definition.name.text;
            let what = format!("the function that checks values of `{name}`");
            names.insert(format!("mrpc_is_valid_{name}"), what);
        }
    }
    names
}
