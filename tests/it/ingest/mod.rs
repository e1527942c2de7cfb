//! Deliveries in, through the public listener: what is let in, what is refused, and what is on disk when we say so.

mod admin;
mod api;
mod duplicates;
mod filter;
mod limits;
mod log;
mod refused;
mod shared;
mod stored;
mod unreadable;
