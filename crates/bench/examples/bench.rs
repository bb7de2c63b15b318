//! The bench alone, without the server: for work on the instrument itself.
//!
//! `cargo run --release -p trunkline-bench --example bench -- bench self-check`

use std::process::ExitCode;

use clap::Parser;
use trunkline_bench::BenchArgs;

#[derive(Parser)]
enum Cli {
    /// As in `trunkline bench`
    Bench(BenchArgs),
}

fn main() -> ExitCode {
    let Cli::Bench(args) = Cli::parse();
    match trunkline_bench::run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{error}\n"));
            ExitCode::FAILURE
        }
    }
}
