//! All integration tests, in one binary: it links once, and tests run beside each other.

mod layers;
mod store;
mod support;
