//! All integration tests, in one binary: it links once, and tests run beside each other.
#![cfg(test)]

mod cli;
mod crash;
mod ingest;
mod layers;
mod pipeline;
mod redis;
mod store;
mod support;
