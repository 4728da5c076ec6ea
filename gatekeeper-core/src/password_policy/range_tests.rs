use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;

use super::{Breach, BreachChecker, BreachError, RangeChecker};
use crate::{
    config::{BreachConfig, PublicUrl},
    env::{HttpClient, HttpClientError, HttpMethod, HttpRequest, HttpResponse, MAX_HTTP_RESPONSE},
    model::SecretString,
    testing::ManualClock,
};

/// What comes behind the prefix `5BAA6` in the SHA-1 hash of `password`.
const REST: &str = "1E4C9B93F3F0682250B6CF8331B7EE68FD8";
const PADDING: &str = "0018A45C4D1DEF81644B54AB7F969B88D65:0";

#[derive(Debug, Default)]
struct Service {
    answers: Mutex<VecDeque<Result<HttpResponse, HttpClientError>>>,
    asked: Mutex<Vec<HttpRequest>>,
}

#[async_trait]
impl HttpClient for Service {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpClientError> {
        self.asked.lock().unwrap().push(request);
        let next = self.answers.lock().unwrap().pop_front();
        next.unwrap_or_else(|| answer(200, PADDING))
    }
}

impl Service {
    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is what a client gives")]
fn answer(status: u16, body: impl Into<Vec<u8>>) -> Result<HttpResponse, HttpClientError> {
    Ok(HttpResponse {
        status,
        retry_after: None,
        body: body.into(),
    })
}

fn checker(change: impl FnOnce(&mut BreachConfig)) -> (RangeChecker, Arc<Service>, ManualClock) {
    let mut settings = BreachConfig::default();
    change(&mut settings);
    let service = Arc::new(Service::default());
    let clock = ManualClock::default();
    let base = PublicUrl::parse("https://ranges.example.org/v3/").unwrap();
    let client: Arc<dyn HttpClient> = Arc::clone(&service) as _;
    let checker = RangeChecker::new(client, Arc::new(clock.clone()), &base, &settings);
    (checker, service, clock)
}

async fn check_one(body: impl Into<Vec<u8>>) -> Result<Breach, BreachError> {
    let (checker, service, _) = checker(|_| {});
    service.answers.lock().unwrap().push_back(answer(200, body));
    checker.check(&"password".into()).await
}

#[tokio::test]
async fn asvs_6_2_12_the_service_is_told_five_digits_of_the_hash_and_no_more() {
    let (checker, service, _) = checker(|_| {});
    let _ = checker.check(&"password".into()).await;
    let asked = service.asked.lock().unwrap();
    let [request] = asked.as_slice() else {
        panic!("{} requests", asked.len());
    };
    assert_eq!(request.method, HttpMethod::Get);
    assert_eq!(request.url, "https://ranges.example.org/v3/range/5BAA6");
    assert!(request.body.is_empty());
    assert_eq!(request.timeout, Duration::from_secs(2));
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (*name, value.expose()))
        .collect();
    assert_eq!(
        headers,
        [("add-padding", "true"), ("user-agent", "gatekeeper")]
    );
}

#[tokio::test]
async fn a_hash_that_is_in_the_range_is_known() {
    for body in [
        format!("{PADDING}\r\n{REST}:52256179\r\n{PADDING}"),
        format!("{REST}:1"),
        format!("{REST}:10\n"),
        format!("{}:1\r\n", REST.to_lowercase()),
    ] {
        assert_eq!(check_one(body.clone()).await, Ok(Breach::Known), "{body}");
    }
}

#[tokio::test]
async fn padding_and_other_hashes_mean_nothing() {
    let other = format!("{}9", &REST[..34]);
    for body in [
        PADDING.to_owned(),
        format!("{REST}:0\r\n"),
        format!("{REST}:000\r\n{other}:7"),
        format!("{other}:52256179"),
    ] {
        assert_eq!(check_one(body.clone()).await, Ok(Breach::Unknown), "{body}");
    }
}

#[tokio::test]
async fn an_answer_that_is_malformed_in_any_line_is_none() {
    let known = format!("{REST}:1");
    for line in [
        "",
        "<html>",
        REST,
        &format!("{REST}:"),
        &format!("{REST}:-1"),
        &format!("{REST}:1x"),
        &format!("{REST}: 1"),
        &format!("{REST}:1234567890123456789"),
        &format!("5BAA6{REST}:1"),
        &format!("{}:1", &REST[1..]),
        &format!("{}G:1", &REST[1..]),
        &format!("{known}:1"),
        &format!(" {known}"),
        "\r",
    ] {
        for body in [
            line.to_owned(),
            format!("{line}\r\n{known}"),
            format!("{known}\r\n{line}\r\n{known}"),
        ] {
            assert_eq!(
                check_one(body.clone()).await,
                Err(BreachError::Malformed),
                "{body:?}"
            );
        }
    }
    let not_text = [known.as_bytes(), b"\r\n\xff"].concat();
    assert_eq!(check_one(not_text).await, Err(BreachError::Malformed));
    let too_large = format!("{known}\r\n").repeat(MAX_HTTP_RESPONSE / 39 + 1);
    assert_eq!(check_one(too_large).await, Err(BreachError::Malformed));
}

#[tokio::test]
async fn every_status_but_200_is_no_answer() {
    for status in [204, 206, 301, 304, 400, 403, 404, 429, 500, 503] {
        let (checker, service, _) = checker(|_| {});
        let body = format!("{REST}:1");
        service
            .answers
            .lock()
            .unwrap()
            .push_back(answer(status, body));
        assert_eq!(
            checker.check(&"password".into()).await,
            Err(BreachError::Status(status))
        );
    }
}

#[tokio::test]
async fn a_range_is_asked_for_once_in_a_while() {
    let (checker, service, clock) = checker(|settings| {
        settings.cache_lifetime = Duration::from_mins(1);
    });
    let password = SecretString::new("password");
    // A failure is not kept.
    for failure in [
        answer(500, ""),
        answer(200, "rubbish"),
        Err(HttpClientError::Unreachable("away".to_owned())),
    ] {
        service.answers.lock().unwrap().push_back(failure);
        assert!(checker.check(&password).await.is_err());
    }
    assert_eq!(service.asked(), 3);
    service
        .answers
        .lock()
        .unwrap()
        .push_back(answer(200, format!("{REST}:1")));
    assert_eq!(checker.check(&password).await, Ok(Breach::Known));
    assert_eq!(checker.check(&password).await, Ok(Breach::Known));
    clock.advance(Duration::from_micros(59_999_999));
    assert_eq!(checker.check(&password).await, Ok(Breach::Known));
    assert_eq!(service.asked(), 4);
    clock.advance(Duration::from_micros(1));
    assert_eq!(checker.check(&password).await, Ok(Breach::Unknown));
    assert_eq!(service.asked(), 5);
}

#[tokio::test]
async fn so_many_ranges_are_kept_and_no_more() {
    for (kept, most) in [(0, 0), (4, 4)] {
        let (checker, service, _) = checker(|settings| settings.cached_ranges = kept);
        let passwords: Vec<SecretString> = (0..64)
            .map(|n| SecretString::new(format!("password {n}")))
            .collect();
        for password in &passwords {
            let _ = checker.check(password).await;
        }
        let before = service.asked();
        for password in &passwords {
            let _ = checker.check(password).await;
        }
        let remembered = before + passwords.len() - service.asked();
        assert!(remembered <= most, "{remembered} of {kept}");
    }
}

#[tokio::test]
async fn nothing_of_a_password_is_printed() {
    let (checker, service, _) = checker(|_| {});
    let _ = checker.check(&"password".into()).await;
    let request = format!("{:?}", service.asked.lock().unwrap());
    let text = format!("{checker:?} {request} {}", BreachError::Malformed);
    assert!(!text.contains("5BAA6") && !text.contains(REST) && !text.contains("password\""));
}
