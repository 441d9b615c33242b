//! The signal plane: raw records on their way from connectors to detectors.
//!
//! Records travel in batches that share one buffer. Handing a batch to several detectors clones a handle; nothing is
//! copied, boxed or encoded for a record that nothing matched. A batch carries an [`Ack`]: the connector stores its
//! position only when every holder has let go of it, see [`PositionTracker`].

mod ack;
mod batch;
mod facts;
mod pool;
mod tracker;

pub use ack::{Ack, AckSink, Outcome};
pub use batch::{LogBatch, LogBatchBuilder, LogRecord, LogSource};
pub use facts::{Attributes, Facts, Sample};
pub use pool::BufferPool;
pub use tracker::PositionTracker;
