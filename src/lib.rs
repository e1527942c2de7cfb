//! Hookyard takes verified webhooks, decides what each one means, and does something about it, once.
//!
//! The modules, in reading order; each may use those above it, never those below:
//!
//! | floor | modules | |
//! |---|---|---|
//! | 0 | [`domain`], [`decide`], [`template`] | nouns; what happens next, as pure functions; the language of conditions |
//! | 1 | [`source`], [`config`], [`rate`] | verify senders; read the files a user edits; how often something may happen |
//! | 2 | [`remote`] | outbound HTTP |
//! | 3 | [`classify`], [`act`], [`store`], [`host`] | judges; destinations; where events live; the machine |
//! | 4 | [`engine`] | a compiled configuration, and the one pipeline it runs |
//! | 5 | [`ingest`], [`worker`], [`keeper`], [`console`], [`eval`], [`sandbox`] | deliveries in; jobs done; periodic work; the admin listener; suites; stand-ins |
//! | 6 | [`service`], [`cli`] | everything in one process; the command line |

pub mod act;
pub mod classify;
pub mod cli;
pub mod config;
pub mod console;
pub mod decide;
pub mod domain;
pub mod engine;
pub mod eval;
pub mod host;
pub mod ingest;
pub mod keeper;
pub mod rate;
pub mod remote;
pub mod sandbox;
pub mod service;
pub mod source;
pub mod store;
pub mod telemetry;
pub mod template;
pub mod worker;
