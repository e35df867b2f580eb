//! Running the C preprocessor: `$CPP`, else `cpp`, else `cc -E`.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{Command, Output};

/// One run's output, or what there is to say about its failure.
pub struct Preprocessed {
    pub text: String,
    /// What the preprocessor wrote to its standard error.
    pub warnings: String,
}

/// Defines `pass` (to 1) and `defines`, and preprocesses `input`.
pub fn run(input: &Path, pass: &str, defines: &[OsString]) -> Result<Preprocessed, String> {
    let mut commands = candidates();
    let last = commands.pop().unwrap_or_default();
    for command in commands {
        match spawn(&command, input, pass, defines) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => return finish(&command, result),
        }
    }
    finish(&last, spawn(&last, input, pass, defines))
}

fn candidates() -> Vec<Vec<String>> {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    match env::var("CPP") {
        Ok(command) if !command.trim().is_empty() => vec![words(&command)],
        _ => vec![words("cpp"), words("cc -E")],
    }
}

fn spawn(command: &[String], input: &Path, pass: &str, defines: &[OsString]) -> io::Result<Output> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let mut process = Command::new(program);
    // The language is told, since the suffix .mx means nothing to a compiler.
    // Comments stay, for those in `%` lines.
    process.args(arguments).args(["-x", "c", "-C"]);
    process.arg(format!("-D{pass}=1"));
    for define in defines {
        let mut argument = OsString::from("-D");
        argument.push(define);
        process.arg(argument);
    }
    // A name that looks like an option, or like the standard input.
    if input.as_os_str().as_encoded_bytes().starts_with(b"-") {
        process.arg(Path::new(".").join(input));
    } else {
        process.arg(input);
    }
    process.output()
}

fn finish(command: &[String], result: io::Result<Output>) -> Result<Preprocessed, String> {
    let command = command.join(" ");
    let output = result.map_err(|error| {
        format!("minirpcgen: error: cannot run the preprocessor `{command}`: {error}\n")
    })?;
    let warnings = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(format!(
            "{warnings}minirpcgen: error: the preprocessor `{command}` failed\n"
        ));
    }
    Ok(Preprocessed {
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
        warnings,
    })
}
