//! A .mx file as the preprocessor leaves it: the lexer, the parser, the checks, and
//! the emitters for what passes them.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use minirpcgen::model::Units;
use minirpcgen::{check, emit, lexer, parser};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (file, errors) = parser::parse(lexer::lex(&text, "nowhere.mx"));
    let sound = errors.is_empty();
    for error in errors {
        error.render();
    }
    // Passes that differ are the target `plain`'s.
    let units = Units {
        stubs: file.clone(),
        header: file.clone(),
        source: file,
        macros: BTreeMap::new(),
    };
    match check::check(units, "base") {
        Ok(mut model) if sound => {
            model.strict_enums = data.len() % 2 == 1;
            assert_eq!(emit::emit(&model).len(), 6);
            emit::emit_lua(&model);
            for remark in check::names(&model, false) {
                remark.render();
            }
        }
        Ok(_) => {}
        Err(errors) => {
            for error in errors {
                error.render();
            }
        }
    }
});
