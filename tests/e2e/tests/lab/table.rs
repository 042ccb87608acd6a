//! What became of the calls, as a table that Markdown shows.

use std::fmt;

use madang_lab::Kind;

/// The calls between two networks.
#[derive(Debug, Default)]
struct Cell {
    /// How they went, each way once.
    ways: Vec<String>,
    connected: u32,
    calls: u32,
}

/// The calls of a run: a row for each network of the first, a column for each of the second.
#[derive(Debug)]
pub(crate) struct Table {
    corner: String,
    cells: Vec<((Kind, Kind), Cell)>,
}

impl Table {
    pub(crate) fn new(corner: &str) -> Self {
        Self { corner: corner.to_owned(), cells: Vec::new() }
    }

    /// Adds a call that went this way, or none that did not connect.
    pub(crate) fn add(&mut self, kinds: (Kind, Kind), way: Option<String>) {
        let at = self.cells.iter().position(|(known, _)| *known == kinds).unwrap_or_else(|| {
            self.cells.push((kinds, Cell::default()));
            self.cells.len() - 1
        });
        let cell = &mut self.cells[at].1;
        cell.calls += 1;
        if let Some(way) = way {
            cell.connected += 1;
            if !cell.ways.contains(&way) {
                cell.ways.push(way);
            }
        }
    }

    pub(crate) fn calls(&self) -> u32 {
        self.cells.iter().map(|(_, cell)| cell.calls).sum()
    }

    pub(crate) fn connected(&self) -> u32 {
        self.cells.iter().map(|(_, cell)| cell.connected).sum()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |first: &str, cells: [String; Kind::ALL.len()]| format!("| {first} | {} |", cells.join(" | "));
        writeln!(formatter, "{}", row(&self.corner, Kind::ALL.map(|kind| kind.name().to_owned())))?;
        writeln!(formatter, "|{}", "---|".repeat(Kind::ALL.len() + 1))?;
        for one in Kind::ALL {
            let cells = Kind::ALL.map(|other| {
                let cell = self.cells.iter().find(|(kinds, _)| *kinds == (one, other));
                cell.map(|(_, cell)| cell.to_string()).unwrap_or_default()
            });
            writeln!(formatter, "{}", row(one.name(), cells))?;
        }
        Ok(())
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}/{}", self.ways.join(", "), self.connected, self.calls)
    }
}
