//! Prompt files that may include each other.

use std::{collections::BTreeSet, sync::Arc};

use minijinja::Environment;
use sha2::{Digest, Sha256};

use super::{Context, TemplateError, bounded, environment, roomy, uses};

/// All prompt files of a configuration, compiled together.
#[derive(Debug)]
pub struct Library(Arc<Environment<'static>>);

/// One file of a [`Library`].
#[derive(Debug, Clone)]
pub struct Prompt {
    library: Arc<Environment<'static>>,
    name: String,
    /// SHA-256 (hex) of the file's text.
    pub digest: String,
}

impl Library {
    /// Compiles `files` (name, text); names are what `{% include %}` says.
    ///
    /// # Errors
    /// All files that do not parse, or use filters or files that do not exist, or filters not as they can be used, by name.
    pub fn compile<'a>(
        files: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Vec<(String, TemplateError)>> {
        let mut env = environment();
        let (mut wrong, mut parsed) = (Vec::new(), Vec::new());
        for (name, text) in files {
            let added = bounded(text).and_then(|()| {
                env.add_template_owned(name.to_owned(), text.to_owned()).map_err(TemplateError::from)
            });
            match added {
                Ok(()) => parsed.push((name, text)),
                Err(error) => wrong.push((name.to_owned(), error)),
            }
        }
        let known: BTreeSet<&str> =
            parsed.iter().map(|(name, _)| *name).chain(wrong.iter().map(|(name, _)| name.as_str())).collect();
        let used: Vec<_> = parsed
            .iter()
            .filter_map(|(name, text)| {
                let used =
                    uses::check(text).and_then(|()| uses::check_files(text, |file| known.contains(file)));
                Some(((*name).to_owned(), used.err()?))
            })
            .collect();
        wrong.extend(used);
        if wrong.is_empty() { Ok(Library(Arc::new(env))) } else { Err(wrong) }
    }

    pub fn prompt(&self, name: &str) -> Option<Prompt> {
        let template = self.0.get_template(name).ok()?;
        let digest = hex::encode(Sha256::digest(template.source()));
        Some(Prompt { library: Arc::clone(&self.0), name: name.to_owned(), digest })
    }
}

impl Prompt {
    /// # Errors
    /// The template touched something undefined, included a missing file, or ran out of fuel.
    pub fn render(&self, context: &Context) -> Result<String, TemplateError> {
        let large = roomy(&self.library, context);
        let library = large.as_ref().unwrap_or(&self.library);
        Ok(library.get_template(&self.name)?.render(context.value())?)
    }
}
