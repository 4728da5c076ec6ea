use std::fmt::Write;

use qrcodegen::{QrCode, QrCodeEcc};

use crate::{Error, model::SecretString};

/// Readers want four light modules around the code (ISO/IEC 18004).
const QUIET: i32 = 4;

/// A QR code as an SVG document: black on white, one unit a module, without script, style or reference, so that it may be shown
/// under any content security policy.
pub(super) fn svg(text: &str) -> Result<SecretString, Error> {
    // The lowest level has room for the longest names there may be; where there is room to spare, the level rises by itself.
    let code = QrCode::encode_text(text, QrCodeEcc::Low).map_err(Error::internal)?;
    let size = code.size();
    let whole = size + 2 * QUIET;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {whole} {whole}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{whole}\" height=\"{whole}\" fill=\"#fff\"/><path d=\""
    );
    for y in 0..size {
        let mut x = 0;
        while x < size {
            let run = (x..size).take_while(|&x| code.get_module(x, y)).count();
            if run > 0 {
                let (left, top) = (x + QUIET, y + QUIET);
                // Writing to a string does not fail.
                let _ = write!(svg, "M{left} {top}h{run}v1h-{run}z");
            }
            x += i32::try_from(run).unwrap_or(size) + 1;
        }
    }
    svg.push_str("\" fill=\"#000\"/></svg>");
    Ok(svg.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the modules back out of the drawing.
    fn dark(svg: &str, x: usize, y: usize) -> bool {
        let (_, path) = svg.split_once("<path d=\"M").unwrap();
        let (path, _) = path.split_once('"').unwrap();
        path.split('M').any(|run| {
            let (start, rest) = run.split_once('h').unwrap();
            let (left, top) = start.split_once(' ').unwrap();
            let (run, _) = rest.split_once('v').unwrap();
            let (left, top, run): (usize, usize, usize) = (
                left.parse().unwrap(),
                top.parse().unwrap(),
                run.parse().unwrap(),
            );
            top == y && (left..left + run).contains(&x)
        })
    }

    #[test]
    fn the_drawing_is_the_code_module_by_module() {
        let text = "otpauth://totp/Gatekeeper:ada%40example.org?secret=GEZDGNBVGY3TQOJQ";
        let svg = svg(text).unwrap();
        let code = QrCode::encode_text(text, QrCodeEcc::Low).unwrap();
        let size = usize::try_from(code.size()).unwrap();
        for y in 0..size + 8 {
            for x in 0..size + 8 {
                let (i, j) = (i32::try_from(x).unwrap() - 4, i32::try_from(y).unwrap() - 4);
                assert_eq!(dark(svg.expose(), x, y), code.get_module(i, j), "{x} {y}");
            }
        }
    }

    #[test]
    fn the_longest_names_have_room() {
        assert!(svg(&"%F0%9F%90%99".repeat(200)).is_ok());
        assert!(svg(&"x".repeat(5_000)).is_err());
    }

    #[test]
    fn the_drawing_holds_no_script_and_no_reference() {
        let svg = svg("<script>").unwrap();
        for word in ["script", "href", "style", "<text"] {
            assert!(!svg.expose().contains(word), "{word}");
        }
    }
}
