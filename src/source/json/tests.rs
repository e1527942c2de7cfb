use serde_json::json;

use super::*;

/// What `fields` is asked for in these tests: also inside of what is wanted itself, and inside of what is inside.
const WANTED: [Path<'static>; 5] = [&["id"], &["type"], &["a"], &["a", "id"], &["a", "a", "id"]];

/// The wanted fields as `fields` must see them, taken from a tree.
fn field_of<'t>(tree: &'t Value, path: Path<'_>) -> Field<'t> {
    let value = path.iter().try_fold(tree, |value, key| value.as_object()?.get(*key));
    match value {
        None => Field::Absent,
        Some(Value::Null) => Field::Null,
        Some(Value::Bool(value)) => Field::Bool(*value),
        Some(Value::Number(number)) => match (number.as_u64(), number.as_i64()) {
            (Some(value), _) => Field::Unsigned(value),
            (None, Some(value)) => Field::Signed(value),
            (None, None) => Field::Float,
        },
        Some(Value::String(text)) => Field::Text(text.into()),
        Some(Value::Array(_) | Value::Object(_)) => Field::Nested,
    }
}

/// Checks that both passes agree on a body, on its fields or its fault, and returns whether it is acceptable.
fn acceptable(body: &[u8]) -> bool {
    let shown = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
    match (tree(body), fields(body, WANTED)) {
        (Ok(tree), Ok(found)) => {
            assert_eq!(found, WANTED.map(|path| field_of(&tree, path)), "{shown}");
            let plain: Value =
                serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error}: {shown}"));
            assert_eq!(tree, plain, "{shown}");
            true
        }
        (Err(tree), Err(fields)) => {
            assert_eq!(tree.to_string(), fields.to_string(), "{shown}");
            assert!(tree.to_string().len() < 400, "a reason is short: {tree}");
            // What another reader accepts is refused for one of our own rules only.
            if serde_json::from_slice::<Value>(body).is_ok() {
                let ours = ["twice", "inside one another", "does not begin with `{`"];
                assert!(ours.iter().any(|rule| tree.to_string().contains(rule)), "{tree}: {shown}");
            }
            false
        }
        (tree, fields) => panic!("{shown}: {tree:?} but {fields:?}"),
    }
}

fn nested(depth: usize, open: &str, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

/// An object with keys `k0` to `kN`, then `more`.
fn wide(keys: usize, more: &str) -> String {
    let keys: String = (0..keys).map(|n| format!("\"k{n}\":{n},")).collect();
    format!("{{{keys}{more}}}")
}

#[test]
fn well_formed_objects_are_acceptable() {
    for body in [
        "{}",
        " \t\r\n{ } \n",
        r#"{"id":1,"type":"t","a":[{"id":2,"type":3},{"id":2}]}"#,
        r#"{"id":"\u00e9\ud83d\ude00\n","type":"é😀","\u0061":-0}"#,
        r#"{"a":-0.0,"id":18446744073709551615,"type":-9223372036854775808}"#,
        r#"{"a":1e308,"id":123456789012345678901234567890,"type":0.1}"#,
        r#"{"":{"":{"":0}},"a":{"a":{"a":0}}}"#,
        r#"{"id":null,"type":false,"a":true}"#,
        r#"{"a":{"a":{"id":7,"a":1},"id":"x","b":[{"id":1}]},"id":{"id":2}}"#,
        r#"{"a":[{"id":1}],"id":[],"type":{}}"#,
        r#"{"a":1,"A":1,"a ":1,"á":1}"#,
    ] {
        assert!(acceptable(body.as_bytes()), "{body}");
    }
}

#[test]
fn anything_else_is_not() {
    for body in [
        "",
        " ",
        "null",
        "1",
        "\"{}\"",
        "[]",
        "[{}]",
        "\u{feff}{}",
        "{",
        "}",
        "{]",
        "{}}",
        "{} {}",
        "{}x",
        "{}\0",
        "{a:1}",
        "{'a':1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\" 1}",
        "{1:1}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":1.}",
        "{\"a\":1e}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":nul}",
        "{\"a\":tru}",
        "{\"a\":1e400}",
        "{\"a\":-1e999}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\udc00\\ud800\"}",
        "{\"a\":\"",
        "{\"a\":[1,]}",
        "{\"a\":[1",
        "{/**/}",
        "{\"\\ud800\":1}",
        "\u{c}{}",
    ] {
        assert!(!acceptable(body.as_bytes()), "{body}");
    }
}

#[test]
fn only_utf_8_is_acceptable() {
    for body in [
        b"{\"a\":\"\xff\"}" as &[u8],
        b"{\"\xc3\":1}",
        b"\xff\xfe{\0}\0",
        b"{}\xff",
        b"{\"a\":\"\xed\xa0\x80\"}",
    ] {
        assert!(!acceptable(body));
        assert!(matches!(tree(body), Err(UnreadableBody::NotUtf8 { .. })));
    }
}

#[test]
fn depth_is_bounded_everywhere() {
    let max = DEPTH_MAX;
    for (open, inner, close) in [("{\"a\":", "1", "}"), ("{\"b\":", "{}", "}"), ("{\"a\":", "[]", "}")] {
        let within = if inner == "1" { max } else { max - 1 };
        assert!(acceptable(nested(within, open, inner, close).as_bytes()));
        assert!(!acceptable(nested(within + 1, open, inner, close).as_bytes()));
    }
    for name in ["a", "b"] {
        let list = |depth| format!("{{\"{name}\":{}}}", nested(depth, "[", "", "]"));
        assert!(acceptable(list(max - 1).as_bytes()));
        assert!(!acceptable(list(max).as_bytes()));
        assert!(!acceptable(format!("{{\"{name}\":{}", "[".repeat(1_000_000)).as_bytes()));
        assert!(!acceptable(format!("{{\"{name}\":").repeat(100_000).as_bytes()));
    }
    let error = tree(nested(max + 1, "{\"a\":", "1", "}").as_bytes()).unwrap_err().to_string();
    assert!(error.contains("more than 64 arrays and objects inside one another at line 1"), "{error}");
}

#[test]
fn a_key_twice_is_refused_at_any_place_and_size() {
    for body in [
        r#"{"a":1,"a":1}"#,
        r#"{"x":1,"y":2,"x":3}"#,
        r#"{"a":{"id":1,"id":2}}"#,
        r#"{"x":[[{"y":{"id":1,"id":1}}]]}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"\u0061":1,"\u0061":2}"#,
        r#"{"":1,"":2}"#,
        r#"{"id":{"x":1},"type":"t","id":"evil"}"#,
    ] {
        assert!(!acceptable(body.as_bytes()), "{body}");
    }
    for keys in [0, 1, 30, 31, 32, 33, 34, 100, 1000] {
        assert!(acceptable(wide(keys, "\"id\":1").as_bytes()), "{keys}");
        assert!(acceptable(wide(keys, &format!("\"a\":{}", wide(keys, "\"id\":1"))).as_bytes()), "{keys}");
        assert!(!acceptable(wide(keys, "\"id\":1,\"x\":2,\"id\":3").as_bytes()), "{keys}");
        assert!(!acceptable(wide(keys, "\"z\":{\"id\":1,\"id\":3}").as_bytes()), "{keys}");
        if keys > 0 {
            assert!(!acceptable(wide(keys, "\"k0\":1").as_bytes()), "{keys}");
            assert!(!acceptable(wide(keys, &format!("\"k{}\":1", keys - 1)).as_bytes()), "{keys}");
        }
    }
    let error = tree(br#"{"a":1,"a":2}"#).unwrap_err().to_string();
    assert!(error.contains("an object has the key \"a\" twice at line 1 column 10"), "{error}");
}

#[test]
fn a_long_key_is_quoted_in_part() {
    let key = "k".repeat(5000);
    assert!(!acceptable(format!("{{\"{key}\":1,\"{key}\":2}}").as_bytes()));
}

/// serde_json's own tree reads what stands under this key as JSON once more.
#[test]
fn a_private_key_of_the_parser_means_nothing() {
    let body = br#"{"a":{"$serde_json::private::RawValue":"{\"id\":1}"}}"#;
    assert_eq!(tree(body).unwrap(), json!({ "a": { "$serde_json::private::RawValue": "{\"id\":1}" } }));
    assert_eq!(fields(body, [&["a"]]), Ok([Field::Nested]));
    assert_eq!(tree(br#"{"$serde_json::private::Number":"1"}"#).unwrap().as_object().unwrap().len(), 1);
}

#[test]
fn numbers_survive_as_far_as_promised() {
    let body = br#"{"id":9007199254740993,"type":-9223372036854775808,"a":18446744073709551616}"#;
    assert_eq!(
        fields(body, [&["id"], &["type"], &["a"]]),
        Ok([Field::Unsigned(9_007_199_254_740_993), Field::Signed(i64::MIN), Field::Float])
    );
    let tree = tree(body).unwrap();
    assert_eq!(tree["id"].as_u64(), Some(9_007_199_254_740_993));
    assert_eq!(tree["a"].as_f64(), Some(18_446_744_073_709_551_616.0));
}

/// With a comparison of every pair this would take minutes.
#[test]
fn very_many_keys_are_read_in_no_time() {
    assert!(acceptable(wide(200_000, "\"a\":1").as_bytes()));
    assert!(!acceptable(wide(200_000, "\"k7\":1").as_bytes()));
}

/// A fixed sequence of pseudo-random numbers: the test fails the same way every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

#[test]
fn both_passes_agree_on_mutated_documents() {
    const PIECES: [&str; 25] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\"id\":",
        "\"type\":",
        "\"a\":",
        "1",
        "-1",
        "1e5",
        "1e999",
        "null",
        "true",
        "\"t\"",
        "\\u0061",
        "\\ud800",
        "é",
        "\"id\":1,",
        "{\"a\":{\"id\":2}}",
        "18446744073709551616",
        " ",
    ];
    let seeds = [
        r#"{"id":"evt_1","type":"t","a":{"id":[1,2,{"x":null}]},"b":"\u00e9"}"#.to_owned(),
        r#"{"id":9007199254740993,"type":{"a":1},"a":[true,false,null,0.5,-3]}"#.to_owned(),
        wide(40, "\"id\":{\"a\":1},\"type\":\"x\""),
    ];
    let mut dice = Dice(7);
    let (mut good, mut bad) = (0, 0);
    for _ in 0..30_000 {
        let mut body = seeds[dice.below(seeds.len())].clone().into_bytes();
        for _ in 0..=dice.below(3) {
            let at = dice.below(body.len() + 1);
            let to = (at + dice.below(8)).min(body.len());
            match dice.below(4) {
                0 => drop(body.drain(at..to)),
                1 => drop(body.splice(at..at, PIECES[dice.below(PIECES.len())].bytes())),
                2 => drop(body.splice(at..to, PIECES[dice.below(PIECES.len())].bytes())),
                _ => {
                    if let Some(byte) = body.get_mut(at) {
                        *byte ^= 1 << dice.below(8);
                    }
                }
            }
        }
        *if acceptable(&body) { &mut good } else { &mut bad } += 1;
    }
    assert!(good > 1000 && bad > 1000, "the dice show both sides: {good} good, {bad} bad");
}
