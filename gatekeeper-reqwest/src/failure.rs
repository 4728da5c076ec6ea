use std::{error::Error, io};

use gatekeeper_core::env::HttpClientError;
use rustls::CertificateError;

/// Why a service was not reached, in words of our own: reqwest's and those below it repeat the URL and names.
pub(crate) fn unreachable(error: &reqwest::Error) -> HttpClientError {
    HttpClientError::Unreachable(reason(error))
}

fn reason(error: &reqwest::Error) -> String {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut kind = None;
    while let Some(one) = cause {
        if let Some(tls) = one.downcast_ref() {
            return of_tls(tls).to_owned();
        }
        cause = one.source();
        if let Some(io) = one.downcast_ref::<io::Error>() {
            kind = Some(io.kind());
            // What an I/O error was made of is not its source; rustls' errors come wrapped so, twice.
            if let Some(inner) = io.get_ref() {
                cause = Some(inner);
            }
        }
    }
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    if error.is_dns() {
        return "its name cannot be resolved".to_owned();
    }
    match kind {
        // The name of the kind alone: an error's own text is whoever's that made it.
        Some(kind) if kind != io::ErrorKind::Other => kind.to_string(),
        _ if error.is_connect() => "there is no connection".to_owned(),
        _ => "it broke off, or speaks no HTTP".to_owned(),
    }
}

fn of_tls(error: &rustls::Error) -> &'static str {
    let rustls::Error::InvalidCertificate(error) = error else {
        return "TLS failed";
    };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name"
        }
        CertificateError::UnknownIssuer => "its certificate is of an unknown issuer",
        _ => "its certificate is not valid",
    }
}
