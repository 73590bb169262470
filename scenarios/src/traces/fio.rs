//! fio's iolog. Version 2 has no times but `wait`, in microseconds; version 3 begins each line with a time in microseconds.

use actors::workload::Request;

use super::{Broken, Line};

const ACCEPTED: &str = "an iolog begins with `fio version 2 iolog` (lines: FILE ACTION [OFFSET LENGTH]) or `fio version 3 iolog` (lines: MICROSECONDS FILE ACTION [OFFSET LENGTH]); actions: add, open, close, read, write, sync, datasync, trim, wait";

/// Version 2 says nothing of the time between requests; without waits they are taken to be 1 ms apart.
const STEP: u64 = 1_000_000;

pub(super) fn read(text: &str, device: Option<&str>) -> Result<Vec<Request>, Broken> {
    let mut lines = text.lines().enumerate();
    let first = lines.next().map_or("", |(_, line)| line);
    let timed = match first.trim() {
        "fio version 2 iolog" => false,
        "fio version 3 iolog" => true,
        _ => {
            return Err(Line::new(0, first, ACCEPTED).broken(
                first,
                "not an fio iolog",
                "not the first line of an iolog",
            ));
        }
    };
    let waits = text.lines().any(|line| line.split_whitespace().nth(1) == Some("wait"));
    let mut now = 0_u64;
    let mut requests = Vec::new();
    for (number, raw) in lines {
        let line = Line::new(number, raw, ACCEPTED);
        if raw.trim().is_empty() {
            continue;
        }
        let mut fields = raw.split_whitespace();
        if timed {
            let field = fields.next();
            now = line.nanoseconds(line.number(field, "time")?, 1_000, field)?;
        }
        let file = fields.next().ok_or_else(|| line.short("file"))?;
        let action = fields.next().ok_or_else(|| line.short("action"))?;
        let ours = device.is_none_or(|device| device == file);
        let mut range = || -> Result<(u64, u32), Broken> {
            let offset = line.number(fields.next(), "offset")?;
            let field = fields.next().ok_or_else(|| line.short("length"))?;
            let len = line.number(Some(field), "length")?;
            line.sectors(offset, len, field)
        };
        let request = match action {
            "add" | "open" | "close" => continue,
            "read" => {
                range()?;
                None
            }
            "wait" => {
                let field = fields.next();
                let wait = line.nanoseconds(line.number(field, "time to wait")?, 1_000, field)?;
                let waited = if timed { Some(now) } else { now.checked_add(wait) };
                now = waited.ok_or_else(|| {
                    line.broken(
                        field.unwrap_or_default(),
                        "a time past the end of any clock",
                        "more than 584 years",
                    )
                })?;
                continue;
            }
            "write" => {
                let (sector, sectors) = range()?;
                Some(Request::Write {
                    at: now,
                    sector,
                    sectors,
                })
            }
            "trim" => {
                let (sector, sectors) = range()?;
                Some(Request::Discard {
                    at: now,
                    sector,
                    sectors,
                })
            }
            "sync" | "datasync" | "sync_file_range" => Some(Request::Flush { at: now }),
            other => return Err(line.broken(other, "no action of an iolog", "unknown action")),
        };
        if !timed && !waits {
            now = now.saturating_add(STEP);
        }
        requests.extend(request.filter(|_| ours));
    }
    Ok(requests)
}
