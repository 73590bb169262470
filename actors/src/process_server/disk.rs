//! A cache's disk that fails: one alert, and after a pause all that it did not do is asked of it again.
//!
//! What it does not take in is refused as by a full cache, so that agents keep it. What it cannot read now is sealed later. Only what it
//! gives back changed is lost ([`super::sealing`]).

use std::collections::BTreeSet;

use datapath::VmId;
use datapath::disk::DiskError;

use super::{CACHED, DISK, ProcessServer};
use crate::ports::Token;

/// What is to be asked of the disk again.
#[derive(Default)]
pub(super) struct Undone {
    /// Whether that is to come: until then nobody is given room.
    pub(super) timer: bool,
    /// To read what the cache holds, at the start.
    pub(super) start: bool,
    /// To write down that these machines are served.
    pub(super) served: BTreeSet<VmId>,
    /// To write down which batches of these were stored last.
    pub(super) done: BTreeSet<VmId>,
    /// Flushes, by key.
    pub(super) flushes: Vec<u64>,
    /// To read what these have to be sealed.
    pub(super) sealing: BTreeSet<VmId>,
}

impl ProcessServer {
    /// The disk failed, or is full: it is told of, and asked again after a pause.
    pub(super) fn disk_failed(&mut self, vm: Option<VmId>, error: &DiskError) {
        self.trouble.note(&self.env, vm, error);
        self.ask_disk_again();
    }

    pub(super) fn ask_disk_again(&mut self) {
        if !self.undone.timer {
            self.undone.timer = true;
            let again = self.env.model.disk.retry_after;
            self.env.timer(again, Token { what: DISK, key: 0 });
        }
    }

    /// A flush failed.
    pub(super) fn on_not_cached(&mut self, key: u64, error: &DiskError) {
        if let Some(cached) = self.caching.get(&key) {
            let vm = cached.what.vm();
            self.undone.flushes.push(key);
            self.disk_failed(Some(vm), error);
        }
    }

    pub(super) fn on_disk_again(&mut self) {
        let undone = std::mem::take(&mut self.undone);
        if undone.start {
            return self.on_started();
        }
        undone.served.into_iter().for_each(|vm| self.save_served(vm));
        undone.done.into_iter().for_each(|vm| self.save_done(vm));
        for key in undone.flushes {
            if let Some(cached) = self.caching.get(&key) {
                self.env.flush(&cached.names, Token { what: CACHED, key });
            }
        }
        for vm in undone.sealing {
            if let Some(stream) = self.streams.get_mut(&vm) {
                stream.unreadable = false;
                self.ready.insert(vm);
            }
        }
        self.seal_more();
        self.give_room();
    }
}
