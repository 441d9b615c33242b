//! What the server writes about itself.

mod rotation;

use std::sync::Mutex;

use opspilot_core::config::{LogFormat, LogLevel, LogOutput, Logging};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::rotation::RotatingFile;
use crate::exit::Failure;

const OUR_CRATES: &[&str] = &[
    "core",
    "server",
    "storage",
    "connectors",
    "detectors",
    "enrichers",
    "notifiers",
    "http",
];

/// Installs the logger that `logging` describes. Messages go to the error stream or to a file.
pub(crate) fn start(logging: &Logging) -> Result<(), Failure> {
    let (writer, ansi) = writer(logging)?;
    let level = match logging.level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    };
    // What libraries say below a warning is about themselves.
    let ours = OUR_CRATES
        .iter()
        .map(|name| format!("opspilot_{name}={level}"));
    let filter = EnvFilter::new(
        ["warn".to_owned()]
            .into_iter()
            .chain(ours)
            .collect::<Vec<_>>()
            .join(","),
    );
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let result = match logging.format {
        LogFormat::Json => registry.with(layer.json().flatten_event(false)).try_init(),
        LogFormat::Text => registry
            .with(layer.with_ansi(ansi).with_target(false))
            .try_init(),
    };
    result.map_err(|error| anyhow::anyhow!("cannot start logging: {error}").into())
}

fn writer(logging: &Logging) -> Result<(BoxMakeWriter, bool), Failure> {
    match (logging.output, &logging.file) {
        (LogOutput::Console, _) => {
            let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
            Ok((BoxMakeWriter::new(std::io::stderr), ansi))
        }
        (LogOutput::File, None) => Err(Failure::Usage(
            "`logging.output: file` needs `logging.file`, the path to write to".into(),
        )),
        (LogOutput::File, Some(path)) => {
            let file = RotatingFile::open(path, logging.max_file_size, logging.max_files).map_err(
                |error| Failure::Usage(format!("cannot open `{}`: {error}", path.display())),
            )?;
            Ok((BoxMakeWriter::new(Mutex::new(file)), false))
        }
    }
}
