//! Rows of numbers of which most are absent: weights and bonds.

/// Rows from uid to uid, with only the entries that the chain has.
///
/// Entries of a row are in the order of the chain, which is that of the uids as a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SparseRows {
    /// Where each row ends.
    ends: Vec<u32>,
    columns: Vec<u16>,
    values: Vec<u16>,
}

impl SparseRows {
    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the row of the next uid.
    pub fn push(&mut self, row: impl IntoIterator<Item = (u16, u16)>) {
        for (column, value) in row {
            self.columns.push(column);
            self.values.push(value);
        }
        self.ends.push(u32::try_from(self.columns.len()).unwrap_or(u32::MAX));
    }

    /// Rows: one for each uid.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Entries in all rows.
    pub fn entries(&self) -> usize {
        self.columns.len()
    }

    fn range(&self, uid: usize) -> std::ops::Range<usize> {
        let end = self.ends.get(uid).map_or(0, |end| *end as usize);
        let start = uid.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        start.min(end)..end
    }

    /// The entries of a uid: to whom, and how much of 65,535. Empty for a uid without any.
    pub fn row(&self, uid: u16) -> impl ExactSizeIterator<Item = (u16, u16)> + '_ {
        let range = self.range(usize::from(uid));
        self.columns[range.clone()].iter().copied().zip(self.values[range].iter().copied())
    }

    /// One entry; `None` where the chain has none.
    pub fn get(&self, from: u16, to: u16) -> Option<u16> {
        self.row(from).find(|(column, _)| *column == to).map(|(_, value)| value)
    }

    /// All entries: from, to, value.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u16, u16)> + '_ {
        (0..self.len()).flat_map(move |from| self.row(from as u16).map(move |(to, value)| (from as u16, to, value)))
    }

    /// The entries of a uid as shares of their sum: what its weights mean. Empty where all are zero.
    pub fn shares(&self, uid: u16) -> impl Iterator<Item = (u16, f64)> + '_ {
        let sum: u64 = self.row(uid).map(|(_, value)| u64::from(value)).sum();
        let some = (sum > 0).then(|| self.row(uid).map(move |(to, value)| (to, f64::from(value) / sum as f64)));
        some.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_apart() {
        let mut rows = SparseRows::new();
        rows.push([(1, 65_535), (2, 32_768)]);
        rows.push([]);
        rows.push([(0, 7)]);
        assert_eq!((rows.len(), rows.entries()), (3, 3));
        assert_eq!(rows.row(0).collect::<Vec<_>>(), [(1, 65_535), (2, 32_768)]);
        assert_eq!(rows.row(1).len(), 0);
        assert_eq!(rows.get(2, 0), Some(7));
        assert_eq!((rows.get(0, 0), rows.get(9, 0)), (None, None));
        assert_eq!(rows.iter().collect::<Vec<_>>(), [(0, 1, 65_535), (0, 2, 32_768), (2, 0, 7)]);
        assert_eq!(rows.shares(2).collect::<Vec<_>>(), [(0, 1.0)]);
        assert_eq!(rows.shares(1).count(), 0);
    }
}
