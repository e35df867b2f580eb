//! What the tests share.

// Each test binary uses its part.
#![allow(dead_code)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("a parent").to_owned()
}

/// An empty directory for one test.
pub fn scratch(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("{name}-{:?}", std::thread::current().id()));
    if directory.exists() {
        fs::remove_dir_all(&directory).expect("remove old scratch directory");
    }
    fs::create_dir_all(&directory).expect("make scratch directory");
    directory
}

/// Random numbers; SEED=n repeats a run.
pub struct Random {
    pub seed: u64,
    state: u64,
}

impl Random {
    pub fn new() -> Random {
        let given = std::env::var("SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let now = std::time::SystemTime::now();
            let since = now.duration_since(std::time::UNIX_EPOCH).expect("a clock");
            since.as_nanos() as u64
        });
        Random { seed, state: seed }
    }

    /// splitmix64, the upper half.
    pub fn word(&mut self) -> u32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z >> 32) as u32
    }

    /// 0 for 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.word()) * u64::from(bound)) >> 32) as u32
    }
}

/// Output, errors and exit status.
pub fn run(directory: &Path, words: &[&str]) -> (String, String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_mrpc"))
        .args(words)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .expect("run mrpc");
    (
        String::from_utf8(output.stdout).expect("text"),
        String::from_utf8(output.stderr).expect("text"),
        output.status.code().expect("an exit status"),
    )
}

/// Words that white space separates, outside of single quotes.
pub fn shell_words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (i, part) in line.split('\'').enumerate() {
        for (j, piece) in part.split(|c| c == ' ' && i % 2 == 0).enumerate() {
            if j > 0 {
                words.push(String::new());
            }
            words.last_mut().expect("a word").push_str(piece);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A running program that prints lines.
pub struct Lines {
    pub child: Child,
    lines: Option<std::io::Lines<BufReader<ChildStdout>>>,
}

impl Lines {
    pub fn start(directory: &Path, words: &[&str]) -> Lines {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mrpc"))
            .args(words)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("run mrpc");
        let lines = BufReader::new(child.stdout.take().expect("pipe")).lines();
        let lines = Some(lines);
        Lines { child, lines }
    }

    /// None at its end.
    pub fn next(&mut self) -> Option<String> {
        let lines = self.lines.as_mut().expect("lines that are not drained");
        lines.next().map(|line| line.expect("a line"))
    }

    /// What it prints is of no interest, and must not fill the pipe.
    pub fn drain(&mut self) {
        let lines = self.lines.take().expect("lines");
        std::thread::spawn(move || lines.for_each(drop));
    }

    /// Reads on to this line.
    pub fn expect(&mut self, line: &str) {
        while let Some(found) = self.next() {
            if found == line {
                return;
            }
        }
        panic!("it ends without: {line}");
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `mrpc mock`, and where it listens.
pub struct Mock {
    lines: Lines,
    pub place: String,
}

impl Mock {
    pub fn start(directory: &Path, words: &[&str]) -> Mock {
        let words: Vec<&str> = std::iter::once("mock")
            .chain(words.iter().copied())
            .collect();
        let mut lines = Lines::start(directory, &words);
        let first = lines.next().expect("a first line");
        let place = first
            .strip_prefix("listening on ")
            .expect(&first)
            .to_owned();
        Mock { lines, place }
    }

    pub fn expect(&mut self, line: &str) {
        self.lines.expect(line);
    }

    pub fn drain(&mut self) {
        self.lines.drain();
    }
}
