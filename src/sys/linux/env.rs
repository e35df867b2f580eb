//! Settings for tests, from the environment.

pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
