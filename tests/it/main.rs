//! All integration tests, in one binary: it links once, and tests run beside each other.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "the tasks of a test end with its runtime")]

mod cli;
mod crash;
mod ingest;
mod keeper;
mod layers;
mod pipeline;

mod store;
mod support;
