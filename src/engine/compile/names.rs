//! Names that refer to other parts of the configuration, conditions, and references to the environment.

use secrecy::SecretString;

use crate::{
    act::Setting,
    config::{self, ROUTES, Resolved, SETTINGS, SOURCES, codes},
    decide::pattern::{Selector, TypePattern},
    domain::OWN_SOURCE,
    template::Condition,
};

use super::Compiler;

impl Compiler<'_> {
    /// Reports a name that nothing has.
    pub(super) fn unknown(&mut self, file: &str, path: &[&str], kind: &str, given: &str, known: Vec<&str>) {
        let remedy = config::one_of(given, known);
        let problem = self.config.at(file, path).error(
            codes::UNKNOWN_NAME,
            format!("no {kind} is called {}", config::quoted(given)),
            remedy,
        );
        self.problems.push(problem);
    }

    /// A condition, if it parses.
    pub(super) fn condition(&mut self, file: &str, path: &[&str], source: &str) -> Option<Condition> {
        match Condition::compile(source) {
            Ok(condition) => Some(condition),
            Err(error) => {
                let problem = self.config.at(file, path).error(
                    codes::BAD_CONDITION,
                    format!("the condition does not parse: {error}"),
                    "write a minijinja expression such as event.body.data.amount > 5000",
                );
                self.problems.push(problem);
                None
            }
        }
    }

    /// Types and sources of a filter rule or route; every source must exist. The service's own events come from no
    /// sender and pass by the filter, but a route may ask for them.
    pub(super) fn selector(
        &mut self,
        file: &str,
        path: &[&str],
        types: &[String],
        sources: &[String],
    ) -> Selector {
        for (i, source) in sources.iter().enumerate() {
            let own = source == OWN_SOURCE && file == ROUTES;
            if !own && !self.config.declares(SOURCES, ["source", source]) {
                let at = i.to_string();
                let mut place = path.to_vec();
                place.extend(["sources", &at]);
                let known = self.config.sources.keys().map(String::as_str).collect();
                self.unknown(file, &place, "source", source, known);
            }
        }
        Selector { types: types.iter().map(|t| TypePattern::new(t)).collect(), sources: sources.to_vec() }
    }

    /// A secret that a table may refer to.
    pub(super) fn secret(
        &mut self,
        file: &str,
        path: &[&str],
        reference: Option<&str>,
    ) -> Setting<SecretString> {
        let Some(reference) = reference else { return Setting::Absent };
        match config::secret(reference, self.env) {
            Ok(Resolved::Set(secret)) => Setting::Set(secret),
            Ok(Resolved::Unset { name }) => Setting::Unset(name),
            Err(error) => self.bad_reference(file, path, &error),
        }
    }

    /// A plain text that may come from the environment.
    pub(super) fn setting(&mut self, file: &str, path: &[&str], text: Option<&str>) -> Setting<String> {
        let Some(text) = text else { return Setting::Absent };
        match config::setting(text, self.env) {
            Ok(Resolved::Set(value)) => Setting::Set(value),
            Ok(Resolved::Unset { name }) => Setting::Unset(name),
            Err(error) => self.bad_reference(file, path, &error),
        }
    }

    /// The file's own checks have found most of these; what is left is a file that cannot be read.
    fn bad_reference<T>(&mut self, file: &str, path: &[&str], error: &config::ReferenceError) -> Setting<T> {
        let problem =
            self.config.at(file, path).error(codes::BAD_REFERENCE, error.to_string(), error.remedy());
        if !self.problems.iter().any(|known| known.file == problem.file && known.line == problem.line) {
            self.problems.push(problem);
        }
        Setting::Absent
    }

    /// The admin listener's token must be there if it is asked for.
    pub(super) fn admin_token(&mut self) {
        let path = ["server", "admin_token"];
        let reference = self.config.settings.server.admin_token.clone();
        if let Setting::Unset(name) = self.secret(SETTINGS, &path, reference.as_deref())
            && self.reach.serves()
        {
            let problem = self.config.at(SETTINGS, path).error(
                codes::UNSET,
                format!("{name} is not set, and the admin listener demands it"),
                format!("export {name}, or remove admin_token"),
            );
            self.problems.push(problem);
        }
    }
}
