//! `mrpc trace --svg`: when each call was under way, a row for each.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::trace::Step;

/// Rows that a picture has; a longer trace is cut off there.
const MAX_ROWS: usize = 400;

const WIDTH: f64 = 720.0;
const LEFT: f64 = 150.0;
const TOP: f64 = 54.0;
const ROW: f64 = 13.0;

/// Colors that one can tell apart, also when they are not seen as most do.
const COLORS: [&str; 8] = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#666666",
];

struct Span {
    row: usize,
    measured: &'static str,
    cmd: i32,
    failed: bool,
    took_us: f64,
    /// Seconds.
    begin: f64,
    end: f64,
}

#[derive(Default)]
pub struct Picture {
    /// By connection, sequence, and whether the call came from the peer.
    rows: HashMap<(u64, u32, bool), usize>,
    labels: Vec<String>,
    spans: Vec<Span>,
    left_out: usize,
}

impl Picture {
    pub fn add(&mut self, step: &Step<'_>) {
        let Some(measured) = step.measures() else {
            return;
        };
        let incoming = measured != "call";
        let key = (step.connection, step.sequence, incoming);
        // A number that comes again is another call.
        let known = self
            .rows
            .get(&key)
            .copied()
            .filter(|_| measured == "handler");
        let row = match known {
            Some(row) => row,
            None if self.labels.len() == MAX_ROWS => {
                self.left_out += 1;
                return;
            }
            None => {
                let what = if incoming { "served" } else { "called" };
                self.labels.push(format!(
                    "{}: {what} {} #{}",
                    step.connection, step.cmd, step.sequence
                ));
                self.labels.len() - 1
            }
        };
        self.rows.insert(key, row);
        self.spans.push(Span {
            row,
            measured,
            cmd: step.cmd,
            failed: step.status != 0,
            took_us: step.took_us,
            begin: step.time - step.took_us / 1e6,
            end: step.time,
        });
    }

    pub fn svg(&self) -> String {
        let begin = self
            .spans
            .iter()
            .map(|s| s.begin)
            .fold(f64::INFINITY, f64::min);
        let end = self.spans.iter().map(|s| s.end).fold(begin, f64::max);
        let begin = if begin.is_finite() { begin } else { 0.0 };
        let whole = (end - begin).max(1e-6);
        let x = |time: f64| LEFT + (time - begin) / whole * WIDTH;
        let order = self.order();
        let height = TOP + ROW * order.len() as f64 + 10.0;
        let width = LEFT + WIDTH + 20.0;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"sans-serif\" font-size=\"10\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        self.legend(&mut out);
        axis(&mut out, whole, height);
        for (place, row) in order.iter().enumerate() {
            // A String takes everything, here and below.
            let _ = writeln!(
                out,
                "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                TOP + ROW * place as f64 + 9.5,
                self.labels[*row]
            );
        }
        let mut places = vec![0; order.len()];
        for (place, row) in order.iter().enumerate() {
            places[*row] = place;
        }
        for span in &self.spans {
            let color = color(span.cmd);
            let stroke = if span.failed { "#b00020" } else { color };
            // What waits is pale.
            let opacity = if span.measured == "wait" {
                "0.3"
            } else {
                "0.85"
            };
            let took = span.took_us;
            let _ = writeln!(
                out,
                "<rect x=\"{:.2}\" y=\"{:.1}\" width=\"{:.2}\" height=\"{:.0}\" fill=\"{color}\" \
                 fill-opacity=\"{opacity}\" stroke=\"{stroke}\" stroke-width=\"0.5\">\
                 <title>{} {}: {took:.0} us</title></rect>",
                x(span.begin),
                TOP + ROW * places[span.row] as f64 + 2.0,
                (x(span.end) - x(span.begin)).max(0.5),
                ROW - 4.0,
                span.measured,
                span.cmd
            );
        }
        out.push_str("</svg>\n");
        out
    }

    /// The rows, by their beginnings.
    fn order(&self) -> Vec<usize> {
        let mut begins = vec![f64::INFINITY; self.labels.len()];
        for span in &self.spans {
            begins[span.row] = begins[span.row].min(span.begin);
        }
        let mut order: Vec<usize> = (0..begins.len()).collect();
        order.sort_by(|a, b| begins[*a].total_cmp(&begins[*b]));
        order
    }

    fn legend(&self, out: &mut String) {
        let mut cmds: Vec<i32> = self.spans.iter().map(|span| span.cmd).collect();
        cmds.sort_unstable();
        cmds.dedup();
        let mut at = LEFT;
        for cmd in cmds.into_iter().take(16) {
            let color = color(cmd);
            let _ = writeln!(
                out,
                "<rect x=\"{at:.0}\" y=\"8\" width=\"9\" height=\"9\" fill=\"{color}\"/>\
                 <text x=\"{:.0}\" y=\"16\">{cmd}</text>",
                at + 13.0
            );
            at += 42.0;
        }
        if self.left_out > 0 {
            let _ = writeln!(
                out,
                "<text x=\"6\" y=\"16\">{} more are left out</text>",
                self.left_out
            );
        }
    }
}

fn color(cmd: i32) -> &'static str {
    COLORS[(cmd.unsigned_abs() as usize + COLORS.len() - 1) % COLORS.len()]
}

/// Round steps of time, some eight of them.
fn axis(out: &mut String, whole: f64, height: f64) {
    let rough = whole / 8.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
    let step = step
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    let (unit, name) = match step {
        step if step >= 1.0 => (1.0, "s"),
        step if step >= 1e-3 => (1e-3, "ms"),
        _ => (1e-6, "us"),
    };
    for i in 0..=(whole / step) as usize {
        let time = step * i as f64;
        let x = LEFT + time / whole * WIDTH;
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{:.0}\" x2=\"{x:.1}\" y2=\"{:.0}\" stroke=\"#ddd\"/>\
             <text x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{:.0} {name}</text>",
            TOP - 6.0,
            height - 6.0,
            TOP - 10.0,
            time / unit
        );
    }
}
