//! Rows of a file, one at a time, each of a bounded length.

use std::io::{BufRead, Read};

use serde_json::{Map, Value};

use crate::cli::user::Format;

/// The longest row, in bytes: far more than an account has.
const MAX_ROW: u64 = 256 * 1024;

/// What a row of a file is.
pub(super) enum Row {
    Read(Map<String, Value>),
    /// It cannot be read, and is reported.
    Unreadable(&'static str),
}

/// The rows of a file.
pub(super) enum Rows<'a> {
    JsonLines(Box<dyn BufRead + Send + 'a>),
    Csv(
        Box<csv::Reader<Box<dyn BufRead + Send + 'a>>>,
        csv::StringRecord,
    ),
}

impl<'a> Rows<'a> {
    /// Begins to read. The first row of CSV names the columns.
    pub(super) fn new(
        format: Format,
        input: Box<dyn BufRead + Send + 'a>,
    ) -> Result<Self, std::io::Error> {
        match format {
            Format::JsonLines => Ok(Self::JsonLines(input)),
            Format::Csv => {
                let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(input);
                let headers = reader.headers()?.clone();
                Ok(Self::Csv(Box::new(reader), headers))
            }
        }
    }

    /// The next row; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Row>, std::io::Error> {
        match self {
            Self::JsonLines(input) => next_line(input),
            Self::Csv(reader, headers) => next_record(reader, headers),
        }
    }
}

fn next_line(input: &mut dyn BufRead) -> Result<Option<Row>, std::io::Error> {
    loop {
        let mut line = Vec::new();
        let read = input.take(MAX_ROW).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        if !line.ends_with(b"\n") && read as u64 == MAX_ROW {
            skip_line(input)?;
            return Ok(Some(Row::Unreadable("is longer than 256 KiB")));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        return Ok(Some(match serde_json::from_slice(&line) {
            Ok(members) => Row::Read(members),
            Err(_) => Row::Unreadable("is no JSON object"),
        }));
    }
}

/// Passes over the rest of a line.
fn skip_line(input: &mut dyn BufRead) -> Result<(), std::io::Error> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let length = end.map_or(buffer.len(), |at| at + 1);
        input.consume(length);
        if end.is_some() {
            return Ok(());
        }
    }
}

fn next_record(
    reader: &mut csv::Reader<Box<dyn BufRead + Send + '_>>,
    headers: &csv::StringRecord,
) -> Result<Option<Row>, std::io::Error> {
    let mut record = csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(false) => Ok(None),
        Ok(true) => {
            if record.as_slice().len() as u64 > MAX_ROW {
                return Ok(Some(Row::Unreadable("is longer than 256 KiB")));
            }
            let pairs = headers.iter().zip(&record);
            Ok(Some(Row::Read(
                pairs
                    .map(|(name, value)| (name.to_owned(), Value::from(value)))
                    .collect(),
            )))
        }
        Err(error) => match error.kind() {
            csv::ErrorKind::Io(_) => Err(error.into()),
            csv::ErrorKind::UnequalLengths { .. } => Ok(Some(Row::Unreadable(
                "has another number of columns than the first row",
            ))),
            _ => Ok(Some(Row::Unreadable("is no UTF-8"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn read(format: Format, text: &str) -> Vec<Result<String, &'static str>> {
        let input = Box::new(Cursor::new(text.as_bytes().to_vec()));
        let mut rows = Rows::new(format, input).unwrap();
        let mut all = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            all.push(match row {
                Row::Read(members) => Ok(Value::Object(members).to_string()),
                Row::Unreadable(reason) => Err(reason),
            });
        }
        all
    }

    #[test]
    fn a_row_that_cannot_be_read_keeps_no_other_out() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(300 * 1024));
        let text = format!("{{\"a\":1}}\n\n{long}\n[1]\n{{\"a\":2}}");
        let rows = read(Format::JsonLines, &text);
        assert_eq!(rows[0], Ok("{\"a\":1}".to_owned()));
        assert_eq!(rows[1], Err("is longer than 256 KiB"));
        assert_eq!(rows[2], Err("is no JSON object"));
        assert_eq!(rows[3], Ok("{\"a\":2}".to_owned()));
        assert_eq!(rows.len(), 4);
    }

    #[test]
    fn csv_is_read_by_the_names_of_its_columns() {
        let rows = read(
            Format::Csv,
            "email,name\na@b.org,\"Ada, of\nL.\"\nx\nc@d.org,\n",
        );
        assert_eq!(
            rows[0],
            Ok("{\"email\":\"a@b.org\",\"name\":\"Ada, of\\nL.\"}".to_owned())
        );
        assert!(rows[1].is_err());
        assert_eq!(
            rows[2],
            Ok("{\"email\":\"c@d.org\",\"name\":\"\"}".to_owned())
        );
    }
}
