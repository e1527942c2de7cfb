//! The floors of the house: who may use whom.

use std::{collections::BTreeMap, fs, path::Path};

/// Floors from the ground up. Within a floor, a module may use those written after it in its group; modules of
/// different groups of one floor never use each other.
const FLOORS: [&[&[&str]]; 7] = [
    &[&["template", "decide", "domain"]],
    &[&["config", "source"], &["telemetry"], &["rate"]],
    &[&["remote"]],
    &[&["classify"], &["act"], &["store"], &["host"]],
    &[&["engine"]],
    &[&["ingest"], &["worker"], &["keeper"], &["console"], &["eval"], &["sandbox"]],
    &[&["cli", "service"]],
];

/// Words that the ground floor must not know: it neither waits, nor reads a clock, nor draws, nor does IO.
const FOREIGN_TO_THE_GROUND: [&str; 9] = [
    "tokio::",
    "std::fs",
    "std::net",
    "std::env",
    "SystemTime::now",
    "Instant::now",
    "fastrand",
    "reqwest",
    "rusqlite",
];

fn place(module: &str) -> Option<(usize, usize, usize)> {
    FLOORS.iter().enumerate().find_map(|(floor, groups)| {
        groups.iter().enumerate().find_map(|(group, modules)| {
            modules.iter().position(|m| *m == module).map(|position| (floor, group, position))
        })
    })
}

fn may_use(user: &str, used: &str) -> bool {
    let (Some(user_at), Some(used_at)) = (place(user), place(used)) else { return false };
    let (floor, group, position) = user_at;
    let (used_floor, used_group, used_position) = used_at;
    user == used
        || used_floor < floor
        || (used_floor == floor && used_group == group && used_position > position)
}

/// All Rust files of `src/` with the top-level module they belong to.
fn sources() -> BTreeMap<String, Vec<(String, String)>> {
    let mut found: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut open = vec![root.clone()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).expect("src is readable") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let relative = path.strip_prefix(&root).expect("below src").display().to_string();
                let module = relative.split(['/', '.']).next().expect("a name").to_owned();
                let text = fs::read_to_string(&path).expect("readable");
                found.entry(module).or_default().push((relative, text));
            }
        }
    }
    found
}

/// Code without comments, so that a doc link is no use.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The top-level modules that a file names through `crate::`, grouped imports included.
fn used(text: &str) -> Vec<String> {
    let code = code(text);
    let mut modules = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => modules.extend(heads(group)),
            None => modules.extend(word(rest)),
        }
    }
    modules
}

/// The first word of each entry of a `{…}` import group.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut found) = (0, true, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            c if start && depth == 0 && c.is_alphabetic() => {
                found.extend(word(&group[at..]));
                start = false;
            }
            _ => {}
        }
    }
    found
}

fn word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

#[test]
fn every_module_has_a_floor() {
    for module in sources().keys().filter(|m| !matches!(m.as_str(), "lib" | "main")) {
        assert!(
            place(module).is_some(),
            "src/{module} has no floor: give it one in tests/it/layers.rs and src/lib.rs"
        );
    }
}

#[test]
fn arrows_point_down_only() {
    let mut wrong = Vec::new();
    for (module, files) in sources() {
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        for (file, text) in files {
            for other in used(&text) {
                // A lower-case word that is no module is a macro or function of the crate's root; there are none.
                if !may_use(&module, &other) {
                    wrong.push(format!("src/{file} uses {other}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "arrows must point down, and siblings must not meet:\n{}", wrong.join("\n"));
}

#[test]
fn the_ground_floor_is_pure() {
    for module in ["domain", "decide", "template"] {
        for (file, text) in &sources()[module] {
            let code = code(text);
            for word in FOREIGN_TO_THE_GROUND {
                assert!(!code.contains(word), "src/{file} knows `{word}`");
            }
        }
    }
}

#[test]
fn below_floor_3_nothing_reads_a_clock_or_draws() {
    let sources = sources();
    for module in FLOORS[..3].iter().flat_map(|groups| groups.iter().copied().flatten()) {
        for (file, text) in &sources[*module] {
            let code = code(text.split("#[cfg(test)]").next().unwrap_or_default());
            for word in ["SystemTime::now", "Instant::now", "fastrand", "Uuid::now", "Uuid::new"] {
                assert!(!code.contains(word) || file.contains("tests"), "src/{file} knows `{word}`");
            }
        }
    }
}

#[test]
fn the_rule_itself_tells_up_from_down() {
    assert!(may_use("worker", "engine") && may_use("decide", "domain") && may_use("cli", "service"));
    assert!(!may_use("engine", "worker") && !may_use("domain", "decide"));
    assert!(!may_use("act", "classify") && !may_use("ingest", "worker"));
    assert_eq!(
        used("use crate::{a::B, c::{d, e}, f};\n x(crate::g::H); // crate::nothing"),
        ["a", "c", "f", "g"]
    );
}
