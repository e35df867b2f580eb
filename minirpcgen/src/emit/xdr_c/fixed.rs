//! Types whose size on the wire is fixed and small: runs of them are packed
//! and unpacked by a loop without calls.

use super::super::code::Code;
use super::body::{address, deref, object_pointer};
use super::{Generator, Locals};
use crate::ast::{Body, Prim};
use crate::model::{Element, Form};

/// What the helpers for a number are called, after `mrpc_xdr_pack`.
fn number_suffix(prim: Prim) -> &'static str {
    match prim {
        Prim::Int | Prim::UInt | Prim::Int32 | Prim::UInt32 | Prim::Float => "32",
        Prim::Hyper | Prim::UHyper | Prim::Int64 | Prim::UInt64 | Prim::Double => "64",
        Prim::Char => "_char",
        Prim::Int8 => "_int8",
        Prim::UChar | Prim::UInt8 => "_uint8",
        Prim::Short | Prim::Int16 => "_int16",
        Prim::UShort | Prim::UInt16 => "_uint16",
        Prim::Long => "_long",
        Prim::ULong => "_ulong",
        Prim::Bool => "_bool",
    }
}

/// The functions that pack and unpack a run of elements.
pub fn packers(element: &Element) -> (String, String) {
    let name = match &element.form {
        Form::Prim(prim, _) => {
            let suffix = number_suffix(*prim);
            return (
                format!("mrpc_xdr_pack{suffix}"),
                format!("mrpc_xdr_unpack{suffix}"),
            );
        }
        Form::Enum(_) => return ("mrpc_xdr_pack32".to_owned(), "mrpc_xdr_unpack32".to_owned()),
        Form::Struct(name) => name,
        _ => &element.c_name,
    };
    (format!("mrpc_pack_{name}"), format!("mrpc_unpack_{name}"))
}

/// `wire + offset`.
fn at(wire: &str, offset: u32) -> String {
    if offset == 0 {
        wire.to_owned()
    } else {
        format!("{wire} + {offset}")
    }
}

/// A statement that packs one value at an offset.
pub fn pack(expr: &str, form: &Form, wire: &str, offset: u32) -> String {
    let at = at(wire, offset);
    let value = deref(expr);
    match form {
        Form::Prim(prim, _) => match prim {
            // In memory: a register of the x87 would make a quiet NaN of a signaling one.
            Prim::Float | Prim::Double => {
                format!("{}({at}, {}, 1);", packers(&of(form)).0, address(expr))
            }
            Prim::Bool => format!("mrpc_xdr_store32({at}, {value} != FALSE);"),
            Prim::Hyper | Prim::UHyper | Prim::Int64 | Prim::UInt64 => {
                format!("mrpc_xdr_store64({at}, (uint64_t){value});")
            }
            _ => format!("mrpc_xdr_store32({at}, (uint32_t){value});"),
        },
        Form::Enum(_) => format!("mrpc_xdr_store32({at}, (uint32_t){value});"),
        Form::Opaque(count) => format!("mrpc_xdr_pack_opaque({at}, {value}, {});", count.text),
        Form::Fixed { element, count } => {
            format!("{}({at}, {value}, {});", packers(element).0, count.text)
        }
        _ => format!("{}({at}, {}, 1);", packers(&of(form)).0, address(expr)),
    }
}

/// A statement that unpacks one value from an offset.
pub fn unpack(expr: &str, form: &Form, wire: &str, offset: u32) -> String {
    let at = at(wire, offset);
    let value = deref(expr);
    match form {
        Form::Prim(prim, c_name) => match prim {
            Prim::Float | Prim::Double => {
                format!("{}({at}, {}, 1);", packers(&of(form)).1, address(expr))
            }
            Prim::Bool => format!("{value} = mrpc_xdr_load32({at}) != 0;"),
            Prim::Hyper | Prim::UHyper | Prim::Int64 | Prim::UInt64 => {
                format!("{value} = ({c_name})mrpc_xdr_load64({at});")
            }
            // Sign-extended to its 64 bits.
            Prim::Long => format!("{value} = (int32_t)mrpc_xdr_load32({at});"),
            _ => format!("{value} = ({c_name})mrpc_xdr_load32({at});"),
        },
        Form::Enum(name) => format!("{value} = ({name})mrpc_xdr_load32({at});"),
        Form::Opaque(count) => format!("memcpy({value}, {at}, {});", count.text),
        Form::Fixed { element, count } => {
            format!("{}({at}, {value}, {});", packers(element).1, count.text)
        }
        _ => format!("{}({at}, {}, 1);", packers(&of(form)).1, address(expr)),
    }
}

/// A struct as the element that its functions are named by.
fn of(form: &Form) -> Element {
    let c_name = match form {
        Form::Struct(name) => name.clone(),
        _ => String::new(),
    };
    Element {
        c_name,
        form: form.clone(),
    }
}

impl Generator<'_> {
    /// As above; a struct's are noted if their definition comes later.
    pub(super) fn packers(&mut self, element: &Element) -> (String, String) {
        if let Form::Struct(name) = &element.form {
            if !self.packed.contains(name) {
                self.packed_ahead.insert(name.clone());
            }
        }
        packers(element)
    }

    fn pack_head(&self, packing: bool, name: &str) -> String {
        let Locals {
            obj, wire, count, ..
        } = &self.names;
        let (word, constant, other) = if packing {
            ("pack", "", "const ")
        } else {
            ("unpack", "const ", "")
        };
        format!(
            "mrpc_{word}_{name}({constant}unsigned char *{wire}, {other}void *{obj}, \
             size_t {count})"
        )
    }

    pub(super) fn pack_declarations(&self, code: &mut Code) {
        for name in &self.packed_ahead {
            for packing in [true, false] {
                code.line(format!(
                    "static inline void {};",
                    self.pack_head(packing, name)
                ));
            }
        }
    }

    /// For structs and typedefs of arrays; numbers have theirs in <minirpc/xdr.h>.
    pub(super) fn pack_functions(&mut self, name: &str, form: &Form, code: &mut Code) {
        let objp = &self.names.objp;
        let values: Vec<(String, Form)> = match form {
            Form::Struct(own) if own == name => {
                match self.model.find(name).map(|definition| &definition.body) {
                    Some(Body::Struct(members)) => members
                        .iter()
                        .map(|member| {
                            let expr = format!("{objp}->{}", member.name.text);
                            (expr, self.model.form(member))
                        })
                        .collect(),
                    _ => return,
                }
            }
            Form::Fixed { .. } | Form::Opaque(_) => {
                vec![(format!("(*{objp})"), form.clone())]
            }
            _ => return,
        };
        self.packed.insert(name.to_owned());
        let Locals {
            objp, wire, count, ..
        } = &self.names;
        let size = self.model.wire(form).unwrap_or(0);
        for packing in [true, false] {
            code.line("static inline void");
            code.line(self.pack_head(packing, name));
            code.body(|code| {
                code.line(object_pointer(self, name, packing));
                code.blank();
                let head = format!("for (; {count} > 0; {count}--, {objp}++, {wire} += {size})");
                let mut offset = 0;
                let mut inner = Code::new();
                for (expr, form) in &values {
                    inner.line(if packing {
                        pack(expr, form, wire, offset)
                    } else {
                        unpack(expr, form, wire, offset)
                    });
                    offset += self.model.wire(form).unwrap_or(0);
                }
                if values.len() == 1 {
                    code.line(head);
                    code.nested(|code| code.append(inner));
                } else {
                    code.block(&head, "", |code| code.append(inner));
                }
            });
        }
    }

    pub(super) fn fixed_procedure(&mut self, name: &str, form: &Form, code: &mut Code) {
        let element = Element {
            c_name: name.to_owned(),
            form: form.clone(),
        };
        let (pack, unpack) = packers(&element);
        let size = self.model.wire(form).unwrap_or(0);
        let Locals { xdrs, objp, .. } = &self.names;
        self.procedure_head(name, code);
        code.body(|code| {
            code.line(format!(
                "return mrpc_xdr_fixed({xdrs}, {objp}, {size}, {pack}, {unpack});"
            ));
        });
    }
}
