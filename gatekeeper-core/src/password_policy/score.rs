//! How hard a password is to guess, by zxcvbn's estimate.

/// Whether there is anything that estimates.
pub(super) const AVAILABLE: bool = cfg!(feature = "zxcvbn");

/// Why the password is weaker than the score, in words; `None` where it is not.
#[cfg(feature = "zxcvbn")]
pub(super) fn weakness(password: &str, context: &[&str], least: u8) -> Option<String> {
    use std::borrow::Cow;

    /// How much of a password is looked at, in characters. What the estimate costs grows with the square of the length and
    /// worse: in the worst case 0.03 s for 32 characters, 0.9 s for 100.
    const WINDOW: usize = 32;

    let length = password.chars().count();
    let cut = |from: usize| -> String { password.chars().skip(from).take(WINDOW).collect() };
    // A password is at least as hard to guess as any part of it: where its beginning is weak, its end may be strong.
    let windows = if length <= WINDOW {
        [Some(Cow::Borrowed(password)), None]
    } else {
        [
            Some(Cow::Owned(cut(0))),
            Some(Cow::Owned(cut(length - WINDOW))),
        ]
    };
    let mut advice = None;
    for window in windows.into_iter().flatten() {
        let estimate = zxcvbn::zxcvbn(&window, context);
        if u8::from(estimate.score()) >= least {
            return None;
        }
        advice.get_or_insert_with(|| words_of(estimate.feedback()));
    }
    advice
}

#[cfg(feature = "zxcvbn")]
fn words_of(feedback: Option<&zxcvbn::feedback::Feedback>) -> String {
    let mut words = vec!["is too easy to guess.".to_owned()];
    if let Some(feedback) = feedback {
        words.extend(feedback.warning().map(|warning| warning.to_string()));
        words.extend(feedback.suggestions().iter().map(ToString::to_string));
    }
    words.join(" ")
}

/// Never asked: settings that need the estimate are refused.
#[cfg(not(feature = "zxcvbn"))]
pub(super) fn weakness(_password: &str, _context: &[&str], _least: u8) -> Option<String> {
    None
}
