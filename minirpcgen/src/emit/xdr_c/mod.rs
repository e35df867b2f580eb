//! B_xdr.c: for each type an encoder, a decoder and, where it holds memory, a
//! function that releases that; or, for a fixed and small size on the wire, a
//! pair that packs and unpacks runs. `xdr_T` picks one by the operation.

mod body;
mod fixed;
mod graph;
mod values;

use std::collections::BTreeSet;

use super::code::Code;
use super::{leading_includes, preamble};
use crate::ast::{Body as TypeBody, Decl, Definition, Item, Union};
use crate::model::{Element, Form, Model};
use body::{Body, Op};

pub fn emit(model: &Model) -> Code {
    let mut generator = Generator::new(model);
    let mut types = Code::new();
    let mut code = preamble("The XDR procedures of the interface's types.");
    code.directive(format!("#include \"{}_xdr.h\"", model.base));
    let items = &model.units.source.items;
    let copies = leading_includes(items);
    for (i, item) in items.iter().enumerate() {
        match item {
            Item::Copy(line) if i < copies => code.directive(line.clone()),
            Item::Copy(line) => types.directive(line.clone()),
            Item::Type(definition) => generator.definition(definition, &mut types),
            Item::Const(..) | Item::Block(_) => {}
        }
    }
    code.blank();
    generator.declarations(&mut code);
    code.append(types);
    code
}

/// Names in the generated functions, none of them the user's.
struct Locals {
    cursor: String,
    obj: String,
    objp: String,
    wire: String,
    spare: String,
    count: String,
    val: String,
    ok: String,
    next: String,
    xdrs: String,
}

struct Generator<'a> {
    model: &'a Model,
    names: Locals,
    /// Structs and unions that need a depth limit.
    recursive: BTreeSet<String>,
    /// Functions written so far, and those that were used before.
    defined: BTreeSet<String>,
    ahead: BTreeSet<(Op, String)>,
    /// The same for the structs' functions that pack and unpack.
    packed: BTreeSet<String>,
    packed_ahead: BTreeSet<String>,
    /// Other files' types, of which something here needs a function.
    external: BTreeSet<(Op, String)>,
}

impl<'a> Generator<'a> {
    fn new(model: &'a Model) -> Self {
        let local = |name: &str| model.local(name);
        Generator {
            model,
            names: Locals {
                cursor: local("cursor"),
                obj: local("obj"),
                objp: local("objp"),
                wire: local("wire"),
                spare: local("spare"),
                count: local("count"),
                val: local("val"),
                ok: local("ok"),
                next: local("next"),
                xdrs: local("xdrs"),
            },
            recursive: graph::recursive(model),
            defined: BTreeSet::new(),
            ahead: BTreeSet::new(),
            packed: BTreeSet::new(),
            packed_ahead: BTreeSet::new(),
            external: BTreeSet::new(),
        }
    }

    /// The name of a worker function, noted if its definition comes later.
    fn worker(&mut self, op: Op, element: &Element) -> String {
        let name = match &element.form {
            Form::Struct(name) | Form::Union(name) => name.clone(),
            Form::External { name, .. } => {
                self.external.insert((op, name.clone()));
                return op.function(name);
            }
            _ => element.c_name.clone(),
        };
        let function = op.function(&name);
        if !self.defined.contains(&function) {
            self.ahead.insert((op, name));
        }
        function
    }

    /// Prototypes, and functions around other files' procedures.
    fn declarations(&self, code: &mut Code) {
        self.pack_declarations(code);
        for (op, name) in &self.ahead {
            code.line(format!("{};", self.head(*op, name, " ")));
        }
        code.blank();
        let Locals {
            cursor, obj, xdrs, ..
        } = &self.names;
        for (op, name) in &self.external {
            self.open(*op, name, code);
            code.body(|code| match op {
                Op::Encode => {
                    code.line(format!("return xdr_{name}({cursor}->xdrs, (void *){obj});"))
                }
                Op::Decode => code.line(format!("return xdr_{name}({cursor}->xdrs, {obj});")),
                Op::Release => {
                    code.line(format!("XDR {xdrs};"));
                    code.blank();
                    code.line(format!("mrpc_xdr_set_free(&{xdrs});"));
                    code.line(format!("xdr_{name}(&{xdrs}, {obj});"));
                }
            });
        }
    }

    fn head(&self, op: Op, name: &str, gap: &str) -> String {
        let Locals { cursor, obj, .. } = &self.names;
        let function = op.function(name);
        let cursor = format!("struct mrpc_xdr_cursor *{cursor}");
        match op {
            Op::Encode => format!("static bool_t{gap}{function}({cursor}, const void *{obj})"),
            Op::Decode => format!("static bool_t{gap}{function}({cursor}, void *{obj})"),
            Op::Release => format!("static void{gap}{function}(void *{obj})"),
        }
    }

    fn open(&self, op: Op, name: &str, code: &mut Code) {
        for line in self.head(op, name, "\n").split('\n') {
            code.line(line);
        }
    }

    fn definition(&mut self, definition: &Definition, code: &mut Code) {
        let name = &definition.name.text;
        let form = self.model.named_form(name);
        match self.model.wire(&form) {
            _ if matches!(definition.body, TypeBody::Foreign) => return,
            Some(0) => {
                self.empty_procedure(name, code);
                return;
            }
            Some(_) => {
                self.pack_functions(name, &form, code);
                if self.model.is_checked(&form) {
                    self.check_function(name, &form, code);
                }
                self.fixed_procedure(name, &form, code);
                return;
            }
            None => {}
        }
        match &definition.body {
            TypeBody::Struct(members) => {
                for op in self.operations(&form) {
                    self.struct_function(op, name, members, code);
                }
            }
            TypeBody::Union(union) => {
                for op in self.operations(&form) {
                    self.union_function(op, name, union, code);
                }
            }
            _ => match &form {
                Form::Struct(_) | Form::Union(_) | Form::External { .. } => {}
                _ => {
                    for op in self.operations(&form) {
                        self.value_function(op, name, &form, code);
                    }
                }
            },
        }
        self.procedure(name, &form, code);
    }

    fn operations(&self, form: &Form) -> Vec<Op> {
        if self.model.holds_memory(form) {
            vec![Op::Encode, Op::Decode, Op::Release]
        } else {
            vec![Op::Encode, Op::Decode]
        }
    }

    /// Writes a worker, whose body `fill` makes.
    fn function(
        &mut self,
        op: Op,
        name: &str,
        code: &mut Code,
        fill: impl FnOnce(&mut Body<'_, 'a>),
    ) {
        self.defined.insert(op.function(name));
        let mut body = Body::new(self, op, name);
        fill(&mut body);
        let body = body.finish();
        self.open(op, name, code);
        code.body(|code| code.append(body));
    }

    /// A typedef of something with memory or of many bytes.
    fn value_function(&mut self, op: Op, name: &str, form: &Form, code: &mut Code) {
        let object = format!("(*{})", self.names.objp);
        self.function(op, name, code, |body| {
            body.values(&[(object, form.clone())]);
            body.done();
        });
    }

    fn struct_function(&mut self, op: Op, name: &str, members: &[Decl], code: &mut Code) {
        let tail = graph::tail(self.model, name, members);
        let deep = self.recursive.contains(name);
        let objp = self.names.objp.clone();
        let mut values: Vec<(String, Form)> = members
            .iter()
            .map(|member| {
                (
                    format!("{objp}->{}", member.name.text),
                    self.model.form(member),
                )
            })
            .collect();
        if tail {
            values.pop();
        }
        let last = members.last().map(|member| member.name.text.as_str());
        self.function(op, name, code, |body| {
            if deep {
                body.enter();
            }
            match (tail, last) {
                (true, Some(last)) => body.list(&values, last),
                _ => body.values(&values),
            }
            if deep {
                body.leave();
            }
            body.done();
        });
    }

    fn union_function(&mut self, op: Op, name: &str, union: &Union, code: &mut Code) {
        let deep = self.recursive.contains(name);
        self.function(op, name, code, |body| {
            if deep {
                body.enter();
            }
            body.union(name, union);
            if deep {
                body.leave();
            }
            body.done();
        });
    }

    fn procedure_head(&self, name: &str, code: &mut Code) {
        let Locals { xdrs, objp, .. } = &self.names;
        let star = if self.model.is_array(name) { "" } else { "*" };
        code.line("bool_t");
        code.line(format!("xdr_{name}(XDR *{xdrs}, {name} {star}{objp})"));
    }

    fn procedure(&mut self, name: &str, form: &Form, code: &mut Code) {
        let element = Element {
            c_name: name.to_owned(),
            form: form.clone(),
        };
        let Locals { xdrs, objp, .. } = &self.names;
        let line = match form {
            Form::External { name: other, array } => {
                // What is not known to be an array may be one, see external.
                let how = if *array { "*" } else { "(void *)" };
                format!("return xdr_{other}({xdrs}, {how}{objp});")
            }
            _ => {
                let (xdrs, objp) = (xdrs.clone(), objp.clone());
                let encode = self.worker(Op::Encode, &element);
                let decode = self.worker(Op::Decode, &element);
                let release = if self.model.holds_memory(form) {
                    self.worker(Op::Release, &element)
                } else {
                    "NULL".to_owned()
                };
                format!("return mrpc_xdr_variable({xdrs}, {objp}, {encode}, {decode}, {release});")
            }
        };
        self.procedure_head(name, code);
        code.body(|code| code.line(line));
    }
}
