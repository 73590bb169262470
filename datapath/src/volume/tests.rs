//! A volume against a vector.

use proptest::prelude::*;

use super::*;

fn bytes_run(start: u64, extents: u32, fill: u8) -> Run {
    let content = match fill {
        0 => Content::Zero,
        _ => Content::Bytes(
            (0..extents as usize * 4096)
                .map(|n| fill.wrapping_add((n / 4096) as u8))
                .collect(),
        ),
    };
    Run {
        start: Extent(start),
        extents,
        content,
    }
}

struct Base(Vec<u8>, Vec<(u64, u64)>);

impl Source for Base {
    fn bytes(&self) -> u64 {
        self.0.len() as u64
    }
    fn allocated(&self) -> &[(u64, u64)] {
        &self.1
    }
    fn read_to(&self, offset: u64, bytes: usize, out: &mut Vec<u8>) -> Result<(), crate::image::ImageError> {
        let byte = |n: usize| self.0.get(offset as usize + n).copied().unwrap_or(0);
        out.extend((0..bytes).map(byte));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_volume_reads_as_it_was_written_and_a_snapshot_as_it_was(
        writes in prop::collection::vec((4080u64..4140, 1u32..20, 0u8..200), 0..30),
        snapshot_at in 0usize..30,
        memory in prop_oneof![Just(0u64), Just(50_000), Just(1 << 30)],
        with_base in any::<bool>(),
    ) {
        let store = PageStore::new(memory);
        let extents = 4160usize;
        let size = extents * 4096 - 512;
        let mut model = vec![0u8; extents * 4096];
        let mut volume = if with_base {
            model[4090 * 4096..4100 * 4096 + 700].fill(0xEE);
            let base = Base(model[..size].to_vec(), vec![(4090 * 4096, 10 * 4096 + 700)]);
            Volume::from_image(&store, Grain::Real, Arc::new(base), Class(0)).expect("readable")
        } else {
            Volume::new(&store, Grain::Real, size as u64)
        };
        prop_assert_eq!(volume.extents(), extents as u64);
        let mut snapshot = (volume.clone(), model.clone());
        for (n, (start, len, fill)) in writes.into_iter().enumerate() {
            let run = bytes_run(start, len, fill);
            volume.write(&run).expect("room");
            let range = start as usize * 4096..(start as usize + len as usize) * 4096;
            match &run.content {
                Content::Bytes(bytes) => model[range].copy_from_slice(bytes),
                _ => model[range].fill(0),
            }
            if n == snapshot_at { snapshot = (volume.clone(), model.clone()); }
        }
        for (volume, model) in [(&volume, &model), (&snapshot.0, &snapshot.1)] {
            let mut found = vec![1u8];
            volume.read_to(Extent(4080), 80, &mut found).expect("read");
            prop_assert!(found[0] == 1 && found[1..] == model[4080 * 4096..]);
            let runs = volume.read(Extent(4090), 3).expect("read");
            prop_assert_eq!(runs.len(), 1);
            // Whatever is not zero is used.
            let mut used = vec![false; extents];
            let mut at = Extent(0);
            while let Some((start, len)) = volume.next_used(at, 7) {
                prop_assert!(len > 0 && start >= at);
                used[start.0 as usize..start.0 as usize + len as usize].fill(true);
                at = Extent(start.0 + u64::from(len));
            }
            for (extent, used) in used.into_iter().enumerate() {
                prop_assert!(used || is_zero(&model[extent * 4096..(extent + 1) * 4096]));
            }
        }
    }

    #[test]
    fn what_was_saved_is_put_back_from_any_extent_on(
        writes in prop::collection::vec((100u64..140, 1u32..20, 0u8..200), 1..12),
        from in 0u64..30,
        with_base in any::<bool>(),
    ) {
        let store = PageStore::new(1 << 20);
        let mut content = vec![0; 160 * 4096];
        content[110 * 4096..120 * 4096].fill(0xEE);
        let base = Base(content, vec![(110 * 4096, 10 * 4096)]);
        let mut volume = match with_base {
            true => Volume::from_image(&store, Grain::Real, Arc::new(base), Class(0)).expect("readable"),
            false => Volume::new(&store, Grain::Real, 160 * 4096),
        };
        let whole = |volume: &Volume| {
            let mut bytes = Vec::new();
            volume.read_to(Extent(0), 160, &mut bytes).expect("read");
            bytes
        };
        let mut undo = Vec::new();
        for (start, extents, fill) in writes {
            let saved = volume.save(Extent(start), extents).expect("on the disk");
            undo.push((saved, whole(&volume)));
            volume.write(&bytes_run(start, extents, fill)).expect("room");
        }
        // The last is put back in part, then all of them from the newest on.
        let (saved, before) = undo.last().expect("one at least");
        let mut expected = whole(&volume);
        let begin = (saved.start().0 + from) as usize * 4096;
        let end = (saved.start().0 + saved.extents()) as usize * 4096;
        if begin < end {
            expected[begin..end].copy_from_slice(&before[begin..end]);
        }
        volume.restore(saved, Extent(saved.start().0 + from));
        prop_assert!(whole(&volume) == expected);
        while let Some((saved, before)) = undo.pop() {
            volume.restore(&saved, saved.start());
            prop_assert!(whole(&volume) == before);
        }
    }
}

#[test]
fn a_checksum_is_that_of_the_content_and_of_its_place() {
    let store = PageStore::new(1 << 20);
    let disk = |writes: &[Run]| {
        let mut volume = Volume::new(&store, Grain::Real, 100 * 4096);
        writes.iter().for_each(|run| volume.write(run).expect("room"));
        volume.checksum(Extent(0), 16).expect("read")
    };
    let blank = disk(&[]);
    assert_ne!(disk(&[bytes_run(3, 1, 7)]), blank);
    assert_ne!(
        disk(&[bytes_run(3, 1, 7)]),
        disk(&[bytes_run(5, 1, 7)]),
        "the same bytes at another place"
    );
    assert_eq!(
        disk(&[bytes_run(3, 2, 7)]),
        disk(&[bytes_run(4, 1, 8), bytes_run(3, 1, 7)])
    );
    let mut zeros = bytes_run(2, 4, 7);
    zeros.content = Content::Bytes(vec![0; 4 * 4096].into());
    assert_eq!(disk(&[zeros]), blank, "zeros that were written are zeros");
}

#[test]
fn versions_take_the_place_of_bytes_in_the_extent_grain() {
    let store = PageStore::new(0);
    let mut volume = Volume::new(&store, Grain::Extent, 100 * 4096);
    let version = |n| Content::Version {
        version: WriteSeq(n),
        class: Class(2),
    };
    let before = volume.checksum(Extent(0), 16).expect("read");
    volume
        .write(&Run {
            start: Extent(3),
            extents: 5,
            content: version(1),
        })
        .expect("room");
    volume
        .write(&Run {
            start: Extent(5),
            extents: 1,
            content: version(2),
        })
        .expect("room");
    let found: Vec<_> = volume
        .read(Extent(2), 8)
        .expect("read")
        .into_iter()
        .map(|r| (r.start.0, r.content))
        .collect();
    assert_eq!(
        found,
        [
            (2, Content::Zero),
            (3, version(1)),
            (5, version(2)),
            (6, version(1)),
            (8, Content::Zero)
        ]
    );
    assert_ne!(volume.checksum(Extent(0), 16).expect("read"), before);
    assert!(matches!(volume.write(&bytes_run(0, 1, 1)), Err(VolumeError::Grain)));
    assert!(matches!(volume.read(Extent(99), 2), Err(VolumeError::Outside { .. })));
}

#[test]
fn an_image_in_the_extent_grain_holds_versions_where_it_is_not_zero() {
    let mut bytes = vec![0u8; 10 * 4096];
    bytes[4096 * 4] = 1;
    let base = Base(bytes, vec![(2 * 4096, 5 * 4096)]);
    let volume = Volume::from_image(&PageStore::new(0), Grain::Extent, Arc::new(base), Class(1)).expect("readable");
    assert_eq!(volume.next_used(Extent(0), 100), Some((Extent(4), 1)));
    assert_eq!(volume.used_extents(), 1);
}
