//! What a program or library says about itself to the loader.

use std::path::Path;

use object::elf::{DT_NEEDED, DT_RPATH, DT_RUNPATH};
use object::read::elf::{Dyn as _, ElfFile, ElfFile32, ElfFile64, FileHeader};
use object::{
    Architecture, Endianness, FileKind, Object as _, ObjectSection as _, ObjectSymbol as _,
};

pub struct Elf {
    pub architecture: Architecture,
    pub needed: Vec<String>,
    pub rpath: Option<String>,
    pub runpath: Option<String>,
    /// Functions and objects that others have to bring.
    pub imports: Vec<String>,
    /// All symbols that it defines, as far as they have not been stripped off.
    pub defined: Vec<String>,
    /// Whether a Rust compiler made a part of it.
    pub rust: bool,
}

impl Elf {
    /// Err says what it is not.
    pub fn read(path: &Path) -> Result<Elf, String> {
        let data = std::fs::read(path).map_err(|error| crate::address::describe(&error))?;
        let none = |_| "no program or library for Linux (ELF), or damaged".to_owned();
        match FileKind::parse(&*data).map_err(none)? {
            FileKind::Elf32 => Elf::of(&ElfFile32::<Endianness>::parse(&*data).map_err(none)?),
            FileKind::Elf64 => Elf::of(&ElfFile64::<Endianness>::parse(&*data).map_err(none)?),
            _ => return Err("no program or library for Linux (ELF)".to_owned()),
        }
        .map_err(none)
    }

    fn of<'a, H: FileHeader>(file: &ElfFile<'a, H, &'a [u8]>) -> object::Result<Elf> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let imports = file.imports()?;
        let symbols = file.symbols().chain(file.dynamic_symbols());
        let defined = symbols.filter(|symbol| symbol.is_definition());
        let comment = file.section_by_name(".comment");
        let comment = comment.and_then(|section| section.data().ok());
        let mut elf = Elf {
            architecture: file.architecture(),
            needed: Vec::new(),
            rpath: None,
            runpath: None,
            imports: imports.iter().map(|import| text(import.name())).collect(),
            defined: defined
                .filter_map(|s| s.name_bytes().ok())
                .map(text)
                .collect(),
            rust: comment.is_some_and(|comment| comment.windows(5).any(|w| w == b"rustc")),
        };
        let (endian, sections, data) = (file.endian(), file.elf_section_table(), file.data());
        let Some((entries, link)) = sections.dynamic(endian, data)? else {
            return Ok(elf);
        };
        let strings = sections.strings(endian, data, link)?;
        for entry in entries {
            let Some(tag) = entry.tag32(endian) else {
                continue;
            };
            let value = || entry.string(endian, strings).map(text);
            match tag {
                DT_NEEDED => elf.needed.push(value()?),
                DT_RPATH => elf.rpath = Some(value()?),
                DT_RUNPATH => elf.runpath = Some(value()?),
                _ => {}
            }
        }
        Ok(elf)
    }

    pub fn needs(&self, library: &str) -> bool {
        self.needed.iter().any(|name| name.starts_with(library))
    }
}
