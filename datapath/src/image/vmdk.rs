//! VMDK images. A disk is a list of extents (VMware's word: parts of a disk) that a text, the descriptor, names; the
//! descriptor is a file of its own, or stands inside the only extent's file. Read are flat extents, sparse ones
//! (`monolithicSparse`, `twoGbMaxExtentSparse`) and stream-optimised ones. Source: VMware's "Virtual Disk Format", 5.0.
//!
//! `imago` reads flat extents only, which is why this is here.

mod descriptor;
mod sparse;

use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) use descriptor::is_descriptor;
use descriptor::{Descriptor, Kind};
use sparse::Sparse;

use super::mapped::{Decode, Place, Stretch, Stretches};
use super::raw::{self, Part};
use super::{DISK_BYTES_MAX, ImageError, Input, Source, machine};
use crate::units::SECTOR_BYTES;

/// A descriptor is a page or two of text.
const DESCRIPTOR_BYTES_MAX: u64 = 1 << 20;

pub(super) fn open(input: Input) -> Result<Arc<dyn Source>, ImageError> {
    if input.read_up_to(0, 4)?.starts_with(b"KDMV") {
        return open_single(input);
    }
    let text = input.read_up_to(0, DESCRIPTOR_BYTES_MAX)?;
    let descriptor = Descriptor::parse(&input, &text)?;
    let bytes = descriptor.extents.iter().map(|e| e.bytes).sum();
    let mut disk = Parts::new(bytes);
    let mut at = 0;
    for extent in &descriptor.extents {
        let end = at + extent.bytes;
        match &extent.kind {
            Kind::Zero => {}
            Kind::Flat { file, offset } => {
                let part = input.beside(&beside(&input, file)?)?;
                let last = offset + extent.bytes;
                if last > part.len {
                    return Err(part.truncated("a part of the disk", last));
                }
                let place = Part {
                    at,
                    offset: *offset,
                    len: extent.bytes,
                };
                disk.add_plain(part, &[place])?;
            }
            Kind::Sparse { file } => {
                let part = input.beside(&beside(&input, file)?)?;
                let sparse = Sparse::read(&part)?;
                if sparse.bytes < extent.bytes {
                    return Err(part.unusable("the part is smaller than the descriptor says"));
                }
                disk.add_sparse(part, &sparse, at)?;
            }
        }
        at = end;
    }
    disk.files.push(input);
    Ok(disk.build())
}

/// One sparse file with its descriptor inside.
fn open_single(input: Input) -> Result<Arc<dyn Source>, ImageError> {
    let sparse = Sparse::read(&input)?;
    let (at, len) = sparse.descriptor;
    if len > 0 {
        let text = input.read(at, len.min(DESCRIPTOR_BYTES_MAX), "the descriptor")?;
        let _ = Descriptor::parse(&input, &text)?;
    }
    let mut disk = Parts::new(sparse.bytes);
    disk.add_sparse(input, &sparse, 0)?;
    Ok(disk.build())
}

/// A part's file stands beside its descriptor; a descriptor that leads elsewhere is not followed.
fn beside(input: &Input, name: &str) -> Result<std::path::PathBuf, ImageError> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(file)), None) => Ok(input.path.with_file_name(file)),
        _ => Err(input.unusable(format!(
            "the descriptor names the file {name:?}; files are looked for beside the descriptor only"
        ))),
    }
}

/// A disk as it is put together.
struct Parts {
    stretches: Stretches,
    files: Vec<Input>,
    grains: Grains,
}

impl Parts {
    fn new(bytes: u64) -> Parts {
        Parts {
            stretches: Stretches::new(bytes),
            files: Vec::new(),
            grains: Grains::default(),
        }
    }

    fn add_file(&mut self, part: Input) -> u32 {
        self.files.push(part);
        (self.files.len() - 1) as u32
    }

    fn add_sparse(&mut self, part: Input, sparse: &Sparse, at: u64) -> Result<(), ImageError> {
        let grains = sparse.grains(&part)?;
        let len_of = |from: u64| sparse.grain_bytes.min(sparse.bytes - from);
        if !sparse.compressed {
            let mut parts = Vec::new();
            for (grain, offset) in grains {
                let from = grain * sparse.grain_bytes;
                let len = len_of(from);
                let grain = Part {
                    at: at + from,
                    offset,
                    len,
                };
                grain.join(&mut parts);
            }
            return self.add_plain(part, &parts);
        }
        let copy = part.file.try_clone().map_err(|e| machine(&part.path, e))?;
        let index = self.add_file(part);
        for (grain, offset) in grains {
            let from = grain * sparse.grain_bytes;
            let place = Place::Encoded {
                offset: self.grains.list.len() as u64,
            };
            self.grains.list.push(Grain { file: index, offset });
            self.stretches.push(at + from, len_of(from), place);
        }
        self.grains.files.insert(index, copy);
        self.grains.grain_bytes_max = self.grains.grain_bytes_max.max(sparse.grain_bytes as usize);
        Ok(())
    }

    /// What stands in a file as it is.
    fn add_plain(&mut self, part: Input, places: &[Part]) -> Result<(), ImageError> {
        let used = raw::used(&part, places)?;
        let index = self.add_file(part);
        for part in used {
            self.stretches.push(part.at, part.len, part.place(index));
        }
        Ok(())
    }

    fn build(self) -> Arc<dyn Source> {
        Arc::new(self.stretches.build(self.files, Some(Box::new(self.grains))))
    }
}

/// Where a compressed grain's marker stands.
struct Grain {
    file: u32,
    offset: u64,
}

/// Decodes compressed grains. The last one is kept, since a disk is mostly read in pieces smaller than a grain.
#[derive(Default)]
struct Grains {
    list: Vec<Grain>,
    files: std::collections::BTreeMap<u32, std::fs::File>,
    grain_bytes_max: usize,
    last: Mutex<Option<(u64, Vec<u8>)>>,
}

impl Grains {
    fn decode(&self, index: u64) -> io::Result<Vec<u8>> {
        let grain = &self.list[index as usize];
        let file = &self.files[&grain.file];
        let mut marker = [0; 12];
        file.read_exact_at(&mut marker, grain.offset)?;
        let len = super::le(&marker, 8, 4) as usize;
        // Deflate never adds more than this, so a larger number is damage.
        if len > self.grain_bytes_max + self.grain_bytes_max / 8 + 1024 {
            return Err(io::Error::other(format!("a compressed grain of {len} bytes")));
        }
        let mut packed = vec![0; len];
        file.read_exact_at(&mut packed, grain.offset + 12)?;
        miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(&packed, self.grain_bytes_max)
            .map_err(|e| io::Error::other(format!("a compressed grain is damaged: {e}")))
    }
}

impl Decode for Grains {
    fn read(&self, stretch: &Stretch, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let Place::Encoded { offset: index } = stretch.place else {
            return Err(io::Error::other("a grain that is not encoded was decoded"));
        };
        let from = (offset - stretch.at) as usize;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_none_or(|(i, _)| *i != index) {
            *last = Some((index, self.decode(index)?));
        }
        let bytes = last.as_ref().map_or(&[][..], |(_, bytes)| bytes);
        let part = bytes
            .get(from..from + buffer.len())
            .ok_or_else(|| io::Error::other(format!("a compressed grain has only {} bytes", bytes.len())))?;
        buffer.copy_from_slice(part);
        Ok(())
    }
}

/// Sectors to bytes, refused where no disk and no file is as large.
fn sectors(input: &Input, sectors: u64) -> Result<u64, ImageError> {
    match sectors.checked_mul(SECTOR_BYTES) {
        Some(bytes) if bytes <= DISK_BYTES_MAX => Ok(bytes),
        _ => Err(input.unusable(format!("{sectors} sectors are more than any disk has"))),
    }
}
