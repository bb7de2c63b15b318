//! `trunkline init`: a configuration to begin with.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use trunkline_config::FreshSecrets;

use super::{Failure, Output};

/// The arguments of `init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: trunkline init
         trunkline init --output /etc/trunkline.toml")]
pub(crate) struct InitArgs {
    /// Where to write it
    #[arg(long, value_name = "FILE", default_value = "trunkline.toml")]
    output: PathBuf,
    /// Overwrite a file that is there already, its secrets included
    #[arg(long)]
    force: bool,
}

/// Writes a configuration that only its owner may read.
///
/// # Errors
/// The file is there already, or cannot be written.
pub(crate) fn run(args: &InitArgs) -> Result<(), Failure> {
    let shown = args.output.display();
    let text = trunkline_config::template(&FreshSecrets::random());
    write(&args.output, &text, args.force).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::trouble(format_args!(
            "{shown} exists already; --force overwrites it, its secrets included"
        )),
        _ => Failure::trouble(format_args!("cannot write {shown}: {error}")),
    })?;
    let line = format!("wrote {shown}; start with: trunkline serve --config {shown}");
    Output::stdout().line(&line).map(drop)
}

fn write(path: &Path, text: &str, force: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // The mode above is for new files only; one that is overwritten may have been open to others.
    #[cfg(unix)]
    file.set_permissions(<Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_there_is_kept_unless_forced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trunkline.toml");
        write(&path, "first", false).unwrap();
        let again = write(&path, "second", false).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        write(&path, "2nd", true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "2nd");
    }

    #[cfg(unix)]
    #[test]
    fn secrets_are_for_the_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trunkline.toml");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        write(&path, "", false).unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        write(&path, "", true).unwrap();
        assert_eq!(mode(), 0o600);
    }
}
