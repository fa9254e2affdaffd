//! Answers that a test puts into the node's mouth.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

/// What to answer instead of the truth.
#[derive(Clone)]
pub enum Answer {
    /// The truth.
    Real,
    /// This result.
    Value(Value),
    /// The truth, changed.
    Edited(Arc<dyn Fn(Value) -> Value + Send + Sync>),
    /// An error object.
    Error {
        /// Its code.
        code: i32,
        /// Its message.
        message: String,
    },
    /// The truth, late.
    Late(Duration),
    /// Nothing, ever.
    Never,
    /// All connections of the node are cut.
    HangUp,
}

impl Answer {
    /// `null`.
    pub fn null() -> Self {
        Self::Value(Value::Null)
    }

    /// An error object.
    pub fn error(code: i32, message: impl Into<String>) -> Self {
        Self::Error { code, message: message.into() }
    }

    /// The method does not exist.
    pub fn no_method() -> Self {
        Self::error(-32601, "Method not found")
    }

    /// The true answer, changed by `edit`.
    pub fn edited(edit: impl Fn(Value) -> Value + Send + Sync + 'static) -> Self {
        Self::Edited(Arc::new(edit))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Real => f.write_str("Real"),
            Self::Value(value) => f.debug_tuple("Value").field(value).finish(),
            Self::Edited(_) => f.write_str("Edited"),
            Self::Error { code, message } => f.debug_tuple("Error").field(code).field(message).finish(),
            Self::Late(delay) => f.debug_tuple("Late").field(delay).finish(),
            Self::Never => f.write_str("Never"),
            Self::HangUp => f.write_str("HangUp"),
        }
    }
}

/// Scripted answers by method.
#[derive(Debug, Default)]
pub(super) struct Script(Mutex<HashMap<String, Lines>>);

#[derive(Debug, Default)]
struct Lines {
    once: VecDeque<Answer>,
    always: Option<Answer>,
}

impl Script {
    pub(super) fn always(&self, method: &str, answer: Answer) {
        self.lock().entry(method.to_owned()).or_default().always = Some(answer);
    }

    pub(super) fn once(&self, method: &str, answer: Answer) {
        self.lock().entry(method.to_owned()).or_default().once.push_back(answer);
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// What to answer to the request that just came.
    pub(super) fn next(&self, method: &str) -> Answer {
        let mut script = self.lock();
        let Some(lines) = script.get_mut(method) else { return Answer::Real };
        lines.once.pop_front().or_else(|| lines.always.clone()).unwrap_or(Answer::Real)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Lines>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
