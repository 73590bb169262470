//! The aggregate grain: a guest tells what its streams wrote as ranges of its sequence, and no write has an event of its own.

use datapath::Summary;
use datapath::journal::Record;

use super::{Guest, Phase, SUMMARY};
use crate::facts::Fact;
use crate::messages::local::{Local, Records};
use crate::ports::Token;
use crate::workload::Folded;

impl Guest {
    pub(super) fn summary_due(&mut self) {
        if self.phase != Phase::Running {
            return;
        }
        self.summarise();
        self.tell_within(self.env.model.guest.summary_every);
    }

    /// Tells of its writes after so long at the latest, and earlier where much is written by then.
    pub(super) fn tell_within(&mut self, longest: u64) {
        let now = self.env.now();
        let mut due = now.after(longest);
        for (stream, (bytes, _)) in self.streams.iter().zip(&self.shares) {
            due = stream.written_by(*bytes, due);
        }
        if let Some(timer) = self.summary.take() {
            self.env.cancel(timer);
        }
        // Not before anything can have been written.
        let after = due.since(now).max(self.env.model.guest.summary_least);
        self.summary = Some(self.env.timer(after, Token { what: SUMMARY, key: 0 }));
    }

    /// The agent asks for what was written up to now.
    pub(super) fn asked(&mut self) {
        let mut records = Vec::new();
        if self.phase == Phase::Running && !self.streams.is_empty() {
            records = self.written();
            self.tell_within(self.env.model.guest.summary_every);
        }
        if let Some(agent) = self.agent {
            let records = Records(records);
            self.env.local(agent, Local::Told { records });
        }
    }

    /// Reports what the streams wrote until now (aggregate grain).
    pub(super) fn summarise(&mut self) {
        let records = self.written();
        self.tell_agent(records);
    }

    /// What the streams wrote since the last time, as ranges of the sequence.
    fn written(&mut self) -> Vec<Record> {
        let now = self.env.now();
        let mut summaries = Vec::with_capacity(self.streams.len());
        for number in 0..self.streams.len() {
            let folded = Folded {
                within: self.env.model.agent.cut_after,
                bytes: self.shares[number].1,
            };
            let amount = self.streams[number].amount(now, folded);
            let (index, class) = (self.streams[number].disk, self.streams[number].class);
            let Some(disk) = self.disk(index).cloned() else {
                continue;
            };
            if amount.writes == 0 {
                continue;
            }
            let first = self.take_sequence(amount.writes);
            self.env.volume_wrote(&disk.volume, self.number(), self.seq);
            summaries.push(Summary {
                disk: disk.id,
                first,
                last: self.seq,
                bytes: amount.bytes,
                distinct_bytes: amount.distinct_bytes,
                chunks: amount.chunks,
                class,
                life: self.number(),
            });
        }
        let records = summaries.iter().copied().map(Record::Summary).collect();
        if !summaries.is_empty() {
            self.env.fact(Fact::WroteSummaries {
                vm: self.spec.vm.vm,
                life: self.life(),
                summaries,
            });
        }
        records
    }
}
