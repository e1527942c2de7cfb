//! A context that is looked at now and then.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use super::{Context, TemplateError};

type Built = Result<Context, TemplateError>;

/// What templates see of something: built when it is first looked at, and again after it was put away. A tree of values takes several
/// times the memory of the bytes that it is read from, and less time than anything that is waited for.
pub struct View<'a> {
    build: Box<dyn Fn() -> Built + Send + Sync + 'a>,
    at_hand: Mutex<Option<Built>>,
}

impl<'a> View<'a> {
    /// `build` gives the same each time.
    pub fn new(build: impl Fn() -> Built + Send + Sync + 'a) -> Self {
        View { build: Box::new(build), at_hand: Mutex::new(None) }
    }

    /// One of what is kept elsewhere.
    pub fn of(context: &'a Context) -> Self {
        View::new(move || Ok(context.clone()))
    }

    /// # Errors
    /// It cannot be built.
    pub fn context(&self) -> Result<Context, TemplateError> {
        let mut at_hand = self.at_hand.lock().unwrap_or_else(PoisonError::into_inner);
        at_hand.get_or_insert_with(|| (self.build)()).clone()
    }

    /// Lets go of it, until somebody looks again.
    pub fn put_away(&self) {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("at_hand", &self.at_hand).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use serde_json::json;

    use super::*;
    use crate::template::Condition;

    #[test]
    fn it_is_built_at_the_first_look_and_again_once_it_was_put_away() {
        let built = AtomicU32::new(0);
        let view = View::new(|| {
            built.fetch_add(1, Ordering::Relaxed);
            Ok(Context::new().with("event", &json!({"n": 7})))
        });
        let condition = Condition::compile("event.n == 7").expect("compiles");
        let look = || condition.holds(&view.context().expect("is built"));
        assert_eq!(built.load(Ordering::Relaxed), 0);
        assert_eq!((look(), look(), built.load(Ordering::Relaxed)), (Ok(true), Ok(true), 1));
        view.put_away();
        assert_eq!(built.load(Ordering::Relaxed), 1, "not before somebody looks");
        assert_eq!((look(), built.load(Ordering::Relaxed)), (Ok(true), 2));
    }

    #[test]
    fn what_cannot_be_built_says_why_each_time() {
        let error = TemplateError { line: None, message: "the body is gone".to_owned() };
        let view = View::new(|| Err(error.clone()));
        assert_eq!((view.context().err(), view.context().err()), (Some(error.clone()), Some(error.clone())));
    }
}
