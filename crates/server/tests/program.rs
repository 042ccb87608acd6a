//! The program itself: its flags, its first line, its end.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_madang-server"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MADANG_")) {
        command.env_remove(name);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn listening(child: &mut Child) -> SocketAddr {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line.trim_end().strip_prefix("Madang is listening on http://").unwrap().parse().unwrap()
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn refused(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    assert!(!status.success());
    String::from_utf8(stderr).unwrap()
}

#[test]
fn it_says_where_it_listens_and_ends_when_told() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut child = program().args(["--listen", "127.0.0.1:0"]).spawn().unwrap();
        let address = listening(&mut child);
        assert!(get(address, "/healthz").ends_with("ok\n"));
        // A connection that does nothing does not hold it up.
        let idle = TcpStream::connect(address).unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert!(child.wait().unwrap().success());
        drop(idle);
    }
}

#[test]
fn the_environment_says_what_flags_can() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "from the environment").unwrap();
    let mut child = program().env("MADANG_LISTEN", "127.0.0.1:0").env("MADANG_WWW", folder.path()).spawn().unwrap();
    let address = listening(&mut child);
    assert!(get(address, "/r/room").ends_with("from the environment"));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let problem = refused(program().args(["--listen", &address]));
    assert!(problem.contains(&address) && problem.contains("choose another with --listen"), "{problem}");
    let empty = tempfile::tempdir().unwrap();
    let problem = refused(program().arg("--www").arg(empty.path()));
    assert!(problem.contains("no index.html"), "{problem}");
    assert!(refused(program().args(["--listen", "3000"])).contains("--listen"));
    assert!(refused(program().args(["--listen", "127.0.0.1:0", "--log", "a=b=c"])).contains("--log"));
}

#[test]
fn help_explains_every_flag() {
    let help = String::from_utf8(program().arg("--help").output().unwrap().stdout).unwrap();
    for flag in ["--listen", "--www", "--allow-origin", "--room-capacity", "--grace", "--log", "MADANG_LISTEN"] {
        assert!(help.contains(flag), "{flag}");
    }
    let version = program().arg("--version").output().unwrap().stdout;
    assert!(String::from_utf8(version).unwrap().starts_with("madang-server 0."));
}
