//! Memory: the library's comes from malloc, so that C may free what it is given.

#![allow(unsafe_code, reason = "a boundary: C's allocator")]

use std::alloc::{GlobalAlloc, Layout, System};

struct Malloc;

/// What malloc aligns to on every machine that this is built for.
const ALIGNED: usize = 2 * size_of::<usize>();

fn is_plain(layout: &Layout) -> bool {
    layout.align() <= ALIGNED
}

#[global_allocator]
static ALLOCATOR: Malloc = Malloc;

// SAFETY: C's allocator, which gives what GlobalAlloc asks for: memory of the size, aligned for any
// plain type; the rest is the system allocator's of the standard library.
unsafe impl GlobalAlloc for Malloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_plain(&layout) {
            // SAFETY: any size will do.
            unsafe { libc::malloc(layout.size()).cast() }
        } else {
            // SAFETY: as the caller vouches for.
            unsafe { System.alloc(layout) }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_plain(&layout) {
            // SAFETY: any size will do.
            unsafe { libc::calloc(1, layout.size()).cast() }
        } else {
            // SAFETY: as the caller vouches for.
            unsafe { System.alloc_zeroed(layout) }
        }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if is_plain(&layout) {
            // SAFETY: memory that `alloc` or `realloc` gave for this layout.
            unsafe { libc::free(at.cast()) }
        } else {
            // SAFETY: as the caller vouches for.
            unsafe { System.dealloc(at, layout) }
        }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if is_plain(&layout) {
            // SAFETY: memory that `alloc` or `realloc` gave for this layout.
            unsafe { libc::realloc(at.cast(), size).cast() }
        } else {
            // SAFETY: as the caller vouches for.
            unsafe { System.realloc(at, layout, size) }
        }
    }
}
