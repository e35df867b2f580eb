#!/usr/bin/env bash
# prost 0.14.6 (Rust's protobuf, under tonic's gRPC): -0.0 is sent as 0.0 where it is a field or
# the value of a map, and as -0.0 in a repeated field.
#
# proto3 leaves out a field that has its default, and for floating point that is the zero whose
# bits are all 0: -0.0 is another value, and the other implementations send it (here protobuf's
# for Python, whose two versions agree). prost compares with `!=`, for which the two zeros are
# the same, so the field is left out and its sign with it: 1 / x is no longer -inf but inf, and
# atan2 ends on the other side. A test that compares what was sent with what came back does not
# see it, for the same reason. Elements of a repeated field are not compared with the default.
# (The field, though not the map, is in tokio-rs/prost's issue 1177, open.)
#
# Seen (the message's bytes in hexadecimal, what is read from them):
#   prost, field: , 0.0, equal to what was sent: true
#   prost, value of a map: 0a020801, 0.0, equal to what was sent: true
#   prost, repeated: 0a080000000000000080, -0.0, equal to what was sent: true
#   upb, field: 090000000000000080, -0.0
#   python, field: 090000000000000080, -0.0
#
# Works in a temporary folder; needs cargo, Python 3.10 or later and the network. Exit status 1
# when it behaves otherwise, 2 when it could not be tried.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir src
cat >Cargo.toml <<'END'
[package]
name = "zeros"
version = "0.1.0"
edition = "2021"

[dependencies]
prost = "=0.14.6"
END
cat >src/main.rs <<'END'
use prost::Message;
use std::collections::BTreeMap;

#[derive(Clone, PartialEq, Message)]
struct Field {
    #[prost(double, tag = "1")]
    value: f64,
}

#[derive(Clone, PartialEq, Message)]
struct Map {
    #[prost(btree_map = "int32, double", tag = "1")]
    values: BTreeMap<i32, f64>,
}

#[derive(Clone, PartialEq, Message)]
struct Repeated {
    #[prost(double, repeated, tag = "1")]
    values: Vec<f64>,
}

fn show<M: Message + Default + PartialEq>(name: &str, sent: M, value: fn(&M) -> f64) {
    let bytes = sent.encode_to_vec();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let read = M::decode(&bytes[..]).unwrap();
    println!("prost, {name}: {hex}, {:?}, equal to what was sent: {}", value(&read), read == sent);
}

fn main() {
    show("field", Field { value: -0.0 }, |message| message.value);
    show("value of a map", Map { values: BTreeMap::from([(1, -0.0)]) }, |map| map.values[&1]);
    show("repeated", Repeated { values: vec![-0.0] }, |message| message.values[0]);
}
END
cat >field.py <<'END'
from google.protobuf.internal import api_implementation
from google.protobuf.wrappers_pb2 import DoubleValue

sent = DoubleValue(value=-0.0).SerializeToString()
print(f"{api_implementation.Type()}, field: {sent.hex()}, {DoubleValue.FromString(sent).value}")
END
{
	cargo build --release --quiet
	python3 -m venv python
	python/bin/pip --quiet install protobuf==7.36.2
} >log 2>&1 || { cat log; exit 2; }
{
	target/release/zeros
	for implementation in upb python; do
		PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=$implementation python/bin/python field.py
	done
} >seen
cat seen
diff - seen <<'END'
prost, field: , 0.0, equal to what was sent: true
prost, value of a map: 0a020801, 0.0, equal to what was sent: true
prost, repeated: 0a080000000000000080, -0.0, equal to what was sent: true
upb, field: 090000000000000080, -0.0
python, field: 090000000000000080, -0.0
END
