//! Stubs of three protocols, two of which share types, linked into one program
//! and run against a library that notes its calls (link/main.c).

mod common;

use common::{compiler, content, generate_all, header_flags, scratch, stderr};
use std::path::Path;
use std::process::Command;

#[test]
fn protocols_share_types_in_one_program() {
    let main = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/link/main.c");
    for (i, flags) in header_flags().into_iter().enumerate() {
        let directory = scratch(&format!("link-{i}"));
        let mut command = compiler("CC", "cc");
        command.args(["-Wall", "-Wextra", "-Werror", "-g", "-O1"]);
        command.arg("-fsanitize=address,undefined").args(flags);
        generate_all(&directory);
        command.arg("-I").arg(&directory);
        for name in ["common", "first", "second", "names"] {
            for file in ["xdr.c", "minirpc.c"] {
                command.arg(directory.join(format!("{name}_{file}")));
            }
        }
        let program = directory.join("program");
        command.arg(&main).arg("-o").arg(&program);
        content(&mut command).expect("compile");
        let output = Command::new(&program).output().expect("run the program");
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output);
        assert!(output.status.success() && text.is_empty(), "{text}");
    }
}
