#!/usr/bin/env bash
# cbindgen 0.29.4: a constant that is an expression can have another value in the header than in
# the library, and a C compiler says nothing about it with -Wall -Wextra.
#
# cbindgen does not compute a constant's value: it writes the expression down again, literals
# without their suffixes. C then reads it by its own rules:
# - `!` is always written as `~`, for bools, too: `!true` becomes `~true`, which is -2, and so
#   true (as C++, compilers warn of it).
# - `1_f64 / 3_f64` becomes `1 / 3`, which is 0 (`1.0 / 3.0` stays right).
# - `1 << 31` and `!0` of a u32 become ints that are negative (in C++ they have a type, but
#   nothing in C says u32): joined with 64 bits, the upper 32 become ones.
# Most constants are one number, and right, so the header looks tested.
#
# Seen (the library's value, and that of a program with the header):
#   OFF = !true: Rust false, C true, C++ true
#   THIRD = 1_f64 / 3_f64: Rust 0.333, C 0.000, C++ 0.000
#   LAST = 1 << 31, as 64 bits: Rust 80000000, C ffffffff80000000, C++ 80000000
#   LOW = !0, of 64 ones: Rust ffffffff, C ffffffffffffffff, C++ ffffffff
#
# Works in a temporary folder; needs cargo, gcc or clang with C++, and the network. Exit status 1
# when it behaves otherwise, 2 when it could not be tried.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir -p tool/src library/src
cat >tool/Cargo.toml <<'END'
[package]
name = "tool"
version = "0.1.0"
edition = "2021"

[dependencies]
cbindgen = { version = "=0.29.4", default-features = false }
END
cat >tool/src/main.rs <<'END'
use cbindgen::Language;
#[path = "../../library/src/lib.rs"]
mod library;

fn main() {
    for (language, name) in [(Language::C, "constants.h"), (Language::Cxx, "constants.hpp")] {
        cbindgen::Builder::new()
            .with_language(language)
            .with_src("../library/src/lib.rs")
            .generate()
            .unwrap()
            .write_to_file(name);
    }
    println!("Rust {}", library::OFF);
    println!("Rust {:.3}", library::THIRD);
    println!("Rust {:x}", u64::from(library::LAST));
    println!("Rust {:x}", u64::MAX & u64::from(library::LOW));
}
END
cat >library/src/lib.rs <<'END'
pub const OFF: bool = !true;
pub const THIRD: f64 = 1_f64 / 3_f64;
pub const LAST: u32 = 1 << 31;
pub const LOW: u32 = !0;
END
cat >main.inc <<'END'
#include <stdio.h>

int main(void)
{
	double third = THIRD;
	unsigned long long last = LAST, low = ~0ULL & LOW;

	printf("%s %s\n", LANGUAGE, OFF ? "true" : "false");
	printf("%s %.3f\n", LANGUAGE, third);
	printf("%s %llx\n", LANGUAGE, last);
	printf("%s %llx\n", LANGUAGE, low);
	return 0;
}
END
printf '#include "constants.h"\n#define LANGUAGE "C"\n#include "../main.inc"\n' >tool/main.c
printf '#include "constants.hpp"\n#define LANGUAGE "C++"\n#include "../main.inc"\n' >tool/main.cc
cat >names <<'END'
OFF = !true
THIRD = 1_f64 / 3_f64
LAST = 1 << 31, as 64 bits
LOW = !0, of 64 ones
END
cd tool
cargo build --release --quiet >../log 2>&1 || { cat ../log; exit 2; }
target/release/tool >../rust
cc -Wall -Wextra -Werror -o in-c main.c
c++ -Wall -Wextra -Werror -Wno-bool-operation -o in-cc main.cc
./in-c >../c
./in-cc >../cc
cd ..
paste -d '#' names rust c cc | sed 's/#/: /; s/#/, /g' | tee seen
diff - seen <<'END'
OFF = !true: Rust false, C true, C++ true
THIRD = 1_f64 / 3_f64: Rust 0.333, C 0.000, C++ 0.000
LAST = 1 << 31, as 64 bits: Rust 80000000, C ffffffff80000000, C++ 80000000
LOW = !0, of 64 ones: Rust ffffffff, C ffffffffffffffff, C++ ffffffff
END
