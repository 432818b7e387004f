// Client: Rust std, TcpStream
// Needs: rustc
// Server: sink
// Build: rustc -O -o $BUILT/rust-std $FILE
// Run: $BUILT/rust-std
// Ends: 1 kind: TimedOut
use std::env::var;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::{error::Error, fs, thread, time::Duration};

fn main() -> Result<(), Box<dyn Error>> {
    let mut connection = TcpStream::connect((var("HOST")?.as_str(), var("PORT")?.parse()?))?;
    let payload = fs::read(var("PAYLOAD")?)?;
    let mut rest = &payload[..];
    if let Ok(seconds) = var("IDLE")?.parse() {
        connection.write_all(&rest[..1000])?;
        rest = &rest[1000..];
        thread::sleep(Duration::from_secs(seconds));
    }
    connection.write_all(rest)?;
    connection.shutdown(Shutdown::Write)?;
    connection.read_to_end(&mut Vec::new())?;
    Ok(())
}
