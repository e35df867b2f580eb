//! The run's settings.

use std::cell::RefCell;
use std::collections::BTreeMap;

std::thread_local! {
    static VARS: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
}

pub fn var(name: &str) -> Option<String> {
    VARS.with(|vars| vars.borrow().get(name).cloned())
}

pub fn set(name: &str, value: &str) {
    VARS.with(|vars| vars.borrow_mut().insert(name.into(), value.into()));
}

pub fn secure_var(name: &str) -> Option<Vec<u8>> {
    var(name).map(String::into_bytes)
}
