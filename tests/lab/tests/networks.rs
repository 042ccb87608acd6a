//! The networks are what they say they are. Where none can be made, every test says so and passes.
#![cfg(target_os = "linux")]

use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use madang_lab::{
    Family, Fault, Filtering, Kind, Lab, Mapping, Namespace, Observation, Ongoing, Responder, Side, observe, possible,
};

/// One test at a time, where networks can be made. What one test starts holds the sockets of all for a moment, between
/// fork and exec, and an address that is bound again just then is in use.
fn alone() -> Option<MutexGuard<'static, ()>> {
    static ALONE: Mutex<()> = Mutex::new(());
    possible().then(|| ALONE.lock().unwrap_or_else(PoisonError::into_inner))
}

fn expected(kind: Kind) -> Observation {
    use Filtering::{AddressAndPortDependent, AddressDependent};
    Some(match kind {
        Kind::Cone => (Mapping::EndpointIndependent, AddressAndPortDependent),
        Kind::AddressRestricted => (Mapping::EndpointIndependent, AddressDependent),
        Kind::FullCone => (Mapping::EndpointIndependent, Filtering::EndpointIndependent),
        Kind::Symmetric => (Mapping::EndpointDependent, AddressAndPortDependent),
        Kind::UdpBlocked | Kind::OnlyTcp443 | Kind::OnlyTls443 => return None,
    })
}

/// Whether a server of the public network can be reached by TCP, and that it sees no private address.
fn tcp_connects(lab: &Lab, side: Side, port: u16) -> Result<bool> {
    let address = SocketAddr::new(lab.address(1), port);
    let listener = lab.public().within(|| TcpListener::bind(address))??;
    let outcome = lab.client(side).within(|| TcpStream::connect_timeout(&address, Duration::from_millis(300)))?;
    if outcome.is_err() {
        return Ok(false);
    }
    let (_, from) = listener.accept()?;
    ensure!(matches!(from.ip(), IpAddr::V4(ip) if !ip.is_private()), "{from} came through untranslated");
    Ok(true)
}

/// Whether data that begin with this byte get through to port 443.
fn arrives_by_tcp(lab: &Lab, side: Side, first: u8) -> Result<bool> {
    let address = SocketAddr::new(lab.address(1), 443);
    let listener = lab.public().within(|| TcpListener::bind(address))??;
    let mut there = lab.client(side).within(|| TcpStream::connect_timeout(&address, Duration::from_secs(1)))??;
    let (mut here, _) = listener.accept()?;
    here.set_read_timeout(Some(Duration::from_millis(300)))?;
    there.write_all(&[first; 100])?;
    Ok(here.read_exact(&mut [0; 100]).is_ok())
}

#[test]
fn every_kind_of_router_behaves_as_its_name_says() -> Result<()> {
    let Some(_alone) = alone() else { return Ok(()) };
    let lab = Lab::new()?;
    // Twice: a router must not remember what it was.
    for kind in Kind::ALL.into_iter().chain(Kind::ALL) {
        lab.between(kind, kind)?;
        for side in Side::BOTH {
            let observed = observe(&lab, side)?;
            ensure!(observed == expected(kind), "{kind:?} on side {side:?} is {observed:?}");
            ensure!(tcp_connects(&lab, side, 443)?, "{kind:?} drops TCP to port 443");
            let other = tcp_connects(&lab, side, 8443)?;
            let only_443 = matches!(kind, Kind::OnlyTcp443 | Kind::OnlyTls443);
            ensure!(other != only_443, "TCP to another port through {kind:?}: {other}");
            let http = arrives_by_tcp(&lab, side, b'G')?;
            ensure!(http == (kind != Kind::OnlyTls443), "plain text to port 443 through {kind:?}: {http}");
            ensure!(arrives_by_tcp(&lab, side, 0x16)?, "{kind:?} drops TLS to port 443");
        }
    }
    Ok(())
}

/// A socket of a client, and somebody in the public network who sends back what it sends.
struct Echo {
    socket: UdpSocket,
    other: Responder,
    /// How many packets it has sent: an answer that comes late is not taken for the next one's.
    sent: Cell<u64>,
}

impl Echo {
    fn new(lab: &Lab, side: Side) -> Result<Self> {
        let other = Responder::start(lab.public(), SocketAddr::new(lab.address(1), 7))?;
        Ok(Self { socket: Self::socket(lab.client(side))?, other, sent: Cell::default() })
    }

    fn socket(client: &Namespace) -> Result<UdpSocket> {
        let socket = client.within(|| UdpSocket::bind("[::]:0"))??;
        socket.set_read_timeout(Some(Duration::from_millis(300)))?;
        Ok(socket)
    }

    /// How long a packet takes there and back, if it comes back.
    fn round_trip(&self) -> Result<Option<Duration>> {
        let (sent, mut packet) = (Instant::now(), [0; 8]);
        let to = match self.other.socket().local_addr()? {
            SocketAddr::V4(to) => SocketAddr::new(to.ip().to_ipv6_mapped().into(), to.port()),
            to => to,
        };
        // Without a route it fails at once.
        self.sent.set(self.sent.get() + 1);
        let number = self.sent.get().to_be_bytes();
        if self.socket.send_to(&number, to).is_err() {
            return Ok(None);
        }
        while self.socket.recv(&mut packet).is_ok() {
            if packet == number {
                return Ok(Some(sent.elapsed()));
            }
        }
        Ok(None)
    }

    fn works(&self) -> Result<bool> {
        Ok(self.round_trip()?.is_some())
    }
}

#[test]
fn trouble_comes_and_goes() -> Result<()> {
    let Some(_alone) = alone() else { return Ok(()) };
    let lab = Lab::new()?;
    let (a, b) = (Echo::new(&lab, Side::A)?, Side::B);
    ensure!(a.works()?);

    lab.router(Side::A).cut()?;
    ensure!(!a.works()?, "a cut lets packets through");
    lab.router(Side::A).heal()?;
    ensure!(a.works()?, "a cut that was healed does not");

    lab.unplug(Side::A)?;
    ensure!(!a.works()?, "a link that is down lets packets through");
    lab.plug_in(Side::A)?;
    ensure!(a.works()?, "a link that is up again does not");

    // A third is lost on the way there and a third on the way back: four in nine come back.
    lab.router(Side::A).lose(33)?;
    a.socket.set_read_timeout(Some(Duration::from_millis(5)))?;
    let mut back = 0;
    for _ in 0..200 {
        back += u32::from(a.works()?);
    }
    ensure!((50..130).contains(&back), "{back} of 200 packets survived");
    lab.router(Side::A).heal()?;
    drop(a);

    let b = Echo::new(&lab, b)?;
    ensure!(b.round_trip()? < Some(Duration::from_millis(40)));
    for each_way in [20, 60] {
        lab.delay(Side::B, Duration::from_millis(each_way))?;
        // The first packet waits for the neighbours to find each other.
        b.round_trip()?;
        let took = b.round_trip()?.unwrap_or_default();
        let least = Duration::from_millis(2 * each_way);
        ensure!(took >= least && took < least + Duration::from_millis(40), "{each_way} ms each way took {took:?}");
    }
    let observed = observe(&lab, Side::B)?;
    ensure!(observed == expected(Kind::Cone), "with a delay, a cone is {observed:?}");
    Ok(())
}

#[test]
fn a_fault_ends_with_its_owner() -> Result<()> {
    let Some(_alone) = alone() else { return Ok(()) };
    let lab = Arc::new(Lab::new()?);
    let echo = Echo::new(&lab, Side::A)?;
    for fault in
        [Fault::LinkDown(Side::A), Fault::Cut(Side::A), Fault::NoUdp(Side::A), Fault::Loss(Side::A, 99), Fault::Away]
    {
        ensure!(echo.works()?, "before {fault:?}");
        let ongoing = Ongoing::begin(&lab, fault)?;
        // Away is another way that works, by another address.
        ensure!(echo.works()? == (fault == Fault::Away), "{fault:?}");
        let tcp = tcp_connects(&lab, Side::A, 80)?;
        ensure!(tcp != matches!(fault, Fault::LinkDown(_) | Fault::Cut(_)), "TCP connects during {fault:?}: {tcp}");
        drop(ongoing);
        ensure!(echo.works()?, "after {fault:?}");
    }
    // One fault ends, the other goes on.
    let (cut, no_udp) = (Ongoing::begin(&lab, Fault::Cut(Side::A))?, Ongoing::begin(&lab, Fault::NoUdp(Side::A))?);
    cut.end()?;
    ensure!(!echo.works()? && tcp_connects(&lab, Side::A, 80)?);
    no_udp.end()?;
    ensure!(echo.works()?);

    let (far, jitter) = (Duration::from_millis(60), Duration::from_millis(50));
    let ongoing = Ongoing::begin(&lab, Fault::Far(Side::A, far, jitter))?;
    echo.round_trip()?;
    let times: Vec<Duration> = (0..40).filter_map(|_| echo.round_trip().transpose()).collect::<Result<_>>()?;
    let (Some(least), Some(most)) = (times.iter().min(), times.iter().max()) else { bail!("nothing came back") };
    ensure!(*least >= 2 * (far - jitter), "{least:?} is sooner than jitter may be");
    ensure!(*most - *least > jitter, "from {least:?} to {most:?} is hardly any jitter");
    drop(ongoing);
    ensure!(echo.round_trip()? < Some(Duration::from_millis(20)));
    Ok(())
}

#[test]
fn a_client_roams_to_another_address_and_comes_home() -> Result<()> {
    let Some(_alone) = alone() else { return Ok(()) };
    let lab = Lab::new()?;
    let server = SocketAddr::new(lab.address(1), 80);
    let listener = lab.public().within(|| TcpListener::bind(server))??;
    let seen_as = || -> Result<IpAddr> {
        // What was sent before a new interface carries anything is sent again after a second.
        lab.client(Side::A).within(|| TcpStream::connect_timeout(&server, Duration::from_secs(5)))??;
        Ok(listener.accept()?.1.ip())
    };
    let home = seen_as()?;
    lab.roam()?;
    let away = seen_as()?;
    ensure!(home != away, "it has roamed and is still {home}");
    lab.come_home()?;
    ensure!(seen_as()? == home);
    Ok(())
}

#[test]
fn without_ipv4_firewalls_filter_and_nothing_is_translated() -> Result<()> {
    let Some(_alone) = alone() else { return Ok(()) };
    let lab = Lab::with(Family::V6)?;
    for kind in
        [Kind::Cone, Kind::AddressRestricted, Kind::FullCone, Kind::UdpBlocked, Kind::OnlyTcp443, Kind::OnlyTls443]
    {
        lab.between(kind, kind)?;
        for side in Side::BOTH {
            let observed = observe(&lab, side)?;
            ensure!(observed == expected(kind), "{kind:?} on side {side:?} is {observed:?}");
        }
    }
    lab.between(Kind::FullCone, Kind::FullCone)?;
    let (a, b) = (Echo::socket(lab.client(Side::A))?, Echo::socket(lab.client(Side::B))?);
    let b_address: SocketAddr = format!("[2001:db8:0:2::a]:{}", b.local_addr()?.port()).parse()?;
    a.send_to(b"hello", b_address)?;
    let mut packet = [0; 8];
    let (_, from) = b.recv_from(&mut packet)?;
    ensure!(from.ip() == "2001:db8:0:1::a".parse::<IpAddr>()?, "{from}");
    Ok(())
}

#[test]
fn two_labs_at_once_are_strangers() -> Result<()> {
    let Some(_alone) = alone() else { return Ok(()) };
    let (one, other) = (Lab::new()?, Lab::new()?);
    let server = SocketAddr::new(one.address(1), 443);
    let listener = one.public().within(|| TcpListener::bind(server))??;
    let connect =
        |lab: &Lab| lab.client(Side::A).within(|| TcpStream::connect_timeout(&server, Duration::from_secs(1)));
    ensure!(connect(&other)?.is_err(), "one lab reaches the other's server");
    let mut there = connect(&one)??;
    drop(listener.accept()?);
    ensure!(there.read(&mut [0; 1])? == 0);
    Ok(())
}
