//! The classes `Client` and `Server`.

use super::code::Code;
use super::types::Scope;
use super::values::codec_name;
use super::{names, Emitter};
use crate::ast::Side;
use crate::diag::{Diagnostic, Severity};
use crate::schema::{Member, Procedure};

impl Emitter<'_> {
    /// Notes of procedures that have another name in Python.
    pub(super) fn peers(&self, code: &mut Code) -> Vec<Diagnostic> {
        let procedures = &self.interface.procedures;
        let given = names::procedures(procedures.iter().map(|p| p.name.as_str()));
        for side in [Side::Client, Side::Server] {
            self.peer(side, &given, code);
        }
        let mut notes = Vec::new();
        for (procedure, given) in procedures.iter().zip(&given) {
            let blocks = self.model.units.stubs.blocks();
            let mut entries = blocks.flat_map(|block| &block.entries);
            let entry = entries.find(|entry| entry.name.text == procedure.name);
            if let Some(entry) = entry.filter(|_| *given != procedure.name) {
                let message = format!("in Python, `{}` is `{given}`", procedure.name);
                notes.push(Diagnostic::of(Severity::Note, &entry.name.span, message));
            }
        }
        notes
    }

    fn peer(&self, side: Side, given: &[String], code: &mut Code) {
        let package = self.package();
        let class = match side {
            Side::Client => "Client",
            Side::Server => "Server",
        };
        let all = || self.interface.procedures.iter().zip(given);
        code.blank();
        code.blank();
        code.line(format!("class {class}("));
        code.line(format!("    {package}.{class},"));
        code.line("    receives={");
        for (procedure, name) in all().filter(|(procedure, _)| procedure.side == side) {
            code.line(format!(
                "        {}: {package}.Procedure(\"{name}\", {}, {}),",
                procedure.cmd,
                self.codec_of(procedure.argument.as_ref()),
                self.codec_of(procedure.result.as_ref()),
            ));
        }
        code.line("    },");
        code.block(")", |code| {
            code.line(match side {
                Side::Client => "\"\"\"The side that connects.\"\"\"",
                Side::Server => "\"\"\"The side that listens.\"\"\"",
            });
            for (procedure, name) in all() {
                code.blank();
                if procedure.side == side {
                    self.handler(procedure, name, code);
                } else {
                    self.stub(procedure, name, code);
                }
            }
        });
        code.blank();
    }

    fn codec_of(&self, member: Option<&Member>) -> String {
        match member {
            Some(member) => codec_name(&member.name),
            None => format!("{}.void", self.package()),
        }
    }

    fn hint_of(&self, member: Option<&Member>) -> String {
        match member {
            Some(member) => self.hint(&member.ty, Scope::Class),
            None => "None".to_owned(),
        }
    }

    /// What the peer calls, unless a subclass has it.
    fn handler(&self, procedure: &Procedure, name: &str, code: &mut Code) {
        let argument = match &procedure.argument {
            Some(member) => format!(", argument: {}, /", self.hint(&member.ty, Scope::Class)),
            None => String::new(),
        };
        let result = self.hint_of(procedure.result.as_ref());
        code.block(format!("async def {name}(self{argument}) -> {result}"), |code| {
            if procedure.message {
                code.line("\"\"\"The peer sends it. Nothing comes of it unless a subclass has this.\"\"\"");
            } else {
                code.line("\"\"\"The peer calls it.\"\"\"");
                code.line(format!("raise {}.unavailable()", self.package()));
            }
        });
    }

    fn stub(&self, procedure: &Procedure, name: &str, code: &mut Code) {
        let package = self.package();
        let (parameter, value) = match &procedure.argument {
            Some(member) => {
                let hint = self.hint(&member.ty, Scope::Class);
                (format!(", argument: {hint}, /"), "argument")
            }
            None => (String::new(), "None"),
        };
        let argument = self.codec_of(procedure.argument.as_ref());
        let result = self.hint_of(procedure.result.as_ref());
        let cmd = procedure.cmd;
        if procedure.message {
            code.block(
                format!("async def {name}(self{parameter}) -> None"),
                |code| {
                    code.line("\"\"\"Sends it to the peer.\"\"\"");
                    code.line(format!(
                        "await {package}.send(self, {cmd}, {argument}, {value})"
                    ));
                },
            );
            return;
        }
        let timeout = format!("timeout: {} | None = None", self.names.builtin("float"));
        let head = format!("async def {name}(self{parameter}, *, {timeout}) -> {result}");
        code.block(head, |code| {
            code.line("\"\"\"Calls it at the peer; ``timeout`` is in seconds.\"\"\"");
            let codec = self.codec_of(procedure.result.as_ref());
            let call =
                format!("{package}.call(self, {cmd}, {argument}, {value}, {codec}, timeout)");
            code.line(format!("return await {call}"));
        });
    }
}
