//! Damaged inputs: the program neither panics nor loops, and every error is
//! somewhere in the file. The same ones in each run.

mod common;

use common::{golden, inputs};
use minirpcgen::diag::{Diagnostic, Span};
use minirpcgen::model::Units;
use minirpcgen::{check, emit, lexer, parser};
use std::collections::BTreeMap;
use std::fs;
use std::thread;

const ROUNDS: usize = 5000;

/// Pieces that the language gives a meaning.
const WORDS: [&str; 70] = [
    "const",
    "enum",
    "struct",
    "union",
    "switch",
    "case",
    "default",
    "typedef",
    "void",
    "int",
    "unsigned",
    "hyper",
    "long",
    "short",
    "char",
    "bool",
    "float",
    "double",
    "string",
    "opaque",
    "quadruple",
    "program",
    "serverprocs",
    "clientprocs",
    "servermsgs",
    "clientmsgs",
    "TRUE",
    "XDR",
    "while",
    "namespace",
    "netobj",
    "opaque_auth",
    "AUTH_SYS",
    "SUCCESS",
    "int32_t",
    "typedef int int32_t;",
    "typedef struct a a;",
    "class",
    "18446744073709551615",
    "a",
    "color",
    "RED",
    "COUNT",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "<",
    ">",
    ";",
    ",",
    "=",
    "*",
    ":",
    "0",
    "-1",
    "0x",
    "09",
    "4294967295",
    "99999999999999999999",
    "'",
    "'x'",
    "\"",
    "/*",
    "*/",
    "//",
    "\n%x /* \n",
    "\n# 7 \"other.mx\" 3\n",
];

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit.max(1)
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for directory in [golden(), golden().join("bad")] {
        for name in inputs(&directory) {
            let path = directory.join(format!("{name}.mx"));
            seeds.push(fs::read(path).expect("read input"));
        }
    }
    seeds
}

/// One change, of a byte or of more.
fn mutate(random: &mut Random, text: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let at = random.below(text.len() + 1);
    let end = (at + random.below(40)).min(text.len());
    match random.below(9) {
        0 if at < text.len() => text[at] ^= 1 << random.below(8),
        1 if at < text.len() => text[at] = random.below(256) as u8,
        2 => drop(text.drain(at..end)),
        3 => text.truncate(at),
        4 => {
            let again = text[at..end].to_vec();
            text.splice(at..at, again);
        }
        5 => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len());
            let to = (from + random.below(200)).min(other.len());
            text.splice(at..end, other[from..to].iter().copied());
        }
        _ => {
            let word = WORDS[random.below(WORDS.len())];
            let spaced = format!(" {word} ");
            let word = if random.below(2) == 0 { word } else { &spaced };
            text.splice(at..at, word.bytes());
        }
    }
}

fn check_span(span: &Span, lines: Option<usize>) {
    assert!(span.start <= span.end && span.end <= span.text.len());
    assert!(span.text.is_char_boundary(span.start) && span.text.is_char_boundary(span.end));
    if let Some(lines) = lines {
        let line = span.line as usize;
        assert!(line >= usize::from(lines > 0) && line <= lines, "{line}");
    }
}

/// Without line markers, errors are in one of the text's own lines.
fn check_errors(errors: &[Diagnostic], lines: Option<usize>) {
    for error in errors {
        check_span(&error.span, lines);
        for span in error.notes.iter().filter_map(|note| note.span.as_ref()) {
            check_span(span, lines);
        }
        assert!(error.render().contains(&error.message));
    }
}

/// All of the program but for the preprocessor and the files.
fn run(text: &str) -> bool {
    let marked = text.lines().any(|line| line.starts_with('#'));
    let lines = (!marked).then(|| text.lines().count());
    let file = || {
        let (file, errors) = parser::parse(lexer::lex(text, "nowhere.mx"));
        check_errors(&errors, lines);
        (file, errors.is_empty())
    };
    let (stubs, is_sound) = file();
    let units = Units {
        stubs,
        header: file().0,
        source: file().0,
        macros: BTreeMap::new(),
    };
    match check::check(units, "base") {
        Ok(mut model) if is_sound => {
            for strict in [false, true] {
                model.strict_enums = strict;
                let outputs = emit::emit(&model);
                assert_eq!(outputs.len(), 6);
            }
            check_errors(&check::names(&model, false), lines);
            check_errors(&check::libtirpc(&model), lines);
            true
        }
        Ok(_) => false,
        Err(errors) => {
            assert!(!errors.is_empty());
            check_errors(&errors, lines);
            false
        }
    }
}

/// Shown when its test panics.
struct Input<'a> {
    round: usize,
    text: &'a str,
}

impl Drop for Input<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("round {}, with this input:\n{}", self.round, self.text);
        }
    }
}

#[test]
fn damaged_inputs_end_in_errors_within_the_file() {
    let seeds = seeds();
    let mut random = Random(0x6d69_6e69_7270_6367);
    let mut accepted = 0;
    for round in 0..ROUNDS {
        let mut text = seeds[round % seeds.len()].clone();
        // Short ones end in a check, and not in the first syntax error.
        if random.below(3) == 0 {
            let start = random.below(text.len());
            text.drain(..start);
        }
        for _ in 0..=random.below(6) {
            mutate(&mut random, &mut text, &seeds);
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let input = Input { round, text: &text };
        accepted += usize::from(run(input.text));
    }
    // Or the emitters would have seen nothing.
    assert!(accepted > ROUNDS / 100, "{accepted}");
}
