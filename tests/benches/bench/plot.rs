//! Plots in SVG with two logarithmic axes.

use plotters::prelude::*;

use crate::report::folder;

/// A line.
pub struct Series {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

/// Draws `target/bench-<name>.svg`.
pub fn draw(name: &str, x: &str, y: &str, series: &[Series]) {
    let path = folder().join(format!("bench-{name}.svg"));
    let drawing = SVGBackend::new(&path, (640, 400)).into_drawing_area();
    try_draw(&drawing, x, y, series).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    println!("Plot: target/bench-{name}.svg");
}

fn try_draw(
    drawing: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    x: &str,
    y: &str,
    series: &[Series],
) -> Result<(), Box<dyn std::error::Error>> {
    let range = |value: fn(&(f64, f64)) -> f64| {
        let values = || series.iter().flat_map(|series| series.points.iter().map(value));
        values().fold(f64::MAX, f64::min) * 0.8..values().fold(0.0, f64::max) * 1.25
    };
    drawing.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(drawing)
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d(range(|point| point.0).log_scale(), range(|point| point.1).log_scale())?;
    chart.configure_mesh().light_line_style(TRANSPARENT).x_desc(x).y_desc(y).draw()?;
    for (series, color) in series.iter().zip([BLUE, RED]) {
        let line = LineSeries::new(series.points.iter().copied(), color.stroke_width(2)).point_size(3);
        chart
            .draw_series(line)?
            .label(series.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).border_style(BLACK.mix(0.3)).draw()?;
    drawing.present()?;
    Ok(())
}
