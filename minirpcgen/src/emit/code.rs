//! A tree of C lines, indented when it is written out.

#[derive(Clone, Debug)]
enum Node {
    Line(String),
    /// Starts in the first column, whatever surrounds it.
    Directive(String),
    Blank,
    Nested(Vec<Node>),
}

#[derive(Clone, Debug, Default)]
pub struct Code {
    nodes: Vec<Node>,
}

/// Columns that a line may take; a tab takes eight.
const WIDTH: usize = 80;

impl Code {
    pub fn new() -> Code {
        Code::default()
    }

    pub fn line(&mut self, text: impl Into<String>) {
        self.nodes.push(Node::Line(text.into()));
    }

    pub fn directive(&mut self, text: impl Into<String>) {
        self.nodes.push(Node::Directive(text.into()));
    }

    pub fn blank(&mut self) {
        self.nodes.push(Node::Blank);
    }

    pub fn nested(&mut self, fill: impl FnOnce(&mut Code)) {
        let mut inner = Code::new();
        fill(&mut inner);
        self.nodes.push(Node::Nested(inner.nodes));
    }

    /// `head {`, the body, `}` and `tail`.
    pub fn block(&mut self, head: &str, tail: &str, fill: impl FnOnce(&mut Code)) {
        self.line(format!("{head} {{"));
        self.nested(fill);
        self.line(format!("}}{tail}"));
    }

    /// A function's body, its brace in a line of its own.
    pub fn body(&mut self, fill: impl FnOnce(&mut Code)) {
        self.line("{");
        self.nested(fill);
        self.line("}");
        self.blank();
    }

    pub fn comment(&mut self, text: &str) {
        let words: Vec<&str> = text.split_whitespace().collect();
        let one = format!("/* {} */", words.join(" "));
        if one.len() <= 72 {
            self.line(one);
            return;
        }
        self.line("/*");
        let mut line = String::from(" *");
        for word in words {
            if line.len() + 1 + word.len() > 72 {
                self.line(std::mem::replace(&mut line, String::from(" *")));
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(line);
        self.line(" */");
    }

    pub fn append(&mut self, other: Code) {
        self.nodes.extend(other.nodes);
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub fn render(&self) -> String {
        let mut out = String::new();
        render(&self.nodes, 0, &mut out);
        // One blank line at most, and none at the end.
        while out.ends_with("\n\n") {
            out.pop();
        }
        out
    }
}

fn render(nodes: &[Node], depth: usize, out: &mut String) {
    for node in nodes {
        match node {
            Node::Blank => {
                if !out.ends_with("\n\n") {
                    out.push('\n');
                }
            }
            Node::Directive(text) => {
                out.push_str(text);
                out.push('\n');
            }
            Node::Line(text) => render_line(text, depth, out),
            Node::Nested(inner) => render(inner, depth + 1, out),
        }
    }
}

/// Breaks a long line after a comma or before `&&`, at the outermost place.
fn render_line(text: &str, depth: usize, out: &mut String) {
    let mut rest = text;
    let mut more = "";
    loop {
        let room = WIDTH.saturating_sub(8 * depth + more.len());
        let at = if rest.len() <= room {
            None
        } else {
            break_point(rest, room)
        };
        out.push_str(&"\t".repeat(depth));
        out.push_str(more);
        match at {
            Some(at) => {
                out.push_str(rest[..at].trim_end());
                out.push('\n');
                rest = rest[at..].trim_start();
                more = "    ";
            }
            None => {
                out.push_str(rest);
                out.push('\n');
                return;
            }
        }
    }
}

/// The last place at which `text` may be broken to fit into `room` columns.
fn break_point(text: &str, room: usize) -> Option<usize> {
    if text.starts_with("/*") || text.starts_with(" *") {
        return None;
    }
    let fits = |at: &usize| *at <= room;
    let after_and = text.match_indices("&& ").map(|(at, _)| at + 3);
    let after_or = text.match_indices("|| ").map(|(at, _)| at + 3);
    let after_comma = text.match_indices(", ").map(|(at, _)| at + 2);
    after_and
        .chain(after_or)
        .filter(fits)
        .max()
        .or_else(|| after_comma.filter(fits).max())
        .filter(|at| *at > 0)
}
