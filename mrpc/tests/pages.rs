//! The manual page and the completions are what the command line makes of itself.
//! MRPC_WRITE=1 writes them anew.

mod common;
#[path = "../../minirpcgen/tests/common/page.rs"]
mod tidy;

use std::fs;

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use mrpc::cli::Cli;

/// The program's page, and behind it its commands': one page for all.
fn page() -> Vec<u8> {
    let command = Cli::command();
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.clone());
    man.render_title(&mut page).expect("render");
    man.render_name_section(&mut page).expect("render");
    man.render_synopsis_section(&mut page).expect("render");
    man.render_description_section(&mut page).expect("render");
    for sub in command.get_subcommands() {
        let name = sub.get_name().to_owned();
        let sub: Command = sub
            .clone()
            .bin_name(format!("mrpc {name}"))
            .disable_help_flag(true);
        page.extend(format!(".SH \"MRPC {}\"\n", name.to_uppercase()).bytes());
        let usage = sub.clone().render_usage().to_string();
        let usage = usage.strip_prefix("Usage: ").expect("usage");
        page.extend(format!(".SS \"SYNOPSIS\"\n{}\n", usage.replace('-', "\\-")).bytes());
        let man = clap_mangen::Man::new(sub);
        for render in [
            clap_mangen::Man::render_description_section,
            clap_mangen::Man::render_options_section,
        ] {
            let mut section = Vec::new();
            render(&man, &mut section).expect("render");
            let text = String::from_utf8(section).expect("text");
            // Its sections are ours' parts.
            page.extend(text.replace(".SH ", ".SS ").bytes());
        }
    }
    let mut notes = Vec::new();
    man.render_extra_section(&mut notes).expect("render");
    let notes = String::from_utf8(notes).expect("text");
    page.extend(notes.replace(".SH EXTRA", ".SH NOTES").bytes());
    page.extend(".SH \"SEE ALSO\"\n.BR minirpcgen (1),\n.BR mx (5),\n.BR minirpc (7)\n".bytes());
    tidy::tidy(&String::from_utf8(page).expect("text")).into_bytes()
}

#[test]
fn they_are_up_to_date() {
    let here = common::root().join("mrpc");
    let completion = |shell| {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "mrpc", &mut text);
        text
    };
    for (file, text) in [
        ("mrpc.1", page()),
        ("completions/mrpc.bash", completion(Shell::Bash)),
        ("completions/_mrpc", completion(Shell::Zsh)),
        ("completions/mrpc.fish", completion(Shell::Fish)),
    ] {
        let path = here.join(file);
        if std::env::var_os("MRPC_WRITE").is_some() {
            fs::write(&path, &text).expect("write");
        }
        let found = fs::read(&path).expect(file);
        assert!(
            found == text,
            "{file} is old: MRPC_WRITE=1 cargo test -p mrpc --test pages"
        );
    }
}
