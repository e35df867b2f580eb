//! mrpc's codec, which reads the interface when it runs, beside generated C code: the same
//! payloads are refused, and the others, through JSON and back, become the same bytes.

#![no_main]
// A copy of mrpc's modules, without the crates that its commands need.
#![allow(dead_code, unused_imports)]

#[path = "../../mrpc/src/failure.rs"]
mod failure;
#[path = "../../mrpc/src/from_json.rs"]
mod from_json;
#[path = "../../mrpc/src/hex.rs"]
mod hex;
#[path = "../../mrpc/src/schema.rs"]
mod schema;
#[path = "../../mrpc/src/to_json.rs"]
mod to_json;

use libfuzzer_sys::fuzz_target;
use minirpc_fuzz::values;
use schema::{Interface, Type};
use std::path::Path;
use std::sync::OnceLock;

/// The interface, and where in it each of the types is that there is generated code for.
fn interface() -> &'static (Interface, Vec<usize>) {
    static LOADED: OnceLock<(Interface, Vec<usize>)> = OnceLock::new();
    LOADED.get_or_init(|| {
        let golden = "../minirpcgen/tests/golden/language.mx";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(golden);
        let interface = schema::load(&path, &[]).expect("the golden file");
        let find = |ty| {
            interface
                .find(&values::name(ty))
                .expect("a type of the file")
        };
        let places = (0..values::types()).map(find).collect();
        (interface, places)
    })
}

fuzz_target!(|data: &[u8]| {
    let Some((ty, payload)) = data.split_first() else {
        return;
    };
    let ty = u32::from(*ty) % values::types();
    let (interface, places) = interface();
    let c = values::again(ty, payload);
    let named = Type::Named(places[ty as usize]);
    let json = match (to_json::decode(interface, &named, payload), &c) {
        (Err(_), None) => return,
        (Ok(json), Some(_)) => json,
        (ours, _) => panic!("{}: {ours:?}, and in C: {c:?}", values::name(ty)),
    };
    let value = serde_json::from_str(&json).expect("JSON");
    let bytes = from_json::encode(interface, &named, &value).expect("what was decoded");
    if json.contains("\"NaN\"") {
        // Of NaNs there is one in JSON.
        assert_eq!(bytes.len(), payload.len());
    } else {
        assert_eq!(Some(bytes), c, "{json}");
    }
});
