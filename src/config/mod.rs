//! Reads the files a user edits into raw tables; what they compile to is the engine's business.

pub mod tables;
