//! docs/mrpc.md: what it shows is what happens.

mod common;

use std::fs;

use common::{root, run, scratch, shell_words, Mock};

/// The indented block behind the line that has the words.
fn block(text: &str, words: &str) -> String {
    let mut lines = text
        .lines()
        .skip_while(|line| !line.contains(words))
        .skip(1);
    let begin = lines.find(|line| line.starts_with("    ")).expect(words);
    let rest = lines.take_while(|line| line.starts_with("    "));
    std::iter::once(begin)
        .chain(rest)
        .map(|line| format!("{}\n", &line[4..]))
        .collect()
}

#[test]
fn the_guide_is_true() {
    let text = fs::read_to_string(root().join("docs/mrpc.md")).expect("docs/mrpc.md");
    let directory = scratch("guide");
    fs::write(directory.join("shop.mx"), block(&text, "`shop.mx`")).expect("write");
    fs::write(
        directory.join("answers.json"),
        block(&text, "`answers.json`"),
    )
    .expect("write");
    assert!(text.contains("\n    mrpc mock unix:shop.sock shop.mx answers.json &\n"));
    let mut mock = Mock::start(&directory, &["unix:shop.sock", "shop.mx", "answers.json"]);
    assert_eq!(mock.place, "unix:shop.sock");
    let mut shown = 0;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(command) = line.strip_prefix("    $ mrpc ") else {
            continue;
        };
        let mut expected = String::new();
        while let Some(line) =
            lines.next_if(|line| line.starts_with("    ") && !line.starts_with("    $"))
        {
            expected.push_str(&line[4..]);
            expected.push('\n');
        }
        let words = shell_words(command);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (out, err, _) = run(&directory, &words);
        assert_eq!(out + &err, expected, "{command}");
        shown += 1;
    }
    assert_eq!(shown, 8);
    mock.expect("find {\"name\":\"kettle\",\"most\":5}");
    mock.expect("seen {\"name\":\"kettle\",\"most\":1}");
}
