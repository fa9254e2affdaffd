//! The growth of each validator over a window, as a drawing.

use std::path::Path;

use plotters::prelude::*;
use sentinel_core::subnet::returns::SubnetReturns;

use crate::exit::CliError;

/// More lines than this cannot be told apart.
const MOST_LINES: usize = 12;
const SIZE: (u32, u32) = (1100, 620);

/// One line: a name and points of hours and percent.
type Line = (String, Vec<(f64, f64)>);

/// Writes the file, whole or not at all.
pub(super) fn write(path: &Path, returns: &SubnetReturns, simulated: bool) -> Result<(), CliError> {
    let mut svg = String::new();
    draw(&mut svg, returns, simulated)
        .map_err(|error| CliError::Failed(format!("cannot draw {}: {error}", path.display())))?;
    let unfinished = path.with_extension("svg.part");
    let written = std::fs::write(&unfinished, svg).and_then(|()| std::fs::rename(&unfinished, path));
    written.map_err(|source| {
        // What is left of it is of no use; that it cannot be removed either says nothing new.
        let _ = std::fs::remove_file(&unfinished);
        CliError::File { what: format!("cannot write {}", path.display()), source }
    })
}

fn draw(svg: &mut String, returns: &SubnetReturns, simulated: bool) -> Result<(), Box<dyn std::error::Error>> {
    let lines = lines(returns);
    let hours = (returns.window.end_ms() - returns.window.start_ms()) as f64 / 3_600_000.0;
    let highest = lines.iter().flat_map(|(_, points)| points).map(|(_, growth)| *growth).fold(0.0, f64::max);
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let label = if simulated { " (simulated)" } else { "" };
    let title =
        format!("Growth of a stake on subnet {}, blocks {} to {}{label}", returns.netuid, returns.first, returns.last);
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 20))
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(80)
        .build_cartesian_2d(0.0..hours.max(0.001), 0.0..highest.max(1e-9) * 1.05)?;
    chart
        .configure_mesh()
        .x_desc("hours")
        .y_desc("percent")
        .y_label_formatter(&|value| format!("{value:.4}"))
        .draw()?;
    for (index, (name, points)) in lines.into_iter().enumerate() {
        let colour = Palette99::pick(index).to_rgba();
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}

/// The growth so far at each epoch, of the validators with the greatest yield.
fn lines(returns: &SubnetReturns) -> Vec<Line> {
    let start = returns.window.start_ms();
    let lines = returns.validators.iter().take(MOST_LINES).map(|validator| {
        let mut growth = 0.0;
        let points = returns.epochs.iter().zip(&validator.by_epoch).enumerate().map(|(position, ((_, time), paid))| {
            // The first epoch opens the window.
            if position > 0 {
                growth = (1.0 + growth) * (1.0 + paid.unwrap_or(0.0)) - 1.0;
            }
            (time.saturating_sub(start) as f64 / 3_600_000.0, growth * 100.0)
        });
        let uid = validator.uid.map_or_else(|| "unregistered".to_owned(), |uid| format!("uid {uid}"));
        (uid, points.collect())
    });
    lines.collect()
}
