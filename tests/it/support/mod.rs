//! What tests share.

pub mod clock;
pub mod cluster;
pub mod cut;
pub mod house;
pub mod process;
pub mod redis;
