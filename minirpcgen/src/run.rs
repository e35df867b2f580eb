//! One run of the program.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::cli::{Arguments, Language};
use crate::diag::{self, Diagnostic};
use crate::model::{Model, Units};
use crate::{ast, check, cpp, emit, lexer, output, parser};

/// A file that has been read and checked.
pub struct Loaded {
    pub model: Model,
    /// What there is to say about it on standard error.
    pub warnings: String,
    /// The files that it consists of, itself first.
    files: Vec<String>,
}

/// Reads an interface; what is generated of it would start with `base`.
pub fn load(input: &Path, defines: &[OsString], base: &str) -> Result<Loaded, String> {
    if let Err(error) = std::fs::File::open(input) {
        return Err(format!(
            "minirpcgen: error: cannot read {}: {error}\n",
            input.display()
        ));
    }
    let mut passes = Passes::new(input, defines);
    let stubs = passes.run("MINIRPC")?;
    let header = passes.run("RPC_HDR")?;
    let source = passes.run("RPC_XDR")?;
    let Passes {
        warnings,
        errors,
        files,
        ..
    } = passes;
    if !errors.is_empty() {
        return Err(report(&warnings, &errors));
    }
    let mut units = Units {
        stubs,
        header,
        source,
        macros: BTreeMap::new(),
    };
    units.macros = cpp::defining_headers(&units.undefined_values());
    let model = check::check(units, base).map_err(|errors| report(&warnings, &errors))?;
    Ok(Loaded {
        model,
        warnings,
        files,
    })
}

/// Makes the stubs. On success, what there is to say on standard error.
pub fn run(arguments: &Arguments) -> Result<String, String> {
    let (directory, base) = base(arguments)?;
    let Loaded {
        mut model,
        mut warnings,
        files,
    } = load(&arguments.input, &arguments.defines, &base)?;
    model.strict_enums = arguments.strict_enums;
    let (made, remarks) = match arguments.language {
        Language::C => {
            let mut remarks = check::names(&model, arguments.c_only);
            remarks.extend(check::libtirpc(&model));
            remarks.extend(check::left_out(&model));
            (emit::emit(&model), remarks)
        }
        Language::Python => {
            let (name, contents, remarks) = emit::emit_python(&model)?;
            (vec![(name, contents)], remarks)
        }
    };
    for remark in remarks {
        warnings.push_str(&remark.render());
    }
    let mut outputs: Vec<(PathBuf, String)> = made
        .into_iter()
        .map(|(name, contents)| (directory.join(name), contents))
        .collect();
    if arguments.dependencies {
        let file = match &arguments.dependency_file {
            Some(file) => file.clone(),
            None => directory.join(format!("{base}.d")),
        };
        let rules = dependencies(&outputs, &files);
        outputs.push((file, rules));
    }
    output::write_all(&outputs)?;
    Ok(warnings)
}

/// The outputs' directory, and what their names and the C names start with.
fn base(arguments: &Arguments) -> Result<(PathBuf, String), String> {
    let (directory, name) = match &arguments.output {
        // With a slash at its end it names a directory, and no base.
        Some(output) if output.as_os_str().as_encoded_bytes().ends_with(b"/") => {
            (output.as_path(), None)
        }
        Some(output) => (output.parent().unwrap_or(Path::new("")), output.file_name()),
        None => {
            let input = &arguments.input;
            let is_mx = input.extension().is_some_and(|extension| extension == "mx");
            let name = if is_mx {
                input.file_stem()
            } else {
                input.file_name()
            };
            (Path::new(""), name)
        }
    };
    let name = name.map(|name| name.to_string_lossy()).unwrap_or_default();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty()
        || !name.chars().all(is_word)
        || name.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err(format!(
            "minirpcgen: error: `{name}` cannot start a C name: give another base with -o\n"
        ));
    }
    Ok((directory.to_owned(), name.into_owned()))
}

/// The three runs of the preprocessor.
struct Passes<'a> {
    input: &'a Path,
    defines: &'a [OsString],
    warnings: String,
    errors: Vec<Diagnostic>,
    files: Vec<String>,
    /// Macros of the preprocessor's own that get in the way of the file's names.
    unwanted: Vec<&'static str>,
}

impl<'a> Passes<'a> {
    fn new(input: &'a Path, defines: &'a [OsString]) -> Self {
        Passes {
            input,
            defines,
            warnings: String::new(),
            errors: Vec::new(),
            files: Vec::new(),
            unwanted: cpp::unwanted_macros(),
        }
    }

    fn run(&mut self, pass: &str) -> Result<ast::File, String> {
        let Passes { input, defines, .. } = *self;
        let (result, lexed) = loop {
            let result = cpp::run(input, pass, defines, &self.unwanted)?;
            let lexed = lexer::lex(&result.text, &input.to_string_lossy());
            // A file that asks for the system it is on means the macro.
            let wanted = cpp::mentioned(&lexed.files, &self.unwanted);
            if wanted.is_empty() {
                break (result, lexed);
            }
            self.unwanted.retain(|name| !wanted.contains(name));
        };
        // Each pass warns of the same things.
        if !self.warnings.contains(&result.warnings) {
            self.warnings.push_str(&result.warnings);
        }
        for file in &lexed.files {
            if !self.files.contains(file) {
                self.files.push(file.clone());
            }
        }
        let (file, errors) = parser::parse(lexed);
        diag::merge(&mut self.errors, errors);
        Ok(file)
    }
}

fn report(warnings: &str, errors: &[Diagnostic]) -> String {
    let mut text = warnings.to_owned();
    for error in errors {
        text.push_str(&error.render());
    }
    let plural = if errors.len() == 1 { "" } else { "s" };
    let _ = writeln!(text, "minirpcgen: {} error{plural}", errors.len());
    text
}

/// A make rule, and an empty one for each file, should it go away.
fn dependencies(outputs: &[(PathBuf, String)], files: &[String]) -> String {
    let escape = |name: &str| {
        let mut text = String::new();
        for c in name.chars() {
            match c {
                ' ' | '#' | '\\' | ':' => text.extend(['\\', c]),
                '$' => text.push_str("$$"),
                c => text.push(c),
            }
        }
        text
    };
    let targets: Vec<String> = outputs
        .iter()
        .map(|(path, _)| escape(&path.to_string_lossy()))
        .collect();
    let files: Vec<String> = files.iter().map(|file| escape(file)).collect();
    let mut text = format!("{}: \\\n  {}\n", targets.join(" "), files.join(" \\\n  "));
    // Not for the input itself: without it there is nothing to make.
    for file in files.iter().skip(1) {
        let _ = write!(text, "\n{file}:\n");
    }
    text
}
