//! A tree of values with templates in its strings.

use minijinja::{Environment, Expression};
use serde_json::{Map, Value};

use super::{Context, LANGUAGE, TemplateError, bounded, environment, roomy};

/// A compiled value: what `with = { … }` of an action becomes.
///
/// A string that is exactly one `{{ expression }}` keeps the native type of what it evaluates to; any other string
/// with template syntax renders to text; everything else stays as written.
#[derive(Debug)]
pub struct Shape(Node);

#[derive(Debug)]
enum Node {
    Literal(Value),
    /// With its source, for contexts that need more steps than it was compiled for.
    Native(Expression<'static, 'static>, String),
    Text(Box<Environment<'static>>),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// The only template of a text node's environment.
const TEXT: &str = "value";

impl Shape {
    /// # Errors
    /// A string in it does not parse as a template; the error names the path to it.
    pub fn compile(value: &Value) -> Result<Self, TemplateError> {
        Node::compile(value, "").map(Shape)
    }

    /// # Errors
    /// A template touched something undefined or ran out of fuel.
    pub fn render(&self, context: &Context) -> Result<Value, TemplateError> {
        self.0.render(context)
    }

    /// Renders to text: strings as they are, anything else as JSON.
    ///
    /// # Errors
    /// As [`Shape::render`].
    pub fn render_text(&self, context: &Context) -> Result<String, TemplateError> {
        Ok(match self.render(context)? {
            Value::String(text) => text,
            other => other.to_string(),
        })
    }
}

impl Node {
    fn compile(value: &Value, path: &str) -> Result<Self, TemplateError> {
        let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        Ok(match value {
            Value::String(text) if !text.contains("{{") && !text.contains("{%") => {
                Node::Literal(value.clone())
            }
            Value::String(text) => Node::string(text).map_err(|error| TemplateError {
                message: if path.is_empty() { error.message } else { format!("{path}: {}", error.message) },
                line: error.line,
            })?,
            Value::Array(items) => Node::List(
                items
                    .iter()
                    .enumerate()
                    .map(|(i, item)| Node::compile(item, &below(&i.to_string())))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Object(fields) => Node::Map(
                fields
                    .iter()
                    .map(|(key, field)| Ok((key.clone(), Node::compile(field, &below(key))?)))
                    .collect::<Result<_, TemplateError>>()?,
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) => Node::Literal(value.clone()),
        })
    }

    fn string(text: &str) -> Result<Self, TemplateError> {
        bounded(text)?;
        if let Some(inner) = sole_expression(text) {
            let expression = LANGUAGE.compile_expression_owned(inner.to_owned())?;
            return Ok(Node::Native(expression, inner.to_owned()));
        }
        let mut env = environment();
        env.add_template_owned(TEXT, text.to_owned())?;
        Ok(Node::Text(Box::new(env)))
    }

    fn render(&self, context: &Context) -> Result<Value, TemplateError> {
        Ok(match self {
            Node::Literal(value) => value.clone(),
            Node::Native(expression, source) => {
                let value = match roomy(&LANGUAGE, context) {
                    None => expression.eval(context.value())?,
                    Some(env) => {
                        let expression = env.compile_expression(source)?;
                        expression.eval(context.value())?
                    }
                };
                if value.is_undefined() {
                    return Err(TemplateError { line: None, message: "came out undefined".to_owned() });
                }
                serde_json::to_value(&value)
                    .map_err(|e| TemplateError { line: None, message: e.to_string() })?
            }
            Node::Text(env) => {
                let large = roomy(env, context);
                let env = large.as_ref().unwrap_or(env);
                Value::String(env.get_template(TEXT)?.render(context.value())?)
            }
            Node::List(items) => {
                Value::Array(items.iter().map(|item| item.render(context)).collect::<Result<_, _>>()?)
            }
            Node::Map(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(key, field)| Ok((key.clone(), field.render(context)?)))
                    .collect::<Result<Map<_, _>, TemplateError>>()?,
            ),
        })
    }
}

/// The expression of a string that is one `{{ … }}` and nothing else.
fn sole_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}") && !inner.contains("{%")).then_some(inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(value: Value) -> Result<Value, TemplateError> {
        let context = Context::new().with("event", &json!({"n": 7, "name": "Ada", "tags": ["a", "b"]}));
        Shape::compile(&value)?.render(&context)
    }

    #[test]
    fn keeps_native_types_and_renders_text() {
        let shape = json!({"n": "{{ event.n }}", "tags": "{{ event.tags }}", "hi": "Hello {{ event.name }}!", "x": [1, null]});
        let want = json!({"n": 7, "tags": ["a", "b"], "hi": "Hello Ada!", "x": [1, null]});
        assert_eq!(render(shape), Ok(want));
    }

    #[test]
    fn data_is_never_read_as_a_template() {
        let context = Context::new().with("event", &json!({"text": "{{ event }}"}));
        let shape = Shape::compile(&json!("> {{ event.text }}")).expect("compiles");
        assert_eq!(shape.render(&context), Ok(json!("> {{ event }}")));
    }

    #[test]
    fn the_largest_event_is_read_as_often_as_a_template_needs_and_a_small_one_ends_by_itself() {
        let text = "a line of a mail\n".repeat((25 << 20) / 17);
        let context = Context::new().with("event", &json!({"id": "evt_1", "text": text}));
        let often = "{{ event.text | default('') | untrusted(50) }}".repeat(8);
        for shape in ["{{ event.text | trim | clip(90) }}", &often] {
            let rendered = Shape::compile(&json!(shape)).expect("compiles").render_text(&context);
            assert!(rendered.is_ok_and(|text| text.len() < 3_000), "{shape}");
        }
        let files = [("event.j2", often.as_str())];
        let prompt = crate::template::Library::compile(files.into_iter()).expect("compiles");
        prompt.prompt("event.j2").expect("is there").render(&context).expect("renders");
        let condition =
            crate::template::Condition::compile("event.text | trim | length > 9").expect("compiles");
        assert_eq!(condition.holds(&context), Ok(true));

        let endless = Shape::compile(&json!("{{ range(100000) | map('string') | join }}")).expect("compiles");
        let error = endless.render(&Context::new().with("event", &json!({"id": "evt_1"}))).expect_err("ends");
        assert!(error.message.contains("200000 steps, and one for each byte"), "{error}");
    }

    #[test]
    fn undefined_is_an_error_and_names_the_path() {
        assert!(render(json!({"a": "{{ event.absent }}"})).is_err());
        assert!(render(json!({"a": "x {{ event.absent }}"})).is_err());
        let error = render(json!({"a": [{"b": "{{ event. }}"}]})).expect_err("does not parse");
        assert!(error.message.starts_with("a.0.b: "), "{error}");
    }
}
