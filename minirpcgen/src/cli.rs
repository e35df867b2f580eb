//! The command line, and the one description of it that --help and the manual
//! page share.

use std::ffi::OsString;
use std::path::PathBuf;

pub const SYNOPSIS: &str = "[options] file.mx";

pub struct OptionText {
    pub flag: &'static str,
    pub value: &'static str,
    pub text: &'static str,
}

pub const OPTIONS: [OptionText; 9] = [
    OptionText {
        flag: "-D",
        value: "name[=value]",
        text: "Define a macro for the preprocessor, in all three passes. May be repeated.",
    },
    OptionText {
        flag: "-o",
        value: "base",
        text: "Write base_client.h and so on. The part after the last slash starts the \
               generated C names. Without this, base is the input's name without its \
               directory and without .mx, in the current directory.",
    },
    OptionText {
        flag: "-M",
        value: "",
        text: "Also write a make rule to base.d, which names the files that the input \
               includes.",
    },
    OptionText {
        flag: "-MF",
        value: "file",
        text: "As -M, but write the rule to file.",
    },
    OptionText {
        flag: "--strict-enums",
        value: "",
        text: "Decoding refuses a number that the enum has no name for. Without this, and with \
               rpcgen, any number passes; mrpc_is_valid_NAME tells.",
    },
    OptionText {
        flag: "--python",
        value: "",
        text: "Write base.py instead: dataclasses, and the classes Client and Server for \
               asyncio. It needs Python 3.11 and the package minirpc.",
    },
    OptionText {
        flag: "--c-only",
        value: "",
        text: "No warning of names that are keywords of C++.",
    },
    OptionText {
        flag: "--help",
        value: "",
        text: "Print a summary of the options.",
    },
    OptionText {
        flag: "--version",
        value: "",
        text: "Print the version.",
    },
];

/// What the stubs are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    C,
    Python,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Arguments {
    pub input: PathBuf,
    pub output: Option<PathBuf>,
    pub defines: Vec<OsString>,
    pub dependencies: bool,
    pub dependency_file: Option<PathBuf>,
    pub strict_enums: bool,
    pub c_only: bool,
    pub language: Language,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    Generate(Arguments),
    Help,
    Version,
}

/// An Err is what is wrong with the arguments.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, String> {
    use lexopt::prelude::*;

    let mut parser = lexopt::Parser::from_args(arguments);
    let mut inputs = Vec::new();
    let mut output = None;
    let mut defines = Vec::new();
    let mut dependencies = false;
    let mut dependency_file = None;
    let mut strict_enums = false;
    let mut c_only = false;
    let mut language = Language::C;
    let text = |error: lexopt::Error| error.to_string();
    while let Some(argument) = parser.next().map_err(text)? {
        match argument {
            Short('D') => defines.push(parser.value().map_err(text)?),
            Short('o') => output = Some(PathBuf::from(parser.value().map_err(text)?)),
            Short('M') => dependencies = true,
            // What follows -M in -MF.
            Short('F') if dependencies => {
                dependency_file = Some(PathBuf::from(parser.value().map_err(text)?));
            }
            Long("strict-enums") => strict_enums = true,
            Long("c-only") => c_only = true,
            Long("python") => language = Language::Python,
            Short('h') | Long("help") => return Ok(Request::Help),
            Long("version") => return Ok(Request::Version),
            Value(input) => inputs.push(input),
            other => return Err(text(other.unexpected())),
        }
    }
    let input = match inputs.as_slice() {
        [input] => PathBuf::from(input),
        [] => return Err("no input file".to_owned()),
        _ => return Err("more than one input file".to_owned()),
    };
    Ok(Request::Generate(Arguments {
        input,
        output,
        defines,
        dependencies,
        dependency_file,
        strict_enums,
        c_only,
        language,
    }))
}

pub fn usage() -> String {
    const INDENT: usize = 20;
    let mut text = format!("Usage: minirpcgen {SYNOPSIS}\n\n");
    text.push_str("Makes C stubs for libminirpc from an interface file.\n\nOptions:\n");
    for option in &OPTIONS {
        let head = format!("  {} {}", option.flag, option.value);
        let mut line = format!("{:<INDENT$}", head.trim_end());
        for word in option.text.split_whitespace() {
            if line.len() + 1 + word.len() > 78 {
                text.push_str(line.trim_end());
                text.push('\n');
                line = " ".repeat(INDENT);
            }
            if !line.ends_with(' ') {
                line.push(' ');
            }
            line.push_str(word);
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}
