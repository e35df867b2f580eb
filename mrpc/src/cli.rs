//! The command line: --help, the manual page and the completions are made of this.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use minirpcgen::ast::Side;

use crate::address::Address;

#[derive(Parser)]
#[command(
    name = "mrpc",
    version,
    about = "Call, watch and imitate libminirpc peers",
    long_about = "Speaks libminirpc's protocol by what an interface file (.mx) says, without a \
                  program written for it.",
    after_long_help = MORE,
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const MORE: &str = "\
ADDRESS is host:port, [v6%zone]:port, :port (this machine), unix:/path or unix:@name.

JSON of the types:
  struct          an object with every member
  enum            its name; a number where the value has none
  bool            true or false
  int, char, ...  a number; hyper types beyond 2^53 as a string
  float, double   a number, or \"NaN\", \"Infinity\", \"-Infinity\", \"-0\"
  opaque          base64
  string          a string; {\"hex\": \"..\"} where it is not UTF-8
  optional        null or the value; for a list an array
  union           {\"DISCRIMINANT\": .., \"ARM\": ..}
  void            nothing; {} in files

A list is a pointer to a struct whose last member, and no other, points to the next of
its kind: its elements are objects without that member. A union's arm that has its
discriminant's name gets _u behind it.

Exit status: 0; 1 wrong usage, file, procedure or JSON text; 2 cannot connect; 3 network
failure, timeout, or a reply that does not decode; 4 the peer answered with a status that
is not 0; 5 the JSON does not fit the type.";

#[derive(Subcommand)]
pub enum Command {
    /// One call; prints the result as JSON
    Call {
        #[command(flatten)]
        peer: Peer,
        /// The procedure's name
        procedure: String,
        #[command(flatten)]
        input: Input,
    },
    /// Send a one-way message
    Send {
        #[command(flatten)]
        peer: Peer,
        /// The message's name
        message: String,
        #[command(flatten)]
        input: Input,
    },
    /// Show procedures and types, with examples of their JSON
    Describe {
        #[command(flatten)]
        file: File,
        /// A procedure or type; without it, all
        name: Option<String>,
    },
    /// Print what the peer sends, as JSON lines
    Watch {
        #[command(flatten)]
        peer: Peer,
        /// Payloads as hexadecimal digits
        #[arg(long)]
        raw: bool,
    },
    /// A server that answers from a file
    #[command(
        long_about = "A server that answers from a file, a JSON object: {\"PROCEDURE\": \
        ANSWER or [ANSWERS in turn, the last again]}, where ANSWER is {\"result\": JSON} or \
        {\"status\": N}, and may have \"delay\": \"0.4s\". Who calls another procedure is told that \
        it is not available."
    )]
    Mock {
        #[command(flatten)]
        peer: Peer,
        /// The answers
        answers: PathBuf,
        /// Results in the file, and requests that are printed, as hexadecimal digits
        #[arg(long)]
        raw: bool,
    },
    /// Call procedure 0, and print how long the refusal takes
    Ping {
        /// Where the peer listens
        address: Address,
        /// How often
        #[arg(short, long, default_value_t = 4)]
        count: u32,
        #[command(flatten)]
        limits: Limits,
        #[command(flatten)]
        tls: Tls,
    },
    /// A capture (pcap, pcapng) or a MINIRPC_TRACE file as JSON lines
    #[command(
        long_about = "A capture, as tcpdump and Wireshark write it (pcap, pcapng), or a \
        MINIRPC_TRACE file as JSON lines. A trace has no payloads."
    )]
    Decode {
        #[command(flatten)]
        file: File,
        /// The server's port: other connections are left out
        #[arg(long, value_name = "N")]
        port: Option<u16>,
        /// Payloads as hexadecimal digits
        #[arg(long)]
        raw: bool,
        /// Whose trace it is
        #[arg(long = "as", value_name = "ROLE")]
        role: Option<Role>,
        /// The file
        capture: PathBuf,
    },
    /// As many calls as the peer takes, for some time
    Bench {
        #[command(flatten)]
        peer: Peer,
        /// The procedure's name
        procedure: String,
        #[command(flatten)]
        load: BenchLoad,
    },
    /// A MINIRPC_TRACE file as a table of latencies by procedure
    Trace {
        /// The file
        file: PathBuf,
        /// Instead, in the trace-event format that Perfetto and Chrome open
        #[arg(long)]
        chrome: bool,
        /// Instead, as a picture
        #[arg(long, conflicts_with = "chrome")]
        svg: bool,
    },
    /// Which library a program loads, what its stubs were made by, and limits
    #[command(
        long_about = "Which libminirpc a program loads, whether its stubs were made by rpcgen or \
        minirpcgen, whether it needs -ltirpc, and the limits of this shell; each finding with what to do \
        about it. The program is not run. Without one, what new programs would find."
    )]
    Doctor {
        /// The program, or a library of it
        program: Option<PathBuf>,
    },
}

#[derive(Args)]
pub struct BenchLoad {
    /// The argument: JSON, @file, or - for standard input
    #[arg(value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    pub json: Option<String>,
    /// How many connections
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub connections: u16,
    /// How many calls may wait for their replies on each
    #[arg(short = 'n', long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub outstanding: u16,
    /// For how long
    #[arg(short, long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub time: Duration,
    /// The argument is hexadecimal digits
    #[arg(long)]
    pub raw: bool,
    /// The figures as a JSON object
    #[arg(long = "json")]
    pub as_json: bool,
}

#[derive(Args)]
pub struct File {
    /// The interface file
    #[arg(value_name = "FILE.mx")]
    pub path: PathBuf,
    /// Define a macro for the preprocessor
    #[arg(short = 'D', value_name = "NAME[=VALUE]")]
    pub defines: Vec<OsString>,
}

#[derive(Args)]
pub struct Peer {
    /// Where the peer listens
    pub address: Address,
    #[command(flatten)]
    pub file: File,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub tls: Tls,
    /// Which end of the connection this is
    #[arg(long = "as", value_name = "ROLE")]
    pub role: Option<Role>,
}

#[derive(Args)]
pub struct Limits {
    /// For connecting, and for a call
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub timeout: Duration,
    /// The longest payload that is taken, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    pub max_reply: u32,
}

/// Without its options where TLS has been left out of the program.
#[derive(Args, Clone, Debug, Default)]
pub struct Tls {
    /// Speak TLS
    #[cfg(feature = "tls")]
    #[arg(long)]
    pub tls: bool,
    /// Trust the authorities of this PEM file, not the system's; mock asks for certificates then
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub ca: Option<PathBuf>,
    /// Our certificate, and behind it those of authorities between, in PEM
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires_all = ["key", "tls"])]
    pub cert: Option<PathBuf>,
    /// Its key, in PEM
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires_all = ["cert", "tls"])]
    pub key: Option<PathBuf>,
    /// The name that the server's certificate has to be for, if not the address's
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "NAME", requires = "tls")]
    pub name: Option<String>,
}

#[derive(Args)]
pub struct Input {
    /// The argument: JSON, @file, or - for standard input
    #[arg(value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    pub json: Option<String>,
    /// Payloads, in and out, as hexadecimal digits
    #[arg(long)]
    pub raw: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Role {
    Client,
    Server,
}

impl From<Role> for Side {
    fn from(role: Role) -> Side {
        match role {
            Role::Client => Side::Client,
            Role::Server => Side::Server,
        }
    }
}

/// Seconds, or with a unit.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" => 60.0,
        unit => return Err(format!("`{unit}` is none of us, ms, s and m")),
    };
    let number: f64 = digits
        .parse()
        .map_err(|_| "a time is a number and its unit, such as 2.5s".to_owned())?;
    // More would not fit into an instant.
    if !(0.0..=1e9).contains(&(number * factor)) {
        return Err("out of range".to_owned());
    }
    Ok(Duration::from_secs_f64(number * factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(duration("2.5s"), Ok(Duration::from_millis(2500)));
        assert_eq!(duration("40ms"), Ok(Duration::from_millis(40)));
        assert_eq!(duration("3"), Ok(Duration::from_secs(3)));
        for wrong in ["", "s", "-1s", "1h", "nan", "inf", "1e30"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
