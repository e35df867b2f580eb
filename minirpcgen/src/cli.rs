//! The command line: --help, the manual page and the completions are made of this.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser};

#[derive(Parser)]
#[command(
    name = "minirpcgen",
    version,
    about = "Make C stubs for libminirpc from an interface file",
    // The last one of an option that is repeated counts, as it always did.
    args_override_self = true,
    override_usage = "minirpcgen [OPTIONS] <FILE.mx>\n       \
                      minirpcgen --check-old [OPTIONS] <FILE.mx> [SOURCE]...",
    help_template = "{usage-heading} {usage}\n\n{about}\n\n{all-args}"
)]
pub struct Cli {
    /// The interface file
    #[arg(value_name = "FILE.mx")]
    input: OsString,
    /// Define a macro for the preprocessor; may be repeated
    ///
    /// It holds in all three passes.
    #[arg(short = 'D', value_name = "NAME[=VALUE]", allow_hyphen_values = true)]
    defines: Vec<OsString>,
    /// Write BASE_client.h and so on
    ///
    /// What stands behind BASE's last slash starts the generated C names. Without this, BASE is the
    /// input's name without its directory and without .mx, in the current directory.
    #[arg(short = 'o', value_name = "BASE", allow_hyphen_values = true)]
    output: Option<OsString>,
    /// Also write a make rule to BASE.d: which files the input includes
    #[arg(short = 'M')]
    dependencies: bool,
    /// Behind -M, as in -MF FILE: write the rule there
    #[arg(
        short = 'F',
        value_name = "FILE",
        requires = "dependencies",
        allow_hyphen_values = true
    )]
    dependency_file: Option<OsString>,
    /// Decoding refuses a number that the enum has no name for
    ///
    /// Without this, and with rpcgen, any number passes; mrpc_is_valid_NAME tells.
    #[arg(long)]
    strict_enums: bool,
    /// No warning of names that are keywords of C++
    #[arg(long)]
    c_only: bool,
    /// Instead, write BASE.py: a module for asyncio
    ///
    /// It has dataclasses, and the classes Client and Server. It needs Python 3.11 and the package
    /// minirpc.
    #[arg(long)]
    python: bool,
    /// Instead, write BASE.lua: a dissector for Wireshark
    #[arg(long, conflicts_with = "python")]
    lua: bool,
    /// Instead, say what programs with older stubs will meet
    ///
    /// Stubs of miniRPC 0.3.3 and rpcgen are meant. Each finding is one line on standard output,
    /// FILE:LINE: error (it will not build), warning (it will do something else) or note (there is
    /// nothing to do), and what to do. The exit status is 0 if there are no errors or warnings,
    /// else 1; it is 2 if a file cannot be read.
    #[arg(long, conflicts_with_all = ["python", "lua", "dependencies"])]
    check_old: bool,
    /// With --check-old: the program's C files and Makefiles
    ///
    /// Generated files may be among them, and are passed over.
    #[arg(value_name = "SOURCE", requires = "check_old")]
    sources: Vec<OsString>,
}

/// What is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    C,
    Python,
    Lua,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    pub input: PathBuf,
    pub output: Option<PathBuf>,
    pub defines: Vec<OsString>,
    pub dependencies: bool,
    pub dependency_file: Option<PathBuf>,
    pub strict_enums: bool,
    pub c_only: bool,
    pub language: Language,
    /// Files of a program, for --check-old.
    pub sources: Vec<PathBuf>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    Generate(Arguments),
    CheckOld(Arguments),
    /// Short or long, as it was asked for.
    Help(String),
    Version,
}

/// An Err is what is wrong with the arguments.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, String> {
    let program = std::iter::once(OsString::from("minirpcgen"));
    let cli = match Cli::try_parse_from(program.chain(arguments)) {
        Ok(cli) => cli,
        Err(error) => {
            return match error.kind() {
                ErrorKind::DisplayHelp => Ok(Request::Help(error.render().to_string())),
                ErrorKind::DisplayVersion => Ok(Request::Version),
                _ => Err(explain(&error)),
            }
        }
    };
    let arguments = Arguments {
        input: cli.input.into(),
        output: cli.output.map(PathBuf::from),
        defines: cli.defines,
        dependencies: cli.dependencies,
        dependency_file: cli.dependency_file.map(PathBuf::from),
        strict_enums: cli.strict_enums,
        c_only: cli.c_only,
        language: match (cli.python, cli.lua) {
            (true, _) => Language::Python,
            (false, true) => Language::Lua,
            (false, false) => Language::C,
        },
        sources: cli.sources.into_iter().map(PathBuf::from).collect(),
    };
    Ok(if cli.check_old {
        Request::CheckOld(arguments)
    } else {
        Request::Generate(arguments)
    })
}

/// In the words that build logs have had since version 1.0.
fn explain(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        Some(ContextValue::Strings(texts)) => texts.first().map_or("", String::as_str),
        _ => "",
    };
    let option = context(ContextKind::InvalidArg);
    let option = option.split(' ').next().unwrap_or(option);
    match error.kind() {
        ErrorKind::UnknownArgument => format!("invalid option '{option}'"),
        ErrorKind::MissingRequiredArgument if option.starts_with('<') => "no input file".to_owned(),
        ErrorKind::MissingRequiredArgument if option == "--check-old" => {
            "more than one input file".to_owned()
        }
        // One that stands behind another, which is missing.
        ErrorKind::MissingRequiredArgument => "invalid option '-F'".to_owned(),
        ErrorKind::ArgumentConflict => {
            let other = context(ContextKind::PriorArg);
            format!("{option} and {other}: one at a time")
        }
        ErrorKind::TooManyValues => {
            let value = context(ContextKind::InvalidValue);
            format!("unexpected argument for option '{option}': \"{value}\"")
        }
        _ => format!("missing argument for option '{option}'"),
    }
}

pub fn usage() -> String {
    Cli::command().render_help().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Request, String> {
        parse(words.iter().map(OsString::from))
    }

    fn generate(words: &[&str]) -> Arguments {
        match parsed(words) {
            Ok(Request::Generate(arguments)) => arguments,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// What build systems have passed since version 0.3.
    #[test]
    fn forms_of_options() {
        for (words, output, rules) in [
            (&["a.mx"][..], None, None),
            (&["--", "a.mx"], None, None),
            (&["-o", "b", "a.mx"], Some("b"), None),
            (&["a.mx", "-ob"], Some("b"), None),
            (&["-o=b", "a.mx"], Some("b"), None),
            (&["-o", "-b", "a.mx"], Some("-b"), None),
            (&["-o", "", "a.mx"], Some(""), None),
            (&["-o", "c", "-o", "b", "a.mx"], Some("b"), None),
            (&["-MF", "r", "a.mx"], None, Some("r")),
            (&["-MFr", "a.mx"], None, Some("r")),
            (&["-M", "-M", "-F", "r", "a.mx"], None, Some("r")),
        ] {
            let expected = Arguments {
                output: output.map(PathBuf::from),
                dependencies: rules.is_some(),
                dependency_file: rules.map(PathBuf::from),
                input: "a.mx".into(),
                ..Arguments::default()
            };
            assert_eq!(generate(words), expected, "{words:?}");
        }
        let words = ["-DA", "-D", "B=1=2", "--c-only", "a.mx", "-D-c", "--c-only"];
        let defines = generate(&words).defines;
        assert_eq!(defines, ["A", "B=1=2", "-c"]);
        for (words, language) in [
            (&["a.mx"][..], Language::C),
            (&["--python", "a.mx"], Language::Python),
            (&["a.mx", "--lua"], Language::Lua),
        ] {
            assert_eq!(generate(words).language, language);
        }
        let check = parsed(&["--check-old", "a.mx", "b.c", "Makefile"]);
        let expected = Arguments {
            input: "a.mx".into(),
            sources: vec!["b.c".into(), "Makefile".into()],
            ..Arguments::default()
        };
        assert_eq!(check, Ok(Request::CheckOld(expected)));
        assert_eq!(parsed(&["-h", "a.mx"]), Ok(Request::Help(usage())));
        assert_eq!(parsed(&["a.mx", "--version"]), Ok(Request::Version));
    }

    #[test]
    fn what_is_wrong_is_said_as_ever() {
        for (words, message) in [
            (&[][..], "no input file"),
            (&["a.mx", "b.mx"], "more than one input file"),
            (&["a.mx", "-"], "more than one input file"),
            (&["-MF", "r"], "no input file"),
            (&["--unknown", "a.mx"], "invalid option '--unknown'"),
            (&["-x", "a.mx"], "invalid option '-x'"),
            (&["-Mx", "a.mx"], "invalid option '-x'"),
            (&["-F", "r", "a.mx"], "invalid option '-F'"),
            (
                &["--lua", "--python", "a.mx"],
                "--lua and --python: one at a time",
            ),
            (
                &["-M", "--check-old", "a.mx"],
                "-M and --check-old: one at a time",
            ),
            (&["a.mx", "-o"], "missing argument for option '-o'"),
            (&["a.mx", "-D"], "missing argument for option '-D'"),
            (&["a.mx", "-MF"], "missing argument for option '-F'"),
            (
                &["--c-only=1", "a.mx"],
                "unexpected argument for option '--c-only': \"1\"",
            ),
        ] {
            assert_eq!(parsed(words), Err(message.to_owned()), "{words:?}");
        }
    }
}
