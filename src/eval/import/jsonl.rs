//! The lines of a JSONL file: cases, or objects whose fields are the columns.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    ROWS_MAX,
    csv::too_many,
    draft::{Draft, Row, adopted, draft},
    fault::{Fault, Faults},
    options::Options,
};

/// Longest line, in bytes.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// The drafts of all lines that can be read; what is wrong with the others goes to `faults`. `text` begins after a byte
/// order mark.
pub(super) fn drafts(text: &[u8], options: &Options, faults: &mut Faults) -> Vec<Draft> {
    if text.trim_ascii_start().starts_with(b"[") {
        faults.push(spread("it is one JSON array", "jq -c '.[]'"));
        return Vec::new();
    }
    let mut drafts = Vec::new();
    let mut fields: BTreeSet<String> = BTreeSet::new();
    let mut mapped = false;
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).enumerate();
    for (count, (index, line)) in lines.filter(|(_, line)| !line.is_empty()).enumerate() {
        if count == ROWS_MAX {
            faults.push(too_many().at_line(index + 1));
            break;
        }
        let object = match object(line) {
            Ok(object) => object,
            // An object that goes on in the next line will do so in every one.
            Err(_) if count == 0 && matches!(line, b"{" | b"{\"") => {
                faults.push(spread("its objects are spread over several lines", "jq -c ."));
                break;
            }
            Err(fault) => {
                faults.push(fault.at_line(index + 1));
                continue;
            }
        };
        let made = if is_case(&object) {
            adopted(index + 1, object, options)
        } else {
            mapped = true;
            fields.extend(object.keys().cloned());
            draft(Row { line: index + 1, cells: object.into_iter().collect() }, options)
        };
        match made {
            Ok(draft) => drafts.push(draft),
            Err(found) => faults.extend(found),
        }
    }
    if mapped {
        let known: Vec<&str> = fields.iter().map(String::as_str).collect();
        faults.extend(options.unknown(&known));
    }
    if drafts.is_empty() && faults.is_empty() {
        faults.push(Fault::new("there is nothing in it", "write one object a line"));
    }
    drafts
}

fn spread(message: &str, command: &str) -> Fault {
    Fault::new(message, format!("write one object a line, as `{command}` does"))
}

fn is_case(object: &Map<String, Value>) -> bool {
    let arrived = object.contains_key("event") || object.contains_key("delivery");
    arrived && object.contains_key("expect")
}

fn object(line: &[u8]) -> Result<Map<String, Value>, Fault> {
    if line.len() > LINE_BYTES_MAX {
        let message = format!("it has {} bytes and may have {LINE_BYTES_MAX}", line.len());
        return Err(Fault::new(message, "shorten it"));
    }
    let text = std::str::from_utf8(line).map_err(|error| {
        let message = format!("it is not UTF-8 from column {} on", error.valid_up_to() + 1);
        Fault::new(message, "save the file as UTF-8")
    })?;
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Fault::new("it is not an object", "write one object a line")),
        Err(error) => {
            let said = error.to_string();
            let said = said.split(" at line ").next().unwrap_or_default();
            let message = format!("{said} (column {})", error.column());
            Err(Fault::new(message, "write one JSON object"))
        }
    }
}
