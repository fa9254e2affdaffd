//! What drives sources over ranges of blocks.

mod record;

pub use record::{RecordError, RecordOptions, RecordProgress, RecordReport, record};
