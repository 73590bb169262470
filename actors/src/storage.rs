//! Azure storage: the account that keeps sealed segments and tags, and tells the Site Recovery service of them.
//!
//! Process servers put segments, tags and ends of copies on 443 and are answered once those are durable. The service connects on
//! the same port and names the protections it looks after; it then hears of everything stored of them, from the start. What is new of a
//! batch comes with its segments, as much as the fabric takes at a time; all else the service asks for. A machine
//! that wants checksums of its replica asks its process server; the question passes through here to the service, and the answer
//! back. The account cannot open what it stores: it has no key.
//!
//! Where its disk fails, what comes is refused or not answered, so that it comes again; what the service asks for is answered once the
//! disk reads it, and what was to be written is written after a pause.

use std::collections::BTreeMap;

use datapath::disk::{DiskError, size_of};
use datapath::segment::SegmentHeader;
use datapath::{Blob, DiskId, SimTime};

use crate::Table;
use crate::actor::actor;
use crate::messages::checksums::ChecksumAsk;
use crate::messages::refusal::Refusal;
use crate::messages::replica::{ToService, ToStorage};
use crate::messages::segments::{ToProcessServer, ToTarget};
use crate::messages::{Body, PORT_MANAGEMENT};
use crate::ports::{ConnId, Env, Frame, Input, NetEvent, Token};
use crate::spec::StorageSpec;

pub mod segment_store;

pub use segment_store::{Entry, INDEX, ProtectionId, SegmentStore, fence_of};

const FLUSH: u32 = 1;
/// Time to ask again of the disk what it failed to do.
const AGAIN: u32 = 2;
/// What it holds was read.
const RECOVERED: u32 = 3;

/// The actor.
pub struct Storage {
    env: Env,
    store: SegmentStore,
    /// Where the service listens for news of a protection.
    watchers: Table<ProtectionId, ConnId>,
    /// The service's newest connection.
    service: Option<ConnId>,
    /// Who asked last for checksums of a disk.
    checksum_askers: BTreeMap<DiskId, ConnId>,
    /// What was asked and not answered, by disk and first chunk: a service that was cut off has not heard of it.
    checksums_asked: BTreeMap<(DiskId, u64), ChecksumAsk>,
    /// When all that was sent with tags is through, were the fabric its own.
    sending_until: SimTime,
    /// What the service asked for and the disk could not read.
    unread: Vec<(ConnId, ToStorage)>,
    /// It is not known yet what is stored.
    starting: bool,
    again: bool,
}

actor!(Storage);

impl Storage {
    /// A storage account.
    #[must_use]
    pub fn new(spec: StorageSpec, env: Env) -> Storage {
        let store = SegmentStore::new(env.clone(), spec.vault, Token { what: FLUSH, key: 0 });
        Storage {
            env,
            store,
            watchers: Table::default(),
            service: None,
            checksum_askers: BTreeMap::new(),
            checksums_asked: BTreeMap::new(),
            sending_until: SimTime::ZERO,
            unread: Vec::new(),
            starting: true,
            again: false,
        }
    }

    /// Handles one input.
    pub fn input(&mut self, input: Input) {
        self.handle(input);
        if self.store.take_failing() {
            self.ask_disk_again();
        }
    }

    fn ask_disk_again(&mut self) {
        if !self.again {
            self.again = true;
            let after = self.env.model.disk.retry_after;
            self.env.timer(after, Token { what: AGAIN, key: 0 });
        }
    }

    /// Reads what it holds; nobody is listened to before that is known.
    fn start(&mut self) {
        let bytes = size_of(&*self.env.files(), INDEX);
        self.env.read(
            bytes,
            Token {
                what: RECOVERED,
                key: 0,
            },
        );
    }

    fn recover(&mut self) {
        self.starting = self.store.recover().is_err();
        if self.starting {
            self.ask_disk_again();
        } else {
            self.env.listen(PORT_MANAGEMENT);
        }
    }

    fn handle(&mut self, input: Input) {
        match input {
            Input::Started => self.start(),
            Input::Done(Token { what: RECOVERED, .. }, _) => self.recover(),
            Input::Failed(..) => self.ask_disk_again(),
            Input::Timer(Token { what: AGAIN, .. }) => {
                self.again = false;
                if self.starting {
                    return self.start();
                }
                self.store.again();
                for (conn, message) in std::mem::take(&mut self.unread) {
                    self.service_said(conn, message, None);
                }
            }
            Input::Flushed(_, result) => {
                for (id, entry) in self.store.flushed(result) {
                    let brought = match &entry {
                        Entry::Tag { tag, stored_bytes } if self.watchers.contains_key(&id) => {
                            self.bring(id.1, &tag.segments, *stored_bytes)
                        }
                        _ => Vec::new(),
                    };
                    self.tell(id, entry, &brought);
                }
                for (id, from, to, why) in self.store.take_refused() {
                    if let Some(watcher) = self.watchers.get(&id) {
                        self.env.send(*watcher, merged_put(id, from, to, Some(why)));
                    }
                }
                // News goes the same way, before this.
                for id in self.store.take_told() {
                    if let Some(watcher) = self.watchers.get(&id) {
                        let (vm, protection) = id;
                        self.env.send(*watcher, ToService::StoredTold { vm, protection });
                    }
                }
                for (disk, epoch) in self.store.take_fenced() {
                    if let Some(service) = self.service {
                        self.env.send(service, ToService::Fenced { disk, epoch });
                    }
                }
            }
            Input::Network(NetEvent::Received { conn, frame }) => self.received(conn, *frame),
            Input::Network(NetEvent::Closed { conn }) => {
                self.watchers.retain(|_, watcher| *watcher != conn);
                self.checksum_askers.retain(|_, asker| *asker != conn);
                // Whoever asked comes again with it.
                let askers = &self.checksum_askers;
                self.checksums_asked.retain(|(disk, _), _| askers.contains_key(disk));
                // That a protection has ended is true whoever says it.
                self.unread
                    .retain(|(asker, message)| *asker != conn || matches!(message, ToStorage::Unwatch { .. }));
                self.service = self.service.filter(|service| *service != conn);
            }
            _ => {}
        }
    }

    fn received(&mut self, conn: ConnId, frame: Frame) {
        match frame.body {
            Body::SegmentsToTarget(message) => self.process_server_said(conn, message, frame.payload),
            Body::ReplicaToStorage(message) => self.service_said(conn, message, frame.payload),
            _ => {}
        }
    }

    fn process_server_said(&mut self, conn: ConnId, message: ToTarget, payload: Option<Blob>) {
        match message {
            ToTarget::PutSegments {
                protection,
                segments,
                tag,
            } => {
                self.store
                    .put_segments(conn, protection, (segments, payload.unwrap_or_default()), tag);
            }
            ToTarget::PutShared(put) => self.store.put_shared(conn, put),
            ToTarget::PutTag { vm, protection, tag } => self.store.put_tag(conn, (vm, protection), tag),
            ToTarget::PutCopyEnd {
                disk,
                protection,
                copy,
                parts,
                highest,
            } => self.store.put_copy_end(conn, protection, disk, copy, parts, highest),
            ToTarget::ChecksumAsk(ask) => {
                self.checksum_askers.insert(ask.disk, conn);
                self.checksums_asked.insert((ask.disk, ask.first_chunk), ask);
                if let Some(service) = self.service {
                    self.env.send(service, ToService::ChecksumAsk(ask));
                }
            }
        }
    }

    fn service_said(&mut self, conn: ConnId, message: ToStorage, payload: Option<Blob>) {
        match message {
            ToStorage::Watch { protection } => {
                self.service = Some(conn);
                let id = (protection.vm, protection.protection);
                let Ok(entries) = self.store.entries(id) else {
                    return self.later(conn, ToStorage::Watch { protection });
                };
                self.watchers.insert(id, conn);
                for entry in entries {
                    if let Entry::Merged { tag, .. } = &entry {
                        // Whoever is taken up again has not seen what it stands for.
                        let (tag, stored_bytes) = (tag.clone(), 0);
                        self.tell(id, Entry::Tag { tag, stored_bytes }, &[]);
                    }
                    // It may have had its segments before.
                    self.tell(id, entry, &[]);
                }
                let asked = self.checksums_asked.values().filter(|ask| ask.disk.vm == id.0);
                asked.for_each(|ask| self.env.send(conn, ToService::ChecksumAsk(*ask)));
            }
            ToStorage::Unwatch { vm, protection } => {
                self.watchers.shift_remove(&(vm, protection));
                if self.store.end((vm, protection)).is_err() {
                    self.later(conn, ToStorage::Unwatch { vm, protection });
                }
            }
            ToStorage::StoredAsk { vm, protection, last } => self.store.ask_stored((vm, protection), last),
            ToStorage::Fence { disk, epoch } => {
                self.service = Some(conn);
                self.store.fence(disk, epoch);
            }
            ToStorage::GetSegments { protection, headers } => {
                let Ok(read) = self.read_all(protection, &headers) else {
                    return self.later(conn, ToStorage::GetSegments { protection, headers });
                };
                let answer = ToService::Segments {
                    protection,
                    headers,
                    found: read.iter().map(|blob| blob.as_ref().map(lengths)).collect(),
                };
                let blobs: Vec<Blob> = read.into_iter().flatten().collect();
                self.env.send_with(conn, answer, Blob::join(&blobs));
            }
            ToStorage::DropSegments {
                vm,
                protection,
                headers,
                through,
            } => self.store.drop_segments((vm, protection), &headers, through),
            ToStorage::PutMerged { vm, protection, merged } => {
                let (id, from, to) = ((vm, protection), merged.from, merged.tag.batch);
                let put = self.store.put_merged(id, merged, &payload.unwrap_or_default());
                // What is new is told once it is durable.
                if put != Ok(true) {
                    self.env.send(conn, merged_put(id, from, to, put.err()));
                }
            }
            ToStorage::Checksums(sums) => {
                let asked = (sums.disk, sums.first_chunk);
                if self
                    .checksums_asked
                    .get(&asked)
                    .is_some_and(|ask| ask.copy == sums.copy)
                {
                    self.checksums_asked.remove(&asked);
                }
                if let Some(asker) = self.checksum_askers.get(&sums.disk) {
                    self.env.send(*asker, ToProcessServer::Checksums(sums));
                }
            }
            ToStorage::Heartbeat => self.env.send(conn, ToService::HeartbeatSeen),
        }
    }

    /// The disk cannot read what is asked for: it is asked again after a pause.
    fn later(&mut self, conn: ConnId, message: ToStorage) {
        self.unread.push((conn, message));
        self.ask_disk_again();
    }

    /// The segments of a batch that has just become complete, to go with its tag; none where the disk does not read them all, or where
    /// with what was sent so before they would have to wait for the fabric longer than the model has it.
    fn bring(&mut self, protection: u32, headers: &[SegmentHeader], bytes: u64) -> Vec<Blob> {
        let (now, model) = (self.env.monotonic(), &self.env.model.azure);
        let takes = |bytes: u64| {
            let nanoseconds = u128::from(bytes) * 8_000_000_000 / u128::from(model.fabric_rate.max(1));
            u64::try_from(nanoseconds).unwrap_or(u64::MAX)
        };
        let sent = self.sending_until.max(now).after(takes(bytes));
        if bytes > model.sent_with_tag || sent > now.after(takes(model.sent_with_tag)) {
            return Vec::new();
        }
        let read = self.read_all(protection, headers).ok();
        let whole: Option<Vec<Blob>> = read.and_then(|read| read.into_iter().collect());
        if whole.is_some() {
            self.sending_until = sent;
        }
        whole.unwrap_or_default()
    }

    /// Tells the service what is complete; `brought` are the segments that go with a batch's tag.
    fn tell(&self, (vm, protection): ProtectionId, entry: Entry, brought: &[Blob]) {
        let Some(watcher) = self.watchers.get(&(vm, protection)) else {
            return;
        };
        let news = match entry {
            Entry::CopySegment { header, stored_bytes } => ToService::CopySegmentStored {
                protection,
                header,
                stored_bytes,
            },
            Entry::CopyEnd {
                disk,
                copy,
                parts,
                highest,
            } => ToService::CopyComplete {
                disk,
                protection,
                copy,
                parts,
                highest,
            },
            Entry::Tag { tag, stored_bytes } => ToService::TagStored {
                vm,
                protection,
                tag,
                stored_bytes,
                brought: brought.iter().map(lengths).collect(),
            },
            Entry::Merged { from, tag } => merged_put((vm, protection), from, tag.batch, None),
            Entry::Shared(record) => ToService::SharedStored { record },
            Entry::Dropped { .. } | Entry::Closed | Entry::Ended => return,
        };
        match brought {
            [] => self.env.send(*watcher, news),
            brought => self.env.send_with(*watcher, news, Blob::join(brought)),
        }
    }

    /// Segments as they lie on the disk, where they are there.
    fn read_all(&self, protection: u32, headers: &[SegmentHeader]) -> Result<Vec<Option<Blob>>, DiskError> {
        headers
            .iter()
            .map(|header| self.store.read(protection, header))
            .collect()
    }
}

/// The real bytes of a segment in a payload, and its size.
fn lengths(blob: &Blob) -> (u64, u64) {
    (blob.bytes.len() as u64, blob.size)
}

fn merged_put((vm, protection): ProtectionId, from: u64, to: u64, refused: Option<Refusal>) -> ToService {
    ToService::MergedPut {
        vm,
        protection,
        from,
        to,
        refused,
    }
}

#[cfg(test)]
mod tests;
