//! FTPS: what clients meet on the control connection and on their data connections.

mod client;
mod endings;
mod fixture;
mod greetings;
mod logs;
mod mishaps;
mod policies;
mod programs;
mod transfers;
