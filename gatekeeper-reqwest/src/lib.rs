#![doc = include_str!("../README.md")]

mod client;
mod failure;

pub use client::{ReqwestClient, ReqwestClientBuilder, ReqwestClientError};
