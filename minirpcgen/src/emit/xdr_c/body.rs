//! The body of one worker: its statements, and then the variables that they need.

use super::super::code::Code;
use super::{fixed, Generator, Locals};
use crate::ast::{Decl, Union};
use crate::model::{Form, WINDOW};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    Encode,
    Decode,
    Release,
}

impl Op {
    pub fn function(self, name: &str) -> String {
        let word = match self {
            Op::Encode => "encode",
            Op::Decode => "decode",
            Op::Release => "release",
        };
        format!("mrpc_{word}_{name}")
    }
}

/// An expression without the brackets that a member's access needs.
pub fn deref(expr: &str) -> &str {
    expr.strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'))
        .unwrap_or(expr)
}

pub fn address(expr: &str) -> String {
    match expr.strip_prefix("(*").and_then(|e| e.strip_suffix(')')) {
        Some(pointer) => pointer.to_owned(),
        None => format!("&{expr}"),
    }
}

pub fn field(expr: &str, name: &str) -> String {
    match expr.strip_prefix("(*").and_then(|e| e.strip_suffix(')')) {
        Some(pointer) => format!("{pointer}->{name}"),
        None => format!("{expr}.{name}"),
    }
}

/// The declaration of the typed pointer to the object. C cannot point to a
/// constant array without a warning, so there the constant is cast away.
pub fn object_pointer(generator: &Generator, name: &str, constant: bool) -> String {
    let Locals { obj, objp, .. } = &generator.names;
    let form = generator.model.named_form(name);
    match (constant, form) {
        (true, Form::Fixed { .. } | Form::Opaque(_)) => {
            format!("{name} *{objp} = ({name} *){obj};")
        }
        (true, _) => format!("const {name} *{objp} = {obj};"),
        (false, _) => format!("{name} *{objp} = {obj};"),
    }
}

pub struct Body<'g, 'a> {
    pub(super) generator: &'g mut Generator<'a>,
    pub(super) op: Op,
    name: String,
    pub(super) code: Code,
    /// The longest run that goes by way of the stack; 0 for none.
    spare: u32,
    pub(super) uses_val: bool,
    pub(super) uses_ok: bool,
    uses_next: bool,
}

impl<'g, 'a> Body<'g, 'a> {
    pub(super) fn new(generator: &'g mut Generator<'a>, op: Op, name: &str) -> Self {
        Body {
            generator,
            op,
            name: name.to_owned(),
            code: Code::new(),
            spare: 0,
            uses_val: false,
            uses_ok: false,
            uses_next: false,
        }
    }

    pub(super) fn finish(self) -> Code {
        let names = &self.generator.names;
        let name = &self.name;
        let mut code = Code::new();
        let of_wire = if self.op == Op::Decode { "const " } else { "" };
        code.line(object_pointer(self.generator, name, self.op == Op::Encode));
        if self.spare > 0 {
            code.line(format!("unsigned char {}[{}];", names.spare, self.spare));
            code.line(format!("{of_wire}unsigned char *{};", names.wire));
        }
        if self.uses_val {
            code.line(format!("void *{};", names.val));
        }
        if self.uses_ok {
            code.line(format!("bool_t {};", names.ok));
        }
        if self.uses_next {
            code.line(format!("{name} *{};", names.next));
        }
        code.blank();
        code.append(self.code);
        code
    }

    /// Runs `fill` on a nested block's statements.
    pub(super) fn nested(&mut self, fill: impl FnOnce(&mut Self)) {
        let outer = std::mem::take(&mut self.code);
        fill(self);
        let inner = std::mem::replace(&mut self.code, outer);
        self.code.nested(|code| code.append(inner));
    }

    pub(super) fn fail_unless(&mut self, condition: &str) {
        let test = match condition.contains("&&") || condition.contains("||") {
            true => format!("if (!({condition}))"),
            false => format!("if (!{condition})"),
        };
        self.code.line(test);
        self.code.nested(|code| code.line("return FALSE;"));
    }

    pub(super) fn enter(&mut self) {
        if self.op != Op::Release {
            let call = format!("mrpc_xdr_enter({})", self.generator.names.cursor);
            self.fail_unless(&call);
        }
    }

    pub(super) fn leave(&mut self) {
        if self.op != Op::Release {
            let cursor = &self.generator.names.cursor;
            self.code.line(format!("mrpc_xdr_leave({cursor});"));
        }
    }

    pub(super) fn done(&mut self) {
        if self.op != Op::Release {
            self.code.line("return TRUE;");
        }
    }

    /// Values one after the other, those of fixed sizes together in windows.
    pub(super) fn values(&mut self, values: &[(String, Form)]) {
        let mut window: Vec<(String, Form, u32)> = Vec::new();
        let mut size = 0;
        for (expr, form) in values {
            match self.generator.model.wire(form) {
                Some(0) => {}
                Some(wire) => {
                    if size + wire > WINDOW {
                        self.window(&window, size);
                        window.clear();
                        size = 0;
                    }
                    window.push((expr.clone(), form.clone(), size));
                    size += wire;
                }
                None => {
                    self.window(&window, size);
                    window.clear();
                    size = 0;
                    self.value(expr, form);
                }
            }
        }
        self.window(&window, size);
    }

    fn window(&mut self, values: &[(String, Form, u32)], size: u32) {
        if values.is_empty() || self.op == Op::Release {
            return;
        }
        self.spare = self.spare.max(size);
        let names = &self.generator.names;
        let (cursor, wire, spare) = (&names.cursor, names.wire.clone(), &names.spare);
        if self.op == Op::Encode {
            self.code.line(format!(
                "{wire} = mrpc_xdr_room({cursor}, {size}, {spare});"
            ));
            let give = format!("mrpc_xdr_give({cursor}, {wire}, {size}, {spare})");
            for (expr, form, offset) in values {
                self.code.line(fixed::pack(expr, form, &wire, *offset));
            }
            self.fail_unless(&give);
        } else {
            self.code.line(format!(
                "{wire} = mrpc_xdr_take({cursor}, {size}, {spare});"
            ));
            self.code.line(format!("if ({wire} == NULL)"));
            self.code.nested(|code| code.line("return FALSE;"));
            for (expr, form, offset) in values {
                self.code.line(fixed::unpack(expr, form, &wire, *offset));
            }
            let model = self.generator.model;
            let checks: Vec<String> = values
                .iter()
                .filter(|(_, form, _)| model.is_checked(form))
                .map(|(expr, form, _)| fixed::check(expr, form))
                .collect();
            if !checks.is_empty() {
                self.fail_unless(&checks.join(" && "));
            }
        }
    }

    /// A list: the nodes' values, in a loop along the member `last`.
    pub(super) fn list(&mut self, values: &[(String, Form)], last: &str) {
        let names = &self.generator.names;
        let objp = names.objp.clone();
        let (obj, next, cursor) = (names.obj.clone(), names.next.clone(), names.cursor.clone());
        let link = format!("{objp}->{last}");
        self.code.line("for (;;) {");
        self.nested(|body| match body.op {
            Op::Release => {
                body.uses_next = true;
                body.code.line(format!("{next} = {link};"));
                body.values(values);
                body.code.line(format!("{link} = NULL;"));
                body.code.line(format!("if ({objp} != {obj})"));
                body.code.nested(|code| code.line(format!("free({objp});")));
                body.code.line(format!("if ({next} == NULL)"));
                body.code.nested(|code| code.line("break;"));
                body.code.line(format!("{objp} = {next};"));
            }
            Op::Encode => {
                body.values(values);
                body.fail_unless(&format!("mrpc_xdr_put_word({cursor}, {link} != NULL)"));
                body.code.line(format!("if ({link} == NULL)"));
                body.code.nested(|code| code.line("break;"));
                body.code.line(format!("{objp} = {link};"));
            }
            Op::Decode => {
                body.values(values);
                body.optional(&link, &format!("*{objp}"));
                body.code.line(format!("if ({link} == NULL)"));
                body.code.nested(|code| code.line("break;"));
                body.code.line(format!("{objp} = {link};"));
            }
        });
        self.code.line("}");
    }

    pub(super) fn union(&mut self, name: &str, union: &Union) {
        let objp = self.generator.names.objp.clone();
        let disc = format!("{objp}->{}", union.disc.name.text);
        let form = self.generator.model.form(&union.disc);
        if self.op != Op::Release {
            self.values(&[(disc.clone(), form.clone())]);
        }
        // A case need not be one of the enumerators.
        let is_number = matches!(form, Form::Prim(..));
        self.code.line(if is_number {
            format!("switch ({disc}) {{")
        } else {
            format!("switch ((int){disc}) {{")
        });
        for arm in &union.arms {
            for case in &arm.cases {
                self.code.line(format!("case {}:", case.text));
            }
            self.arm(name, arm.decl.as_ref());
        }
        self.code.line("default:");
        match &union.default {
            Some(decl) => self.arm(name, decl.as_ref()),
            None if self.op == Op::Release => self.arm(name, None),
            None => self.code.nested(|code| code.line("return FALSE;")),
        }
        self.code.line("}");
    }

    fn arm(&mut self, name: &str, decl: Option<&Decl>) {
        let objp = self.generator.names.objp.clone();
        self.nested(|body| {
            if let Some(decl) = decl {
                let expr = format!("{objp}->{name}_u.{}", decl.name.text);
                let form = body.generator.model.form(decl);
                body.values(&[(expr, form)]);
            }
            body.code.line("break;");
        });
    }
}
