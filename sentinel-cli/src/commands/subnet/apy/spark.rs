//! A line of small bars: the returns of a validator, epoch by epoch.

/// Bars in a line; of longer histories each bar is the mean of several epochs.
const WIDTH: usize = 32;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The values as bars, the greatest as the highest; a dot where there is none.
pub(super) fn line(values: &[Option<f64>]) -> String {
    let columns: Vec<Option<f64>> = values.chunks(values.len().div_ceil(WIDTH).max(1)).map(mean).collect();
    let highest = columns.iter().flatten().copied().fold(0.0, f64::max);
    columns
        .iter()
        .map(|value| match value {
            Some(value) if highest > 0.0 => {
                let height = (value.max(0.0) / highest * (BARS.len() - 1) as f64).round() as usize;
                BARS[height.min(BARS.len() - 1)]
            }
            Some(_) => BARS[0],
            None => '·',
        })
        .collect()
}

fn mean(values: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_values() {
        assert_eq!(line(&[Some(0.0), Some(0.5), Some(1.0), None]), "▁▅█·");
        assert_eq!(line(&[Some(0.0), Some(0.0)]), "▁▁");
        assert_eq!(line(&[]), "");
        assert_eq!(line(&vec![Some(1.0); 1000]).chars().count(), 32);
    }
}
