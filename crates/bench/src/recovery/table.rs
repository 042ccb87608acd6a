//! What was measured, as a table that Markdown shows.

use std::fmt;
use std::time::Duration;

use crate::median::summary;

use super::call::Contestant;

/// A row for each fault and thing measured.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<Row>);

/// One thing that was measured, of both.
#[derive(Debug)]
pub(super) struct Row {
    what: String,
    /// `None` is never.
    times: [Vec<Option<Duration>>; 2],
}

impl Table {
    pub(super) fn add(&mut self, what: &str, contestant: Contestant, took: Option<Duration>) {
        let at = self.0.iter().position(|row| row.what == what).unwrap_or_else(|| {
            self.0.push(Row { what: what.to_owned(), times: Default::default() });
            self.0.len() - 1
        });
        self.0[at].times[contestant as usize].push(took);
    }

    /// The rows of a fault.
    pub(super) fn rows_of(&self, fault: &str) -> impl Iterator<Item = &Row> {
        self.0.iter().filter(move |row| row.what == fault || row.what.starts_with(&format!("{fault}: ")))
    }
}

impl Row {
    pub(super) const HEAD: &str =
        "| fault | madang median | madang max | tutorial median | tutorial max |\n|---|---|---|---|---|\n";
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|row| writeln!(formatter, "{row}"))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [madang, tutorial] = &self.times;
        write!(formatter, "| {} | {} | {} |", self.what, cells(madang), cells(tutorial))
    }
}

/// Median and most. One that is never is longer than all others.
fn cells(times: &[Option<Duration>]) -> String {
    let nevers = times.iter().filter(|time| time.is_none()).count();
    let never = if nevers == times.len() { "never".to_owned() } else { format!("never {nevers}/{}", times.len()) };
    let seconds = |time: f64| if time.is_finite() { format!("{time:.2} s") } else { never.clone() };
    summary(times.iter().map(|time| time.map_or(f64::INFINITY, |time| time.as_secs_f64())))
        .map_or("– | –".to_owned(), |all| format!("{} | {}", seconds(all.median), seconds(all.most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_is_longer_than_any_time() {
        let seconds = |times: &[u64]| times.iter().map(|time| Some(Duration::from_secs(*time))).collect::<Vec<_>>();
        assert_eq!(cells(&seconds(&[3, 1, 2])), "2.00 s | 3.00 s");
        assert_eq!(cells(&[seconds(&[3, 1]), vec![None]].concat()), "3.00 s | never 1/3");
        assert_eq!(cells(&[None, None]), "never | never");
        assert_eq!(cells(&[]), "– | –");
    }
}
