//! The whole network: a public middle, two clients behind routers of their own, a second uplink.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;

use crate::delay::Delay;
use crate::names::Names;
use crate::namespace::Namespace;
use crate::router::{Kind, Router};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client with a second uplink.
    A,
    /// The other.
    B,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];
}

/// Which addresses there are. Never both: what works over one must not be carried by the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4 only, with address translation.
    V4,
    /// IPv6 only, with firewalls and no translation.
    V6,
}

/// A link from a client through a router to the public network.
#[derive(Debug)]
struct Uplink {
    router: Router,
    /// The number in its addresses.
    number: u8,
    /// The client's interface.
    device: &'static str,
    /// The end of the router's `wan` in the public network.
    port: String,
    delay: Mutex<Option<Delay>>,
}

/// A running network. It is gone when dropped; end the programs inside first.
#[derive(Debug)]
pub struct Lab {
    family: Family,
    homes: [Uplink; 2],
    mobile: Uplink,
    names: [Names; 2],
    clients: [Namespace; 2],
    public: Namespace,
}

impl Lab {
    /// A name for the public network's host 1, which clients know without asking anybody.
    pub const NAME: &str = "call.madang.test";

    /// Builds an IPv4 network. Every router is a [`Kind::Cone`].
    pub fn new() -> Result<Self> {
        Self::with(Family::V4)
    }

    /// Builds a network with only these addresses.
    pub fn with(family: Family) -> Result<Self> {
        let public = Namespace::new("public")?;
        public.ip("link add middle type bridge\nlink set middle up")?;
        for host in 1..=3 {
            public.ip(&format!("addr add {}/{} dev middle", family.public(host), family.width()))?;
        }
        public.ip(&family.rest_of_the_internet("middle"))?;
        let clients = [Namespace::new("client-a")?, Namespace::new("client-b")?];
        let uplink = |name, number, device, client| Uplink::new(family, name, number, device, client, &public);
        let homes = [uplink("home-a", 1, "eth0", &clients[0])?, uplink("home-b", 2, "eth0", &clients[1])?];
        let mobile = uplink("mobile-a", 3, "eth1", &clients[0])?;
        let names = |client| Names::start(client, Self::NAME, family.public(1));
        let names = [names(&clients[0])?, names(&clients[1])?];
        let lab = Self { family, homes, mobile, names, clients, public };
        for side in Side::BOTH {
            lab.plug_in(side)?;
        }
        Ok(lab)
    }

    /// Where servers run.
    pub fn public(&self) -> &Namespace {
        &self.public
    }

    /// The address of the public network's host `number`, 1 to 3: all of them are the same machine.
    pub fn address(&self, number: u8) -> IpAddr {
        self.family.public(number)
    }

    /// From now on [`Lab::NAME`] is the public network's host `number`.
    pub fn move_name(&self, number: u8) {
        for names in &self.names {
            names.point_to(self.address(number));
        }
    }

    /// The only address of a client, at home.
    pub fn client_address(&self, side: Side) -> IpAddr {
        self.family.client(self.homes[side as usize].number)
    }

    /// Where a client's programs run.
    pub fn client(&self, side: Side) -> &Namespace {
        &self.clients[side as usize]
    }

    /// The router a client is behind at first.
    pub fn router(&self, side: Side) -> &Router {
        &self.homes[side as usize].router
    }

    /// The router of the second uplink, of the client on side A.
    pub fn mobile_router(&self) -> &Router {
        &self.mobile.router
    }

    /// Both routers become of these kinds.
    pub fn between(&self, a: Kind, b: Kind) -> Result<()> {
        self.router(Side::A).become_kind(a)?;
        self.router(Side::B).become_kind(b)
    }

    /// The client's own link is there again, with its address and route.
    pub fn plug_in(&self, side: Side) -> Result<()> {
        self.homes[side as usize].plug_in(self.family, self.client(side))
    }

    /// The client's own link goes: its system is told, and its address stays without a route.
    pub fn unplug(&self, side: Side) -> Result<()> {
        self.client(side).ip(&format!("link set {} down", self.homes[side as usize].device))
    }

    /// Side A goes from its home to the second uplink: another address, behind another router.
    pub fn roam(&self) -> Result<()> {
        self.unplug(Side::A)?;
        self.mobile.plug_in(self.family, self.client(Side::A))
    }

    /// Side A comes home.
    pub fn come_home(&self) -> Result<()> {
        self.client(Side::A).ip(&format!("link set {} down", self.mobile.device))?;
        self.plug_in(Side::A)
    }

    /// Every packet between the router and the public network takes this much longer, each way. The
    /// first call makes the router's uplink anew, which ends what goes on through it.
    pub fn delay(&self, side: Side, each_way: Duration) -> Result<()> {
        self.delay_and_jitter(side, each_way, Duration::ZERO)
    }

    /// As [`Lab::delay`], and each packet takes up to `jitter` more or less. They keep their order.
    pub fn delay_and_jitter(&self, side: Side, each_way: Duration, jitter: Duration) -> Result<()> {
        self.homes[side as usize].delay(self.family, &self.public, each_way, jitter)
    }
}

impl Uplink {
    fn new(
        family: Family,
        name: &str,
        number: u8,
        device: &'static str,
        client: &Namespace,
        public: &Namespace,
    ) -> Result<Self> {
        let namespace = Namespace::new(name)?;
        let router = Router::new(namespace, family.client(number))?;
        let uplink = Self { router, number, device, port: name.to_owned(), delay: Mutex::default() };
        let (place, width) = (&uplink.router.namespace, family.width());
        place.ip(&format!(
            "link add wan type veth peer name {port} netns {public}
            link add lan type veth peer name {device} netns {client}
            link set lan up
            addr add {gateway}/{width} dev lan",
            port = uplink.port,
            public = public.name(),
            client = client.name(),
            gateway = family.gateway(number),
        ))?;
        uplink.connect(family, public)?;
        uplink.router.become_kind(Kind::Cone)?;
        Ok(uplink)
    }

    /// Brings the two ends of `wan` up, however they were made.
    fn connect(&self, family: Family, public: &Namespace) -> Result<()> {
        public.ip(&format!("link set {port} master middle\nlink set {port} up", port = self.port))?;
        let outside = family.public(10 + self.number);
        let place = &self.router.namespace;
        place.ip(&format!("link set wan up\naddr add {outside}/{} dev wan", family.width()))?;
        place.ip(&family.rest_of_the_internet("wan"))?;
        family.routes_to_clients(place, self.number, public)
    }

    fn plug_in(&self, family: Family, client: &Namespace) -> Result<()> {
        client.ip(&format!(
            "link set {device} up
            addr replace {address}/{width} dev {device}
            route replace default via {gateway} dev {device}",
            device = self.device,
            address = family.client(self.number),
            width = family.width(),
            gateway = family.gateway(self.number),
        ))
    }

    fn delay(&self, family: Family, public: &Namespace, each_way: Duration, jitter: Duration) -> Result<()> {
        let mut delay = self.delay.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &*delay {
            running.set(each_way, jitter);
            return Ok(());
        }
        self.router.namespace.ip("link del wan")?;
        let tap = |namespace: &Namespace, name: &str| namespace.within(|| Delay::tap(name))?;
        let running = Delay::start(tap(&self.router.namespace, "wan")?, tap(public, &self.port)?)?;
        running.set(each_way, jitter);
        *delay = Some(running);
        self.connect(family, public)
    }
}

impl Family {
    fn width(self) -> u8 {
        match self {
            Self::V4 => 24,
            Self::V6 => 64,
        }
    }

    fn public(self, host: u8) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(203, 0, 113, host).into(),
            Self::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host.into()).into(),
        }
    }

    fn client(self, network: u8) -> IpAddr {
        self.inside(network, 10)
    }

    fn gateway(self, network: u8) -> IpAddr {
        self.inside(network, 1)
    }

    fn inside(self, network: u8, host: u8) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(192, 168, network, host).into(),
            Self::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, network.into(), 0, 0, 0, host.into()).into(),
        }
    }

    /// A default route into a black hole. Without one, sending to a peer's private address fails at
    /// once with "unreachable", which no real network says and some programs do not survive.
    fn rest_of_the_internet(self, device: &str) -> String {
        let nowhere = self.public(254);
        format!(
            "route add default via {nowhere} dev {device}
            neigh add {nowhere} lladdr 02:00:00:00:00:fe dev {device} nud permanent"
        )
    }

    /// Without translation the public network and the other routers must know the way to a client.
    fn routes_to_clients(self, router: &Namespace, number: u8, public: &Namespace) -> Result<()> {
        if self == Self::V4 {
            return Ok(());
        }
        let way = |to: u8| format!("route replace {}/64 via {}", self.inside(to, 0), self.public(10 + to));
        public.ip(&way(number))?;
        (1..=3).filter(|other| *other != number).try_for_each(|other| router.ip(&way(other)))
    }
}

/// The port of an address, for messages and servers.
pub(crate) fn at(address: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(address, port)
}
