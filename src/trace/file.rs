//! MINIRPC_TRACE: a line for each step.

use crate::proto::step::{Step, What};
use crate::sys::file::Appended;
use crate::sys::{env, fork};
use std::fmt::Write;
use std::sync::atomic::{AtomicPtr, Ordering};

const COLUMNS: &str = "# time\tconnection\tkind\tcmd\tsequence\tstatus\tbytes\ttook_us\ttext\n";

pub struct Sink {
    file: Appended,
}

/// What the environment said when this process, by its number of forks, made its first set.
struct Found {
    generation: u32,
    sink: Option<Sink>,
}

/// Never freed: other threads may be at the old one when a new process finds its own.
static FOUND: AtomicPtr<Found> = AtomicPtr::new(std::ptr::null_mut());

/// The process's file, which its first set opens.
pub fn sink() -> Option<&'static Sink> {
    let generation = fork::generation();
    let before = FOUND.load(Ordering::Acquire);
    // SAFETY: NULL, or one that is never freed.
    if let Some(found) = unsafe { before.as_ref() }.filter(|f| f.generation == generation) {
        return found.sink.as_ref();
    }
    let sink = open();
    let ours = Box::into_raw(Box::new(Found { generation, sink }));
    let order = (Ordering::AcqRel, Ordering::Acquire);
    match FOUND.compare_exchange(before, ours, order.0, order.1) {
        Ok(_) => {
            // SAFETY: never freed from here on.
            let sink = unsafe { &*ours }.sink.as_ref()?;
            sink.file.append(COLUMNS.as_bytes());
            Some(sink)
        }
        Err(theirs) => {
            // SAFETY: ours has been seen by nobody else; theirs is never freed.
            unsafe {
                drop(Box::from_raw(ours));
                (*theirs).sink.as_ref()
            }
        }
    }
}

fn open() -> Option<Sink> {
    let wanted = env::secure_var("MINIRPC_TRACE").filter(|path| !path.is_empty())?;
    let pid = std::process::id().to_string();
    let path = expanded(&wanted, pid.as_bytes());
    let opened = if path == b"stderr" {
        Appended::to_stderr()
    } else {
        Appended::open(&path)
    };
    match opened {
        Ok(file) => Some(Sink { file }),
        Err(e) => {
            // Whoever set it looks for a file, and has to know why there is none.
            let path = path.escape_ascii();
            eprintln!("minirpc: MINIRPC_TRACE={path}: {}", e.describe());
            None
        }
    }
}

/// `%p` is the pid, and `%%` a `%`.
fn expanded(path: &[u8], pid: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = path;
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'%', [b'p', after @ ..]) => {
                out.extend_from_slice(pid);
                after
            }
            (b'%', [b'%', after @ ..]) => {
                out.push(b'%');
                after
            }
            _ => {
                out.push(*first);
                after
            }
        };
    }
    out
}

fn name(what: What) -> &'static str {
    match what {
        What::Up => "up",
        What::Down => "down",
        What::RequestOut => "request_out",
        What::ReplyIn => "reply_in",
        What::RequestIn => "request_in",
        What::Dispatched => "dispatched",
        What::Answered => "answered",
        What::MessageOut => "message_out",
        What::MessageIn => "message_in",
        What::Refused => "refused",
        What::Error => "error",
    }
}

fn put_line(lines: &mut String, step: &Step) {
    let (time, connection) = (step.time, step.connection);
    let (seconds, micros) = (time / 1_000_000_000, time / 1_000 % 1_000_000);
    let kind = name(step.what);
    let (cmd, sequence, status, bytes) = (step.cmd, step.sequence, step.status, step.bytes);
    let (took, nanos) = (step.took / 1_000, step.took % 1_000);
    // Writing to a string does not fail.
    let _ = write!(
        lines,
        "{seconds}.{micros:06}\t{connection}\t{kind}\t{cmd}\t{sequence}\t{status}\t{bytes}\t\
         {took}.{nanos:03}\t"
    );
    let text = step.text.as_deref().unwrap_or_default();
    lines.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c }));
    lines.push('\n');
}

impl Sink {
    /// All lines at once, so that those of other threads and processes do not come between.
    pub fn write(&self, steps: &[Step]) {
        let mut lines = String::with_capacity(steps.len() * 80);
        for step in steps {
            put_line(&mut lines, step);
        }
        self.file.append(lines.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_goes_where_it_is_wanted() {
        let expand = |path: &str| String::from_utf8(expanded(path.as_bytes(), b"42")).unwrap();
        assert_eq!(expand("/tmp/a.%p"), "/tmp/a.42");
        assert_eq!(expand("%p%p%"), "4242%");
        assert_eq!(expand("100%%p %d"), "100%p %d");
    }

    #[test]
    fn a_line_has_all_columns_whatever_the_text_is() {
        let mut line = String::new();
        let step = Step {
            cmd: 3,
            sequence: u32::MAX,
            status: -6,
            bytes: 20,
            took: 1_234_567,
            text: Some("a\tb\nc".into()),
            ..Step::new(What::Error, 12_000_034_567, 7)
        };
        put_line(&mut line, &step);
        assert_eq!(
            line,
            "12.000034\t7\terror\t3\t4294967295\t-6\t20\t1234.567\ta b c\n"
        );
        assert_eq!(line.matches('\t').count(), COLUMNS.matches('\t').count());
    }
}
