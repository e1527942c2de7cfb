//! Words for remedies: the known name that was probably meant, and texts from files made safe to show.

/// Names longer than this are not compared.
const COMPARED_CHARS_MAX: usize = 64;
/// Names that a remedy lists; of more only the first ones.
const LISTED_MAX: usize = 20;
/// Characters of a text from a file that a problem repeats.
const SHOWN_CHARS_MAX: usize = 80;

/// A remedy for `given`, which is not among `known`: the nearest one first, then all. Of more than [`LISTED_MAX`] only so many
/// are listed, those that begin like `given` first and then by name, and the others counted.
pub fn one_of<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    if known.is_empty() {
        return "there is none to choose from; add one first".to_owned();
    }
    let near = nearest(given, &known);
    let more = known.len().saturating_sub(LISTED_MAX);
    if more > 0 {
        known.sort_by_key(|name| (std::cmp::Reverse(begins_alike(given, name)), *name));
        known.truncate(LISTED_MAX);
    }
    let mut all = known.join(", ");
    if more > 0 {
        all.push_str(&format!(", and {more} more"));
    }
    match near {
        Some(near) => format!("did you mean `{near}`? Write one of: {all}"),
        None => format!("write one of: {all}"),
    }
}

/// With how many equal characters both begin.
fn begins_alike(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count()
}

/// The known name that `given` is most likely a slip of, if any is near enough.
pub fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let length = given.chars().count();
    if length > COMPARED_CHARS_MAX {
        return None;
    }
    let allowed = (length / 3).max(1);
    known
        .iter()
        .filter(|name| name.chars().count() <= COMPARED_CHARS_MAX)
        .map(|name| (distance(given, name), *name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Insertions, deletions, substitutions and swaps of neighbours that lead from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

/// A text from a file in backticks: control characters escaped, long ones cut.
pub fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN_CHARS_MAX).flat_map(show).collect();
    let cut = if text.chars().nth(SHOWN_CHARS_MAX).is_some() { "…" } else { "" };
    format!("`{shown}{cut}`")
}

fn show(c: char) -> impl Iterator<Item = char> {
    let (escaped, plain) = if c.is_control() { (Some(c.escape_default()), None) } else { (None, Some(c)) };
    escaped.into_iter().flatten().chain(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let known = ["crm-contact", "crm-note", "ticket"];
        assert_eq!(nearest("crm-contcat", &known), Some("crm-contact"));
        assert_eq!(nearest("tickets", &known), Some("ticket"));
        assert_eq!(nearest("mail", &known), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), &known), None);
        assert_eq!(nearest("", &[""]), Some(""));
    }

    #[test]
    fn remedies_read_well() {
        assert_eq!(one_of("b", ["crm-note", "ticket"]), "write one of: crm-note, ticket");
        assert_eq!(
            one_of("tikcet", ["crm-note", "ticket"]),
            "did you mean `ticket`? Write one of: crm-note, ticket"
        );
        assert_eq!(one_of("b", []), "there is none to choose from; add one first");
    }

    #[test]
    fn long_lists_are_cut_and_do_not_depend_on_the_order_of_the_names() {
        let ids: Vec<String> = (0..10_000).map(|n| format!("case-{n:05}")).collect();
        let mut known: Vec<&str> = ids.iter().map(String::as_str).collect();
        let remedy = one_of("case-0420x", known.iter().copied());
        assert!(
            remedy.starts_with("did you mean `case-04200`? Write one of: case-04200, case-04201, "),
            "{remedy}"
        );
        assert!(remedy.ends_with(", and 9980 more") && remedy.len() < 500, "{remedy}");
        known.reverse();
        assert_eq!(one_of("case-0420x", known.iter().copied()), remedy);
        known.rotate_left(17);
        assert!(one_of("other", known).starts_with("write one of: case-00000, case-00001, "));
    }

    #[test]
    fn shown_texts_cannot_garble_a_terminal() {
        assert_eq!(quoted("a\u{1b}[31m\n"), "`a\\u{1b}[31m\\n`");
        assert_eq!(quoted(&"x".repeat(81)), format!("`{}…`", "x".repeat(80)));
    }
}
