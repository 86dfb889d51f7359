//! The passive ports as sessions and strangers see them.

mod changes;
mod disorder;
mod properties;
mod sockets;
mod table;
mod transcripts;
mod world;
