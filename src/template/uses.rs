//! The filters that a template uses, tried before there is anything to render: minijinja looks for a filter, and at what it is
//! given, only when a rendering comes by.

use minijinja::ErrorKind;

use super::{Context, LANGUAGE, TemplateError, filters};

/// What our filters are tried on: a text that is a moment, too.
const PROBE: &str = "2026-01-02T03:04:05Z";

/// One use of a filter.
#[derive(Debug, PartialEq, Eq)]
struct Use<'t> {
    name: &'t str,
    /// With its parentheses; empty without any.
    arguments: &'t str,
    /// Where it stands, in bytes.
    at: usize,
}

/// # Errors
/// The first filter in `source`, a template that parses, that does not exist or is given what it cannot take.
pub(super) fn check(source: &str) -> Result<(), TemplateError> {
    for one in expressions(source).into_iter().flat_map(|(at, expression)| uses(expression, at)) {
        if let Some(message) = wrong(&one) {
            let before = source.get(..one.at).unwrap_or_default();
            return Err(TemplateError { line: Some(before.matches('\n').count() + 1), message });
        }
    }
    Ok(())
}

/// What is wrong with it, if that can be told without an event.
fn wrong(one: &Use<'_>) -> Option<String> {
    let Use { name, arguments, .. } = one;
    if tried(&format!("probe | {name}")).is_some_and(|error| error.kind() == ErrorKind::UnknownFilter) {
        let ours = filters::NAMES.join(", ");
        return Some(format!("there is no filter `{name}`: there are minijinja's own, and {ours}"));
    }
    let error = tried(&format!("probe | {name}{arguments}"))?;
    match error.kind() {
        ErrorKind::MissingArgument | ErrorKind::TooManyArguments => Some(format!(
            "the filter `{name}` is given too little or too much: {}",
            TemplateError::from(error)
        )),
        // Others may take no text, and ours take what is written here or nothing.
        ErrorKind::InvalidOperation if filters::NAMES.contains(name) => {
            Some(format!("the filter `{name}` cannot be used so: {}", TemplateError::from(error)))
        }
        _ => None,
    }
}

/// Why `expression` has no value; `None` too if that hangs on anything but the probe.
fn tried(expression: &str) -> Option<minijinja::Error> {
    let tried = LANGUAGE.compile_expression(expression).ok()?;
    if tried.undeclared_variables(false).iter().any(|name| name != "probe") {
        return None;
    }
    let context = Context::new().with("event", &serde_json::json!({"id": "probe"})).with("probe", PROBE);
    tried.eval(context.value()).err()
}

/// # Errors
/// The first file that `source` includes, imports or extends by name and that is not there, as `is_there` says.
pub(super) fn check_files(source: &str, is_there: impl Fn(&str) -> bool) -> Result<(), TemplateError> {
    for (at, expression) in expressions(source) {
        let Some(name) = file(expression).filter(|name| !is_there(name)) else { continue };
        let before = source.get(..at).unwrap_or_default();
        let message = format!(
            "there is no prompt file `{name}`: its name begins at the project's folder, wherever it is included, as in \
             {{% include \"prompts/shared/part.j2\" %}}"
        );
        return Err(TemplateError { line: Some(before.matches('\n').count() + 1), message });
    }
    Ok(())
}

/// The file that a block names, if it names one that must be there.
fn file(block: &str) -> Option<&str> {
    let block = block.trim_start_matches(['-', '+']).trim_start();
    let mut words = ["include", "import", "from", "extends"].into_iter();
    let rest = words.find_map(|word| block.strip_prefix(word))?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (name, behind) = rest.get(1..)?.split_once(quote)?;
    (!behind.contains("ignore missing")).then_some(name)
}

/// What stands in `{{ … }}` and `{% … %}`, and where it begins; nothing of comments and of what is raw.
fn expressions(source: &str) -> Vec<(usize, &str)> {
    let (mut found, mut at, mut is_raw) = (Vec::new(), 0, false);
    while let Some(rest) = source.get(at..) {
        let Some(open) = ["{{", "{%", "{#"].into_iter().filter_map(|open| rest.find(open)).min() else {
            break;
        };
        let inside = open + 2;
        let kind = rest.get(open..inside).unwrap_or_default();
        let body = rest.get(inside..).unwrap_or_default();
        let length = match kind {
            "{{" => end(body, "}}"),
            "{%" => end(body, "%}"),
            _ => body.find("#}"),
        };
        let Some(length) = length else { break };
        let text = body.get(..length).unwrap_or_default();
        let word = text.trim_start_matches(['-', '+']).split_whitespace().next().unwrap_or_default();
        match (kind, word.trim_end_matches(['-', '+'])) {
            ("{%", "raw") => is_raw = true,
            ("{%", "endraw") => is_raw = false,
            ("{#", _) => {}
            _ if is_raw => {}
            _ => found.push((at + inside, text)),
        }
        at += inside + length + 2;
    }
    found
}

/// Where `close` stands outside of strings.
fn end(text: &str, close: &str) -> Option<usize> {
    outside(text)
        .find(|(at, _)| text.get(*at..).is_some_and(|rest| rest.starts_with(close)))
        .map(|(at, _)| at)
}

/// The characters of an expression that stand outside of its strings.
fn outside(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut quote, mut escaped) = (None, false);
    text.char_indices().filter(move |(_, c)| match quote {
        Some(_) if escaped => {
            escaped = false;
            false
        }
        Some(_) if *c == '\\' => {
            escaped = true;
            false
        }
        Some(open) => {
            if *c == open {
                quote = None;
            }
            false
        }
        None => {
            if matches!(c, '"' | '\'') {
                quote = Some(*c);
            }
            true
        }
    })
}

/// The filters of an expression that begins at `at`.
fn uses(expression: &str, at: usize) -> Vec<Use<'_>> {
    let pipes = outside(expression).filter(|(_, c)| *c == '|').map(|(pipe, _)| pipe + 1);
    let block = expression.trim_start_matches(['-', '+']).trim_start();
    let filter = block.strip_prefix("filter").filter(|rest| rest.starts_with(char::is_whitespace));
    let of_block = filter.map(|rest| expression.len() - rest.len());
    pipes.chain(of_block).filter_map(|from| one_use(expression, from, at)).collect()
}

/// The use whose name follows at `from`.
fn one_use(expression: &str, from: usize, at: usize) -> Option<Use<'_>> {
    let rest = expression.get(from..)?;
    let start = from + (rest.len() - rest.trim_start().len());
    let named = expression.get(start..)?;
    let length = named.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(named.len());
    let (name, behind) = named.split_at_checked(length).filter(|(name, _)| !name.is_empty())?;
    let behind = behind.trim_start();
    let arguments = if behind.starts_with('(') { parenthesis(behind)? } else { "" };
    Some(Use { name, arguments, at: at + start })
}

/// `text` up to the end of the parenthesis that it begins with.
fn parenthesis(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    for (at, c) in outside(text) {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return text.get(..=at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(source: &str) -> Option<(usize, String)> {
        check(source).err().map(|error| (error.line.expect("a line"), error.message))
    }

    #[test]
    fn what_does_not_exist_or_cannot_be_given_that_is_told_with_its_line() {
        for (source, line, part) in [
            ("a\n{{ event.x | untursted(40) }}", 2, "no filter `untursted`"),
            ("{{ event.x | untrusted }}", 1, "one bound"),
            ("{{ event.x | default('|') | untrusted(40, 3) }}", 1, "too much"),
            ("{% if event.x %}\n\n{{ event.x | clip }}{% endif %}", 3, "`clip`"),
            ("{{ event.x | untrusted(0) }}", 1, "leave nothing"),
            ("{{ event.x | default('a' | nosuch) }}", 1, "`nosuch`"),
            ("{% filter nosuch %}x{% endfilter %}", 1, "`nosuch`"),
            ("{% set y = event.x|nosuch %}", 1, "`nosuch`"),
            ("{{ event.x | redact(['nonsense']) }}", 1, "none of"),
        ] {
            let (at, message) = told(source).unwrap_or_else(|| panic!("{source} is fine"));
            assert!(at == line && message.contains(part), "{source}: {at} {message}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_told_with_the_rule_for_names() {
        let told = |source: &str| check_files(source, |name| name == "prompts/shared/part.j2").err();
        for source in [
            "{% include \"prompts/shared/part.j2\" %}{%- from 'prompts/shared/part.j2' import say -%}",
            "{% include 'part.j2' ignore missing %}{% include event.name %}{# {% include 'part.j2' %} #}",
        ] {
            assert_eq!(told(source), None, "{source}");
        }
        for source in
            ["\n{% include \"part.j2\" %}", "\n{%- import './part.j2' as part %}", "\n{% extends 'x.j2' %}"]
        {
            let error = told(source).unwrap_or_else(|| panic!("{source} is fine"));
            assert!(error.line == Some(2) && error.message.contains("prompts/shared/part.j2"), "{error:?}");
        }
    }

    #[test]
    fn what_only_an_event_can_tell_is_left_alone() {
        for source in [
            "{{ event.x | untrusted(tokens_max=2500) }}{{ event.at | date }}{{ event.at | days_until(event.end) }}",
            "{# {{ event.x | nosuch }} #}{% raw %}{{ event.x | nosuch }}{% endraw %}a | nosuch",
            "{{ event.x | default('a | nosuch \\' | nosuch', true) | untrusted(event.bound) }}",
            "{{ event.list | map(attribute='a') | join(', ') | clip(9) }}{{ event.n | round }}{{ event | items }}",
            "{{ \"}}\" | clip(9) }}",
        ] {
            assert_eq!(told(source), None, "{source}");
        }
    }
}
