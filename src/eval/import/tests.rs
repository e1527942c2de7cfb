use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    config::{Case, CaseDelivery, CaseEvent, Split},
    domain::Timestamp,
    source::Scheme,
};

fn options() -> Options {
    Options {
        label: "label".to_owned(),
        id: None,
        prefix: "imported".to_owned(),
        source: Given::Fixed("forms".to_owned()),
        event_type: Given::Fixed("ticket.created".to_owned()),
        columns: Vec::new(),
        author: "me".to_owned(),
        tags: Vec::new(),
        split: None,
        test_is_locked: false,
        labels: Vec::new(),
        delimiter: b',',
        allow_near: false,
    }
}

fn columns(columns: &[&str]) -> Vec<Column> {
    columns.iter().map(|column| column.parse().expect("a column")).collect()
}

fn csv(text: impl AsRef<[u8]>, options: &Options) -> Imported {
    import(text.as_ref(), Format::Csv, options, &[])
}

fn jsonl(text: impl AsRef<[u8]>, options: &Options) -> Imported {
    import(text.as_ref(), Format::Jsonl, options, &[])
}

/// The cases of a file without faults.
fn cases(imported: &Imported) -> Vec<Value> {
    assert!(imported.faults.is_empty(), "{}", imported.faults);
    imported.jsonl().lines().map(|line| serde_json::from_str(line).expect("a case is JSON")).collect()
}

fn lines_of(imported: &Imported) -> Vec<usize> {
    imported.drafts.iter().map(|draft| draft.line).collect()
}

/// Faults without their remedies, which most tests do not look at.
fn told(imported: &Imported) -> Vec<String> {
    let lines: Vec<String> = imported.faults.to_string().lines().map(str::to_owned).collect();
    lines.into_iter().filter(|line| !line.starts_with("    remedy: ")).collect()
}

#[test]
fn a_row_becomes_a_case_with_its_fields_in_order() {
    let options = Options {
        tags: vec!["old".to_owned()],
        split: Some(Split::Dev),
        columns: columns(&["Subject=data.subject", "seats=data.customer.seats:json", "mail="]),
        ..options()
    };
    let text = "Subject,seats,label,mail,note\nExport stops,12,support,a@b.example,\n";
    // The id as another program computes it from the event's bytes.
    assert_eq!(
        csv(text, &options).jsonl(),
        concat!(
            r#"{"id":"imported-d4e0e3d7455f","event":{"source":"forms","type":"ticket.created","body":"#,
            r#"{"type":"ticket.created","data":{"subject":"Export stops","customer":{"seats":12}}}},"#,
            r#""expect":{"label":"support"},"tags":["old"],"author":"me","split":"dev"}"#,
            "\n"
        )
    );
}

#[test]
fn other_columns_go_to_data_and_ids_source_and_type_may_have_their_own() {
    let options = Options {
        id: Some("nr".to_owned()),
        source: Given::Column("from".to_owned()),
        event_type: Given::Column("kind".to_owned()),
        ..options()
    };
    let read =
        cases(&csv("nr,from,kind,label,e.mail\n7,crm,lead.new, lead ,x\n,crm,lead.new,spam,y\n", &options));
    assert_eq!(
        read[0],
        json!({
            "id": "7",
            "event": {"source": "crm", "type": "lead.new", "body": {"type": "lead.new", "data": {"e.mail": "x"}}},
            "expect": {"label": "lead"},
            "tags": [],
            "author": "me",
        })
    );
    assert!(read[1]["id"].as_str().is_some_and(|id| id.starts_with("imported-")), "an empty id is made");
}

#[test]
fn a_made_id_is_that_of_the_event() {
    let id = |text: &str, options: &Options| csv(text, options).drafts[0].id.clone();
    let first = id("label,a\nx,1\n", &options());
    assert_eq!(id("a,label\r\n1,y\r\n", &options()), first, "whatever its label and place");
    assert_ne!(id("label,a\nx,2\n", &options()), first);
    assert_ne!(
        id("label,a\nx,1\n", &Options { source: Given::Fixed("other".to_owned()), ..options() }),
        first
    );
}

#[test]
fn tables_are_read_as_spreadsheets_write_them() {
    let text = "\u{feff}\"label\";text;\r\n\r\nx;\"one\r\n\"\"two\"\";\";\r\n;;\r\n  \r\n\r\ny;three;\r\n";
    let read = csv(text, &Options { delimiter: b';', ..options() });
    let texts: Vec<_> =
        cases(&read).iter().map(|case| case["event"]["body"]["data"]["text"].clone()).collect();
    assert_eq!(texts, ["one\r\n\"two\";", "three"]);
    assert_eq!(lines_of(&read), [3, 8]);
    assert_eq!(lines_of(&csv("label,a\rx,1\ry,2\r", &options())), [2, 3]);
}

#[test]
fn a_header_that_does_not_fit_is_told_once() {
    let read = csv("lable,text\nx,1\ny,2\n", &options());
    assert_eq!(
        read.faults.to_string(),
        "line 1, column `label`: there is no such column for the label\n    remedy: did you mean `lable`? Write \
         one of: lable, text"
    );
    let read = csv("\nlabel;text\nx;1\n", &options());
    assert_eq!(
        read.faults.to_string(),
        "line 2: it has only the column `label;text`\n    remedy: give `;` as the delimiter"
    );
    assert_eq!(
        told(&csv("label,a,a\nx,1,2\n", &options())),
        ["line 1, column `a`: two columns are called so"]
    );
    let clash = Options { columns: columns(&["a=data.b", "c=data.b.c", "d=e"]), ..options() };
    assert_eq!(
        told(&csv("label,a,b,c\nx,1,2,3\n", &clash)),
        [
            "line 1, column `d`: there is no such column",
            "line 1, column `b`: its place `data.b` in the event is taken by another column",
            "line 1, column `c`: its place `data.b` in the event is taken by another column",
        ]
    );
    let wide = format!("label{}\n", ",a".repeat(COLUMNS_MAX));
    assert_eq!(told(&csv(wide, &options())), [format!("line 1: there are {} columns", COLUMNS_MAX + 1)]);
}

#[test]
fn faulty_rows_are_told_with_their_columns_and_do_not_hide_the_others() {
    let options = Options {
        id: Some("id".to_owned()),
        labels: ["lead", "spam"].map(str::to_owned).to_vec(),
        columns: columns(&["seats=data.seats:json"]),
        ..options()
    };
    let mut text =
        b"id,label,seats,text,\na,spma,many,\"x\ny\",\nb,lead,1,ok,\nc,,2,ok,\nd,lead,3,caf\xe9,\n".to_vec();
    text.extend(
        b"e,lead\nf,lead,4,ok,,more\ng,lead,5,ok,stray\nb,lead,6,ok,\nh\x1b,lead,7,ok,\ni,spam,8,fine,,\n",
    );
    let read = csv(text, &options);
    assert_eq!(
        told(&read),
        [
            "line 2, column `label`: no label is called `spma`",
            "line 2, column `seats`: `many` is not JSON",
            "line 5, column `label`: there is no label",
            "line 6, column `text`: it is not UTF-8",
            "line 7: it has 2 fields, and the header 5",
            "line 8: it has 6 fields, and the header 5",
            "line 9, column `#5`: it has no name in the header",
            "line 10: the id `b` is that of line 4",
            "line 11, column `id`: the id `h\\u{1b}` is too long or has control characters",
        ]
    );
    assert_eq!(lines_of(&read), [4, 12]);
    let remedies = read.faults.told.iter().map(|fault| fault.remedy.as_str());
    assert_eq!(remedies.clone().next(), Some("did you mean `spam`? Write one of: lead, spam"));
    assert!(remedies.clone().all(|remedy| !remedy.is_empty()));
}

#[test]
fn what_cannot_be_read_is_refused_with_a_remedy() {
    for (text, fault) in [
        (&b""[..], "there is nothing in it\n    remedy: begin with a line that names the columns"),
        (
            b"\n \n",
            "line 2, column `label`: there is no such column for the label\n    remedy: there is none to choose \
             from; add one first",
        ),
        (
            b"\xff\xfel\0",
            "it is UTF-16\n    remedy: save the file as UTF-8 (in a spreadsheet: \"CSV UTF-8\")",
        ),
        (
            b"label,t\xe9xt\nx,1\n",
            "line 1, column `#2`: it is not UTF-8\n    remedy: save the file as UTF-8 (in a spreadsheet: \"CSV \
             UTF-8\")",
        ),
    ] {
        let read = csv(text, &options());
        assert_eq!(read.faults.to_string(), fault);
        assert!(read.drafts.is_empty());
    }
}

#[test]
fn a_quote_that_is_not_closed_does_not_swallow_the_rows_before_it() {
    let read = csv("label,text\nx,1\ny,\"2\nz,3\n", &options());
    assert_eq!(
        read.faults.to_string(),
        "line 3: a quote is opened and never closed\n    remedy: close it; a quote inside of a field is written twice"
    );
    assert_eq!(lines_of(&read), [2]);
}

#[test]
fn sizes_and_numbers_are_bounded() {
    let long = "x".repeat(CELL_BYTES_MAX + 1);
    let read = csv(format!("label,text\nx,{long}\ny,2\n"), &options());
    assert_eq!(told(&read), ["line 2, column `text`: it has 262145 bytes and may have 262144"]);
    assert_eq!(lines_of(&read), [3]);
    let rows: String = (0..=ROWS_MAX).map(|n| format!("x,{n}\n")).collect();
    let read = csv(format!("label,n\n{rows}"), &options());
    assert_eq!(
        (read.drafts.len(), told(&read)),
        (ROWS_MAX, vec!["line 10002: there are more than 10000 rows".to_owned()])
    );
    let read = csv(format!("label,n\n{}", ",1\n".repeat(60)), &options());
    assert_eq!((read.faults.told.len(), read.faults.more), (FAULTS_MAX, 10));
    assert!(read.faults.to_string().ends_with("\nand 10 more; correct those above first"));
    let read = jsonl(format!("{{\"a\":\"{}\"}}\n", "x".repeat(LINE_BYTES_MAX)), &options());
    assert_eq!(told(&read)[0], "line 1: it has 1048584 bytes and may have 1048576");
}

#[test]
fn options_that_cannot_be_right_are_told_before_anything_is_read() {
    let wrong = Options {
        author: " ".to_owned(),
        source: Given::Fixed(String::new()),
        delimiter: b'"',
        columns: columns(&["a=b", "a=c", "label=data.answer"]),
        ..options()
    };
    assert_eq!(
        told(&csv("nothing", &wrong)),
        [
            "`author` is ` `",
            "`source` is ``",
            "the delimiter is `\"`",
            "column `a`: it is given two places",
            "column `label`: it has the label, and the event would give the answer away",
        ]
    );
}

#[test]
fn lines_that_are_cases_stay_as_they_are_and_are_completed() {
    let line = json!({
        "weight": 2.0,
        "tags": ["hard"],
        "split": "train",
        "expect": {"label": "x"},
        "event": {"source": "s", "type": "t", "body": {"b": 1, "a": 2}},
    });
    let full = json!({
        "checked_by": "me", "author": "you", "expect": {"label": "x"}, "id": "own", "split": null,
        "event": {"source": "s", "type": "t", "body": 1},
    });
    let options =
        Options { tags: vec!["hard".to_owned(), "new".to_owned()], split: Some(Split::Test), ..options() };
    let read = jsonl(format!("\u{feff}{line}\r\n \r\n{full}\n"), &options);
    let id = &read.drafts[0].id;
    assert_eq!(
        read.jsonl(),
        format!(
            "{{\"id\":\"{id}\",\"event\":{{\"source\":\"s\",\"type\":\"t\",\"body\":{{\"b\":1,\"a\":2}}}},\"expect\":\
             {{\"label\":\"x\"}},\"tags\":[\"hard\",\"new\"],\"author\":\"me\",\"split\":\"train\",\"weight\":2.0}}\n\
             {{\"id\":\"own\",\"event\":{{\"source\":\"s\",\"type\":\"t\",\"body\":1}},\"expect\":{{\"label\":\"x\"}},\
             \"tags\":[\"hard\",\"new\"],\"author\":\"you\",\"split\":\"test\",\"checked_by\":\"me\"}}\n"
        )
    );
    assert_eq!(lines_of(&read), [1, 3]);
    let known = Options { labels: vec!["y".to_owned()], ..options };
    assert_eq!(
        told(&jsonl(line.to_string(), &known)),
        ["line 1, column `expect.label`: no label is called `x`"]
    );
}

#[test]
fn other_objects_are_mapped_like_rows() {
    let options = Options {
        label: "expected".to_owned(),
        id: Some("n".to_owned()),
        columns: columns(&["input=data", "meta=", "raw=data.raw:json"]),
        ..options()
    };
    let text = "{\"extra\":null,\"n\":7,\"input\":{\"text\":\"hi\"},\"expected\":\"lead\",\"meta\":1}\n\
                {\"n\":8,\"input\":{\"text\":\"ho\"},\"expected\":\"spam\",\"raw\":\"[1]\"}\n";
    let read = cases(&jsonl(text, &options));
    assert_eq!(read[0]["id"], "7");
    assert_eq!(
        read[0]["event"]["body"],
        json!({"type": "ticket.created", "data": {"text": "hi", "extra": null}})
    );
    assert_eq!(read[1]["event"]["body"]["data"], json!({"text": "ho", "raw": [1]}));
    let read = jsonl("{\"expected\":[],\"input\":3,\"extra\":1}\n{\"input\":{}}\n", &options);
    assert_eq!(
        told(&read),
        [
            "column `n`: there is no such column for the id",
            "column `meta`: there is no such column",
            "column `raw`: there is no such column",
            "line 1, column `expected`: it is neither a text nor a number",
            "line 1, column `extra`: its place `data` in the event is taken by another column",
            "line 2, column `expected`: there is no label",
        ]
    );
}

#[test]
fn lines_that_are_no_objects_are_told() {
    let read = jsonl(
        b"{\"label\":\"x\"}\n{\"label\": }\n\"x\"\n{} {}\n{\"label\":\"\xe9\"}\n".as_slice(),
        &options(),
    );
    assert_eq!(
        told(&read),
        [
            "line 2: expected value (column 11)",
            "line 3: it is not an object",
            "line 4: trailing characters (column 4)",
            "line 5: it is not UTF-8 from column 11 on",
        ]
    );
    assert_eq!(lines_of(&read), [1]);
    for (text, fault) in [
        (" \n[{}]", "it is one JSON array\n    remedy: write one object a line, as `jq -c '.[]'` does"),
        (
            "{\n  \"label\": 1\n}",
            "its objects are spread over several lines\n    remedy: write one object a line, as `jq -c .` does",
        ),
        ("\n", "there is nothing in it\n    remedy: write one object a line"),
    ] {
        assert_eq!(jsonl(text, &options()).faults.to_string(), fault);
    }
}

const STOPPED: &str = "The export has stopped at five thousand rows since Monday and nobody told us why.";

#[test]
fn rows_that_say_what_another_case_says_are_refused() {
    let existing =
        [there("other", "Please send us a quote for twenty seats in the spring."), there("old", STOPPED)];
    let text = format!(
        "label,text\nx,{}\nx,Could we see a demo for our whole estates team in March?\ny,could we see a demo for our \
         estates team in March??\nx,Something else that is entirely new to everybody here.\n",
        STOPPED.replace("Monday", "Tuesday"),
    );
    let read = import(text.as_bytes(), Format::Csv, &options(), &existing);
    let said: Vec<_> = read.refused.iter().map(ToString::to_string).collect();
    let second = &read.drafts[0].id;
    assert_eq!(
        said,
        [
            "line 2: it says nearly the same as the case `old` (similarity 0.82)".to_owned(),
            format!("line 4: it says nearly the same as the case `{second}` on line 3 (similarity 0.78)"),
        ]
    );
    assert_eq!(lines_of(&read), [3, 5]);
    let allowed = import(text.as_bytes(), Format::Csv, &Options { allow_near: true, ..options() }, &existing);
    assert_eq!((lines_of(&allowed), allowed.refused), (vec![2, 3, 4, 5], vec![]));
}

#[test]
fn an_id_belongs_to_one_case() {
    let existing = [there("a", "")];
    let options = Options { id: Some("id".to_owned()), ..options() };
    let text = "id,label,n\na,x,1\nb,x,2\nb,x,3\n,x,4\n,y,4\n";
    let read = import(text.as_bytes(), Format::Csv, &options, &existing);
    let made = &read.drafts[1].id;
    assert_eq!(
        told(&read),
        [
            "line 2: the id `a` is that of a case that is there".to_owned(),
            "line 4: the id `b` is that of line 3".to_owned(),
            format!("line 6: the id `{made}` is that of line 5"),
        ]
    );
    assert_eq!(lines_of(&read), [3, 5]);
}

#[test]
fn what_could_not_be_read_afterwards_is_a_fault_of_its_line() {
    let event = json!({"source": "s", "type": "t", "body": {"a": 1}});
    let line = |more: Value| {
        let mut line = json!({"event": event, "expect": {"label": "x"}});
        line.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        format!("{line}\n")
    };
    let lines = [
        line(json!({"lable": "x"})),
        line(json!({"weight": -3})),
        line(json!({"event": {"body": 1}})),
        line(json!({"event": {"source": "", "type": "t", "body": 1}})),
        line(json!({"tags": 3})),
        line(json!({"id": 7})),
        line(json!({"same_as": "nobody", "by": "language"})),
    ];
    let read = jsonl(lines.concat(), &options());
    assert_eq!(
        told(&read),
        [
            "line 1: `lable`: unknown field `lable`, expected one of `id`, `event`, `delivery`, `gathered`, `expect`, `tags`, \
             `cluster`, `split`, `same_as`, `by`, `author`, `weight`, `checked_by`",
            "line 2: `weight` is -3",
            "line 3: `event`: missing field `source`",
            "line 4: `event.source` is empty",
            "line 5: `tags`: invalid type: integer `3`, expected a sequence",
            "line 6: `id`: invalid type: integer `7`, expected a string",
            "line 7: case imported-d60e0309d7ac: `same_as` names `nobody`, which is no other case",
        ]
    );
    let alone = import(lines[1].as_bytes(), Format::Jsonl, &options(), &[]);
    assert!(alone.drafts.is_empty() && alone.faults.told[0].remedy.contains("above 0"), "{}", alone.faults);
}

#[test]
fn one_body_has_one_label() {
    let options = Options { id: Some("id".to_owned()), ..options() };
    let rows = "id,label,text\na,lead,hi\nb,spam,hi\nc,lead,hi\n";
    let read = csv(rows, &options);
    assert_eq!(
        told(&read),
        ["line 3: its body is that of the case `a` on line 2, which is labelled `lead`, not `spam`"]
    );
    let there: Vec<Case> = read.drafts.iter().map(|draft| draft.read.clone()).collect();
    let read = import(b"id,label,text\nd,spam,hi\n", Format::Csv, &options, &there);
    assert_eq!(
        told(&read),
        ["line 2: its body is that of the case `a`, which is labelled `lead`, not `spam`"]
    );
}

#[test]
fn a_delivery_is_a_case_and_is_compared_by_what_it_says() {
    let event = CaseEvent {
        source: "forms".to_owned(),
        event_type: "ticket.created".to_owned(),
        body: json!({"type": "ticket.created", "data": {"message": STOPPED}}),
        ..CaseEvent::default()
    };
    let at = Timestamp::from_millis(1_767_225_600_000);
    let delivery = CaseDelivery::made_of(&event, Scheme::Generic, "d-1", at).expect("signed");
    let line = json!({"delivery": delivery, "expect": {"label": "x"}, "tags": ["signed"]});
    let read = jsonl(line.to_string(), &Options { split: Some(Split::Dev), ..options() });
    let case = &cases(&read)[0];
    assert_eq!((&case["delivery"], &case["split"]), (&json!(delivery), &json!("dev")));
    assert!(case.get("event").is_none() && read.drafts[0].id.starts_with("imported-"), "{case:#}");
    let again = import(line.to_string().as_bytes(), Format::Jsonl, &options(), &[there("old", STOPPED)]);
    assert_eq!(again.refused[0].like, "old");
    let forged = json!({"delivery": {"source": "forms"}, "expect": {"label": "x"}});
    assert_eq!(told(&jsonl(forged.to_string(), &options())), ["line 1: `delivery`: missing field `scheme`"]);
}

#[test]
fn the_same_diff_under_another_title_is_refused() {
    let diff = "+    with self.lock:\n+        if not self.items:\n+            return None\n".repeat(4);
    let line = |message: &str| {
        let event = json!({"source": "s", "type": "t", "body": {"message": message}});
        format!("{}\n", json!({"event": event, "gathered": {"diff": diff}, "expect": {"label": "x"}}))
    };
    let titles =
        [line("Take the oldest item of the queue first"), line("Workers were served in the wrong order")];
    let read = jsonl(titles.concat(), &options());
    assert_eq!((lines_of(&read), read.refused[0].line, read.refused[0].similarity), (vec![1], 2, 1.0));
}

#[test]
fn no_row_becomes_a_test_case_where_these_are_locked() {
    let line = |n: u32, more: Value| {
        let mut line = json!({"event": {"source": "s", "type": "t", "body": n}, "expect": {"label": "x"}});
        line.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        format!("{line}\n")
    };
    let lines = [
        line(1, json!({"split": "train"})),
        line(2, json!({"split": "test"})),
        line(3, json!({"split": null})),
        line(4, json!({})),
    ];
    let dev = Options { split: Some(Split::Dev), test_is_locked: true, ..options() };
    let read = jsonl(lines.concat(), &dev);
    assert_eq!(
        told(&read),
        ["line 2, column `split`: it would be a test case, and those of the suite are locked"]
    );
    let splits: Vec<Split> = read.drafts.iter().map(|draft| draft.read.split()).collect();
    assert_eq!(splits, [Split::Train, Split::Dev, Split::Dev]);
    assert!(jsonl(lines.concat(), &Options { test_is_locked: false, ..dev }).faults.is_empty());
}

/// A case that is there already.
fn there(id: &str, message: &str) -> Case {
    let event = CaseEvent { body: json!({"data": {"message": message}}), ..CaseEvent::default() };
    Case::unlabelled(id.to_owned(), event)
}

/// A text that a cell can hold, hard ones included.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,8}", "[a-z,;\"\r\n\t ]{0,10}x", "\\PC{0,12}x"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_writer_of_csv_puts_into_cells_is_what_the_events_say(
        rows in prop::collection::vec((cell(), cell()), 1..8), semicolons in any::<bool>(), mark in any::<bool>(),
    ) {
        let delimiter = if semicolons { b';' } else { b',' };
        let mut writer = ::csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
        writer.write_record(["label", "one", "two"]).expect("in memory");
        for (one, two) in &rows {
            writer.write_record(["x", one, two]).expect("in memory");
        }
        let mut text = if mark { vec![0xef, 0xbb, 0xbf] } else { Vec::new() };
        text.extend(writer.into_inner().expect("in memory"));
        let options = Options { delimiter, allow_near: true, ..options() };
        let read = csv(&text, &options);
        let mut distinct: Vec<_> = rows.clone();
        distinct.sort();
        distinct.dedup();
        prop_assert_eq!(read.drafts.len(), distinct.len(), "{}", read.faults);
        for draft in &read.drafts {
            let data = &draft.case["event"]["body"]["data"];
            let row = (data["one"].as_str().unwrap_or_default(), data["two"].as_str().unwrap_or_default());
            prop_assert!(rows.iter().any(|(one, two)| (one.as_str(), two.as_str()) == row), "{:?}", row);
        }
    }

    #[test]
    fn what_was_imported_is_imported_again_as_it_is(rows in prop::collection::vec((cell(), "[a-z]{1,5}"), 1..8)) {
        let line = |(text, label): &(String, String)| format!("{}\n", json!({"label": label, "text": text}));
        let lines: String = rows.iter().map(line).collect();
        let options = Options { allow_near: true, ..options() };
        let first = jsonl(&lines, &options);
        let again = jsonl(first.jsonl(), &options);
        prop_assert_eq!(first.jsonl(), again.jsonl());
        let there: Vec<Case> = first.drafts.iter().map(|draft| draft.read.clone()).collect();
        let third = import(first.jsonl().as_bytes(), Format::Jsonl, &options, &there);
        prop_assert!(third.drafts.is_empty(), "every id is taken");
    }

    #[test]
    fn no_bytes_bring_it_down(
        bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[labelx,;\"\r\n{}\\[\\]: ]{0,60}",
    ) {
        for format in [Format::Csv, Format::Jsonl] {
            for bytes in [bytes.as_slice(), text.as_bytes(), format!("label,a\n{text}").as_bytes()] {
                let read = import(bytes, format, &options(), &[]);
                prop_assert!(!read.faults.is_empty() || read.drafts.len() + read.refused.len() <= bytes.len());
                prop_assert_eq!(read.jsonl().lines().count(), read.drafts.len());
                for draft in &read.drafts {
                    prop_assert!(serde_json::from_str::<Value>(&draft.case.to_string()).is_ok());
                }
            }
        }
    }
}
