//! As `sys::linux::thread`.

use super::env;
use crate::error::Result;
use crate::sync::sim::wait;
use std::ffi::CStr;
use std::sync::Arc;

pub trait Thread {
    const NAME: &'static CStr;
    type Owner: Send + Sync;
    fn run(owner: Arc<Self::Owner>);
}

pub fn spawn_detached<T: Thread>(owner: Arc<T::Owner>) -> Result<()>
where
    T::Owner: 'static,
{
    let name = T::NAME.to_str().unwrap_or_default();
    wait::spawn(name, move || T::run(owner));
    Ok(())
}

pub fn be_considerate() {}

pub fn yield_now() {
    shuttle::thread::yield_now();
}

/// With more than one, the library spins.
pub fn online_cpus() -> usize {
    env::var("CPUS").and_then(|n| n.parse().ok()).unwrap_or(1)
}

pub fn cpus() -> usize {
    online_cpus()
}

pub fn current_cpu() -> i32 {
    0
}
