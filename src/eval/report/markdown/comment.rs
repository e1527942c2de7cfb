//! A comment and its tables.

/// Bytes of a comment at the most. GitHub takes 65,536 characters.
const BYTES_MAX: usize = 65_000;

/// Bytes kept for saying that something was left out.
const RESERVE: usize = 200;

/// A comment that stays within what a host takes.
#[derive(Debug)]
pub(super) struct Comment {
    text: String,
    left_out: usize,
}

impl Comment {
    pub fn new() -> Self {
        Comment { text: String::new(), left_out: 0 }
    }

    /// Adds a part, or leaves it out if there is no room for it.
    pub fn add(&mut self, part: String) {
        if self.text.len() + part.len() + RESERVE > BYTES_MAX {
            self.left_out += 1;
            return;
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(&part);
    }

    pub fn add_some(&mut self, part: Option<String>) {
        if let Some(part) = part {
            self.add(part);
        }
    }

    pub fn finish(mut self) -> String {
        if self.left_out > 0 {
            let left_out = self.left_out;
            self.text
                .push_str(&format!("\nParts left out because a comment has no room for them: {left_out}.\n"));
        }
        self.text
    }
}

/// A table; its cells are Markdown already.
#[derive(Debug)]
pub(super) struct Table(String);

impl Table {
    pub fn new(titles: &[&str]) -> Self {
        let rule = "---|".repeat(titles.len());
        Table(format!("| {} |\n|{rule}\n", titles.join(" | ")))
    }

    pub fn row(&mut self, cells: &[String]) {
        self.0.push_str(&format!("| {} |\n", cells.join(" | ")));
    }

    /// The table, and below it how many rows it does not have.
    pub fn finish(mut self, left_out: usize) -> String {
        if left_out > 0 {
            self.0.push_str(&format!("\n… and {left_out} more\n"));
        }
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_left_out_and_said_to_be() {
        let mut comment = Comment::new();
        comment.add("first\n".to_owned());
        comment.add("x".repeat(BYTES_MAX));
        comment.add("last\n".to_owned());
        let text = comment.finish();
        assert_eq!(text, "first\n\nlast\n\nParts left out because a comment has no room for them: 1.\n");
    }
}
