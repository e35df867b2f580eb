#!/usr/bin/env bash
# loom 0.7.3 tries executions that no machine has: a plain store that another thread's swap
# races with can be lost, even for a swap that comes after both threads have been joined.
#
# One thread stores true; the other swaps false in, joins the first, and swaps once more. A swap
# reads what stands before it in the order of all writes to that one atomic (C11 5.1.2.4), so
# whichever came first, exactly one of the two swaps takes the true. loom also runs one in which
# neither does. Sequentially consistent order makes no difference, nor do fences around the
# store. With a swap in place of the store, each of loom's executions is right. So a model that
# fails may be right, if a store in it races with a read-modify-write. (tokio-rs/loom's issues 254
# and 389, both open, are about the same.)
#
# Seen:
#   store: lost in an execution
#   store between fences: lost in an execution
#   swap: taken once in each
#
# Works in a temporary folder; needs cargo and the network. Exit status 1 when it behaves
# otherwise, 2 when it could not be tried.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir src
cat >Cargo.toml <<'END'
[package]
name = "model"
version = "0.1.0"
edition = "2021"

[dependencies]
loom = "=0.7.3"
END
cat >src/main.rs <<'END'
use loom::sync::atomic::{fence, AtomicBool, AtomicUsize, Ordering::SeqCst};
use loom::sync::Arc;

fn check(name: &str, set: fn(&AtomicBool)) {
    let run = move || {
        let flag = Arc::new(AtomicBool::new(false));
        let taken = AtomicUsize::new(0);
        let theirs = Arc::clone(&flag);
        let setter = loom::thread::spawn(move || set(&theirs));
        let take = || {
            if flag.swap(false, SeqCst) {
                taken.fetch_add(1, SeqCst);
            }
        };
        take();
        setter.join().unwrap();
        take();
        assert_eq!(taken.load(SeqCst), 1);
    };
    let right = std::panic::catch_unwind(|| loom::model(run)).is_ok();
    let seen = if right { "taken once in each" } else { "lost in an execution" };
    println!("{name}: {seen}");
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    check("store", |flag| flag.store(true, SeqCst));
    check("store between fences", |flag| {
        fence(SeqCst);
        flag.store(true, SeqCst);
        fence(SeqCst);
    });
    check("swap", |flag| {
        flag.swap(true, SeqCst);
    });
}
END
cargo build --release --quiet >log 2>&1 || { cat log; exit 2; }
cat >expected <<'END'
store: lost in an execution
store between fences: lost in an execution
swap: taken once in each
END
target/release/model >seen
diff expected seen
cat seen
