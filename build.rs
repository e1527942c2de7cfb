//! Rebuilds the program when one of the folders it embeds changes.

fn main() {
    for folder in ["config", "prompts", "schemas", "evals"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
