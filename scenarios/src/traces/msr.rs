//! MSR Cambridge: a CSV without a header. Times are FILETIME (100 ns since 1601), offsets and sizes are bytes.

use actors::workload::Request;

use super::{Broken, Line};

const ACCEPTED: &str = "a line is Timestamp,Hostname,DiskNumber,Type,Offset,Size,ResponseTime, e.g. 128166372003061629,hm,0,Write,383496192,32768,413";

pub(super) fn read(text: &str, device: Option<&str>) -> Result<Vec<Request>, Broken> {
    let mut requests = Vec::new();
    for (number, raw) in text.lines().enumerate() {
        let line = Line::new(number, raw, ACCEPTED);
        if raw.trim().is_empty() || (number == 0 && raw.to_ascii_lowercase().starts_with("timestamp")) {
            continue;
        }
        let mut fields = raw.split(',').map(str::trim);
        let stamp = fields.next();
        let time = line.number(stamp, "timestamp")?;
        let host = fields.next().ok_or_else(|| line.short("host name"))?;
        let disk = fields.next().ok_or_else(|| line.short("disk number"))?;
        let kind = fields.next().ok_or_else(|| line.short("type"))?;
        let write = match kind {
            _ if kind.eq_ignore_ascii_case("write") => true,
            _ if kind.eq_ignore_ascii_case("read") => false,
            other => return Err(line.broken(other, "the type is neither Read nor Write", "Read or Write")),
        };
        let offset = line.number(fields.next(), "offset")?;
        let field = fields.next().ok_or_else(|| line.short("size"))?;
        let len = line.number(Some(field), "size")?;
        if !write || device.is_some_and(|device| !names(device, host, disk)) {
            continue;
        }
        let (sector, sectors) = line.sectors(offset, len, field)?;
        requests.push(Request::Write {
            at: line.nanoseconds(time, 100, stamp)?,
            sector,
            sectors,
        });
    }
    Ok(requests)
}

fn names(device: &str, host: &str, disk: &str) -> bool {
    device == disk || device.rsplit_once('.') == Some((host, disk))
}
