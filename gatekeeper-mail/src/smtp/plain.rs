use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// How much a server may say before TLS, in bytes: a greeting, its extensions, an answer.
const MOST: usize = 16 * 1024;
/// What a TLS client begins with (RFC 8446 section 5.1, `handshake`). No SMTP command does.
const HANDSHAKE: u8 = 22;

/// A connection that begins in the clear and becomes TLS by `STARTTLS`.
///
/// In the clear it is read byte by byte. Whoever sits in between can put words of their own behind the server's answer to
/// `STARTTLS`; read ahead, these would lie in a buffer and be taken for the server's, said within TLS (CVE-2011-0411 and its
/// kin; RFC 3207 section 4.2 has both sides forget what was said before). So they stay where they are, where the handshake
/// meets them and fails.
#[derive(Debug)]
pub(super) struct PlainFirst {
    stream: TcpStream,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// In the clear, with so many bytes to go.
    Plain(usize),
    Tls,
}

impl PlainFirst {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            phase: Phase::Plain(MOST),
        }
    }
}

impl AsyncRead for PlainFirst {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let stream = Pin::new(&mut this.stream);
        let left = match &mut this.phase {
            Phase::Tls => return stream.poll_read(cx, buffer),
            Phase::Plain(left) => left,
        };
        *left = left.checked_sub(1).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "the server says too much")
        })?;
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        ready!(stream.poll_read(cx, &mut one))?;
        buffer.put_slice(one.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PlainFirst {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if bytes.first() == Some(&HANDSHAKE) {
            this.phase = Phase::Tls;
        }
        Pin::new(&mut this.stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for PlainFirst {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}
