//! Fixed single-threaded paths through the protocol core, for bench/guard, which counts the
//! instructions below `counted`. Without an argument: lists them.

// The library's own sources; not all of their functions are on a path.
#![allow(dead_code)]

#[path = "../../../src/proto"]
mod proto {
    pub mod calls;
    pub mod frame;
    pub mod lane;
    pub mod marks;
    pub mod outbox;
    pub mod partial;
    pub mod payload;

    pub mod status {
        pub const PENDING: i32 = -1;
    }
}

use proto::calls::Calls;
use proto::frame::{Decoder, Header};
use proto::lane::Lane;
use proto::outbox::Outbox;
use std::collections::VecDeque;
use std::hint::black_box;

const FRAMES: u32 = 1000;
const WINDOW: u32 = 256;
const MAX_PAYLOAD: u32 = 16384;

fn header(sequence: u32) -> Header {
    Header {
        sequence,
        status: proto::status::PENDING,
        cmd: 1,
        len: 4,
    }
}

/// A stream of small requests.
fn stream() -> Vec<u8> {
    (0..FRAMES)
        .flat_map(|i| {
            let mut frame = header(i).to_bytes().to_vec();
            frame.extend_from_slice(&i.to_be_bytes());
            frame
        })
        .collect()
}

/// Decodes all of `bytes`, which come in pieces of `piece`, and keeps the payloads as events
/// do.
fn decode(bytes: &[u8], piece: usize) {
    let mut decoder = Decoder::default();
    let mut frames = 0;
    for chunk in bytes.chunks(piece) {
        decoder.feed(chunk, MAX_PAYLOAD, |_| 0, &mut |frame| {
            frames += 1;
            black_box(frame.body.into_payload());
        });
    }
    assert_eq!(frames, FRAMES);
}

fn decode_whole_frames(bytes: &[u8]) {
    decode(bytes, bytes.len());
}

fn decode_split_frames(bytes: &[u8]) {
    decode(bytes, 30);
}

/// Gathers frames and gives them to a writer whenever they are worth it.
fn gather_messages(outbox: &mut Outbox) {
    let mut sent = 0;
    for i in 0..FRAMES {
        let mut frame = [0; 20];
        frame[..16].copy_from_slice(&header(i).to_bytes());
        outbox.append(black_box(&frame), &[], 0, false);
        if outbox.is_ripe() {
            sent += flush(outbox);
        }
    }
    sent += flush(outbox);
    assert_eq!(sent, FRAMES as usize * 20);
}

fn flush(outbox: &mut Outbox) -> usize {
    let mut sent = 0;
    let mut next = outbox.begin_flush();
    while let Some(mut chunk) = next {
        let n = chunk.bytes.len() - chunk.at;
        chunk.at += n;
        sent += n;
        next = outbox.wrote(chunk, n);
    }
    sent
}

/// A lone call's way through the outbox: sent from the caller's memory.
fn send_in_place(outbox: &mut Outbox) {
    for _ in 0..FRAMES {
        assert!(black_box(&mut *outbox).begin_direct(1));
        assert!(outbox.wrote_direct(Vec::new(), false).is_none());
        outbox.answered();
    }
}

fn lone_events(lane: &mut Lane<u64>) {
    let mut batch = VecDeque::new();
    for i in 0..FRAMES {
        lane.push(u64::from(i));
        assert!(black_box(&mut *lane).claim());
        black_box(lane.begin(WINDOW as usize, &mut batch));
        lane.give_back(&mut batch);
        assert!(!lane.claim());
    }
}

fn batched_events(lane: &mut Lane<u64>) {
    let mut batch = VecDeque::new();
    for _ in 0..4 {
        for i in 0..WINDOW {
            lane.push(u64::from(i));
        }
        assert!(black_box(&mut *lane).claim());
        black_box(lane.begin(WINDOW as usize, &mut batch));
        while let Some(event) = batch.pop_front() {
            black_box(event);
        }
        lane.give_back(&mut batch);
        assert!(!lane.claim());
    }
}

fn lone_calls(calls: &mut Calls<u64>) {
    for i in 0..FRAMES {
        let sequence = black_box(&mut *calls).insert(u64::from(i));
        assert!(calls.remove(sequence).is_some());
    }
}

/// A full window: the oldest call settles, the next one starts.
fn window_of_calls(calls: &mut Calls<u64>) {
    for _ in 0..WINDOW {
        calls.insert(0);
    }
    for _ in 0..FRAMES {
        let newest = black_box(&mut *calls).insert(1);
        assert!(calls.remove(newest.wrapping_sub(WINDOW)).is_some());
    }
    black_box(calls.drain());
}

#[no_mangle]
#[inline(never)]
fn counted(path: &mut dyn FnMut()) {
    path();
}

fn main() {
    let bytes = stream();
    let mut outbox = Outbox::default();
    let mut lane = Lane::default();
    let mut lone = Calls::default();
    let mut window = Calls::default();
    let paths: [(&str, &mut dyn FnMut()); 8] = [
        ("decode_whole_frames", &mut || decode_whole_frames(&bytes)),
        ("decode_split_frames", &mut || decode_split_frames(&bytes)),
        ("gather_messages", &mut || gather_messages(&mut outbox)),
        ("send_in_place", &mut || {
            send_in_place(&mut Outbox::default())
        }),
        ("lone_events", &mut || lone_events(&mut lane)),
        ("batched_events", &mut || {
            batched_events(&mut Lane::default())
        }),
        ("lone_calls", &mut || lone_calls(&mut lone)),
        ("window_of_calls", &mut || window_of_calls(&mut window)),
    ];
    let wanted = std::env::args().nth(1);
    for (name, path) in paths {
        match &wanted {
            None => println!("{name}"),
            Some(wanted) if wanted == name => {
                path(); // fills the allocator and binds symbols
                counted(path);
                return;
            }
            Some(_) => {}
        }
    }
    if wanted.is_some() {
        std::process::exit(1);
    }
}
