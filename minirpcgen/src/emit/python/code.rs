//! Lines of Python, indented.

#[derive(Default)]
pub struct Code {
    lines: Vec<(usize, String)>,
    depth: usize,
}

impl Code {
    pub fn new() -> Code {
        Code::default()
    }

    pub fn line(&mut self, text: impl Into<String>) {
        self.lines.push((self.depth, text.into()));
    }

    pub fn blank(&mut self) {
        self.lines.push((0, String::new()));
    }

    /// `head:` and what belongs to it.
    pub fn block<R>(&mut self, head: impl Into<String>, fill: impl FnOnce(&mut Code) -> R) -> R {
        self.line(format!("{}:", head.into()));
        self.depth += 1;
        let result = fill(self);
        self.depth -= 1;
        result
    }

    /// At the outermost level: with the blank lines around it.
    pub fn definition<R>(
        &mut self,
        head: impl Into<String>,
        fill: impl FnOnce(&mut Code) -> R,
    ) -> R {
        self.blank();
        self.blank();
        let result = self.block(head, fill);
        self.blank();
        self.blank();
        result
    }

    pub fn append(&mut self, other: Code) {
        let depth = self.depth;
        let lines = other.lines.into_iter();
        self.lines
            .extend(lines.map(|(more, text)| (depth + more, text)));
    }

    pub fn mentions(&self, text: &str) -> bool {
        self.lines.iter().any(|(_, line)| line.contains(text))
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Two blank lines at most, and none at the end.
    pub fn render(&self) -> String {
        let mut out = String::new();
        for (depth, text) in &self.lines {
            if text.is_empty() && (out.is_empty() || out.ends_with("\n\n\n")) {
                continue;
            }
            if !text.is_empty() {
                out.push_str(&"    ".repeat(*depth));
                out.push_str(text);
            }
            out.push('\n');
        }
        while out.ends_with("\n\n") {
            out.pop();
        }
        out
    }
}
