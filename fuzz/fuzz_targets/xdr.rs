//! Generated C code for every form of the language, on any payload: see c/values.c for what is
//! looked at. What was accepted is the same when it has been encoded and decoded again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use minirpc_fuzz::values;

fuzz_target!(|data: &[u8]| {
    let Some((ty, payload)) = data.split_first() else {
        return;
    };
    let ty = u32::from(*ty) % values::types();
    if let Some(again) = values::again(ty, payload) {
        assert_eq!(again.len(), payload.len());
        assert_eq!(values::again(ty, &again).as_ref(), Some(&again));
    }
});
