//! What tests share.

pub mod clock;
pub mod cluster;
pub mod house;
pub mod process;
pub mod redis;
