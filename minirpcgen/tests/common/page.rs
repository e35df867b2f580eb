//! What clap_mangen's pages lack: the day, and input without anything to warn of.

use std::fs;
use std::path::Path;

/// A page as it is checked in.
pub fn tidy(page: &str) -> String {
    let mut tidied = String::new();
    let mut filled = true;
    // What stands between two paragraphs here: within an option's, they are indented.
    let mut between = ".PP";
    let lines: Vec<&str> = page.lines().map(str::trim_end).collect();
    for (place, &line) in lines.iter().enumerate() {
        match line {
            ".nf" => filled = false,
            ".fi" => filled = true,
            // Beside an empty line it breaks nothing.
            ".br" if lines[place + 1].is_empty() || lines[place - 1].is_empty() => continue,
            ".TP" => between = ".IP",
            ".PP" => between = ".PP",
            _ if line.starts_with(".S") => between = ".PP",
            _ => {}
        }
        if let Some(title) = line.strip_prefix(".TH ") {
            let (name, rest) = title.split_once(" 1 ").expect("a title of section 1");
            let title = format!(".TH {} 1 {} {}", name.to_uppercase(), day(), rest.trim());
            tidied.push_str(&title);
        } else if line.is_empty() && filled {
            tidied.push_str(between);
        } else if filled && !line.starts_with(['.', '\'']) {
            tidied.push_str(&wrap(line));
        } else {
            tidied.push_str(line);
        }
        tidied.push('\n');
    }
    tidied
}

/// Breaks a line at its spaces, so that none is longer than 78 bytes if that can be.
fn wrap(line: &str) -> String {
    let mut wrapped = String::new();
    let mut len = 0;
    for word in line.split(' ') {
        // A line that begins so would be a request.
        if len > 0 && len + 1 + word.len() > 78 && !word.starts_with(['.', '\'']) {
            wrapped.push('\n');
            len = 0;
        } else if len > 0 {
            wrapped.push(' ');
            len += 1;
        }
        wrapped.push_str(word);
        len += word.len();
    }
    wrapped
}

/// The day of this version, as the workspace says.
fn day() -> String {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let text = fs::read_to_string(workspace).expect("the workspace");
    let (_, rest) = text.split_once("\nday = \"").expect("its day");
    rest.split('"').next().expect("its day").to_owned()
}
