//! What became of the calls, as a table that Markdown shows.

use std::fmt;
use std::time::Duration;

use madang_e2e::Route;
use madang_lab::Kind;

/// One call between two networks.
#[derive(Debug)]
pub(crate) enum Cell {
    /// Both saw and heard each other.
    Connected { a: Route, b: Route, took: Duration },
    /// They did not, or not the way they should.
    Failed,
}

/// The calls of a run.
#[derive(Debug)]
pub(crate) struct Table {
    name: String,
    rows: Vec<((Kind, Kind), Vec<Cell>)>,
}

impl Table {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), rows: Vec::new() }
    }

    /// Calls between the same two networks, in this order, make a row.
    pub(crate) fn add(&mut self, kinds: (Kind, Kind), cell: Cell) {
        match self.rows.iter_mut().find(|(known, _)| *known == kinds) {
            Some((_, cells)) => cells.push(cell),
            None => self.rows.push((kinds, vec![cell])),
        }
    }

    pub(crate) fn calls(&self) -> usize {
        self.rows.iter().map(|(_, cells)| cells.len()).sum()
    }

    pub(crate) fn failures(&self) -> usize {
        self.rows.iter().flat_map(|(_, cells)| cells).filter(|cell| matches!(cell, Cell::Failed)).count()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "| {}: A | B | connected | way | A's candidates | B's candidates | first frame |",
            self.name
        )?;
        writeln!(formatter, "|---|---|---|---|---|---|---|")?;
        for ((one, other), cells) in &self.rows {
            let routes = |pick: fn(&Cell) -> Option<String>| {
                let mut all: Vec<String> = cells.iter().filter_map(pick).collect();
                all.sort();
                all.dedup();
                all.join(", ")
            };
            let mut times: Vec<Duration> = cells
                .iter()
                .filter_map(|cell| match cell {
                    Cell::Connected { took, .. } => Some(*took),
                    Cell::Failed => None,
                })
                .collect();
            times.sort();
            let median = times.get(times.len() / 2).map_or("–".to_owned(), |time| format!("{} ms", time.as_millis()));
            writeln!(
                formatter,
                "| {} | {} | {} of {} | {} | {} | {} | {median} |",
                one.name(),
                other.name(),
                times.len(),
                cells.len(),
                routes(|cell| match cell {
                    Cell::Connected { a, .. } => Some(if a.is_direct() { "direct" } else { "relayed" }.to_owned()),
                    Cell::Failed => None,
                }),
                routes(|cell| match cell {
                    Cell::Connected { a, .. } => Some(a.to_string()),
                    Cell::Failed => None,
                }),
                routes(|cell| match cell {
                    Cell::Connected { b, .. } => Some(b.to_string()),
                    Cell::Failed => None,
                }),
            )?;
        }
        Ok(())
    }
}
