//! JSON Schemas of the configuration files, for editors that complete and check TOML.

use schemars::{JsonSchema, generate::SchemaSettings};

use super::{
    suite::Suite,
    tables::{
        ActionsFile, ClassifiersFile, FilterFile, JudgesFile, ModelsFile, RoutesFile, SettingsFile,
        SourcesFile,
    },
};

/// Path and text of each schema. A file refers to its own by a first line such as
/// `#:schema ../.schema/routes.json`.
pub fn schemas() -> Vec<(String, String)> {
    vec![
        schema::<SettingsFile>("hookyard"),
        schema::<SourcesFile>("sources"),
        schema::<FilterFile>("filter"),
        schema::<RoutesFile>("routes"),
        schema::<ClassifiersFile>("classifiers"),
        schema::<JudgesFile>("judges"),
        schema::<ModelsFile>("models"),
        schema::<ActionsFile>("actions"),
        schema::<Suite>("suite"),
    ]
}

fn schema<T: JsonSchema>(name: &str) -> (String, String) {
    // TOML editors know this draft; not all know a later one.
    let schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<T>();
    (format!(".schema/{name}.json"), format!("{:#}\n", schema.as_value()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn describe_every_field_and_refuse_others() {
        let schemas = schemas();
        assert_eq!(schemas.len(), 9);
        for (path, text) in &schemas {
            let schema: Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(schema["additionalProperties"], false, "{path}");
            assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#", "{path}");
        }
        let (path, routes) = &schemas[3];
        assert_eq!(path, ".schema/routes.json");
        assert!(routes.contains("A condition on event and verdict; the action is planned where it holds."));
    }
}
