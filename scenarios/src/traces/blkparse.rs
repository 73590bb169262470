//! blkparse's default text. A request shows up at several stages of its life: it is counted where it was queued (`Q`), or, in a
//! recording without those, where it was issued (`D`) or completed (`C`). The summary at the end is left out.

use actors::workload::Request;

use super::{Broken, Line};

const ACCEPTED: &str = "a line is MAJ,MIN CPU SEQUENCE SECONDS PID ACTION RWBS SECTOR + SECTORS [PROCESS], e.g. 8,0 3 11 0.009507758 697 Q W 223490 + 8 [kjournald]";

pub(super) fn read(text: &str, device: Option<&str>) -> Result<Vec<Request>, Broken> {
    let mut stages: [Vec<Request>; 3] = Default::default();
    for (number, raw) in text.lines().enumerate() {
        let line = Line::new(number, raw, ACCEPTED);
        let trimmed = raw.trim();
        if trimmed.is_empty() {
            continue;
        }
        if trimmed.starts_with("CPU") || trimmed.starts_with("Total (") || trimmed.starts_with("Throughput (") {
            break;
        }
        if let Some((stage, request)) = read_line(&line, raw, device)? {
            stages[stage].push(request);
        }
    }
    Ok(stages.into_iter().find(|stage| !stage.is_empty()).unwrap_or_default())
}

fn read_line(line: &Line<'_>, raw: &str, device: Option<&str>) -> Result<Option<(usize, Request)>, Broken> {
    let mut fields = raw.split_whitespace();
    let name = fields.next().ok_or_else(|| line.short("device"))?;
    if name
        .split_once(',')
        .is_none_or(|(major, minor)| major.parse::<u32>().is_err() || minor.parse::<u32>().is_err())
    {
        return Err(line.broken(name, "the line does not begin with a device", "MAJOR,MINOR"));
    }
    line.number(fields.next(), "CPU")?;
    line.number(fields.next(), "sequence number")?;
    let at = seconds(line, fields.next())?;
    line.number(fields.next(), "process id")?;
    let action = fields.next().ok_or_else(|| line.short("action"))?;
    let stage = match action {
        "Q" => 0,
        "D" => 1,
        "C" => 2,
        _ => return Ok(None),
    };
    let kind = fields.next().ok_or_else(|| line.short("kind of request"))?;
    if device.is_some_and(|device| device != name) || kind.contains('N') {
        return Ok(None);
    }
    let discard = kind.contains('D');
    let write = kind.contains('W');
    let sector = fields.next();
    if sector.is_none_or(|field| field.starts_with('[')) {
        return Ok(kind.contains('F').then_some((stage, Request::Flush { at })));
    }
    let sector = line.number(sector, "sector")?;
    let plus = fields.next().ok_or_else(|| line.short("number of sectors"))?;
    if plus != "+" {
        return Err(line.broken(plus, "no `+` between sector and number of sectors", "a + is expected"));
    }
    let field = fields.next().ok_or_else(|| line.short("number of sectors"))?;
    let sectors = u32::try_from(line.number(Some(field), "number of sectors")?)
        .map_err(|_| line.broken(field, "a request is too long", "too long"))?;
    if sectors == 0 || !(discard || write) {
        return Ok((sectors == 0 && kind.contains('F')).then_some((stage, Request::Flush { at })));
    }
    if sector
        .checked_add(u64::from(sectors))
        .is_none_or(|end| end > u64::MAX / 512)
    {
        return Err(line.broken(
            field,
            "a request past the end of any disk",
            "sector and number of sectors come to more than 16 EiB",
        ));
    }
    let request = if discard {
        Request::Discard { at, sector, sectors }
    } else {
        Request::Write { at, sector, sectors }
    };
    Ok(Some((stage, request)))
}

/// `SECONDS.NANOSECONDS`, exactly.
fn seconds<'a>(line: &Line<'a>, field: Option<&'a str>) -> Result<u64, Broken> {
    let field = field.ok_or_else(|| line.short("time"))?;
    let wrong = || line.broken(field, "the time is not in seconds", "like 0.009507758");
    let (whole, fraction) = field.split_once('.').unwrap_or((field, "0"));
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let nanoseconds: u64 = format!("{fraction:0<9}").parse().map_err(|_| wrong())?;
    whole
        .checked_mul(1_000_000_000)
        .and_then(|seconds| seconds.checked_add(nanoseconds))
        .ok_or_else(wrong)
}
