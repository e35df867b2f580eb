//! A .mx file with its own preprocessor lines, and one that it may include: what is made of them
//! without a preprocessor, beside what cpp makes of some of them.

#![no_main]

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use minirpcgen::ast::File;
use minirpcgen::lexer::{Lexed, Token};
use minirpcgen::model::Units;
use minirpcgen::{check, cpp, emit, lexer, parser, plain};

/// Of so many inputs one is shown to cpp: that takes a hundred times as long as all the rest.
const ONE_OF: u64 = 64;
/// Of those that include the other file.
const ONE_INCLUDING_OF: u64 = 4;

/// Where cpp finds the files; t.mx is the first of them.
fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("fuzz-plain-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        extern "C" fn remove() {
            // It is only a temporary one.
            let _ = fs::remove_dir_all(directory());
        }
        // SAFETY: the function may be called at the end.
        assert_eq!(unsafe { libc::atexit(remove) }, 0);
        path
    })
}

/// Words and their places. White space in copied lines, and where the end is, are cpp's affair.
fn words(lexed: &Lexed) -> Vec<(Token, &str, u32)> {
    let shown = |token: &Token| match token {
        Token::Copy(text) => Token::Copy(text.split_whitespace().collect()),
        token => token.clone(),
    };
    let words = lexed
        .tokens
        .iter()
        .filter(|(token, _)| *token != Token::End);
    words
        .map(|(token, span)| (shown(token), &*span.file, span.line))
        .collect()
}

fn parsed(lexed: &Lexed) -> Option<File> {
    let (file, errors) = parser::parse(lexed.clone());
    errors.is_empty().then_some(file)
}

fn run(data: &[u8]) -> Option<()> {
    let text = String::from_utf8_lossy(data);
    // A form feed is in no file that is plain.
    let (first, second) = text.split_once('\x0c').unwrap_or((&text, ""));
    let input = directory().join("t.mx");
    let texts = HashMap::from([(input.clone(), first), (directory().join("u.mx"), second)]);
    let read = |path: &Path| texts.get(path).map(|text| (*text).to_owned());
    let lex = |pass| Some(lexer::lex(&plain::preprocess(&input, pass, &read)?, ""));
    let passes = plain::PASSES.map(lex);
    for lexed in passes.iter().flatten() {
        assert!(lexed.system_files.is_empty());
        for (_, span) in &lexed.tokens {
            let text = texts[Path::new(&*span.file)];
            let lines = text.lines().count() as u32;
            assert!(span.line <= lines.max(1), "{}:{}", span.file, span.line);
        }
    }
    let [stubs, header, source] = &passes;
    let (stubs, header, source) = (stubs.as_ref()?, header.as_ref()?, source.as_ref()?);
    let units = Units {
        stubs: parsed(stubs)?,
        header: parsed(header)?,
        source: parsed(source)?,
        macros: BTreeMap::new(),
    };
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    let includes = header.files.iter().any(|name| name.ends_with("u.mx"));
    let one_of = if includes { ONE_INCLUDING_OF } else { ONE_OF };
    if hasher.finish() % one_of == 0 {
        for (path, text) in &texts {
            fs::write(path, text).expect("room for a file");
        }
        for (pass, lexed) in plain::PASSES.into_iter().zip([stubs, header, source]) {
            let text = cpp::run(&input, pass, &[], &cpp::unwanted_macros()).map(|made| made.text);
            let by_cpp = lexer::lex(&text.unwrap_or_else(|error| panic!("{error}")), "");
            assert_eq!(words(lexed), words(&by_cpp), "{pass}");
            assert_eq!(lexed.files, by_cpp.files, "{pass}");
        }
    }
    if let Ok(model) = check::check(units, "base") {
        assert_eq!(emit::emit(&model).len(), 6);
        emit::emit_lua(&model);
    }
    Some(())
}

fuzz_target!(|data: &[u8]| {
    run(data);
});
