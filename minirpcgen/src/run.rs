//! One run of the program.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::cli::{Arguments, Language};
use crate::diag::{self, Diagnostic};
use crate::model::{Model, Units};
use crate::{ast, check, cpp, emit, lexer, output, parser, plain};

/// A file that has been read and checked.
pub struct Loaded {
    pub model: Model,
    /// What there is to say about it on standard error.
    pub warnings: String,
    /// The files that it consists of, itself first.
    files: Vec<String>,
}

/// Why a file was not taken.
pub enum Stop {
    /// It could not even be read; what there is to say about that.
    Failed(String),
    /// For what is wrong with it.
    Refused {
        warnings: String,
        errors: Vec<Diagnostic>,
    },
}

impl From<Stop> for String {
    fn from(stop: Stop) -> String {
        match stop {
            Stop::Failed(message) => message,
            Stop::Refused { warnings, errors } => report(&warnings, &errors),
        }
    }
}

/// Reads an interface for what takes no notice of white space, and without the preprocessor
/// where that makes no other difference; what is generated of it would start with `base`.
pub fn load_quickly(input: &Path, defines: &[OsString], base: &str) -> Result<Loaded, String> {
    // What there is to say of a file is said in the preprocessor's places.
    match load_plain(input, defines, base) {
        Some(loaded) => Ok(loaded),
        None => Ok(load(input, defines, base)?),
    }
}

fn load_plain(input: &Path, defines: &[OsString], base: &str) -> Option<Loaded> {
    if !defines.is_empty() || std::env::var_os("CPP").is_some() {
        return None;
    }
    let read = |pass| {
        let text = plain::preprocess(input, pass, &|path| std::fs::read_to_string(path).ok())?;
        let lexed = lexer::lex(&text, "");
        let files = lexed.files.clone();
        let (file, errors) = parser::parse(lexed);
        errors.is_empty().then_some((file, files))
    };
    let [(stubs, files), (header, _), (source, _)] = {
        let [stubs, header, source] = plain::PASSES.map(read);
        [stubs?, header?, source?]
    };
    let units = Units {
        stubs,
        header,
        source,
        macros: BTreeMap::new(),
    };
    // The C library's macros are the preprocessor's business.
    if !units.undefined_values().is_empty() {
        return None;
    }
    let model = check::check(units, base).ok()?;
    Some(Loaded {
        model,
        warnings: String::new(),
        files,
    })
}

pub fn load(input: &Path, defines: &[OsString], base: &str) -> Result<Loaded, Stop> {
    if let Err(error) = std::fs::File::open(input) {
        return Err(Stop::Failed(format!(
            "minirpcgen: error: cannot read {}: {error}\n",
            input.display()
        )));
    }
    let mut passes = Passes::new(input, defines);
    let [stubs, header, source] = passes.all().map_err(Stop::Failed)?;
    let Passes {
        warnings,
        errors,
        files,
        ..
    } = passes;
    if !errors.is_empty() {
        return Err(Stop::Refused { warnings, errors });
    }
    let mut units = Units {
        stubs,
        header,
        source,
        macros: BTreeMap::new(),
    };
    units.macros = cpp::defining_headers(&units.undefined_values());
    let model = match check::check(units, base) {
        Ok(model) => model,
        Err(errors) => return Err(Stop::Refused { warnings, errors }),
    };
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
        Language::Lua => (vec![emit::emit_lua(&model)], Vec::new()),
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
pub fn base(arguments: &Arguments) -> Result<(PathBuf, String), String> {
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
    system_files: Vec<String>,
    /// Macros of the preprocessor's own that get in the way of the file's names.
    unwanted: Vec<&'static str>,
    /// Runs of the preprocessor that have been made: without which macros, and what came of it.
    ready: BTreeMap<&'static str, (Vec<&'static str>, Result<cpp::Preprocessed, String>)>,
}

/// Whether a text may depend on which pass it is: names can be glued together, too.
fn mentions(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let mut parts = plain::PASSES.into_iter().chain(["##", "%:%:"]);
    parts.any(|part| text.contains(part))
}

impl<'a> Passes<'a> {
    fn new(input: &'a Path, defines: &'a [OsString]) -> Self {
        Passes {
            input,
            defines,
            warnings: String::new(),
            errors: Vec::new(),
            files: Vec::new(),
            system_files: Vec::new(),
            unwanted: cpp::unwanted_macros(),
            ready: BTreeMap::new(),
        }
    }

    fn all(&mut self) -> Result<[ast::File; 3], String> {
        let [first, second, third] = plain::PASSES;
        let own = std::fs::read(self.input).unwrap_or_default();
        if mentions(&own) {
            self.begin_all();
        }
        let stubs = self.run(first)?;
        // Mostly they are the same, and starting the preprocessor is what takes time.
        if !self.mentions_passes() {
            return Ok([stubs.clone(), stubs.clone(), stubs]);
        }
        Ok([stubs, self.run(second)?, self.run(third)?])
    }

    /// Whether anything could depend on the macros that tell the passes apart.
    fn mentions_passes(&self) -> bool {
        let files = self.files.iter().chain(&self.system_files);
        let files = files.map(std::fs::read);
        let defines = self.defines.iter().cloned();
        let command = std::env::var_os("CPP");
        let texts = files
            .map(Result::unwrap_or_default)
            .chain(defines.chain(command).map(OsString::into_encoded_bytes));
        texts.into_iter().any(|text| mentions(&text))
    }

    /// Runs the preprocessor for all passes at the same time.
    fn begin_all(&mut self) {
        let Passes {
            input,
            defines,
            unwanted,
            ready,
            ..
        } = self;
        let (input, defines, unwanted) = (*input, *defines, &*unwanted);
        std::thread::scope(|scope| {
            let start = |pass| {
                let run = move || cpp::run(input, pass, defines, unwanted);
                (pass, scope.spawn(run))
            };
            for (pass, thread) in plain::PASSES.map(start) {
                // One that panicked has said so, and is run again.
                if let Ok(result) = thread.join() {
                    ready.insert(pass, (unwanted.clone(), result));
                }
            }
        });
    }

    /// What the preprocessor makes of it, which may be there already.
    fn preprocessed(&mut self, pass: &str) -> Result<cpp::Preprocessed, String> {
        match self.ready.remove(pass) {
            Some((unwanted, result)) if unwanted == self.unwanted => result,
            _ => cpp::run(self.input, pass, self.defines, &self.unwanted),
        }
    }

    fn run(&mut self, pass: &str) -> Result<ast::File, String> {
        let (result, lexed) = loop {
            let result = self.preprocessed(pass)?;
            let lexed = lexer::lex(&result.text, &self.input.to_string_lossy());
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
        for (all, new) in [
            (&mut self.files, &lexed.files),
            (&mut self.system_files, &lexed.system_files),
        ] {
            for file in new {
                if !all.contains(file) {
                    all.push(file.clone());
                }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Interface;

    fn here() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
    }

    fn same(quick: &Loaded, path: &Path) {
        let slow = load(path, &[], "t").unwrap_or_else(|stop| panic!("{}", String::from(stop)));
        let shown = |loaded: &Loaded| format!("{:#?}", Interface::of(&loaded.model));
        assert_eq!(shown(quick), shown(&slow), "{}", path.display());
        assert_eq!(quick.files, slow.files, "{}", path.display());
        assert_eq!(slow.warnings, "", "{}", path.display());
    }

    #[test]
    fn without_the_preprocessor_files_say_the_same() {
        let mut plain = Vec::new();
        for directory in ["tests/golden", "../examples/color", "../examples/treecopy"] {
            let files = std::fs::read_dir(here().join(directory)).expect("a directory");
            let paths = files.map(|entry| entry.expect("an entry").path());
            for path in paths.filter(|path| path.extension().is_some_and(|e| e == "mx")) {
                if let Some(quick) = load_plain(&path, &[], "t") {
                    same(&quick, &path);
                    plain.push(path.file_stem().expect("a name").to_owned());
                }
            }
        }
        for name in ["color", "treecopy", "first"] {
            assert!(plain.contains(&name.into()), "{name}: {plain:?}");
        }
    }

    /// All that is plain, and things that are not.
    #[test]
    fn what_needs_the_preprocessor() {
        let directory = std::env::temp_dir().join(format!("plain-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let path = directory.join("t.mx");
        std::fs::write(
            directory.join("u.mx"),
            "#ifndef U\n#define U\nstruct u { int x; };\n#endif\n",
        )
        .expect("write");
        let quick = |text: &str| {
            std::fs::write(&path, text).expect("write");
            load_plain(&path, &[], "t")
        };
        for text in [
            "/* it's\n#if 1\n*/ struct a { int linux; }; // don't",
            "#ifdef MINIRPC /* one */\n#include \"u.mx\"\n#include \"u.mx\"\n#else\n%#include \"u.h\"\n\
             #endif\nserverprocs { f(u) = 1; }\n",
            "#ifndef RPC_HDR\n#ifdef MINIRPC\nstruct a { int x; };\n#endif\n#else\n\
             %struct a { int x; };\n#endif\n",
            "  # ifdef MINIRPC\n#\tinclude \"u.mx\"\n# endif\nstruct b { int y; };",
        ] {
            let loaded = quick(text).unwrap_or_else(|| panic!("not plain: {text}"));
            same(&loaded, &path);
        }
        for text in [
            "const A = 1;\n#define B A\nstruct a { int x[B]; };",
            "#define B\nstruct a B { int x; };",
            "struct a { int x[__CHAR_BIT__]; };",
            "struct a { int MINIRPC; };",
            "struct a { int x\\\n; };",
            "#if 1\nstruct a { int x; };\n#endif",
            "#ifdef unix\nstruct a { int x; };\n#endif",
            "#ifdef MINIRPC\nstruct a { int x; };",
            "#ifdef MINIRPC\n/*\n#else\n*/\n#endif",
            "%:define B A\nstruct a { int x; };",
            "#include <stdint.h>\nstruct a { int x; };",
            "#include \"none.mx\"\nstruct a { int x; };",
            "#include \"t.mx\"\nstruct a { int x; };",
            "struct a { int x; }; /* open",
            "const A = 'c;",
            "struct a { int x[PATH_MAX]; };",
            "struct a { b x; };",
            "struct \u{e4} { int x; };",
        ] {
            assert!(quick(text).is_none(), "plain: {text}");
        }
        assert!(load_plain(&path, &["A".into()], "t").is_none());
        std::fs::remove_dir_all(&directory).expect("remove");
    }
}
