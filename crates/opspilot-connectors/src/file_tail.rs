//! `connector.fileTail`: log files.

mod content;
mod fingerprint;
mod multiline;
mod paths;
mod position;
mod rotation;
mod splitter;
mod stream;
mod tailer;
