//! Pages that are chapters: of the Markdown of docs/, as much as those use.

use crate::pages::{self, Index, Piece};
use crate::roff;

/// The page of a chapter, behind its title. `name` and the chapter's own title are its NAME.
pub fn page(name: &str, text: &str, index: &Index) -> Result<String, String> {
    let mut lines = text.lines().peekable();
    let title = lines
        .next()
        .and_then(|line| line.strip_prefix("# "))
        .ok_or("a chapter begins with its title")?;
    let brief = title.rsplit(": ").next().unwrap_or(title);
    let mut page = format!(".SH NAME\n{name} \\- {}\n", roff::escape(brief));
    page.push_str(".SH DESCRIPTION\n");
    // A paragraph begins by itself behind a heading.
    let mut fresh = true;
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        if let Some(heading) = line.strip_prefix("## ") {
            page.push_str(&format!(
                ".SH \"{}\"\n",
                inline(heading, None).to_uppercase()
            ));
        } else if let Some(heading) = line.strip_prefix("### ") {
            page.push_str(&format!(".SS \"{}\"\n", inline(heading, None)));
        } else if line.starts_with("```") {
            let code: Vec<&str> = lines
                .by_ref()
                .take_while(|line| !line.starts_with("```"))
                .collect();
            code_block(&mut page, &code, fresh);
        } else if let Some(line) = line.strip_prefix("    ") {
            let mut code = vec![line];
            while let Some(next) = lines.next_if(|next| next.is_empty() || next.starts_with("    "))
            {
                code.push(next.get(4..).unwrap_or(""));
            }
            while code.last().is_some_and(|line| line.is_empty()) {
                code.pop();
            }
            code_block(&mut page, &code, fresh);
        } else if line.starts_with("| ") {
            let mut rows = vec![line];
            while let Some(row) = lines.next_if(|next| next.starts_with('|')) {
                rows.push(row);
            }
            table(&mut page, &rows, index)?;
        } else {
            let item = line.strip_prefix("- ");
            let mut paragraph = item.unwrap_or(line).to_owned();
            while let Some(next) = lines.next_if(|next| {
                !next.is_empty() && !next.starts_with("- ") && !next.starts_with("```")
            }) {
                paragraph.push(' ');
                paragraph.push_str(next.trim_start());
            }
            if item.is_some() {
                page.push_str(".IP \\(bu 2\n");
            } else if !fresh {
                page.push_str(".PP\n");
            }
            page.push_str(&roff::fill(&inline(&paragraph, Some(index))));
        }
        fresh = line.starts_with('#');
    }
    Ok(page)
}

fn code_block(page: &mut String, code: &[&str], fresh: bool) {
    if !fresh {
        page.push_str(".PP\n");
    }
    page.push_str(".RS 4\n.nf\n");
    for line in code {
        page.push_str(&roff::escape_code(line));
        page.push('\n');
    }
    page.push_str(".fi\n.RE\n");
}

/// A table of two columns is a list of terms.
fn table(page: &mut String, rows: &[&str], index: &Index) -> Result<(), String> {
    for row in rows.iter().skip(2) {
        let cells: Vec<String> = row
            .replace("\\|", "\0")
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().replace('\0', "|"))
            .collect();
        let [term, text] = &cells[..] else {
            return Err(format!("not two columns: {row}"));
        };
        page.push_str(&format!(".TP\n{}\n", inline(term, None)));
        page.push_str(&roff::fill(&inline(text, Some(index))));
    }
    Ok(())
}

/// Code and what is strong in bold, links as their texts, functions with their section.
fn inline(text: &str, index: Option<&Index>) -> String {
    let mut roff = String::new();
    let mut code = false;
    for piece in text.split('`') {
        if code {
            let bold = format!(
                "\\fB{}\\fR",
                roff::escape_code(piece).trim_start_matches("\\&")
            );
            match index.map(|index| pages::split(piece, index)).as_deref() {
                Some([_, Piece::Name(name), Piece::Text("")]) if piece.starts_with(name) => {
                    roff.push_str(&format!("\\fB{name}\\fR(3)"));
                }
                _ => roff.push_str(&bold),
            }
        } else {
            let mut strong = false;
            for piece in without_targets(piece).split("**") {
                if strong {
                    roff.push_str(&format!("\\fB{}\\fR", roff::escape(piece)));
                } else {
                    roff.push_str(&roff::escape(piece));
                }
                strong = !strong;
            }
        }
        code = !code;
    }
    roff
}

/// `[text](target)` as `text`.
fn without_targets(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        plain.push_str(before);
        let Some((words, (_, after))) = link
            .split_once("](")
            .and_then(|(words, target)| Some((words, target.split_once(')')?)))
        else {
            plain.push('[');
            rest = link;
            continue;
        };
        plain.push_str(words);
        rest = after;
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chapter() {
        let index = Index::from([("x_do", "x_do")]);
        let text =
            "# X: what it is\n\nSee `x_do` and\n[y](y.md), **now**.\n\n## A-B\n\n- one `-O`\n\
                    - two\n\n```c\n.x\n```\n\n| a | b |\n|---|---|\n| `c\\|d` | [e] |\n";
        assert_eq!(
            page("x", text, &index).as_deref(),
            Ok(".SH NAME\nx \\- what it is\n.SH DESCRIPTION\nSee \\fBx_do\\fR(3) and y, \
                \\fBnow\\fR.\n.SH \"A-B\"\n.IP \\(bu 2\none \\fB\\-O\\fR\n.IP \\(bu 2\ntwo\n.PP\n.RS \
                4\n.nf\n\\&.x\n.fi\n.RE\n.TP\n\\fBc|d\\fR\n[e]\n")
        );
    }
}
