//! What a window knows of runtime functions: the table `calls`.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::Manifest;
use super::read::read_calls;
use crate::artifact::ArtifactError;

/// What a window knows of one call at one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KnownAnswer {
    /// The answer.
    Answer(Bytes),
    /// The runtime has no such function.
    NoFunction,
    /// Nothing.
    Unknown,
}

/// The table `calls` of one window.
#[derive(Debug)]
pub(crate) struct CallsTable(HashMap<String, Function>);

#[derive(Debug, Default)]
struct Function {
    missing: HashSet<u64>,
    answers: HashMap<Bytes, HashMap<u64, Option<Bytes>>>,
}

impl CallsTable {
    pub(crate) fn read(manifest: &Manifest, calls: Bytes) -> Result<Self, ArtifactError> {
        let mut table: HashMap<String, Function> = HashMap::new();
        for row in read_calls(manifest, calls)? {
            let function = table.entry(row.function).or_default();
            match row.arguments {
                Some(arguments) => {
                    function.answers.entry(arguments).or_default().insert(row.block, row.answer);
                }
                None => {
                    function.missing.insert(row.block);
                }
            }
        }
        Ok(Self(table))
    }

    /// The answer of `function` to `arguments` at block `at`.
    pub(crate) fn answer(&self, at: u64, function: &str, arguments: &[u8]) -> KnownAnswer {
        let Some(function) = self.0.get(function) else { return KnownAnswer::Unknown };
        match function.answers.get(arguments).and_then(|blocks| blocks.get(&at)) {
            Some(Some(answer)) => KnownAnswer::Answer(answer.clone()),
            Some(None) => KnownAnswer::NoFunction,
            None if function.missing.contains(&at) => KnownAnswer::NoFunction,
            None => KnownAnswer::Unknown,
        }
    }
}
