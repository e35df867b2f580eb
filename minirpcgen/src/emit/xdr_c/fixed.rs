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

/// The function that checks the elements of a run that has been unpacked.
fn checker(element: &Element) -> String {
    let name = match &element.form {
        Form::Enum(name) | Form::Struct(name) => name,
        _ => &element.c_name,
    };
    format!("mrpc_check_{name}")
}

/// A condition that holds if the value's enums are of the numbers that have names.
pub fn check(expr: &str, form: &Form) -> String {
    match form {
        Form::Fixed { element, count } => check_many(deref(expr), element, &count.text),
        _ => check_many(&address(expr), &of(form), "1"),
    }
}

pub fn check_many(pointer: &str, element: &Element, count: &str) -> String {
    format!("{}({pointer}, {count})", checker(element))
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

/// A struct or enum as the element that its functions are named by.
fn of(form: &Form) -> Element {
    let c_name = match form {
        Form::Struct(name) | Form::Enum(name) => name.clone(),
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
            if self.model.is_checked(&Form::Struct(name.clone())) {
                code.line(format!("static inline bool_t {};", self.check_head(name)));
            }
        }
    }

    fn check_head(&self, name: &str) -> String {
        let Locals { obj, count, .. } = &self.names;
        format!("mrpc_check_{name}(const void *{obj}, size_t {count})")
    }

    /// For enums, and for what holds some.
    pub(super) fn check_function(&self, name: &str, form: &Form, code: &mut Code) {
        let Locals { objp, count, .. } = &self.names;
        let conditions = match (form, self.model.find(name).map(|d| &d.body)) {
            (Form::Enum(own), Some(Body::Enum(enumerators))) if own == name => {
                let values = self.model.distinct(enumerators).into_iter();
                let tests: Vec<String> =
                    values.map(|value| format!("*{objp} != {value}")).collect();
                tests.join(" && ")
            }
            (Form::Struct(own), Some(Body::Struct(members))) if own == name => {
                let checked = members
                    .iter()
                    .map(|member| (member, self.model.form(member)))
                    .filter(|(_, form)| self.model.is_checked(form));
                let tests: Vec<String> = checked
                    .map(|(member, form)| {
                        let expr = format!("{objp}->{}", member.name.text);
                        format!("!{}", check(&expr, &form))
                    })
                    .collect();
                tests.join(" || ")
            }
            (Form::Fixed { .. }, _) => format!("!{}", check(&format!("(*{objp})"), form)),
            // Another name's is its own.
            _ => return,
        };
        code.line("static inline bool_t");
        code.line(self.check_head(name));
        code.body(|code| {
            code.line(object_pointer(self, name, true));
            code.blank();
            code.line(format!("for (; {count} > 0; {count}--, {objp}++)"));
            code.nested(|code| {
                code.line(format!("if ({conditions})"));
                code.nested(|code| code.line("return FALSE;"));
            });
            code.line("return TRUE;");
        });
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
                let (mut offset, mut lines) = (0, 0);
                let mut inner = Code::new();
                for (expr, form) in &values {
                    let size = self.model.wire(form).unwrap_or(0);
                    if size == 0 {
                        continue;
                    }
                    inner.line(if packing {
                        pack(expr, form, wire, offset)
                    } else {
                        unpack(expr, form, wire, offset)
                    });
                    offset += size;
                    lines += 1;
                }
                if lines == 1 {
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
            let call = format!("mrpc_xdr_fixed({xdrs}, {objp}, {size}, {pack}, {unpack})");
            if self.model.is_checked(form) {
                let check = check_many(objp, &element, "1");
                code.line(format!(
                    "return {call} && ({xdrs}->x_op != XDR_DECODE || {check});"
                ));
            } else {
                code.line(format!("return {call};"));
            }
        });
    }

    /// A type without elements: nothing moves.
    pub(super) fn empty_procedure(&self, name: &str, code: &mut Code) {
        let Locals { xdrs, objp, .. } = &self.names;
        self.procedure_head(name, code);
        code.body(|code| {
            code.line(format!("(void){xdrs};"));
            code.line(format!("(void){objp};"));
            code.line("return TRUE;");
        });
    }
}
