//! From an accepted event to its last receipt, against the sandbox.

mod branches;
mod breakers;
mod budgets;
mod clocks;
mod dead;
mod hangs;
mod judges;
mod objective;
mod overtaken;
mod people;
mod refused;
mod reload;
mod replay;
mod retries;
mod safety;
mod shared;
mod triage;
mod variants;
