//! Writes to stdout and stderr. Whoever reads them may be gone, and a disk behind them may be full: neither ends in a panic.

use std::io::{ErrorKind, IsTerminal, Write};

use scenarios::input::plain;

use crate::failure::Failure;

/// Prints a result on stdout.
///
/// # Errors
/// It cannot be written, and somebody still reads.
pub fn print(text: &str) -> Result<(), Failure> {
    let text = plain(text);
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever read has had enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::Machine(format!("cannot print the result: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Says something on stderr, without control characters: what is said may quote a path or another text of the user's. Where it cannot be said, the exit code is all that is left.
pub fn say(text: &str) {
    say_drawn(&plain(text));
}

/// Says something on stderr that was made for a terminal: whoever drew it kept control characters out of what it quotes.
pub fn say_drawn(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Takes away what a progress line has left on a terminal.
pub fn clear_line() {
    let mut stderr = std::io::stderr().lock();
    if stderr.is_terminal() {
        let _ = write!(stderr, "\r\x1b[2K");
    }
}
