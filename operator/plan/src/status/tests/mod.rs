//! What is said in which situation, as tables.

mod facts;
mod scene;
mod situations;
mod unreadable;
mod users;
