//! The disks of a machine: generated, or images.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datapath::SECTOR_BYTES;
use datapath::image::{Format, ImageError, not_a_file};

use crate::diagnose::{At, Located, Problem};
use crate::model::{Disk, Image, Start};
use crate::read::own_disks::OwnDisks;
use crate::read::workload::compressibility;
use crate::read::{Context, unique};
use crate::reader::{Bytes, Reader, wrong_name};
use crate::units::show_size;

pub(super) fn read_disks(context: &Context<'_>, table: &Reader<'_>, vm: Option<&str>, own: &OwnDisks) -> Vec<Disk> {
    let tables = table.tables("disk");
    if !table.is_meant("disk") {
        context.diagnosis.push(
            Problem::new(table.at, "a machine needs at least one disk", "none here")
                .help("[[vm.disk]]\nname = \"os\"\nsize = \"32 MiB\""),
        );
    }
    let most = context.model.limits.data_disks as usize;
    if tables.len() > most + 1 {
        context.diagnosis.push(
            Problem::new(
                tables[most + 1].at,
                format!("{} disks on one machine", tables.len()),
                "one too many",
            )
            .help(format!(
                "at most one disk that it boots from and {most} data disks (Site Recovery support matrix, 2018)"
            )),
        );
    }
    let mut names = Vec::new();
    let mut disks = Vec::new();
    for (index, disk) in tables.iter().enumerate() {
        let name = disk.name("name");
        names.extend(name.clone());
        if let Some(name) = &name
            && wrong_name(&name.value).is_none()
            && !name
                .value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        {
            context.diagnosis.push(Problem::new(
                name.at,
                "a disk's name becomes part of a file's name",
                "letters, digits, - and _",
            ));
        }
        let replaced = vm
            .zip(name.as_ref())
            .and_then(|(vm, name)| own.declared(vm, &name.value));
        let place = DiskTable {
            context,
            table: disk,
            boots: index == 0,
        };
        if let (Some(name), Some((bytes, start))) = (name, place.read(replaced)) {
            disks.push(Disk {
                name: name.value,
                bytes,
                start,
            });
        }
    }
    unique(context.diagnosis, "disks of one machine", &names);
    disks
}

struct DiskTable<'a> {
    context: &'a Context<'a>,
    table: &'a Reader<'a>,
    boots: bool,
}

impl DiskTable<'_> {
    fn read(&self, replaced: Option<&Located<PathBuf>>) -> Option<(u64, Start)> {
        let (context, table) = (self.context, self.table);
        let size = table.get::<Bytes>("size");
        let used = table.get::<Bytes>("used");
        let compressibility = compressibility(table);
        let image = match replaced {
            Some(image) => Some(Located::new(ImageFile::named(&image.value, Path::new("")), image.at)),
            None => table
                .get::<String>("image")
                .map(|image| Located::new(ImageFile::named(Path::new(&image.value), &context.folder), image.at)),
        };
        if let Some(image) = image {
            if replaced.is_none() {
                table.forbid("used", "an image says itself what is used");
            }
            let source = open_image(context, &image)?;
            let bytes = source.bytes();
            self.check_size(bytes, image.at);
            if let Some(size) = size.filter(|size| replaced.is_none() && size.value.0 != bytes) {
                context.diagnosis.push(
                    Problem::new(
                        size.at,
                        format!("the disk's size is not the image's, {bytes} bytes"),
                        format!("{} bytes", size.value.0),
                    )
                    .help("leave `size` out: it is the image's"),
                );
            }
            let image = Image {
                path: context.rooted(&image.value.path),
                form: image.value.format,
                source,
            };
            return Some((bytes, Start::Image(image)));
        }
        table.need("size");
        let size = size?;
        let bytes = size.value.0;
        if bytes == 0 || bytes % SECTOR_BYTES != 0 {
            context.diagnosis.push(Problem::new(
                size.at,
                "not the size of a disk",
                "a multiple of 512 bytes, more than 0",
            ));
        }
        self.check_size(bytes, size.at);
        let used_bytes = used.as_ref().map_or(0, |used| used.value.0);
        if used_bytes > bytes {
            context.diagnosis.push(Problem::new(
                table.key_at("used"),
                "more used than there is",
                format!("the disk has {}", show_size(bytes)),
            ));
        }
        Some((
            bytes,
            Start::Generated {
                used: used_bytes,
                compressibility: compressibility.unwrap_or_default(),
            },
        ))
    }

    fn check_size(&self, bytes: u64, at: At) {
        let limits = &self.context.model.limits;
        let (max, what, which, source) = if self.boots {
            (
                limits.os_disk,
                "a disk to boot from",
                "the disk that a machine boots from",
                "Site Recovery support matrix, 2018",
            )
        } else {
            (
                limits.data_disk,
                "a data disk",
                "a data disk",
                "deployment planner, from July 2017; larger in 2019",
            )
        };
        if bytes > max {
            self.context.diagnosis.push(
                Problem::new(at, format!("{} is too large for {what}", show_size(bytes)), "too large")
                    .help(format!("{which}: at most {} GB ({source})", max >> 30)),
            );
        }
    }
}

/// An image as a disk names it.
struct ImageFile {
    path: PathBuf,
    format: Format,
}

impl ImageFile {
    /// `FILE`, or `raw:FILE` for one that is raw whatever it looks like (`./raw:FILE` for a file of that name).
    fn named(name: &Path, folder: &Path) -> ImageFile {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let (file, format) = match name.as_os_str().as_bytes().strip_prefix(b"raw:") {
            Some(file) if !file.is_empty() => (Path::new(OsStr::from_bytes(file)), Format::Raw),
            _ => (name, Format::ByContent),
        };
        ImageFile {
            path: folder.join(file),
            format,
        }
    }
}

fn open_image(context: &Context<'_>, image: &Located<ImageFile>) -> Option<Arc<dyn datapath::image::Source>> {
    let ImageFile { path, format } = &image.value;
    let shown = path.display();
    let problem = |title: String, label: &str| {
        context
            .diagnosis
            .push(Problem::new(image.at, title, label).help("accepted: raw, qcow2, VMDK, VHD"));
    };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            problem(format!("there is no image {shown}"), "no such file");
            return None;
        }
        Err(error) => {
            context.diagnosis.machine_failed();
            problem(format!("cannot read the image {shown}: {error}"), "unreadable");
            return None;
        }
        Ok(meta) if !meta.is_file() => {
            let what = not_a_file(&meta).unwrap_or("a device");
            problem(format!("{shown} is no file but {what}"), "not an image");
            return None;
        }
        Ok(meta) if meta.len() == 0 => {
            problem(format!("the image {shown} has 0 bytes"), "an empty file");
            return None;
        }
        Ok(_) => {}
    }
    let opened = datapath::image::open_as(path, *format, context.watch);
    match opened {
        Ok(source) => {
            let files = source.files().into_iter().map(Path::to_owned);
            context.inputs.borrow_mut().extend(files);
            Some(source)
        }
        Err(ImageError::Unusable { why, .. }) => {
            problem(format!("the image {shown} cannot be used: {why}"), "this image");
            None
        }
        Err(error @ (ImageError::Machine { .. } | ImageError::Changed { .. } | ImageError::Stopped)) => {
            context.diagnosis.machine_failed();
            problem(format!("reading the image {shown} failed: {error}"), "this image");
            None
        }
    }
}
