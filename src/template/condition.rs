//! An expression that is true or false of an event or verdict.

use minijinja::Expression;

use super::{Context, LANGUAGE, TemplateError, bounded_expression, roomy};

/// A compiled expression such as `event.body.data.amount > 5000`.
#[derive(Debug)]
pub struct Condition {
    source: String,
    expression: Expression<'static, 'static>,
}

impl Condition {
    /// # Errors
    /// The expression does not parse.
    pub fn compile(source: &str) -> Result<Self, TemplateError> {
        bounded_expression(source)?;
        let expression = LANGUAGE.compile_expression_owned(source.to_owned())?;
        Ok(Condition { source: source.to_owned(), expression })
    }

    /// Whether it holds. A field that may be absent must be asked for with `is defined` or `default(…)`.
    ///
    /// # Errors
    /// It touched something undefined, ran out of fuel, or did not come out as a boolean.
    pub fn holds(&self, context: &Context) -> Result<bool, TemplateError> {
        let value = match roomy(&LANGUAGE, context) {
            None => self.expression.eval(context.value())?,
            Some(env) => {
                let expression = env.compile_expression(&self.source)?;
                expression.eval(context.value())?
            }
        };
        bool::try_from(value.clone()).map_err(|_| TemplateError {
            line: None,
            message: format!("`{}` came out as {}, not as true or false", self.source, value.kind()),
        })
    }

    pub fn source(&self) -> &str {
        &self.source
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(source: &str) -> Result<bool, TemplateError> {
        let context = Context::new().with("event", &json!({"type": "a.b", "body": {"amount": 7}}));
        Condition::compile(source)?.holds(&context)
    }

    #[test]
    fn tells_true_from_false() {
        assert_eq!(holds("event.body.amount > 5"), Ok(true));
        assert_eq!(holds("event.type == 'x' or event.body.amount is not defined"), Ok(false));
    }

    #[test]
    fn is_strict() {
        for source in ["event.body.absent > 5", "event.nothing.at.all", "event.body.amount", "event.type =="]
        {
            assert!(holds(source).is_err(), "{source}");
        }
    }

    #[test]
    fn is_too_short_to_exhaust_the_stack() {
        assert!(holds(&format!("{} true", "not ".repeat(50_000))).is_err());
        assert_eq!(holds(&format!("{} true", "not ".repeat(1_000))), Ok(true));
    }

    #[test]
    fn ends_by_itself() {
        assert!(holds("range(100000)|map('string')|join|length > 1").is_err());
    }
}
