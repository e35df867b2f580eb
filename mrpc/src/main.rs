use std::process::ExitCode;

use clap::Parser as _;
use mrpc::cli::Cli;
use mrpc::failure::Exit;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Standard output or error may be closed.
            let _ = error.print();
            return match error.use_stderr() {
                true => exit(Exit::Usage),
                false => ExitCode::SUCCESS,
            };
        }
    };
    let run = mrpc::spawn(move || mrpc::commands::run(cli.command));
    match run.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        Ok(Ok(Err(failure))) => {
            eprintln!("mrpc: {}", failure.message);
            exit(failure.exit)
        }
        // A panic has said what it is.
        Ok(Err(_)) => exit(Exit::Network),
        Err(error) => {
            eprintln!("mrpc: cannot start a thread: {error}");
            exit(Exit::Network)
        }
    }
}

fn exit(status: Exit) -> ExitCode {
    ExitCode::from(status as u8)
}
