//! The codec beside generated C code, over all forms of the language: the same payloads
//! are refused, and the others, through JSON and back, become the same bytes.

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use common::{root, scratch, Random};
use minirpcgen::cli::Arguments;
use mrpc::schema::{self, Int, Interface, Kind, Member, Type};
use mrpc::{from_json, to_json};

const VALUES: usize = 100_000;

fn compile() -> (Interface, Vec<String>, Command) {
    let directory = scratch("codec");
    let input = root().join("minirpcgen/tests/golden/language.mx");
    minirpcgen::run(&Arguments {
        input: input.clone(),
        output: Some(directory.join("language")),
        c_only: true,
        ..Arguments::default()
    })
    .expect("generate");
    let interface = schema::load(&input, &[]).expect("load");
    let header = fs::read_to_string(directory.join("language_xdr.h")).expect("header");
    let is_there = |name: &&String| header.contains(&format!(" xdr_{name}("));
    let names = interface.definitions.iter().map(|d| d.name.clone());
    let names: Vec<String> = names
        .collect::<Vec<_>>()
        .iter()
        .filter(is_there)
        .cloned()
        .collect();
    assert!(names.len() > 50, "{names:?}");
    let list: String = names.iter().map(|name| format!("TYPE({name})\n")).collect();
    fs::write(directory.join("list.h"), list).expect("list.h");
    let support = root().join("minirpcgen/tests/support");
    let program = directory.join("program");
    let compiled = Command::new(std::env::var("CC").unwrap_or("cc".to_owned()))
        .args(["-std=gnu11", "-O1", "-w", "-DMINIRPC_OWN_XDR"])
        .arg("-I")
        .arg(&directory)
        .arg("-I")
        .arg(&support)
        .arg("-I")
        .arg(root().join("include"))
        .arg(root().join("mrpc/tests/codec/main.c"))
        .arg(directory.join("language_xdr.c"))
        .arg(support.join("streams.c"))
        .arg("-o")
        .arg(&program)
        .status()
        .expect("run the compiler");
    assert!(compiled.success());
    (interface, names, Command::new(program))
}

/// Payloads by type.
struct Payloads<'a> {
    interface: &'a Interface,
    random: Random,
    out: Vec<u8>,
}

impl Payloads<'_> {
    fn word(&mut self, word: u32) {
        self.out.extend(word.to_be_bytes());
    }

    fn any_word(&mut self) -> u32 {
        match self.random.below(6) {
            0 => 0,
            1 => 1,
            2 => u32::MAX,
            3 => self.random.below(300),
            _ => self.random.word(),
        }
    }

    fn bytes(&mut self, len: u32, text: bool) {
        for _ in 0..len {
            let byte = match (text, self.random.below(40)) {
                (true, 1..) => 1 + self.random.below(127),
                _ => self.random.below(256),
            };
            self.out.push(byte as u8);
        }
        self.out.resize(self.out.len().next_multiple_of(4), 0);
    }

    fn count(&mut self, bound: u32, depth: u32) -> u32 {
        let most = if depth > 6 { 1 } else { 5 };
        let count = self.random.below(most).min(bound);
        self.word(count);
        count
    }

    fn value(&mut self, ty: &Type, depth: u32) {
        match ty {
            Type::Int(Int { bits: 64, .. }) | Type::Double => {
                let (high, low) = (self.any_word(), self.any_word());
                self.word(high);
                self.word(low);
            }
            Type::Int(_) | Type::Float => {
                let word = self.any_word();
                self.word(word);
            }
            Type::Bool => {
                let word = self.random.below(3);
                self.word(word);
            }
            Type::Opaque(len) => self.bytes(*len, false),
            Type::Bytes(bound) => {
                let len = self.count(*bound, 0);
                self.bytes(len, false);
            }
            Type::Str(bound) => {
                let len = self.count(*bound, 0);
                self.bytes(len, true);
            }
            Type::Array(element, len) => (0..*len).for_each(|_| self.value(element, depth + 1)),
            Type::List(element, bound) => {
                let count = self.count(*bound, depth);
                (0..count).for_each(|_| self.value(element, depth + 1));
            }
            Type::Optional(pointee) => {
                let present = u32::from(depth < 12 && self.random.below(3) > 0);
                self.word(present);
                if present != 0 {
                    self.value(pointee, depth + 1);
                }
            }
            Type::Named(at) => self.named(*at, depth),
            Type::Foreign(name) => panic!("{name} is not in this file"),
        }
    }

    fn named(&mut self, at: usize, depth: u32) {
        let interface = self.interface;
        match &interface.definitions[at].kind {
            Kind::Enum(values) => {
                let known = self.random.below(values.len() as u32 + 1) as usize;
                let word = values.get(known).map(|(_, value)| *value);
                let word = word.unwrap_or_else(|| self.any_word());
                self.word(word);
            }
            Kind::Struct { members, .. } => self.members(members, depth),
            Kind::Union { arms, default, .. } => {
                let which = self.random.below(arms.len() as u32 + 1) as usize;
                let arm = match arms.get(which) {
                    Some((cases, member)) => {
                        let case = self.random.below(cases.len() as u32) as usize;
                        self.word(cases[case]);
                        member.as_ref()
                    }
                    None => {
                        self.word(0x7fff_fff3);
                        default.as_ref().and_then(Option::as_ref)
                    }
                };
                self.members(arm, depth);
            }
            Kind::Alias(ty) => self.value(ty, depth),
        }
    }

    fn members<'m>(&mut self, members: impl IntoIterator<Item = &'m Member>, depth: u32) {
        for member in members {
            self.value(&member.ty, depth + 1);
        }
    }

    /// A payload that may be damaged.
    fn payload(&mut self, at: usize) -> Vec<u8> {
        self.out.clear();
        match self.random.below(16) {
            0 => {
                let len = self.random.below(64);
                self.bytes(len, false);
            }
            _ => self.named(at, 0),
        }
        let mut payload = std::mem::take(&mut self.out);
        if payload.len() > 60_000 {
            payload.truncate(60_000);
        }
        if self.random.below(3) == 0 && !payload.is_empty() {
            let place = self.random.below(payload.len() as u32) as usize;
            match self.random.below(3) {
                0 => payload.truncate(place),
                1 => payload[place] = self.random.word() as u8,
                _ => payload.extend([0; 4]),
            }
        }
        payload
    }
}

#[test]
fn as_generated_code_does() {
    let (interface, names, mut program) = compile();
    let mut child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("run the program");
    let mut to = child.stdin.take().expect("pipe");
    let mut from = std::io::BufReader::new(child.stdout.take().expect("pipe"));
    let random = Random::new();
    let seed = random.seed;
    let mut payloads = Payloads {
        interface: &interface,
        random,
        out: Vec::new(),
    };
    let (mut accepted, mut refused, mut same) = (0, 0, 0);
    let mut batch = Vec::new();
    for round in 0..VALUES / 100 {
        batch.clear();
        let mut sent = Vec::new();
        for _ in 0..100 {
            let which = payloads.random.below(names.len() as u32);
            let at = interface.find(&names[which as usize]).expect("a type");
            let payload = payloads.payload(at);
            sent.extend(which.to_ne_bytes());
            sent.extend((payload.len() as u32).to_ne_bytes());
            sent.extend(&payload);
            batch.push((at, payload));
        }
        // Answers fit into a pipe less surely than requests: both at once.
        std::thread::scope(|scope| {
            scope.spawn(|| to.write_all(&sent).expect("write"));
            for (at, payload) in &batch {
                let name = &interface.definitions[*at].name;
                let what = || format!("SEED={seed}, round {round}, {name}: {payload:02x?}");
                let mut head = [0; 4];
                from.read_exact(&mut head).expect("the program's answer");
                let len = i32::from_ne_bytes(head);
                let mut expected = vec![0; usize::try_from(len).unwrap_or(0)];
                from.read_exact(&mut expected)
                    .expect("the program's answer");
                let ty = Type::Named(*at);
                match to_json::decode(&interface, &ty, payload) {
                    Err(misfit) => {
                        assert!(len < 0, "refused ({misfit}): {}", what());
                        refused += 1;
                    }
                    Ok(json) => {
                        assert!(len >= 0, "accepted: {}: {json}", what());
                        accepted += 1;
                        let value = serde_json::from_str(&json).expect(&json);
                        let bytes = from_json::encode(&interface, &ty, &value)
                            .unwrap_or_else(|misfit| panic!("{misfit}: {json}: {}", what()));
                        // Of NaNs there is one in JSON.
                        if json.contains("\"NaN\"") {
                            assert_eq!(bytes.len(), expected.len(), "{}", what());
                        } else {
                            assert_eq!(bytes, expected, "{json}: {}", what());
                            same += 1;
                        }
                    }
                }
            }
        });
    }
    drop(to);
    assert!(child.wait().expect("wait").success());
    assert!(accepted > VALUES / 4 && refused > VALUES / 10 && same > accepted / 2);
}

#[test]
fn nesting_ends_where_it_ends_in_c() {
    let nested = mrpc::spawn(nesting).expect("spawn");
    nested.join().expect("the same ends");
}

fn nesting() {
    let (interface, names, mut program) = compile();
    // A tree to the left: each level is one deeper. To the right, it is a loop.
    let tree = |levels: usize, left: bool| {
        let mut payload = Vec::new();
        for level in 0..levels {
            let more = u32::from(level + 1 < levels);
            payload.extend(7u32.to_be_bytes());
            payload.extend(if left { more } else { 0 }.to_be_bytes());
            if !left {
                payload.extend(more.to_be_bytes());
            }
        }
        if left {
            payload.extend(vec![0; 4 * levels]);
        }
        payload
    };
    let at = interface.find("tree").expect("tree");
    let which = names.iter().position(|name| name == "tree").expect("tree") as u32;
    let mut outcomes = Vec::new();
    for (levels, left) in [(512, true), (513, true), (3000, false)] {
        let payload = tree(levels, left);
        let mut input = which.to_ne_bytes().to_vec();
        input.extend((payload.len() as u32).to_ne_bytes());
        input.extend(&payload);
        let mut child = program
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("run the program");
        let mut to = child.stdin.take().expect("pipe");
        to.write_all(&input).expect("write");
        drop(to);
        let output = child.wait_with_output().expect("wait");
        let c = output.stdout[..4] != (-1i32).to_ne_bytes();
        let ours = to_json::decode(&interface, &Type::Named(at), &payload).is_ok();
        assert_eq!(ours, c, "{levels} levels, left: {left}");
        outcomes.push(c);
    }
    assert_eq!(outcomes, [true, false, true]);
}

#[test]
fn misfits_name_their_place() {
    let directory = scratch("misfits");
    let file = directory.join("shapes.mx");
    fs::write(
        &file,
        "struct p { int x; int y; }; struct s { p ps<3>; hyper h; };\n\
         struct n { int v; n *next; }; struct l { n *all; };\n\
         enum e { ONE = 1 }; union u switch (e k) { case ONE: string s<4>; };\n",
    )
    .expect("write");
    let interface = schema::load(&file, &[]).expect("load");
    for (ty, json, message) in [
        (
            "s",
            r#"{"ps":[{"x":1,"y":2},{"x":1,"y":"3"}],"h":0}"#,
            "ps[1].y: expected a number, not a string",
        ),
        ("s", r#"{"ps":[{"x":1}],"h":0}"#, "ps[0].y: missing"),
        (
            "s",
            r#"{"ps":[],"h":0,"i":1}"#,
            "i: there is no such member",
        ),
        (
            "s",
            r#"{"ps":[1,1,1,1],"h":0}"#,
            "ps: 4 elements, 3 at most",
        ),
        (
            "s",
            r#"{"ps":[],"h":1.5}"#,
            "h: 1.5 is no whole number, or it is too large",
        ),
        (
            "s",
            r#"{"ps":[],"h":9223372036854775808}"#,
            "h: 9223372036854775808 is not between -9223372036854775808 and 9223372036854775807",
        ),
        (
            "l",
            r#"{"all":[{"v":1},{"v":null}]}"#,
            "all[1].v: expected a number, not null",
        ),
        (
            "n",
            r#"{"v":1,"next":[{"v":true}]}"#,
            "next[0].v: expected a number, not a boolean",
        ),
        ("e", r#""TWO""#, "`TWO` is not in enum e"),
        ("u", r#"{"k":"ONE"}"#, "s: missing"),
        ("u", r#"{"k":2}"#, "k: no arm has this discriminant"),
        (
            "u",
            r#"{"k":"ONE","s":"a\u0000"}"#,
            "s: a string cannot have a zero byte",
        ),
        ("u", r#"{"k":"ONE","s":"abcde"}"#, "s: 5 bytes, 4 at most"),
    ] {
        let ty = Type::Named(interface.find(ty).expect("a type"));
        let value = serde_json::from_str(json).expect("JSON");
        let misfit = from_json::encode(&interface, &ty, &value).expect_err(json);
        assert_eq!(misfit.to_string(), message);
    }
    let ty = Type::Named(interface.find("s").expect("s"));
    for (json, back) in [
        (
            r#"{"ps":[],"h":9007199254740993}"#,
            r#"{"ps":[],"h":"9007199254740993"}"#,
        ),
        (
            r#"{"ps":[],"h":"-9223372036854775808"}"#,
            r#"{"ps":[],"h":"-9223372036854775808"}"#,
        ),
        (
            r#"{"ps":[],"h":9007199254740992}"#,
            r#"{"ps":[],"h":9007199254740992}"#,
        ),
    ] {
        let value = serde_json::from_str(json).expect("JSON");
        let bytes = from_json::encode(&interface, &ty, &value).expect(json);
        assert_eq!(to_json::decode(&interface, &ty, &bytes).expect(json), back);
    }
}
