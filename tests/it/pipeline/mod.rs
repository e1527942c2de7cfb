//! From an accepted event to its last receipt, against the sandbox.

mod branches;
mod breakers;
mod judges;
mod people;
mod retries;
mod triage;
