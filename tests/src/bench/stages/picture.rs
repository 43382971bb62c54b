//! The stages of several launches, drawn: a bar for each, and a table beneath.

use super::stage::Stage;
use std::fmt::Write;

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// What was launched.
    pub name: String,
    /// Microseconds of each stage, in the order of [`Stage::ALL`].
    pub times: [f64; Stage::ALL.len()],
}

impl Bar {
    /// Microseconds of all.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.times.iter().sum()
    }
}

const WIDTH: f64 = 980.0;
/// Where bars begin and end.
const LEFT: f64 = 16.0;
const SPAN: f64 = WIDTH - 2.0 * LEFT;
const BAR: f64 = 34.0;
const STEP: f64 = 66.0;
const TOP: f64 = 30.0;
/// Height of a line of the table.
const LINE: f64 = 20.0;
/// Where the first column of numbers ends, and how far the next is.
const COLUMN: f64 = 440.0;
const COLUMNS: f64 = 130.0;

/// Colours of letters follow the reader's scheme; those of stages carry dark letters in both.
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#1f2328}\
.name{font-weight:600;font-size:13px}.in{fill:#16181b;font-size:10.5px}\
.number{text-anchor:end;font-variant-numeric:tabular-nums}\
.part{stroke:#ffffff;stroke-width:.7}.rule{stroke:#8c959f;stroke-width:.5}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.in{fill:#16181b}.part{stroke:#0d1117}}";

/// The whole picture.
#[must_use]
pub fn draw(bars: &[Bar]) -> String {
    let height = table_top(bars) + LINE * (rows(bars).count() as f64 + 2.5);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
         role=\"img\" aria-label=\"Where the time of a launch goes\">\n<style>{STYLE}</style>\n"
    );
    let longest = bars.iter().map(Bar::total).fold(1.0, f64::max);
    for (index, bar) in bars.iter().enumerate() {
        let y = TOP + STEP * index as f64;
        draw_bar(&mut svg, bar, y, SPAN / longest, bars[0].total());
    }
    draw_table(&mut svg, bars);
    svg + "</svg>\n"
}

fn draw_bar(svg: &mut String, bar: &Bar, y: f64, scale: f64, first: f64) {
    let (name, total) = (escaped(&bar.name), bar.total());
    let ratio = total / first;
    let words = format!("{name}: {total:.0} µs, {ratio:.2} times the first");
    put(svg, "name", LEFT, y - 6.0, &words);
    let mut x = LEFT;
    for (stage, time) in Stage::ALL.into_iter().zip(bar.times) {
        let width = time * scale;
        if width < 0.05 {
            continue;
        }
        let (colour, name) = (stage.colour(), stage.name());
        let _ = writeln!(
            svg,
            "<rect class=\"part\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" \
             fill=\"{colour}\"><title>{name}: {time:.1} µs</title></rect>"
        );
        // A number, where there is room for one.
        if width > 22.0 {
            put(svg, "in", x + 3.0, y + 21.0, &format!("{time:.0}"));
        }
        x += width;
    }
}

fn draw_table(svg: &mut String, bars: &[Bar]) {
    let mut y = table_top(bars);
    for (index, bar) in bars.iter().enumerate() {
        put(svg, "number name", column(index), y, &escaped(&bar.name));
    }
    let _ = writeln!(
        svg,
        "<line class=\"rule\" x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{:.0}\" y2=\"{:.0}\"/>",
        LEFT + SPAN,
        y + 6.0,
        y + 6.0
    );
    for stage in rows(bars) {
        y += LINE;
        let _ = writeln!(
            svg,
            "<rect x=\"{LEFT}\" y=\"{:.0}\" width=\"14\" height=\"14\" fill=\"{}\"/>",
            y - 11.0,
            stage.colour()
        );
        put(svg, "stage", LEFT + 22.0, y, stage.name());
        for (index, bar) in bars.iter().enumerate() {
            let time = bar.times[stage.index()];
            if time >= 0.05 {
                put(svg, "number", column(index), y, &format!("{time:.1}"));
            }
        }
    }
    y += LINE;
    put(svg, "name", LEFT + 22.0, y, "together, µs");
    for (index, bar) in bars.iter().enumerate() {
        let total = format!("{:.0}", bar.total());
        put(svg, "number name", column(index), y, &total);
    }
}

/// The stages that any of the bars has.
fn rows(bars: &[Bar]) -> impl Iterator<Item = Stage> {
    let there = |stage: &Stage| bars.iter().any(|bar| bar.times[stage.index()] >= 0.05);
    Stage::ALL.into_iter().filter(there)
}

fn table_top(bars: &[Bar]) -> f64 {
    TOP + STEP * bars.len() as f64 + 4.0
}

fn column(index: usize) -> f64 {
    COLUMN + COLUMNS * index as f64
}

fn put(svg: &mut String, class: &str, x: f64, y: f64, words: &str) {
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>"
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars() -> [Bar; 2] {
        let mut times = [0.0; Stage::ALL.len()];
        times[Stage::Execute.index()] = 300.0;
        times[Stage::Program.index()] = 100.0;
        let mut more = times;
        more[Stage::Landlock.index()] = 100.0;
        let bar = |name: &str, times| Bar {
            name: name.to_owned(),
            times,
        };
        [bar("bare", times), bar("a <b>", more)]
    }

    #[test]
    fn the_picture_tells_each_number_in_letters() {
        let svg = draw(&bars());
        for words in [
            "bare: 400 µs, 1.00",
            "a &lt;b>: 500 µs, 1.25",
            ">Landlock<",
            ">300.0<",
        ] {
            assert!(svg.contains(words), "{words}: {svg}");
        }
        assert!(!svg.contains("namespaces"), "a stage that nobody has");
    }

    #[test]
    fn the_longest_bar_is_as_wide_as_the_picture() {
        let svg = draw(&bars());
        let widths = svg.lines().filter_map(|line| {
            let (_, rest) = line
                .strip_prefix("<rect class=\"part\"")?
                .split_once("width=\"")?;
            rest.split('"').next()?.parse::<f64>().ok()
        });
        let second: f64 = widths.skip(2).sum();
        assert!((second - SPAN).abs() < 0.5, "{second}");
    }
}
