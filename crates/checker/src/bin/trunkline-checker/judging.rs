//! `judge`: reads logs and prints the verdict.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use trunkline_checker::event::{Event, Rules};
use trunkline_checker::judge::Judge;

use crate::args::JudgeArgs;
use crate::failure::{Doing, Failure};
use crate::output::say;

/// Judges the files; says whether they are clean.
pub(crate) fn run(args: &JudgeArgs) -> Result<bool, Failure> {
    let mut judge = Judge::new();
    let mut events = 0_u64;
    judge.note(&Event::Rules(Rules { rollback: args.rollback, ..Rules::default() }));
    for file in &args.files {
        read(file, |event| {
            let event = match event {
                Event::Rules(rules) if args.rollback => {
                    Event::Rules(Rules { rollback: true, ..rules })
                }
                event => event,
            };
            events += 1;
            judge.note(&event);
        })?;
    }
    if events == 0 {
        return Err(Failure::new("the log is empty"));
    }
    let verdict = judge.verdict();
    say(&verdict);
    Ok(verdict.is_clean())
}

fn read(file: &Path, mut note: impl FnMut(Event)) -> Result<(), Failure> {
    let name = file.display();
    let lines: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(file).doing(&name)?))
    };
    for (number, line) in (1_u64..).zip(lines.lines()) {
        let line = line.doing(format_args!("{name}:{number}"))?;
        if !line.trim().is_empty() {
            note(serde_json::from_str(&line).doing(format_args!("{name}:{number}"))?);
        }
    }
    Ok(())
}
