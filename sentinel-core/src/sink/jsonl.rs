//! Writes findings as JSON lines: to a file, to stdout, to any writer.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{Receipt, Sink, SinkError};
use crate::detect::Finding;

/// One JSON object a line, flushed with every delivery.
///
/// ```
/// use sentinel_core::sink::{JsonLinesSink, Sink};
///
/// let sink = JsonLinesSink::new("stdout", std::io::stdout());
/// assert_eq!(sink.name(), "stdout");
/// ```
pub struct JsonLinesSink {
    name: String,
    out: Mutex<Box<dyn Write + Send>>,
}

impl JsonLinesSink {
    /// A sink that writes to `out`; `name` is how logs call it.
    pub fn new(name: impl Into<String>, out: impl Write + Send + 'static) -> Self {
        Self { name: name.into(), out: Mutex::new(Box::new(out)) }
    }

    /// A sink that appends to a file, which is made if missing.
    pub fn append(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self::new(path.display().to_string(), file))
    }

    fn unavailable(&self, error: io::Error) -> SinkError {
        SinkError::Unavailable {
            sink: self.name.clone(),
            message: "cannot write".to_owned(),
            retry_after: None,
            source: Some(Box::new(error)),
        }
    }
}

impl fmt::Debug for JsonLinesSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLinesSink").field("name", &self.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl Sink for JsonLinesSink {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, findings: &[Finding]) -> Result<Receipt, SinkError> {
        let mut lines = Vec::new();
        for finding in findings {
            serde_json::to_writer(&mut lines, finding).map_err(|error| SinkError::Refused {
                sink: self.name.clone(),
                message: format!("the finding {} cannot be written as JSON: {error}", finding.id),
            })?;
            lines.push(b'\n');
        }
        // One write for all lines: a reader sees whole lines, and a failure leaves as little as the writer can help.
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(&lines).and_then(|()| out.flush()).map_err(|error| self.unavailable(error))?;
        Ok(Receipt { delivered: findings.len() })
    }

    async fn check(&self) -> Result<(), SinkError> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.flush().map_err(|error| self.unavailable(error))
    }
}
