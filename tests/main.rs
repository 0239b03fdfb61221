//! The integration tests, one binary. Each module tests one thing that the
//! project promises; `support` has what they share.

mod action;
mod autostart;
mod boot;
mod bundle;
mod ci;
mod code;
mod dist;
mod flat_package;
mod fleet;
mod golden;
mod linux;
mod linux_package;
mod mdm;
mod notary;
mod output;
mod page;
mod read;
mod readme;
mod render;
mod schema;
mod settings;
mod signing;
mod stage;
mod start;
mod support;
mod template;
mod tidy;
mod verify;
