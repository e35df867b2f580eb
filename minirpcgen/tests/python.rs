//! `--python`: golden/python/NAME.py is what golden/NAME.mx makes. What the modules do
//! is tested in python/tests.

mod common;

use common::{compare, fail_on, golden, inputs, listing, minirpcgen, scratch, stderr};
use std::fs;

/// Inputs with types that C alone knows.
const C_ONLY: [&str; 2] = ["foreign", "rpc_constants"];

#[test]
fn modules() {
    let directory = scratch("python");
    let mut problems = Vec::new();
    for name in inputs(&golden()) {
        if C_ONLY.contains(&name.as_str()) {
            continue;
        }
        let base = directory.join(&name);
        let mut arguments = vec!["--python", "-o"];
        let base = base.to_string_lossy();
        let input = format!("{name}.mx");
        arguments.extend([&*base, &input]);
        if name == "strict" {
            arguments.push("--strict-enums");
        }
        let output = minirpcgen(&golden(), &arguments);
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        let module = format!("{name}.py");
        let actual = fs::read_to_string(directory.join(&module)).expect("read output");
        let stored = golden().join("python");
        fs::create_dir_all(&stored).expect("make golden directory");
        problems.extend(compare(&stored.join(&module), &actual).err());
        fs::remove_file(directory.join(&module)).expect("remove output");
    }
    // Nothing beside them.
    assert_eq!(listing(&directory), Vec::<String>::new());
    fail_on(problems);
}

#[test]
fn types_that_c_alone_knows_are_refused() {
    let directory = scratch("python-foreign");
    for (name, foreign) in C_ONLY.iter().zip(["handle", "net"]) {
        let base = directory.join(name);
        let input = format!("{name}.mx");
        let output = minirpcgen(
            &golden(),
            &["--python", "-o", &base.to_string_lossy(), &input],
        );
        assert_eq!(output.status.code(), Some(1), "{name}");
        let expected = format!("`{foreign}` is declared in C only");
        assert!(stderr(&output).contains(&expected), "{}", stderr(&output));
    }
    assert_eq!(listing(&directory), Vec::<String>::new());
}

#[test]
fn a_procedure_that_must_have_another_name_is_told_of() {
    let directory = scratch("python-notes");
    let text =
        "typedef int n;\nserverprocs {\n\tclose(n) = 1;\n\tclose_(n) = 2;\n\tclass() = 3;\n}\n";
    fs::write(directory.join("t.mx"), text).expect("write input");
    let output = minirpcgen(&directory, &["--python", "-M", "t.mx"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let notes = stderr(&output);
    assert!(
        notes.contains("t.mx:3:2: note: in Python, `close` is `close__`"),
        "{notes}"
    );
    assert!(
        notes.contains("t.mx:5:2: note: in Python, `class` is `class_`"),
        "{notes}"
    );
    assert_eq!(notes.matches("note:").count(), 2, "{notes}");
    assert_eq!(listing(&directory), ["t.d", "t.mx", "t.py"]);
    let rule = fs::read_to_string(directory.join("t.d")).expect("read rule");
    assert!(rule.starts_with("t.py: \\\n  t.mx\n"), "{rule}");
}
