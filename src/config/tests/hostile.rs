//! Texts that nobody would write, and that must neither panic nor exhaust the stack.

use super::{
    super::{CONFIG_FILES, Files, ROUTES, cases, load, suites},
    sample,
};

/// Loads a text as every file at once, on a small stack.
fn load_as_everything(text: String) {
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(move || {
        let mut files =
            Files::default().with("evals/a/suite.toml", &*text).with("evals/a/cases.jsonl", &*text);
        for file in CONFIG_FILES {
            files = files.with(file, &*text);
        }
        let (config, problems) = load(&files);
        suites(&files);
        cases(&files, "a");
        config.at(ROUTES, ["route", "triage"]);
        problems.to_string().len()
    });
    thread.expect("a thread").join().expect("no panic");
}

#[test]
fn deep_texts_are_survived() {
    let nest = |open: &str, close: &str, n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
    for text in [
        format!("x = {}\n", nest("[", "]", 100_000)),
        format!("x = {}\n", nest("{ a = ", " }", 100_000)),
        format!("[action.a]\nkind = \"x\"\nwith = {}\n", nest("{ a = ", " }", 70)),
        format!("{}x = 1\n", "a.".repeat(100_000)),
        format!("[{}x]\n", "a.".repeat(70)),
        format!(
            "[{}x]\nwith = {}\n",
            "route.".repeat(70),
            nest(&format!("{{ {}a = ", "b.".repeat(70)), " }", 75)
        ),
        format!(
            "[{}x]\nwith = {}\n",
            "route.".repeat(14),
            nest(&format!("{{ {}a = ", "b.".repeat(15)), " }", 79)
        ),
        nest("[", "]", 100_000),
    ] {
        load_as_everything(text);
    }
}

#[test]
fn mutilated_texts_are_survived() {
    let texts: Vec<String> = sample().iter().map(|(_, text)| text.to_owned()).collect();
    // Deterministic: xorshift from a fixed seed.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below.max(1) as u64).expect("fits")
    };
    let pieces = [
        "[", "]", "[[", "{", "}", "=", "\"", "'''", "\n", ".", ",", "#", "é", "\0", "\\u", "-", "9e999",
        "nan", "0x",
    ];
    let mut problems = 0;
    for round in 0..700 {
        let mut files = sample();
        for (file, text) in CONFIG_FILES.iter().zip(&texts) {
            let mut bytes = text.clone().into_bytes();
            match round % 4 {
                0 => bytes.truncate(draw(bytes.len())),
                1 => (0..=draw(4)).for_each(|_| {
                    bytes.remove(draw(bytes.len()));
                }),
                2 => {
                    let at = draw(bytes.len());
                    bytes.splice(at..at, pieces[draw(pieces.len())].bytes());
                }
                _ => {
                    let (from, to) = (draw(bytes.len()), draw(bytes.len()));
                    let part: Vec<u8> = bytes[from.min(to)..from.max(to)].to_vec();
                    let at = draw(bytes.len());
                    bytes.splice(at..at, part);
                }
            }
            files = files.with(*file, String::from_utf8_lossy(&bytes).into_owned());
        }
        let (_, found) = load(&files);
        for problem in &found {
            let lines = files.get(&problem.file).map_or(0, |text| text.lines().count() + 1);
            assert!(problem.line.is_none_or(|line| line <= lines), "{problem}");
        }
        problems += found.len();
    }
    assert!(problems > 700, "most of these texts are wrong: {problems}");
}
