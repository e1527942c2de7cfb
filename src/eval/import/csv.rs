//! The rows of a CSV file, the first of which names the columns.

use std::collections::HashSet;

use csv::ByteRecord;
use serde_json::Value;

use super::{
    ROWS_MAX,
    bytes::{Lines, unclosed_quote},
    draft::{Draft, Row, draft, misplaced},
    fault::{Fault, Faults},
    options::Options,
};
use crate::config::quoted;

/// Largest cell, in bytes. What is larger is no text that somebody labels, more often a quote that is not closed.
pub const CELL_BYTES_MAX: usize = 256 * 1024;

/// Most columns.
pub const COLUMNS_MAX: usize = 256;

/// The drafts of all rows that can be read; what is wrong with the others goes to `faults`. `text` begins after a byte
/// order mark.
pub(super) fn drafts(text: &[u8], options: &Options, faults: &mut Faults) -> Vec<Draft> {
    let open = unclosed_quote(text, options.delimiter);
    // What follows is one cell to a reader, and not what anybody meant.
    let whole = open.as_ref().map_or(text, |open| text.get(..open.record).unwrap_or(text));
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(options.delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(whole);
    let mut lines = Lines::of(whole);
    let mut header: Option<Vec<String>> = None;
    let (mut drafts, mut rows) = (Vec::new(), 0);
    let mut record = ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                faults.push(Fault::new(format!("it is not CSV: {error}"), "write a table as CSV"));
                return drafts;
            }
        }
        let start = record.position().map_or(0, csv::Position::byte);
        let line = lines.at_record(usize::try_from(start).unwrap_or(usize::MAX));
        match &header {
            None => match names(&record, line, options) {
                Ok(names) => header = Some(names),
                Err(found) => {
                    faults.extend(found);
                    return drafts;
                }
            },
            Some(_) if record.iter().all(is_blank) => {}
            Some(_) if rows == ROWS_MAX => {
                faults.push(too_many().at_line(line));
                return drafts;
            }
            Some(names) => {
                rows += 1;
                match row(&record, line, names).and_then(|row| draft(row, options)) {
                    Ok(draft) => drafts.push(draft),
                    Err(found) => faults.extend(found),
                }
            }
        }
    }
    if let Some(open) = open {
        let remedy = "close it; a quote inside of a field is written twice";
        faults.push(Fault::new("a quote is opened and never closed", remedy).at_line(open.line));
    } else if header.is_none() {
        faults.push(Fault::new("there is nothing in it", "begin with a line that names the columns"));
    }
    drafts
}

pub(super) fn too_many() -> Fault {
    Fault::new(format!("there are more than {ROWS_MAX} rows"), "import them in parts")
}

/// The columns' names; a column without one is allowed as long as it is empty.
fn names(header: &ByteRecord, line: usize, options: &Options) -> Result<Vec<String>, Vec<Fault>> {
    let at_line = |faults: Vec<Fault>| faults.into_iter().map(|fault| fault.at_line(line)).collect();
    if header.len() > COLUMNS_MAX {
        let fault =
            Fault::new(format!("there are {} columns", header.len()), "leave out those you do not need");
        return Err(at_line(vec![fault]));
    }
    let (mut names, mut faults) = (Vec::new(), Vec::new());
    for (index, name) in header.iter().enumerate() {
        match std::str::from_utf8(name) {
            Ok(name) => names.push(name.trim().to_owned()),
            Err(_) => faults.push(not_utf8().in_column(&format!("#{}", index + 1))),
        }
    }
    let mut seen = HashSet::new();
    let twice = names.iter().filter(|name| !name.is_empty() && !seen.insert(name.as_str()));
    faults.extend(
        twice.map(|name| Fault::new("two columns are called so", "rename one of them").in_column(name)),
    );
    if !faults.is_empty() {
        return Err(at_line(faults));
    }
    let named: Vec<&str> = names.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    let mut faults = options.unknown(&named);
    if !faults.is_empty()
        && let [only] = named.as_slice()
    {
        faults = separated(only, options.delimiter).map_or(faults, |fault| vec![fault]);
    }
    faults.extend(misplaced(&named, options));
    if faults.is_empty() { Ok(names) } else { Err(at_line(faults)) }
}

/// Where the whole header is one name because the fields are separated by something else.
fn separated(header: &str, delimiter: u8) -> Option<Fault> {
    let others = [';', '\t', ',', '|'].into_iter().filter(|other| u32::from(*other) != u32::from(delimiter));
    let other =
        others.max_by_key(|other| header.matches(*other).count()).filter(|other| header.contains(*other))?;
    let message = format!("it has only the column {}", quoted(header));
    Some(Fault::new(message, format!("give {} as the delimiter", quoted(&other.to_string()))))
}

fn row(record: &ByteRecord, line: usize, names: &[String]) -> Result<Row, Vec<Fault>> {
    let (mut cells, mut faults) = (Vec::new(), Vec::new());
    let beyond = !record.iter().skip(names.len()).all(is_blank);
    if record.len() < names.len() || beyond {
        let message = format!("it has {} fields, and the header {}", record.len(), names.len());
        let remedy = "put a field that holds the delimiter or a line break in quotes";
        return Err(vec![Fault::new(message, remedy).at_line(line)]);
    }
    for (index, (cell, name)) in record.iter().zip(names).enumerate() {
        let mut wrong = |fault: Fault| {
            let nameless = format!("#{}", index + 1);
            faults.push(fault.at_line(line).in_column(if name.is_empty() { &nameless } else { name }));
        };
        if is_blank(cell) {
            continue;
        }
        if cell.len() > CELL_BYTES_MAX {
            let message = format!("it has {} bytes and may have {CELL_BYTES_MAX}", cell.len());
            wrong(Fault::new(message, "cut it, or look for a quote before it that is not closed"));
        } else if name.is_empty() {
            wrong(Fault::new("it has no name in the header", "name the column, or empty it"));
        } else {
            match std::str::from_utf8(cell) {
                Ok(text) => cells.push((name.clone(), Value::from(text))),
                Err(_) => wrong(not_utf8()),
            }
        }
    }
    if faults.is_empty() { Ok(Row { line, cells }) } else { Err(faults) }
}

/// An empty cell is left out of the event, and an empty row altogether: spreadsheets write them at the end.
fn is_blank(cell: &[u8]) -> bool {
    cell.trim_ascii().is_empty()
}

fn not_utf8() -> Fault {
    Fault::new("it is not UTF-8", "save the file as UTF-8 (in a spreadsheet: \"CSV UTF-8\")")
}
