//! Which page says what.

use std::collections::{HashMap, HashSet};

use crate::comment;
use crate::header::{Declaration, Entry, Header, Kind};

/// What has one page together: the page's name, then the others. All else has its own.
const TOGETHER: &[&[&str]] = &[
    &[
        "mrpc_call_options",
        "MRPC_CALL_OPTIONS_INIT",
        "MRPC_TIMEOUT_INHERIT",
        "mrpc_call_t",
    ],
    &["mrpc_conn_get_peer_address", "mrpc_conn_get_local_address"],
    &["mrpc_conn_ref", "mrpc_conn_unref"],
    &["mrpc_conn_set_ref", "mrpc_conn_set_unref"],
    &["mrpc_dispatcher_add", "mrpc_dispatcher_remove"],
    &["mrpc_get_stats", "mrpc_conn_get_stats"],
    &["mrpc_protocol", "SET_PTR_IF_NOT_NULL"],
    &["mrpc_send_reply", "mrpc_send_reply_error"],
    &["mrpc_send_request", "mrpc_send_request_with"],
    &[
        "mrpc_send_request_async",
        "mrpc_send_request_async_with",
        "reply_callback_fn",
        "long_reply_callback_fn",
    ],
    &["mrpc_set_call_timeout", "mrpc_set_conn_call_timeout"],
    &["mrpc_status_codes", "mrpc_status_t"],
    &["mrpc_stop_events", "mrpc_start_events"],
    &["mrpc_tls_ref", "mrpc_tls_unref"],
    &["mrpc_tls_set_identity", "mrpc_tls_set_identity_pem"],
    &["mrpc_tls_trust", "mrpc_tls_trust_pem"],
    &[
        "mrpc_version_code",
        "MRPC_VERSION_CODE",
        "MRPC_MAKE_VERSION_CODE",
        "MRPC_VERSION_MAJOR",
    ],
];

pub struct Page<'a> {
    pub name: &'a str,
    pub header: &'a Header,
    pub entries: Vec<&'a Entry>,
}

impl<'a> Page<'a> {
    pub fn declarations(&self) -> impl Iterator<Item = &'a Declaration> + use<'a, '_> {
        self.entries.iter().flat_map(|entry| &entry.declarations)
    }

    /// Names by which the page is found, beside its own.
    pub fn aliases(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = self.entries.iter().flat_map(|entry| ours(entry)).collect();
        names.retain(|name| *name != self.name);
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What an index says of it.
    pub fn brief(&self) -> String {
        self.entries
            .iter()
            .find_map(|entry| comment::brief(&entry.blocks))
            .unwrap_or_default()
    }

    pub fn is_function(&self) -> bool {
        self.entries[0].declarations[0].kind == Kind::Function
    }

    /// The header to include: the types come with the functions.
    pub fn include(&self) -> &'a str {
        match self.header.name.as_str() {
            "minirpc/types.h" => "minirpc/minirpc.h",
            name => name,
        }
    }
}

/// Which of an entry's names can be asked for.
pub fn ours(entry: &Entry) -> Vec<&str> {
    let names = entry
        .declarations
        .iter()
        .map(|declaration| declaration.name.as_str());
    names.filter(|name| is_ours(name)).collect()
}

fn is_ours(name: &str) -> bool {
    name.starts_with("mrpc_") || name.starts_with("MRPC_")
}

/// The pages of all headers, in their order.
pub fn pages(headers: &[Header]) -> Result<Vec<Page<'_>>, String> {
    let defined: HashSet<&str> = headers
        .iter()
        .flat_map(|header| &header.entries)
        .flat_map(|entry| &entry.declarations)
        .filter(|declaration| declaration.text.contains('{'))
        .map(|declaration| declaration.name.as_str())
        .collect();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut pages: Vec<Page> = Vec::new();
    for header in headers {
        for entry in &header.entries {
            let first = &entry.declarations[0];
            let own = first.name.as_str();
            // Named here, defined in another header.
            if first.kind == Kind::Type && !first.text.contains('{') && defined.contains(own) {
                continue;
            }
            let name = TOGETHER
                .iter()
                .find(|names| names.contains(&own))
                .map_or(own, |names| names[0]);
            if !is_ours(name) {
                return Err(format!("{}: {own} is on no page", header.name));
            }
            let place = *places.entry(name).or_insert(pages.len());
            if place == pages.len() {
                let entries = Vec::new();
                pages.push(Page {
                    name,
                    header,
                    entries,
                });
            }
            // What the page is called by comes first, and says where it is declared.
            if own == name && pages[place].entries.is_empty() {
                pages[place].header = header;
            }
            pages[place].entries.push(entry);
        }
    }
    for page in &mut pages {
        let rank = |entry: &&Entry| usize::from(entry.declarations[0].name != page.name);
        page.entries.sort_by_key(rank);
        if page.brief().is_empty() {
            return Err(format!(
                "{}: nothing says what {} is",
                page.header.name, page.name
            ));
        }
    }
    Ok(pages)
}

/// Which page tells of a name.
pub type Index<'a> = HashMap<&'a str, &'a str>;

pub fn index<'a>(pages: &[Page<'a>]) -> Index<'a> {
    let mut index = HashMap::new();
    for page in pages {
        for declaration in page.declarations() {
            index.insert(declaration.name.as_str(), page.name);
        }
    }
    index
}

/// Splits a text into names of the index, with the () behind them, and what is between.
pub fn split<'t>(text: &'t str, index: &Index) -> Vec<Piece<'t>> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < text.len() {
        let len = text[at..].find(|c| !is_word(c)).unwrap_or(text.len() - at);
        if len == 0 {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
            continue;
        }
        let word = &text[at..at + len];
        if index.contains_key(word) {
            pieces.push(Piece::Text(&text[start..at]));
            pieces.push(Piece::Name(word));
            at += len;
            if text[at..].starts_with("()") {
                at += 2;
            }
            start = at;
        } else {
            at += len;
        }
    }
    pieces.push(Piece::Text(&text[start..]));
    pieces
}

pub enum Piece<'t> {
    Text(&'t str),
    Name(&'t str),
}
