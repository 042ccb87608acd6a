//! The program itself: its flags, its first line, its end.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
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
fn a_running_server_can_be_checked() {
    let mut child = program().args(["--listen", "127.0.0.1:0", "--tls-self-signed"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim_end().strip_prefix("Madang is listening on ").unwrap();
    let listen = url.strip_prefix("https://").unwrap();
    // The place may be said, or be where the same flags are.
    for place in [&["check", url][..], &["--listen", listen, "--tls-self-signed", "check"]] {
        let Output { status, stdout, .. } = program().args(place).output().unwrap();
        let stdout = String::from_utf8(stdout).unwrap();
        assert!(!status.success(), "nobody vouches for this certificate");
        assert!(stdout.starts_with(&format!("Checking {url}\n")), "{stdout}");
        assert!(stdout.contains("\nok    TURN over UDP ") && stdout.contains("\nFAIL  TURN over TLS "), "{stdout}");
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    let Output { status, stdout, .. } = program().args(["check", url]).output().unwrap();
    assert!(!status.success() && String::from_utf8(stdout).unwrap().contains("does not answer"));
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
    for (flags, words) in [
        (&["--tls-cert", "cert.pem"][..], "add --tls-key"),
        (&["--tls-cert", "gone.pem", "--tls-key", "gone.pem"], "gone.pem"),
        (&["--turn-url", "turn:a.example"], "add --turn-secret"),
        (&["--relay", "open", "--listen", "0.0.0.0:0"], "add --public-ip"),
        (&["--relay-ports", "1-2"], "add --relay open"),
        (&["--public-name", "a/b"], "--public-name"),
        (&["--metrics-listen", &address], "--metrics-listen"),
    ] {
        let problem = refused(program().env("MADANG_LISTEN", "127.0.0.1:0").args(flags));
        assert!(problem.contains(words), "{flags:?}: {problem}");
    }
    // A port of which only UDP is taken.
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let _udp = UdpSocket::bind(tcp.local_addr().unwrap()).unwrap();
    let address = tcp.local_addr().unwrap().to_string();
    drop(tcp);
    let problem = refused(program().args(["--listen", &address]));
    assert!(problem.contains("UDP") && problem.contains("choose another with --listen"), "{problem}");
    assert!(refused(program().args(["--listen", "127.0.0.1:0", "--log", "a=b=c"])).contains("--log"));
}

#[test]
fn help_explains_every_flag() {
    let help = String::from_utf8(program().arg("--help").output().unwrap().stdout).unwrap();
    let flags = ["--listen", "--www", "--allow-origin", "--room-capacity", "--grace", "--log", "MADANG_LISTEN"];
    let ways = ["--tls-cert", "--tls-self-signed", "--relay", "--public-ip", "--turn-secret", "--turn-url"];
    for flag in flags.iter().chain(&ways).chain(&["--stun-url", "--public-name", "--metrics-listen", "check"]) {
        assert!(help.contains(flag), "{flag}");
    }
    // A secret is for nobody's eyes.
    let help = program().arg("--help").env("MADANG_TURN_SECRET", "hush-hush").output().unwrap().stdout;
    assert!(!String::from_utf8(help).unwrap().contains("hush-hush"));
    let version = program().arg("--version").output().unwrap().stdout;
    assert!(String::from_utf8(version).unwrap().starts_with("madang-server 0."));
}
