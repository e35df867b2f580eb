//! What the grammar cannot say: names, numbers, sizes, types.

mod idioms;
mod interface;
mod sizes;
mod types;
mod warnings;

use crate::diag::{self, Diagnostic};
use crate::model::{Model, Units};

pub use warnings::{left_out, libtirpc, names};

/// Checks the three passes and makes the emitters' model of them.
pub fn check(mut units: Units, base: &str) -> Result<Model, Vec<Diagnostic>> {
    idioms::leave_out(&mut units);
    let model = Model::new(units, base);
    let mut errors = Vec::new();
    // In the order of a reader's interest: the stubs' pass sees the most.
    for file in model.units.all().into_iter().rev() {
        let mut found = types::check(&model, file);
        // A type that a foreign header declares is known to C, not here.
        found.sort_by_key(|error| (error.span.file.clone(), error.span.line, error.span.start));
        diag::merge(&mut errors, found);
    }
    diag::merge(&mut errors, sizes::check(&model));
    diag::merge(&mut errors, interface::check(&model));
    if errors.is_empty() {
        Ok(model)
    } else {
        Err(errors)
    }
}
