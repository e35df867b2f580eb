//! What changes for the application's own files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::Finding;
use crate::diag::Severity;
use crate::{lexer, rpc_h};

/// What <rpc/xdr.h> has and <minirpc/xdr_library.h> has not.
const XDR_H: &str = "\
    IXDR_GET_BOOL IXDR_GET_ENUM IXDR_GET_INT32 IXDR_GET_LONG IXDR_GET_SHORT IXDR_GET_U_INT32 \
    IXDR_GET_U_LONG IXDR_GET_U_SHORT IXDR_PUT_BOOL IXDR_PUT_ENUM IXDR_PUT_INT32 IXDR_PUT_LONG \
    IXDR_PUT_SHORT IXDR_PUT_U_INT32 IXDR_PUT_U_LONG IXDR_PUT_U_SHORT NULL_xdrproc_t RNDUP \
    XDR_CONTROL XDR_GETINT32 XDR_PUTINT32 xdr_array xdr_bytes xdr_control xdr_discrim \
    xdr_getbytes xdr_getint32 xdr_getlong xdr_inline xdr_longlong_t xdr_netobj xdr_pointer \
    xdr_putbytes xdr_putint32 xdr_putlong xdr_quadruple xdr_reference xdr_rpcport xdr_rpcproc \
    xdr_rpcprog xdr_rpcprot xdr_rpcvers xdr_sizeof xdr_u_hyper xdr_u_longlong_t xdr_union \
    xdr_vector xdr_wrapstring xdrrec_create xdrrec_endofrecord xdrrec_eof xdrrec_readbytes \
    xdrrec_skiprecord xdrstdio_create";

/// Names of the C library's that `rpc_h` knows since <rpc/rpc.h> brings them.
const OF_C: [&str; 3] = ["SUN_LEN", "pollfd", "sockaddr_un"];

#[derive(Default)]
pub struct Application {
    pub new_names: BTreeMap<String, String>,
}

impl Application {
    pub fn findings(&self, path: &Path) -> Result<BTreeSet<Finding>, String> {
        let text = read(path)?;
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        let is_c = matches!(
            &*extension,
            "c" | "h" | "cc" | "cpp" | "cxx" | "C" | "hh" | "hpp" | "hxx" | "H"
        );
        let found = if is_c {
            self.code(&text)
        } else {
            build_file(&text)
        };
        Ok(placed(path, found))
    }

    /// The C in an interface: the lines that are copied to its stubs.
    pub fn copied_lines(&self, path: &Path) -> Result<BTreeSet<Finding>, String> {
        let text = read(path)?;
        let copied = text
            .lines()
            .map(|line| line.strip_prefix('%').unwrap_or_default());
        let code = copied.collect::<Vec<_>>().join("\n");
        Ok(placed(path, self.code(&code)))
    }

    /// Each name is told of where it comes first.
    fn code(&self, text: &str) -> Vec<(u32, Severity, String)> {
        let words = lexer::c_words(text);
        let mut found = Vec::new();
        let mut told = BTreeSet::new();
        let mut needs_libtirpc = false;
        for (at, (line, word)) in words.iter().enumerate() {
            let what = self.new_names.get(*word);
            if let Some(what) = what.filter(|_| is_declared(&words[..at]) && told.insert(*word)) {
                let text =
                    format!("the new stubs declare `{word}`, {what}: give this one another name");
                found.push((*line, Severity::Error, text));
            }
            if is_libtirpcs(word) {
                needs_libtirpc = true;
                if told.insert(word) {
                    let text = format!(
                        "`{word}` is libtirpc's, not the stubs': go on building with `pkg-config \
                         --cflags --libs libtirpc`"
                    );
                    found.push((*line, Severity::Note, text));
                }
            }
        }
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(header) = rpc_header(line).filter(|_| !needs_libtirpc) {
                let text = format!(
                    "<{header}> is libtirpc's, and nothing of it is used here that the stubs' \
                     headers lack; leave this line out to build without libtirpc"
                );
                found.push((number, Severity::Note, text));
            }
        }
        found.extend(listens(&words));
        found
    }
}

fn read(path: &Path) -> Result<String, String> {
    let text = fs::read(path).map_err(|error| {
        format!(
            "minirpcgen: error: cannot read {}: {error}\n",
            path.display()
        )
    })?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn placed(path: &Path, found: Vec<(u32, Severity, String)>) -> BTreeSet<Finding> {
    let file = path.display().to_string();
    let finding = |(line, severity, text)| Finding {
        file: file.clone(),
        line,
        severity,
        text,
    };
    found.into_iter().map(finding).collect()
}

/// Whether the name behind these words is given to something, and not used.
fn is_declared(before: &[(u32, &str)]) -> bool {
    let mut before = before.iter().rev().map(|(_, word)| *word);
    let last = before.find(|word| *word != "*").unwrap_or_default();
    let is_word = last.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    is_word && !matches!(last, "case" | "do" | "else" | "goto" | "return" | "sizeof")
}

fn is_libtirpcs(word: &str) -> bool {
    let in_list = XDR_H.split(' ').any(|name| name == word);
    in_list || (rpc_h::is_taken(word) && rpc_h::constant(word).is_none() && !OF_C.contains(&word))
}

/// What an #include line takes of <rpc/...>.
fn rpc_header(line: &str) -> Option<&str> {
    let directive = line.trim_start().strip_prefix('#')?.trim_start();
    let name = directive.strip_prefix("include")?.trim_start();
    let name = name.strip_prefix(['<', '"'])?;
    let name = &name[..name.find(['>', '"'])?];
    let is_rpc = name.starts_with("rpc/") || name.starts_with("tirpc/");
    is_rpc.then_some(name)
}

/// Calls of mrpc_listen with AF_UNSPEC.
fn listens(words: &[(u32, &str)]) -> Vec<(u32, Severity, String)> {
    let mut found = Vec::new();
    for (at, (line, word)) in words.iter().enumerate() {
        if *word != "mrpc_listen" {
            continue;
        }
        let statement = words[at..].iter().map(|(_, word)| *word);
        let mut statement = statement.take_while(|word| *word != ";");
        if statement.any(|word| word == "AF_UNSPEC" || word == "PF_UNSPEC") {
            let text =
                "with AF_UNSPEC and no address the new library listens for IPv6, too, where \
                        the old one served IPv4 only; give AF_INET for that, and leave out another \
                        mrpc_listen for IPv6 on the port";
            found.push((*line, Severity::Warning, text.to_owned()));
        }
    }
    found
}

/// Makefiles and the like.
fn build_file(text: &str) -> Vec<(u32, Severity, String)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let words: Vec<&str> = line.split(|c| !is_word(c)).collect();
        let note = |text: &str| (number, Severity::Note, text.to_owned());
        if words
            .iter()
            .any(|word| matches!(*word, "ltirpc" | "tirpc" | "libtirpc"))
        {
            found.push(note(
                "the new stubs need no libtirpc; leave it out, unless the program uses it itself",
            ));
        }
        if words.contains(&"rpcgen") {
            found.push(note(
                "the new generator does not run rpcgen; leave it out, unless .x files need it",
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(found: &[(u32, Severity, String)]) -> Vec<u32> {
        found.iter().map(|(line, ..)| *line).collect()
    }

    #[test]
    fn libtirpcs_names_are_known_in_code_only() {
        let application = Application::default();
        let text = "#include <rpc/rpc.h>\n/* clnt_create */ // xdr_array\nchar *s = \"svc_run\";\n\
                    int x = AUTH_SYS; struct pollfd p; /*\n svc_run */\n";
        let found = application.code(text);
        assert_eq!(lines(&found), [1], "{found:?}");
        let text = format!("{text}x = xdr_bytes(a);\ny = xdr_bytes(b); svc_run();\n");
        let found = application.code(&text);
        assert_eq!(lines(&found), [6, 7], "{found:?}");
        assert!(found
            .iter()
            .all(|(_, severity, _)| *severity == Severity::Note));
    }

    #[test]
    fn new_names_may_be_used() {
        let what = "a stub of `now`".to_owned();
        let application = Application {
            new_names: BTreeMap::from([("now_with".to_owned(), what)]),
        };
        for text in [
            "int now_with;",
            "static char *\nnow_with(int x)\n{\n",
            "#define now_with 1",
            "extern struct a now_with[];",
        ] {
            let found = application.code(text);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(found[0].1, Severity::Error, "{text}");
        }
        for text in [
            "return now_with(c);",
            "x = now_with(c);",
            "if (now_with(c) != 0) {",
            "else\n now_with(c);",
            "f(now_with);",
            "/* int */ now_with; int snow_with;",
        ] {
            assert_eq!(application.code(text), [], "{text}");
        }
    }

    /// Each name of <rpc/xdr.h> is there without libtirpc, or is known not to be.
    #[test]
    fn the_names_of_xdr_h_are_known() {
        let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../include/minirpc");
        let ours = ["xdr.h", "xdr_library.h"]
            .map(|name| fs::read_to_string(include.join(name)).expect("a header"));
        let ours: BTreeSet<&str> = ours
            .iter()
            .flat_map(|text| lexer::c_words(text))
            .map(|(_, word)| word)
            .collect();
        for name in XDR_H.split(' ') {
            assert!(!ours.contains(name), "{name}");
        }
        let Ok(theirs) = fs::read_to_string("/usr/include/tirpc/rpc/xdr.h") else {
            eprintln!("NOTE: libtirpc's headers are not installed: its names are not compared");
            return;
        };
        let kinds = ["xdr_", "XDR_", "IXDR_", "xdrmem_", "xdrrec_", "xdrstdio_"];
        for (_, word) in lexer::c_words(&theirs) {
            if kinds.iter().any(|kind| word.starts_with(kind)) {
                assert!(ours.contains(word) || is_libtirpcs(word), "{word}");
            }
        }
    }

    #[test]
    fn headers_of_libtirpc() {
        for line in [
            "#include <rpc/rpc.h>",
            "  #  include \"tirpc/rpc/xdr.h\" // x",
        ] {
            assert!(rpc_header(line).is_some(), "{line}");
        }
        for line in [
            "#include <rpcsvc/nis.h>",
            "#include <rpc",
            "include <rpc/rpc.h>",
            "",
        ] {
            assert_eq!(rpc_header(line), None, "{line}");
        }
    }

    #[test]
    fn listening_for_any_family() {
        let application = Application::default();
        let found = application.code(
            "r = mrpc_listen(set,\n AF_UNSPEC, NULL, &port);\nmrpc_listen(set, AF_INET, a, p);\n\
             getaddrinfo(AF_UNSPEC);\n",
        );
        assert_eq!(lines(&found), [1]);
        assert_eq!(found[0].1, Severity::Warning);
    }

    #[test]
    fn build_files() {
        let found = build_file(
            "LIBS = -lminirpc -ltirpc\nCFLAGS += -I/usr/include/tirpc\nrpcgen -C x.x\n\
             minirpcgen x.mx\nlibtirpcs\n",
        );
        assert_eq!(lines(&found), [1, 2, 3]);
    }
}
