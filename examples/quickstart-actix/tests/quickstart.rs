//! The quick start does what it says, in no more lines than it says.

#[path = "../../quickstart-axum/tests/walk/mod.rs"]
mod walk;

const SOURCE: &str = include_str!("../src/main.rs");

#[test]
fn one_registers_signs_in_is_greeted_and_signs_out() {
    walk::walk(env!("CARGO_BIN_EXE_quickstart-actix"), SOURCE);
}

#[test]
fn the_readmes_show_this_program() {
    let readme = include_str!("../../../gatekeeper-actix/README.md");
    assert!(readme.contains(&format!("\n{SOURCE}```\n")));
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&format!("\n{SOURCE}```\n")));
}
