use std::io::{self, Write as _};
use std::process::ExitCode;

use minirpcgen::cli::{self, Request};

fn main() -> ExitCode {
    match cli::parse(std::env::args_os().skip(1)) {
        Ok(Request::Help(text)) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Ok(Request::Version) => {
            print(concat!("minirpcgen ", env!("CARGO_PKG_VERSION"), "\n"));
            ExitCode::SUCCESS
        }
        Ok(Request::Generate(arguments)) => match minirpcgen::run(&arguments) {
            Ok(warnings) => {
                eprint!("{warnings}");
                ExitCode::SUCCESS
            }
            Err(report) => {
                eprint!("{report}");
                ExitCode::FAILURE
            }
        },
        Ok(Request::CheckOld(arguments)) => match minirpcgen::check_old(&arguments) {
            Ok(report) => {
                print(&report.text);
                ExitCode::from(u8::from(report.is_work))
            }
            Err(message) => {
                eprint!("{message}");
                ExitCode::from(2)
            }
        },
        Err(wrong) => {
            eprintln!("minirpcgen: error: {wrong}");
            print(&cli::usage());
            ExitCode::FAILURE
        }
    }
}

/// To standard output, which may be closed.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
