//! The quick start does what it says, in no more lines than it says.

mod walk;

#[test]
fn one_registers_signs_in_is_greeted_and_signs_out() {
    walk::walk(
        env!("CARGO_BIN_EXE_quickstart-axum"),
        include_str!("../src/main.rs"),
    );
}
