//! The log: to standard error, as text for people or JSON for machines.

use std::fmt::Debug;
use std::io::{IsTerminal, stderr};

use tracing::Subscriber;
use tracing::field::Field;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{FormatFields, Writer, debug_fn};
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line per event, coloured on a terminal.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The level has no meaning.
    #[error("unknown log level `{0}`; use off, error, warn, info, debug or trace")]
    Level(String),
    /// The process has a log already.
    #[error("the log is set up already")]
    AlreadySetUp,
}

/// Sends events of `level` and above to standard error, from now on and from all threads.
/// Colours are used only where standard error is a terminal and `NO_COLOR` is not set.
///
/// # Errors
/// The level is unknown, or a log has been set up before.
pub fn init_logging(format: LogFormat, level: &str) -> Result<(), LoggingError> {
    let coloured = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let subscriber = subscriber(format, level, coloured, stderr)?;
    subscriber.try_init().map_err(|_| LoggingError::AlreadySetUp)
}

fn subscriber<W>(
    format: LogFormat,
    level: &str,
    coloured: bool,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, LoggingError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level: LevelFilter = level.parse().map_err(|_| LoggingError::Level(level.to_owned()))?;
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(writer);
    Ok(match format {
        LogFormat::Text => {
            Box::new(builder.with_ansi(coloured).fmt_fields(one_line_fields()).finish())
        }
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

/// Fields as text in which nothing that came from outside can start a line of its own or colour
/// one: control characters are written as escapes.
fn one_line_fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    let write = |writer: &mut Writer<'_>, field: &Field, value: &dyn Debug| {
        if field.name() != "message" {
            write!(writer, "{field}=")?;
        }
        for char in format!("{value:?}").chars() {
            if char.is_control() {
                write!(writer, "{}", char.escape_default())?;
            } else {
                writer.write_char(char)?;
            }
        }
        Ok(())
    };
    debug_fn(write).delimited(" ")
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What the log of a small scene looks like.
    fn logged(format: LogFormat, level: &str) -> String {
        let paper = Paper::default();
        let writer = paper.clone();
        let log = subscriber(format, level, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(log, || {
            tracing::debug!("too quiet to hear");
            tracing::warn!(user = %"eve\nERROR forged\u{1b}[31m", port = 8000, "listening");
        });
        let bytes = paper.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn text_is_one_uncoloured_line_per_event() {
        let log = logged(LogFormat::Text, "info");
        assert!(log.contains(" WARN "), "{log:?}");
        let told = "listening user=eve\\nERROR forged\\u{1b}[31m port=8000\n";
        assert!(log.ends_with(told), "{log:?}");
        assert!(!log.contains('\u{1b}'), "{log:?}");
    }

    #[test]
    fn json_is_one_object_per_event() {
        let log = logged(LogFormat::Json, "info");
        assert_eq!(log.lines().count(), 1, "{log:?}");
        let event: serde_json::Value = serde_json::from_str(&log).unwrap();
        assert_eq!(event["level"], "WARN");
        assert_eq!(event["message"], "listening");
        assert_eq!(event["port"], 8000);
    }

    #[test]
    fn the_level_decides_what_is_heard() {
        assert!(logged(LogFormat::Text, "debug").contains("too quiet"));
        assert_eq!(logged(LogFormat::Text, "error"), "");
        let error = subscriber(LogFormat::Text, "loud", false, stderr).err().unwrap();
        assert_eq!(
            error.to_string(),
            "unknown log level `loud`; use off, error, warn, info, debug or trace"
        );
    }
}
