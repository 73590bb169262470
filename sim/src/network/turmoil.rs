//! The turmoil network: one host for each machine and each link; packets are bytes on simulated TCP streams.
//!
//! A connection over a link is two streams, from the machine that connects to the link's host and from there to the other machine; the
//! link relays between them. Each host has a queue of its own for timers, local messages, flushes and jobs, and a pump that
//! sleeps until the next is due. Hosts run one after the other within a tick, each with a clock of its own, so the world's present is the
//! latest moment that any of them has reached: it never goes back, and no effect comes before its cause.
//!
//! What the streams do not say: power cuts and closes. A machine's streams belong to its host and stay when its power goes, so a peer
//! hears nothing, as it should; a close is a packet, because turmoil loses an end-of-stream that meets a full queue. An end of a stream
//! is therefore no news, only the moment to forget it. Powered-off machines' hosts run on with no actor in them.
//!
//! turmoil's own latency and failures are off: latency, rate and loss are the link's.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use actors::ports::Frame;
use bytes::{Bytes, BytesMut};
use datapath::SimTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};
use turmoil::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use turmoil::net::{TcpListener, TcpStream};

use super::Packet;
use super::connections::Side;
use super::wire::{self, Written};
use crate::link::LinkEvent;
use crate::run::{Ended, Observer, RunError, Why};
use crate::spec::{RunOptions, WorldSpec};
use crate::world::{ActorFactory, Carrier, Engine, Entry};

/// The port that every host listens on; ports of the product are in the packets' connection.
const PORT: u16 = 1;
/// Segments that may be under way on a stream, and connections that may wait to be accepted.
const CAPACITY: usize = 1 << 14;

/// The ways into a host's streams, by connection and side.
type Streams = BTreeMap<(u32, Side), UnboundedSender<Bytes>>;

/// The streams of all hosts, and the bells of their pumps.
pub(crate) struct Wires {
    machines: usize,
    bells: Vec<Rc<Notify>>,
    /// By host: the stream of a connection, and on a link's host the side that it leads to.
    streams: RefCell<Vec<Streams>>,
    engine: RefCell<std::rc::Weak<Engine>>,
}

impl Wires {
    fn new(machines: usize, links: usize) -> Wires {
        Wires {
            machines,
            bells: (0..machines + links).map(|_| Rc::new(Notify::new())).collect(),
            streams: RefCell::new(vec![BTreeMap::new(); machines + links]),
            engine: RefCell::new(std::rc::Weak::new()),
        }
    }

    /// Wakes a host's pump: there is something new in its queue.
    pub(crate) fn wake(&self, host: usize) {
        self.bells[host].notify_one();
    }

    fn engine(&self) -> Rc<Engine> {
        self.engine.borrow().upgrade().expect("the world outlives its streams")
    }

    /// Sends a packet from a machine's host to the link on its way.
    pub(crate) fn send(&self, host: usize, link: u32, written: &Written, body: &[u8]) {
        let own_side = 1 - written.toward;
        let key = (written.connection, own_side);
        if matches!(written.packet, Packet::Syn) {
            self.open(host, key, self.machines + link as usize);
        }
        self.put(host, key, wire::write(written, body));
    }

    /// Sends a packet from a link's host to the machine that it goes to.
    pub(crate) fn forward(&self, host: usize, machine: usize, connection: u32, toward: Side, packet: Packet) {
        let key = (connection, toward);
        if matches!(packet, Packet::Syn) {
            self.open(host, key, machine);
        }
        let last = matches!(packet, Packet::Fin | Packet::Reset(_));
        let written = Written {
            toward,
            back: false,
            connection,
            bytes: 0,
            packet,
        };
        self.put(host, key, wire::write(&written, &[]));
        if last {
            self.forget(host, connection);
        }
    }

    /// A link forgets the streams of a connection; what was written still arrives.
    pub(crate) fn forget(&self, host: usize, connection: u32) {
        let mut streams = self.streams.borrow_mut();
        streams[host].remove(&(connection, 0));
        streams[host].remove(&(connection, 1));
    }

    fn put(&self, host: usize, key: (u32, Side), bytes: Bytes) {
        // Where there is no stream the packet is lost, in silence, like the connection.
        if let Some(stream) = self.streams.borrow()[host].get(&key) {
            let _ = stream.send(bytes);
        }
    }

    /// Opens a stream to another host.
    fn open(&self, host: usize, key: (u32, Side), to: usize) {
        let (sender, receiver) = unbounded_channel();
        self.streams.borrow_mut()[host].insert(key, sender);
        let engine = self.engine();
        tokio::task::spawn_local(async move {
            if let Ok(stream) = TcpStream::connect((name(to), PORT)).await {
                let (reader, writer) = stream.into_split();
                tokio::task::spawn_local(write_all(writer, receiver));
                read_all(engine, host, reader, None).await;
            }
        });
    }
}

/// A host's name.
fn name(host: usize) -> String {
    format!("host-{host}")
}

/// Writes what comes to a stream, until nobody can send any more.
async fn write_all(mut writer: OwnedWriteHalf, mut receiver: UnboundedReceiver<Bytes>) {
    let mut codec = codec();
    let mut buffer = BytesMut::new();
    while let Some(packet) = receiver.recv().await {
        if codec.encode(packet, &mut buffer).is_err() || writer.write_all_buf(&mut buffer).await.is_err() {
            return;
        }
    }
}

/// Reads packets from a stream until it ends. `answers` is the way back, on a stream that was accepted.
async fn read_all(
    engine: Rc<Engine>,
    host: usize,
    mut reader: OwnedReadHalf,
    mut answers: Option<UnboundedSender<Bytes>>,
) {
    let mut codec = codec();
    let mut buffer = BytesMut::new();
    loop {
        match codec.decode(&mut buffer) {
            Ok(Some(frame)) => match wire::read(&frame.freeze()) {
                Ok(written) => engine.arrived(host, written, &mut answers),
                Err(why) => {
                    engine.note_broken(format!("a stream carried what is no packet: {why}"));
                    return;
                }
            },
            Ok(None) => match reader.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            },
            Err(error) => {
                engine.note_broken(format!("a stream lost its framing: {error}"));
                return;
            }
        }
    }
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder()
        .max_frame_length(wire::LONGEST)
        .new_codec()
}

impl Engine {
    fn wires(&self) -> &Wires {
        match &self.carrier {
            Carrier::Turmoil(wires) => wires,
            Carrier::Event => unreachable!("only hosts have streams"),
        }
    }

    /// A packet has arrived at a host.
    fn arrived(&self, host: usize, written: Written, answers: &mut Option<UnboundedSender<Bytes>>) {
        let wires = self.wires();
        self.advance(elapsed());
        let Written {
            toward,
            back,
            connection,
            bytes,
            packet,
        } = written;
        let is_link = host >= wires.machines;
        if let Some(answers) = answers.take() {
            let own = if is_link { 1 - toward } else { toward };
            wires.streams.borrow_mut()[host].insert((connection, own), answers);
        }
        let entry = if is_link {
            let link = (host - wires.machines) as u32;
            let offer = LinkEvent::Offer {
                back,
                connection,
                toward,
                bytes,
                packet,
            };
            Entry::Link(link, offer)
        } else {
            if matches!(packet, Packet::Fin | Packet::Reset(_)) {
                wires.streams.borrow_mut()[host].remove(&(connection, toward));
            }
            match decoded(packet) {
                Ok(packet) => Entry::Land(connection, toward, packet),
                Err(why) => {
                    self.note_broken(why);
                    return;
                }
            }
        };
        self.put_in(host, entry);
        wires.wake(host);
    }
}

/// The packet as actors know it.
fn decoded(packet: Packet) -> Result<Packet, String> {
    let Packet::Encoded(body, payload) = packet else {
        return Ok(packet);
    };
    let body = postcard::from_bytes(&body).map_err(|error| format!("a body cannot be read back: {error}"))?;
    Ok(Packet::Data(Box::new(Frame { body, payload })))
}

/// Simulated time on the host whose turn it is.
fn elapsed() -> SimTime {
    let elapsed = turmoil::sim_elapsed().unwrap_or_default();
    SimTime(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
}

/// A host: accepts streams, and handles the entries of its queue when they are due.
async fn host(engine: Rc<Engine>, host: usize) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    let own = Rc::clone(&engine);
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (reader, writer) = stream.into_split();
            let (sender, receiver) = unbounded_channel();
            tokio::task::spawn_local(write_all(writer, receiver));
            tokio::task::spawn_local(read_all(Rc::clone(&own), host, reader, Some(sender)));
        }
    });
    let wires = engine.wires();
    let bell = Rc::clone(&wires.bells[host]);
    loop {
        engine.advance(elapsed());
        let limit = engine.time().min(engine.end().0);
        while !engine.is_stopped()
            && let Some((_, entry)) = engine.next_due(host, limit)
        {
            engine.handle(entry);
        }
        let wait = match engine.next_time(host) {
            Some(at) => Duration::from_nanos(at.since(elapsed()).max(1)),
            None => Duration::from_secs(3600),
        };
        tokio::select! {
            biased;
            () = bell.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Runs a world on turmoil.
pub(crate) fn run(
    spec: WorldSpec,
    options: &RunOptions,
    observer: &mut dyn Observer,
    factory: ActorFactory,
) -> Result<Ended, RunError> {
    let (machines, links) = (spec.machines.len(), spec.links.len());
    let carrier = Carrier::Turmoil(Wires::new(machines, links));
    let engine = Engine::new(spec, options, factory, carrier)?;
    *engine.wires().engine.borrow_mut() = Rc::downgrade(&engine);
    let mut sim = turmoil::Builder::new()
        .tick_duration(Duration::from_nanos(options.tick.max(1_000_000)))
        .simulation_duration(Duration::MAX)
        .min_message_latency(Duration::ZERO)
        .max_message_latency(Duration::ZERO)
        .tcp_capacity(CAPACITY)
        .rng_seed(options.seed)
        .build();
    // Links first: they listen before anybody connects.
    for number in (machines..machines + links).chain(0..machines) {
        let engine = Rc::clone(&engine);
        sim.host(name(number), move || host(Rc::clone(&engine), number));
    }
    engine.begin();
    let why = loop {
        sim.step()
            .map_err(|error| RunError::Machine(format!("turmoil: {error}")))?;
        if engine.show(observer) || engine.is_stopped() {
            break Why::Interrupted;
        }
        let (end, why) = engine.end();
        if engine.time() >= end {
            break why;
        }
    };
    engine.end_faults();
    // The links' last word, in one more tick.
    if !engine.is_stopped() {
        for link in 0..links {
            engine.put_last(machines + link, Entry::Link(link as u32, LinkEvent::Sample));
            engine.wires().wake(machines + link);
        }
        sim.step()
            .map_err(|error| RunError::Machine(format!("turmoil: {error}")))?;
    }
    engine.show_last(observer);
    drop(sim);
    engine.ended(why)
}
