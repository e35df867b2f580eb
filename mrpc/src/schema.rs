//! The interface, from minirpcgen's front end.

use std::ffi::OsString;
use std::path::Path;

pub use minirpcgen::schema::{Definition, Int, Interface, Kind, Member, Procedure, Type};

use crate::failure::{Exit, Failure};

pub fn load(path: &Path, defines: &[OsString]) -> Result<Interface, Failure> {
    let loaded = minirpcgen::load_quickly(path, defines, "interface")
        .map_err(|report| Failure::new(Exit::Usage, report.trim_end()))?;
    eprint!("{}", loaded.warnings);
    Ok(Interface::of(&loaded.model))
}
