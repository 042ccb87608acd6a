//! A relay alone, for trying it with tools: `relay ADDR:PORT SECRET [closed | open FIRST-LAST PUBLIC-IP ALLOW]`.

use std::{net::SocketAddr, time::Duration};

use madang_server::relay::{Mode, Options, Relay, StreamKind};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let address: SocketAddr = args[0].parse()?;
    let mut options = Options::closed(args[1].as_bytes());
    if args.get(2).is_some_and(|mode| mode == "open") {
        let (first, last) = args[3].split_once('-').ok_or("ports")?;
        options.mode = Mode::Open {
            ports: first.parse()?..=last.parse()?,
            public: vec![args[4].parse()?],
            bind: Vec::new(),
            own: Vec::new(),
            allow: args[5..].iter().map(|net| net.parse()).collect::<Result<_, _>>()?,
        };
    }
    if std::env::var_os("RELAY_BENCH").is_some() {
        let all = &mut options.quotas;
        (all.per_address, all.per_peer, all.per_room) = (100_000, 100_000, 100_000);
        all.bytes = madang_server::limits::Rate { per_second: u32::MAX, at_once: u32::MAX };
        all.strangers = madang_server::limits::Rate { per_second: 100_000, at_once: 100_000 };
    }
    let relay = Relay::new(options)?;
    let _udp = relay.serve_udp(std::net::UdpSocket::bind(address)?)?;
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("Madang is listening on {address}");
    tokio::spawn({
        let relay = relay.clone();
        async move {
            while let Ok((stream, remote)) = listener.accept().await {
                _ = stream.set_nodelay(true);
                let relay = relay.clone();
                tokio::spawn(async move { relay.serve_stream(stream, address, remote, StreamKind::Tcp).await });
            }
        }
    });
    tokio::signal::ctrl_c().await?;
    let mut text = String::new();
    relay.metrics(&mut text);
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.ends_with(" 0")) {
        println!("{line}");
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    Ok(())
}
