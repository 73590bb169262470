//! What modelled content compresses to, measured on the very content it stands for, so that a modelled run counts the sizes that the
//! real one would have: generated classes on what the guests would write, images on their own chunks.

use bytes::Bytes;
use datapath::content::generated;
use datapath::image::{ImageError, Source};
use datapath::segment::{Calibration, Worker};
use datapath::{CHUNK_BYTES, CHUNK_EXTENTS, DiskId, EXTENT_BYTES, Extent, VmId, WriteSeq};

use super::classes::ClassSource;

/// An image with no more than this is measured whole, a larger one by chunks spread evenly over it.
const MEASURED_BYTES_MAX: u64 = 256 << 20;
/// Chunks of generated content that are measured: each is like the next.
const GENERATED_CHUNKS: u64 = 8;

/// Measures all classes, in their order.
pub(super) fn measure(classes: &[ClassSource], level: i32) -> Result<Calibration, ImageError> {
    let mut calibration = Calibration::default();
    let mut worker = Worker::new(level);
    for class in classes {
        let samples = match class {
            ClassSource::Generated(random_bytes) => generated_samples(*random_bytes),
            ClassSource::Image(image) => image_samples(image.as_ref())?,
        };
        calibration.measure(&mut worker, &samples);
    }
    Ok(calibration)
}

fn generated_samples(random_bytes: u16) -> Vec<Bytes> {
    let disk = DiskId { vm: VmId(0), index: 0 };
    (0..GENERATED_CHUNKS)
        .map(|chunk| {
            let mut bytes = vec![0; CHUNK_BYTES as usize];
            for (place, page) in (0..).zip(bytes.chunks_exact_mut(EXTENT_BYTES as usize)) {
                generated(
                    0,
                    disk,
                    Extent(chunk * CHUNK_EXTENTS + place),
                    WriteSeq(1),
                    random_bytes,
                    page,
                );
            }
            Bytes::from(bytes)
        })
        .collect()
}

/// Stretches of the image between zeros, each within one chunk of the disk: what a copy of it seals.
fn image_samples(image: &dyn Source) -> Result<Vec<Bytes>, ImageError> {
    let mut chunks: Vec<u64> = image
        .allocated()
        .iter()
        .filter(|(_, len)| *len > 0)
        .flat_map(|(offset, len)| offset / CHUNK_BYTES..=(offset + len - 1) / CHUNK_BYTES)
        .collect();
    chunks.dedup();
    let wanted = (MEASURED_BYTES_MAX / CHUNK_BYTES) as usize;
    let stride = chunks.len().div_ceil(wanted).max(1);
    let mut samples = Vec::new();
    let mut buffer = Vec::new();
    for chunk in chunks.into_iter().step_by(stride) {
        buffer.clear();
        image.read_to(chunk * CHUNK_BYTES, CHUNK_BYTES as usize, &mut buffer)?;
        let mut stretch = Vec::new();
        for page in buffer.chunks_exact(EXTENT_BYTES as usize) {
            if page.iter().all(|byte| *byte == 0) {
                if !stretch.is_empty() {
                    samples.push(Bytes::from(std::mem::take(&mut stretch)));
                }
            } else {
                stretch.extend_from_slice(page);
            }
        }
        if !stretch.is_empty() {
            samples.push(Bytes::from(stretch));
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datapath::Class;
    use datapath::image::Generated;
    use std::sync::Arc;

    #[test]
    fn more_random_content_takes_more_room() {
        let classes = [0, 500, 2000, 4096].map(ClassSource::Generated);
        let calibration = measure(&classes, 1).unwrap();
        let sizes: Vec<u64> = (0..4).map(|class| calibration.sealed_bytes(Class(class), 16)).collect();
        assert!(sizes.is_sorted() && sizes[0] < 8_192 && sizes[3] > 65_000, "{sizes:?}");
    }

    #[test]
    fn an_image_is_measured_on_its_own_content() {
        let disk = DiskId { vm: VmId(7), index: 0 };
        let image = Generated::new(1 << 24, 1 << 20, 1000, 99, disk);
        let classes = [ClassSource::Image(Arc::new(image)), ClassSource::Generated(1000)];
        let calibration = measure(&classes, 1).unwrap();
        for extents in 1..=16 {
            let (image, class) = (
                calibration.sealed_bytes(Class(0), extents),
                calibration.sealed_bytes(Class(1), extents),
            );
            assert!(image.abs_diff(class) * 50 <= class, "{extents}: {image} {class}");
        }
    }
}
