//! The reference for the guide's HTML: a page of Markdown for each manual page.

use crate::comment::{self, Block, Part, Parts};
use crate::header::Header;
use crate::pages::{self, Index, Page, Piece};

pub fn page(page: &Page, index: &Index) -> String {
    let mut text = format!("# {}\n\n", page.name);
    text.push_str(&format!("    #include <{}>\n\n", page.include()));
    for entry in &page.entries {
        if page.entries.len() > 1 {
            let names: Vec<&str> = entry.declarations.iter().map(|d| d.name.as_str()).collect();
            text.push_str(&format!("## {}\n\n", names.join(", ")));
        }
        text.push_str("```c\n");
        for declaration in &entry.declarations {
            text.push_str(&declaration.text.replace('\t', "    "));
            text.push('\n');
        }
        text.push_str("```\n\n");
        described(&mut text, &comment::parts(&entry.blocks), index);
    }
    text
}

fn described(text: &mut String, parts: &Parts, index: &Index) {
    let part = |text: &mut String, part: &Part| match part {
        Part::Text(paragraph) => text.push_str(&format!("{}\n\n", inline(paragraph, index))),
        Part::Block(part) => block(text, part, index),
    };
    for told in &parts.description[..parts.before] {
        part(text, told);
    }
    for (names, what) in &parts.parameters {
        let names = names.replace(", ", "`, `");
        text.push_str(&format!(
            "`{names}`\n: {}\n\n",
            inline(&comment::capitalised(what), index)
        ));
    }
    for told in &parts.description[parts.before..] {
        part(text, told);
    }
    for (heading, texts) in [("Returns", &parts.returns), ("Threads", &parts.threads)] {
        for (place, paragraph) in texts.iter().enumerate() {
            let paragraph = inline(paragraph, index);
            let paragraph = match paragraph.strip_prefix("Returns ") {
                Some(rest) => rest.to_owned(),
                None => paragraph,
            };
            if place == 0 {
                text.push_str(&format!("**{heading}:** {paragraph}\n\n"));
            } else {
                text.push_str(&format!("{paragraph}\n\n"));
            }
        }
    }
}

fn block(text: &mut String, block: &Block, index: &Index) {
    match block {
        Block::Text(paragraph) => text.push_str(&format!("{}\n\n", inline(paragraph, index))),
        Block::Terms(_) => {}
        Block::Items(items) => {
            for item in items {
                text.push_str(&format!("- {}\n", inline(item, index)));
            }
            text.push('\n');
        }
        Block::Code(lines) => text.push_str(&format!("```c\n{}\n```\n\n", lines.join("\n"))),
    }
}

/// Plain text as Markdown, with what has a page as code: conf.py makes links of that.
fn inline(text: &str, index: &Index) -> String {
    let mut markdown = String::new();
    for piece in pages::split(text, index) {
        match piece {
            Piece::Text(text) => {
                for c in text.chars() {
                    if "\\*_<>[]{}|~#".contains(c) {
                        markdown.push('\\');
                    }
                    markdown.push(c);
                }
            }
            Piece::Name(name) => markdown.push_str(&format!("`{name}`")),
        }
    }
    markdown
}

/// The page that leads to all others.
pub fn contents(headers: &[Header], pages: &[Page], index: &Index) -> String {
    let mut text = String::from(
        "# Reference\n\nEvery function and type, as the headers' comments have them; `man mrpc_connect` \
         shows the same.\n\n",
    );
    for header in headers {
        text.push_str(&format!("## {}\n\n", header.name));
        for part in &header.intro {
            block(&mut text, part, index);
        }
        let of_header = || pages.iter().filter(|page| page.header.name == header.name);
        for page in of_header() {
            let brief = inline(&page.brief(), index);
            text.push_str(&format!("- [{0}]({0}.md): {brief}\n", page.name));
        }
        text.push_str("\n```{toctree}\n:hidden:\n\n");
        for page in of_header() {
            text.push_str(&format!("{}\n", page.name));
        }
        text.push_str("```\n\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_markup() {
        let index = Index::from([("x_do", "x_do")]);
        assert_eq!(
            inline("*x <a.h> x_do() y_z", &index),
            "\\*x \\<a.h\\> `x_do` y\\_z"
        );
    }
}
