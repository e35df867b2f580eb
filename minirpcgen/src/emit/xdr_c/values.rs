//! Statements for one value that is not part of a window.

use super::body::{address, deref, field, Body, Op};
use super::fixed;
use crate::model::{Count, Element, Form};

impl Body<'_, '_> {
    pub(super) fn value(&mut self, expr: &str, form: &Form) {
        match self.op {
            Op::Encode => {
                if let Some(call) = self.encode(expr, form) {
                    self.fail_unless(&call);
                }
            }
            Op::Decode => self.decode(expr, form),
            Op::Release => {
                if self.generator.model.holds_memory(form) {
                    self.release(expr, form);
                }
            }
        }
    }

    fn cursor(&self) -> String {
        self.generator.names.cursor.clone()
    }

    /// The call for a type that is declared elsewhere. If that is an array, its
    /// procedure takes its first element's address, which is the same; and encoding
    /// has a const object.
    fn external(&self, name: &str, object: &str) -> String {
        format!("xdr_{name}({}->xdrs, (void *){object})", self.cursor())
    }

    /// The condition that holds if encoding works; None where the optional data
    /// took care of it.
    fn encode(&mut self, expr: &str, form: &Form) -> Option<String> {
        let cursor = self.cursor();
        let value = deref(expr);
        Some(match form {
            Form::External { name, array } => self.external(name, &object(expr, *array)),
            Form::Opaque(count) => {
                format!("mrpc_xdr_put_opaque({cursor}, {value}, {})", count.text)
            }
            Form::Bytes { name, bound } => {
                let (len, val) = parts(expr, name);
                format!("mrpc_xdr_put_bytes({cursor}, {val}, {len}, {bound})")
            }
            Form::Str { bound } => format!("mrpc_xdr_put_string({cursor}, {value}, {bound})"),
            Form::Fixed { element, count } => self.encode_many(value, element, count),
            Form::Variable {
                element,
                name,
                bound,
            } => {
                let (len, val) = parts(expr, name);
                let size = format!("sizeof *{val}");
                match self.generator.model.wire(&element.form) {
                    Some(wire) => format!(
                        "mrpc_xdr_put_run_array({cursor}, {val}, {len}, {bound}, {wire}, {size}, {})",
                        self.generator.packers(element).0
                    ),
                    None => {
                        let encode = self.generator.worker(Op::Encode, element);
                        format!(
                            "mrpc_xdr_put_array({cursor}, {val}, {len}, {bound}, {size}, {encode})"
                        )
                    }
                }
            }
            Form::Optional(element) => {
                self.fail_unless(&format!("mrpc_xdr_put_word({cursor}, {value} != NULL)"));
                if self.generator.model.wire(&element.form) != Some(0) {
                    let call = self.encode_one(value, element);
                    self.code.line(format!("if ({value} != NULL && !{call})"));
                    self.code.nested(|code| code.line("return FALSE;"));
                }
                return None;
            }
            Form::Prim(..) | Form::Enum(_) | Form::Struct(_) | Form::Union(_) => {
                let element = element_of(form);
                self.encode_one(&address(expr), &element)
            }
        })
    }

    fn encode_one(&mut self, pointer: &str, element: &Element) -> String {
        let cursor = self.cursor();
        match self.generator.model.wire(&element.form) {
            Some(_) => {
                let one = Count {
                    text: "1".to_owned(),
                    value: Some(1),
                };
                self.encode_many(pointer, element, &one)
            }
            None => {
                let encode = self.generator.worker(Op::Encode, element);
                format!("{encode}({cursor}, {pointer})")
            }
        }
    }

    fn encode_many(&mut self, pointer: &str, element: &Element, count: &Count) -> String {
        let cursor = self.cursor();
        let count = &count.text;
        let size = format!("sizeof({})", element.c_name);
        match self.generator.model.wire(&element.form) {
            Some(wire) => format!(
                "mrpc_xdr_put_run({cursor}, {pointer}, {count}, {wire}, {size}, {})",
                self.generator.packers(element).0
            ),
            None => {
                let encode = self.generator.worker(Op::Encode, element);
                format!("mrpc_xdr_put_items({cursor}, {pointer}, {count}, {size}, {encode})")
            }
        }
    }

    fn decode(&mut self, expr: &str, form: &Form) {
        let cursor = self.cursor();
        let value = deref(expr);
        let conditions = match form {
            Form::External { name, array } => vec![self.external(name, &object(expr, *array))],
            Form::Opaque(count) => vec![format!(
                "mrpc_xdr_get_opaque({cursor}, {value}, {})",
                count.text
            )],
            Form::Bytes { name, bound } => {
                let (len, val) = parts(expr, name);
                vec![format!(
                    "mrpc_xdr_get_bytes({cursor}, &{val}, &{len}, {bound})"
                )]
            }
            Form::Str { bound } => {
                let address = address(expr);
                vec![format!("mrpc_xdr_get_string({cursor}, {address}, {bound})")]
            }
            Form::Fixed { element, count } => self.decode_many(value, element, &count.text),
            Form::Variable {
                element,
                name,
                bound,
            } => {
                let (len, val) = parts(expr, name);
                self.decode_array(&len, &val, element, bound);
                return;
            }
            Form::Optional(element) => {
                self.optional(value, &format!("*{value}"));
                if self.generator.model.wire(&element.form) == Some(0) {
                    return;
                }
                let conditions = self.decode_one(value, element);
                let failed: Vec<String> = conditions.iter().map(|c| format!("!{c}")).collect();
                let failed = match failed.as_slice() {
                    [one] => one.clone(),
                    several => format!("({})", several.join(" || ")),
                };
                self.code.line(format!("if ({value} != NULL && {failed})"));
                self.code.nested(|code| code.line("return FALSE;"));
                return;
            }
            Form::Prim(..) | Form::Enum(_) | Form::Struct(_) | Form::Union(_) => {
                let element = element_of(form);
                self.decode_one(&address(expr), &element)
            }
        };
        self.fail_unless(&conditions.join(" && "));
    }

    /// By way of a `void *`, which no other type of pointer may be taken for.
    fn decode_array(&mut self, len: &str, val: &str, element: &Element, bound: &str) {
        self.uses_val = true;
        self.uses_ok = true;
        let cursor = self.cursor();
        let names = &self.generator.names;
        let (pointer, ok) = (names.val.clone(), names.ok.clone());
        let call = match self.generator.model.wire(&element.form) {
            Some(wire) => format!(
                "mrpc_xdr_get_run_array({cursor}, &{pointer}, &{len}, {bound}, {wire}, \
                 sizeof *{val}, {})",
                self.generator.packers(element).1
            ),
            None => {
                let decode = self.generator.worker(Op::Decode, element);
                format!(
                    "mrpc_xdr_get_array({cursor}, &{pointer}, &{len}, {bound}, sizeof *{val}, \
                     {decode})"
                )
            }
        };
        self.code.line(format!("{pointer} = {val};"));
        self.code.line(format!("{ok} = {call};"));
        self.code.line(format!("{val} = {pointer};"));
        let mut conditions = vec![ok];
        conditions.extend(self.check_run(val, element, len));
        self.fail_unless(&conditions.join(" && "));
    }

    /// What has to hold besides, once a run of elements has been decoded.
    fn check_run(&self, pointer: &str, element: &Element, count: &str) -> Option<String> {
        let model = self.generator.model;
        let is_run = model.wire(&element.form).is_some();
        (is_run && model.is_checked(&element.form))
            .then(|| fixed::check_many(pointer, element, count))
    }

    /// The flag, and memory if it is set.
    pub(super) fn optional(&mut self, link: &str, object: &str) {
        self.uses_val = true;
        let cursor = self.cursor();
        let val = self.generator.names.val.clone();
        self.code.line(format!("{val} = {link};"));
        self.fail_unless(&format!(
            "mrpc_xdr_get_optional({cursor}, &{val}, sizeof {object})"
        ));
        self.code.line(format!("{link} = {val};"));
    }

    /// The conditions that hold if decoding works.
    fn decode_one(&mut self, pointer: &str, element: &Element) -> Vec<String> {
        match self.generator.model.wire(&element.form) {
            Some(_) => self.decode_many(pointer, element, "1"),
            None => {
                let cursor = self.cursor();
                let decode = self.generator.worker(Op::Decode, element);
                vec![format!("{decode}({cursor}, {pointer})")]
            }
        }
    }

    fn decode_many(&mut self, pointer: &str, element: &Element, count: &str) -> Vec<String> {
        let cursor = self.cursor();
        let size = format!("sizeof({})", element.c_name);
        let call = match self.generator.model.wire(&element.form) {
            Some(wire) => format!(
                "mrpc_xdr_get_run({cursor}, {pointer}, {count}, {wire}, {size}, {})",
                self.generator.packers(element).1
            ),
            None => {
                let decode = self.generator.worker(Op::Decode, element);
                format!("mrpc_xdr_get_items({cursor}, {pointer}, {count}, {size}, {decode})")
            }
        };
        let check = self.check_run(pointer, element, count);
        std::iter::once(call).chain(check).collect()
    }

    fn release(&mut self, expr: &str, form: &Form) {
        let value = deref(expr).to_owned();
        match form {
            Form::External { .. } => {
                let release = self.generator.worker(Op::Release, &element_of(form));
                let address = address(expr);
                self.code.line(format!("{release}({address});"));
            }
            Form::Bytes { name, .. } => {
                let (len, val) = parts(expr, name);
                self.free(&val);
                self.code.line(format!("{len} = 0;"));
            }
            Form::Str { .. } => self.free(&value),
            Form::Fixed { element, count } => {
                let release = self.generator.worker(Op::Release, element);
                self.code.line(format!(
                    "mrpc_xdr_release_items({value}, {}, sizeof({}), {release});",
                    count.text, element.c_name
                ));
            }
            Form::Variable { element, name, .. } => {
                let (len, val) = parts(expr, name);
                if self.generator.model.holds_memory(&element.form) {
                    let release = self.generator.worker(Op::Release, element);
                    self.code.line(format!(
                        "mrpc_xdr_release_items({val}, {len}, sizeof *{val}, {release});"
                    ));
                }
                self.free(&val);
                self.code.line(format!("{len} = 0;"));
            }
            Form::Optional(element) => {
                if self.generator.model.holds_memory(&element.form) {
                    let release = self.generator.worker(Op::Release, element);
                    self.code.line(format!("if ({value} != NULL)"));
                    self.code
                        .nested(|code| code.line(format!("{release}({value});")));
                }
                self.free(&value);
            }
            Form::Struct(_) | Form::Union(_) => {
                let release = self.generator.worker(Op::Release, &element_of(form));
                let address = address(expr);
                self.code.line(format!("{release}({address});"));
            }
            Form::Prim(..) | Form::Enum(_) | Form::Opaque(_) => {}
        }
    }

    fn free(&mut self, pointer: &str) {
        self.code.line(format!("free({pointer});"));
        self.code.line(format!("{pointer} = NULL;"));
    }
}

/// What another file's procedure takes for this object.
fn object(expr: &str, array: bool) -> String {
    if array {
        deref(expr).to_owned()
    } else {
        address(expr)
    }
}

fn element_of(form: &Form) -> Element {
    let c_name = match form {
        Form::Enum(name) | Form::Struct(name) | Form::Union(name) | Form::External { name, .. } => {
            name.clone()
        }
        Form::Prim(_, c_name) => (*c_name).to_owned(),
        _ => String::new(),
    };
    Element {
        c_name,
        form: form.clone(),
    }
}

/// The length and the pointer of a variable array.
fn parts(expr: &str, name: &str) -> (String, String) {
    (
        field(expr, &format!("{name}_len")),
        field(expr, &format!("{name}_val")),
    )
}
