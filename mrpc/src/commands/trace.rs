//! `mrpc trace`: a MINIRPC_TRACE file as a table, as a picture, or for viewers of trace events.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write};
use std::path::Path;

use serde_json::json;

use super::picture::Picture;
use crate::address::describe;
use crate::failure::Failure;

/// A line of docs/tracing.md.
#[derive(Debug, PartialEq)]
pub(super) struct Step<'a> {
    pub time: f64,
    pub connection: u64,
    pub kind: &'a str,
    pub cmd: i32,
    pub sequence: u32,
    pub status: i32,
    pub bytes: u64,
    pub took_us: f64,
    pub text: &'a str,
}

impl<'a> Step<'a> {
    fn parse(line: &'a str) -> Option<Step<'a>> {
        let mut fields = line.split('\t');
        let mut next = || fields.next();
        let step = Step {
            time: next()?.parse().ok()?,
            connection: next()?.parse().ok()?,
            kind: next()?,
            cmd: next()?.parse().ok()?,
            sequence: next()?.parse().ok()?,
            status: next()?.parse().ok()?,
            bytes: next()?.parse().ok()?,
            took_us: next()?.parse().ok()?,
            text: next()?,
        };
        (step.time.is_finite() && step.took_us.is_finite()).then_some(step)
    }

    /// What its `took_us` measures, if that is a time of its own.
    pub fn measures(&self) -> Option<&'static str> {
        match self.kind {
            "reply_in" => Some("call"),
            "dispatched" => Some("wait"),
            "answered" => Some("handler"),
            _ => None,
        }
    }
}

/// What a file is shown as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Table,
    Events,
    Picture,
}

/// Calls `take` with each step of a file.
pub(super) fn steps(
    path: &Path,
    mut take: impl FnMut(&Step<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let wrong = |reason: String| Failure::usage(format!("{}: {reason}", path.display()));
    let file = File::open(path).map_err(|error| wrong(describe(&error)))?;
    let mut from = BufReader::new(file);
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        let read = from.read_line(&mut line);
        // What a process that was killed had begun to write has no end.
        if read.map_err(|error| wrong(describe(&error)))? == 0 || !line.ends_with('\n') {
            break;
        }
        let text = line.trim_end_matches('\n');
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let step = Step::parse(text).ok_or_else(|| {
            wrong(format!(
                "line {number} is none of a trace (docs/tracing.md)"
            ))
        })?;
        take(&step)?;
    }
    Ok(())
}

pub fn trace(path: &Path, form: Form) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut table = Table::default();
    let mut picture = Picture::default();
    let mut events = 0;
    steps(path, |step| {
        match form {
            Form::Table => table.add(step),
            Form::Picture => picture.add(step),
            Form::Events => {
                let begin = if events == 0 { "[\n" } else { ",\n" };
                write!(out, "{begin}{}", event(step)).map_err(|error| printing(&error))?;
                events += 1;
            }
        }
        Ok(())
    })?;
    let end = match (form, events) {
        (Form::Table, _) => table.print(&mut out),
        (Form::Picture, _) => out.write_all(picture.svg().as_bytes()),
        (Form::Events, 0) => out.write_all(b"[]\n"),
        (Form::Events, _) => out.write_all(b"\n]\n"),
    };
    end.and_then(|()| out.flush())
        .map_err(|error| printing(&error))
}

fn printing(error: &io::Error) -> Failure {
    Failure::network(format!("standard output: {}", describe(error)))
}

/// One of the trace-event format: a span where it took time, else an instant.
fn event(step: &Step<'_>) -> serde_json::Value {
    let end = step.time * 1e6;
    let name = match step.cmd {
        0 => step.kind.to_owned(),
        cmd => format!("{} {cmd}", step.measures().unwrap_or(step.kind)),
    };
    let arguments = json!({
        "sequence": step.sequence,
        "status": step.status,
        "bytes": step.bytes,
        "text": step.text,
    });
    match step.measures() {
        Some(_) => json!({
            "name": name, "cat": step.kind, "ph": "X", "ts": end - step.took_us,
            "dur": step.took_us, "pid": 1, "tid": step.connection, "args": arguments,
        }),
        None => json!({
            "name": name, "cat": step.kind, "ph": "i", "s": "t", "ts": end,
            "pid": 1, "tid": step.connection, "args": arguments,
        }),
    }
}

#[derive(Default)]
struct Row {
    failed: usize,
    times: Vec<f64>,
}

/// By procedure and by what is measured.
#[derive(Default)]
struct Table {
    rows: BTreeMap<(i32, &'static str), Row>,
}

impl Table {
    fn add(&mut self, step: &Step<'_>) {
        if let Some(measured) = step.measures() {
            let row = self.rows.entry((step.cmd, measured)).or_default();
            row.times.push(step.took_us);
            row.failed += usize::from(step.status != 0);
        }
    }

    fn print(&mut self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{:>9}  {:<7} {:>8} {:>8} {:>11} {:>11} {:>11} {:>11}",
            "procedure", "what", "count", "failed", "min_us", "p50_us", "p99_us", "max_us"
        )?;
        for ((cmd, measured), row) in &mut self.rows {
            row.times.sort_by(f64::total_cmp);
            let count = row.times.len();
            // The smallest that so many parts of a hundred do not exceed.
            let part = |percent: usize| row.times[(count * percent).div_ceil(100).max(1) - 1];
            writeln!(
                out,
                "{cmd:>9}  {measured:<7} {count:>8} {:>8} {:>11.3} {:>11.3} {:>11.3} {:>11.3}",
                row.failed,
                row.times[0],
                part(50),
                part(99),
                row.times[count - 1]
            )?;
        }
        Ok(())
    }
}
