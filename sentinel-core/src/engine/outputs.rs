//! What a run writes.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::Mode;
use crate::artifact::datasets::Dataset;

/// The datasets that a run writes.
///
/// ```
/// use sentinel_core::artifact::datasets::Dataset;
/// use sentinel_core::engine::Outputs;
///
/// let outputs: Outputs = "blocks,events".parse()?;
/// assert!(outputs.has(Dataset::Events) && !outputs.has(Dataset::Neurons));
/// # Ok::<(), sentinel_core::engine::ParseOutputsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Outputs(BTreeSet<Dataset>);

/// A text that names no datasets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown output `{0}`: use some of {all}, separated by commas", all = names())]
pub struct ParseOutputsError(pub String);

fn names() -> String {
    Dataset::ALL.map(Dataset::name).join(", ")
}

impl Outputs {
    /// What a mode writes when nothing is said.
    pub fn of(mode: Mode) -> Self {
        use Dataset::{Apy, Blocks, Epochs, Events, Extrinsics, Findings, Hyperparameters, Neurons, Weights};
        Self(match mode {
            Mode::Live | Mode::Backfill => {
                [Blocks, Extrinsics, Events, Findings, Hyperparameters, Neurons, Weights, Epochs].into()
            }
            Mode::FastBackfill | Mode::ApyBackfill => [Neurons, Epochs, Apy].into(),
        })
    }

    /// Whether a dataset is among them.
    pub fn has(&self, dataset: Dataset) -> bool {
        self.0.contains(&dataset)
    }

    /// Whether any of these is among them.
    pub fn has_any(&self, datasets: &[Dataset]) -> bool {
        datasets.iter().any(|dataset| self.has(*dataset))
    }

    /// All of them, in the order of their names in code.
    pub fn iter(&self) -> impl Iterator<Item = Dataset> + '_ {
        self.0.iter().copied()
    }

    /// Those that this mode does not make.
    pub fn not_made_by(&self, mode: Mode) -> Vec<Dataset> {
        let made = Self::of(mode);
        self.iter().filter(|dataset| !made.has(*dataset)).collect()
    }
}

impl FromIterator<Dataset> for Outputs {
    fn from_iter<T: IntoIterator<Item = Dataset>>(datasets: T) -> Self {
        Self(datasets.into_iter().collect())
    }
}

impl FromStr for Outputs {
    type Err = ParseOutputsError;

    fn from_str(text: &str) -> Result<Self, ParseOutputsError> {
        let named = |name: &str| {
            let found = Dataset::ALL.into_iter().find(|dataset| dataset.name() == name);
            found.ok_or_else(|| ParseOutputsError(name.chars().take(40).collect()))
        };
        let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            return Err(ParseOutputsError(String::new()));
        }
        names.into_iter().map(named).collect()
    }
}

impl fmt::Display for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Dataset::name).collect();
        f.write_str(&names.join(","))
    }
}
