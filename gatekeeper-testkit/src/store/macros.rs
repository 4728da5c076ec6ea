/// Does something in a transaction, which is then committed, and gives what it answered.
macro_rules! commit {
    ($fixture:expr, $tx:ident => $work:expr) => {{
        let mut $tx = $fixture.begin().await;
        let answer = $work.unwrap();
        $tx.commit().await.unwrap();
        answer
    }};
}

/// Does something in a transaction, which is then dropped, and gives what it answered.
macro_rules! peek {
    ($fixture:expr, $tx:ident => $work:expr) => {{
        let mut $tx = $fixture.begin().await;
        let answer = $work.unwrap();
        drop($tx);
        answer
    }};
}

/// Does something that must be refused with this constraint. The transaction is then dropped: after a refusal it need not
/// be of use any more.
macro_rules! refused {
    ($fixture:expr, $constraint:ident, $tx:ident => $work:expr) => {{
        let mut $tx = $fixture.begin().await;
        let error = $work.map(|_| ()).unwrap_err();
        assert_eq!(
            error.kind(),
            ::gatekeeper_core::store::StoreErrorKind::Conflict(
                ::gatekeeper_core::store::Constraint::$constraint
            ),
        );
        drop($tx);
    }};
}
