//! Makes what is read of what is written once: the manual's sections 3, 5 and 7, and the
//! reference of the guide, of the headers' comments and of chapters in docs/.
//!
//! In Rust, as all that `make install` needs: a machine that builds the library can make its
//! manual. Without crates, as it is built for the machine that builds.

mod comment;
mod header;
mod markdown;
mod pages;
mod reference;
mod roff;

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

const USAGE: &str = "usage: manual man DIR HEADER...        pages into DIR/man3, man5 and man7
       manual reference DIR HEADER...  pages of Markdown into DIR
in the folder that has docs/ and Cargo.toml";

/// Chapters that are pages, too: name, section, chapter.
const CHAPTERS: [(&str, u8, &str); 2] =
    [("mx", 5, "docs/mx.md"), ("minirpc", 7, "docs/concepts.md")];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [what, to, headers @ ..] = &arguments[..] else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let done = match what.as_str() {
        "man" => read(headers).and_then(|headers| man(Path::new(to), &headers)),
        "reference" => read(headers).and_then(|headers| book(Path::new(to), &headers)),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("manual: {why}");
            ExitCode::FAILURE
        }
    }
}

fn text(path: impl AsRef<Path>) -> Result<String, String> {
    let path = path.as_ref();
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn read(paths: &[String]) -> Result<Vec<header::Header>, String> {
    paths
        .iter()
        .map(|path| header::parse(&text(path)?).map_err(|why| format!("{path}: {why}")))
        .collect()
}

fn man(to: &Path, headers: &[header::Header]) -> Result<(), String> {
    let workspace = text("Cargo.toml")?;
    let release = roff::Release {
        version: env!("CARGO_PKG_VERSION"),
        day: day(&workspace).ok_or("Cargo.toml: no day")?,
    };
    let pages = pages::pages(headers)?;
    let index = pages::index(&pages);
    let mut files = Files::new();
    let place = |name: &str, section: u8| to.join(format!("man{section}/{name}.{section}"));
    for page in &pages {
        let text = roff::page(page, &index, &release);
        files.insert(place(page.name, 3), Content::Text(text));
        for name in page.aliases() {
            files.insert(place(name, 3), Content::Link(format!("{}.3", page.name)));
        }
    }
    for (name, section, chapter) in CHAPTERS {
        let title = roff::title(name, section, &release);
        let page = markdown::page(name, &text(chapter)?, &index)
            .map_err(|why| format!("{chapter}: {why}"))?;
        files.insert(place(name, section), Content::Text(title + &page));
    }
    for section in ["man3", "man5", "man7"] {
        settle(&to.join(section), &files)?;
    }
    Ok(())
}

fn book(to: &Path, headers: &[header::Header]) -> Result<(), String> {
    let pages = pages::pages(headers)?;
    let index = pages::index(&pages);
    let mut files = Files::new();
    for page in &pages {
        let text = reference::page(page, &index);
        files.insert(to.join(format!("{}.md", page.name)), Content::Text(text));
    }
    let contents = reference::contents(headers, &pages, &index);
    files.insert(to.join("index.md"), Content::Text(contents));
    settle(to, &files)
}

/// What the workspace says about the day of its version.
fn day(workspace: &str) -> Option<&str> {
    let (_, rest) = workspace.split_once("\nday = \"")?;
    Some(rest.split_once('"')?.0)
}

type Files = BTreeMap<PathBuf, Content>;

enum Content {
    Text(String),
    /// To another file of the folder.
    Link(String),
}

impl Content {
    fn is_at(&self, path: &Path) -> bool {
        match self {
            Content::Text(text) => {
                !path.is_symlink() && fs::read_to_string(path).is_ok_and(|found| found == *text)
            }
            Content::Link(to) => fs::read_link(path).is_ok_and(|found| found == Path::new(to)),
        }
    }
}

/// Has a folder hold its files of `files`, and no others. What would not change is left alone.
fn settle(folder: &Path, files: &Files) -> Result<(), String> {
    let failed = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for found in fs::read_dir(folder).map_err(|error| failed(folder, error))? {
        let path = found.map_err(|error| failed(folder, error))?.path();
        if !files.get(&path).is_some_and(|content| content.is_at(&path)) {
            fs::remove_file(&path).map_err(|error| failed(&path, error))?;
        }
    }
    for (path, content) in files
        .iter()
        .filter(|(path, _)| path.parent() == Some(folder))
    {
        if content.is_at(path) {
            continue;
        }
        match content {
            Content::Text(text) => fs::write(path, text),
            Content::Link(to) => symlink(to, path),
        }
        .map_err(|error| failed(path, error))?;
    }
    Ok(())
}
