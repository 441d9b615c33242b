//! What the server tells of itself: messages, and for a collector also spans and metrics.

#[cfg(feature = "otlp")]
mod collect;
mod filter;
mod otlp;
mod queue;
mod rotation;

use opspilot_core::config::{LogFormat, LogOutput, Logging};
use opspilot_core::metrics::{MetricSpec, Metrics};
use opspilot_core::module::Factory;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use self::queue::Queue;
use self::rotation::RotatingFile;
use crate::exit::Failure;
use crate::setup::Setup;

/// The metrics of messages.
pub(crate) const METRICS: &[MetricSpec] = &[queue::LOST];

/// The modules that tell of the program itself.
pub(crate) const MODULES: &[Factory] = &[Factory::of::<otlp::Otlp>()];

/// Holds the logger; messages that wait are written when it is dropped.
#[derive(Debug)]
pub(crate) struct Messages {
    _queue: Option<Queue>,
}

/// Installs the logger that `logging` describes. Messages go to the error stream or to a file.
pub(crate) fn start(
    setup: &Setup,
    logging: &Logging,
    metrics: &Metrics,
) -> Result<Messages, Failure> {
    let filter = filter::of(setup.environment.get(filter::VARIABLE), logging)?;
    let output = output(logging, metrics)?;
    let layer = tracing_subscriber::fmt::layer().with_writer(output.writer);
    let layer = match logging.format {
        LogFormat::Json => layer.json().flatten_event(false).boxed(),
        LogFormat::Text => layer
            .with_ansi(output.is_terminal)
            .with_target(false)
            .boxed(),
    };
    let registry = tracing_subscriber::registry().with(layer.with_filter(filter));
    #[cfg(feature = "otlp")]
    let registry = registry.with(collect::layer());
    registry
        .try_init()
        .map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))?;
    Ok(Messages {
        _queue: output.queue,
    })
}

struct Output {
    writer: BoxMakeWriter,
    is_terminal: bool,
    queue: Option<Queue>,
}

fn output(logging: &Logging, metrics: &Metrics) -> Result<Output, Failure> {
    let (LogOutput::File, path) = (logging.output, &logging.file) else {
        return Ok(Output {
            writer: BoxMakeWriter::new(std::io::stderr),
            is_terminal: std::io::IsTerminal::is_terminal(&std::io::stderr()),
            queue: None,
        });
    };
    let path = path.as_deref().ok_or_else(|| {
        Failure::Usage("`logging.output: file` needs `logging.file`, the path to write to".into())
    })?;
    let cannot = |error| Failure::Usage(format!("cannot open `{}`: {error}", path.display()));
    let file =
        RotatingFile::open(path, logging.max_file_size, logging.max_files).map_err(cannot)?;
    let queue = Queue::start(file, metrics).map_err(anyhow::Error::from)?;
    Ok(Output {
        writer: BoxMakeWriter::new(queue.writer()),
        is_terminal: false,
        queue: Some(queue),
    })
}
