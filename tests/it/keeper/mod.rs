//! Periodic work: alarms, retention, room, and what an operator has erased.

mod alerts;
mod breakers;
mod erase;
mod retention;
mod room;
mod silence;
mod together;
mod yard;
