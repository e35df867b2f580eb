//! Writing files all or nothing: each is written aside, and when all are
//! complete they are renamed to their places.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process;

/// Removes the files written aside unless they got their places.
struct Aside(Vec<(PathBuf, PathBuf)>);

impl Drop for Aside {
    fn drop(&mut self) {
        for (aside, _) in &self.0 {
            // Nothing is left to do about a file that cannot be removed.
            let _ = fs::remove_file(aside);
        }
    }
}

pub fn write_all(files: &[(PathBuf, String)]) -> Result<(), String> {
    let mut aside = Aside(Vec::new());
    for (path, contents) in files {
        let failed = |error: io::Error| {
            format!(
                "minirpcgen: error: cannot write {}: {error}\n",
                path.display()
            )
        };
        if path.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let (temporary, mut file) = create_beside(path).map_err(failed)?;
        aside.0.push((temporary, path.clone()));
        file.write_all(contents.as_bytes()).map_err(failed)?;
    }
    while let Some((temporary, path)) = aside.0.pop() {
        if let Err(error) = fs::rename(&temporary, &path) {
            aside.0.push((temporary, path.clone()));
            return Err(format!(
                "minirpcgen: error: cannot write {}: {error}\n",
                path.display()
            ));
        }
    }
    Ok(())
}

fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut attempt = 0u32;
    loop {
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}-{attempt}", process::id()));
        let temporary = path.with_file_name(temporary);
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)
        {
            Ok(file) => return Ok((temporary, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}
