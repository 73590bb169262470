//! How a packet is written to a real stream: a fixed header, the body's postcard encoding, and the payload's bytes as they are.
//!
//! Length-framed by `LengthDelimitedCodec` (4 bytes, big-endian). Then, little-endian: kind (1), the side it goes to (1), direction over
//! the link (1), whether there is a payload (1), connection (4), the packet's bytes of body and payload (8), payload size as the world counts
//! it (8), length of the body (4). What a link relays it never decodes beyond that header.

use bytes::{BufMut, Bytes, BytesMut};
use datapath::Blob;

use super::Packet;
use super::connections::Side;

const HEADER: usize = 28;
const SYN: u8 = 0;
const SYN_ACK: u8 = 1;
const DATA: u8 = 2;
const FIN: u8 = 3;
const RESET: u8 = 4;

/// The longest packet that is read; longer ones are no packets of ours.
pub const LONGEST: usize = 1 << 30;

/// A packet and what its header says.
#[derive(Debug)]
pub struct Written {
    /// The side that it goes to.
    pub toward: Side,
    /// Its direction over the link.
    pub back: bool,
    /// Its connection.
    pub connection: u32,
    /// Its bytes: body and payload.
    pub bytes: u64,
    /// The packet; data stays encoded ([`Packet::Encoded`]).
    pub packet: Packet,
}

/// Writes a packet. `body` is the encoding of its frame's body.
#[must_use]
pub fn write(written: &Written, body: &[u8]) -> Bytes {
    let empty = Blob::default();
    let (kind, body, payload) = match &written.packet {
        Packet::Syn => (SYN, &[][..], None),
        Packet::SynAck => (SYN_ACK, &[][..], None),
        Packet::Data(frame) => (DATA, body, frame.payload.as_ref()),
        Packet::Encoded(body, payload) => (DATA, &body[..], payload.as_ref()),
        Packet::Fin => (FIN, &[][..], None),
        Packet::Reset(why) => (RESET, why.as_bytes(), None),
    };
    let has_payload = payload.is_some();
    let payload = payload.unwrap_or(&empty);
    let mut out = BytesMut::with_capacity(HEADER + body.len() + payload.bytes.len());
    out.put_u8(kind);
    out.put_u8(written.toward);
    out.put_u8(u8::from(written.back));
    out.put_u8(u8::from(has_payload));
    out.put_u32_le(written.connection);
    out.put_u64_le(written.bytes);
    out.put_u64_le(payload.size);
    out.put_u32_le(body.len() as u32);
    out.put_slice(body);
    out.put_slice(&payload.bytes);
    out.freeze()
}

/// Reads a packet.
///
/// # Errors
/// What is wrong with it.
pub fn read(frame: &Bytes) -> Result<Written, String> {
    if frame.len() < HEADER {
        return Err(format!("a packet of {} bytes is shorter than its header", frame.len()));
    }
    let four = |at: usize| u32::from_le_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]]);
    let eight = |at: usize| u64::from(four(at)) | (u64::from(four(at + 4)) << 32);
    let body_end = HEADER + four(24) as usize;
    if body_end > frame.len() {
        return Err(format!(
            "a packet of {} bytes claims a body up to byte {body_end}",
            frame.len()
        ));
    }
    let body = frame.slice(HEADER..body_end);
    let packet = match frame[0] {
        SYN => Packet::Syn,
        SYN_ACK => Packet::SynAck,
        DATA => {
            let payload = (frame[3] == 1).then(|| Blob {
                bytes: frame.slice(body_end..),
                size: eight(16),
            });
            Packet::Encoded(body, payload)
        }
        FIN => Packet::Fin,
        RESET => Packet::Reset(String::from_utf8_lossy(&body).into_owned()),
        other => return Err(format!("there is no packet of kind {other}")),
    };
    Ok(Written {
        toward: frame[1] & 1,
        back: frame[2] == 1,
        connection: four(4),
        bytes: eight(8),
        packet,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actors::messages::{Body, management};
    use actors::ports::Frame;

    fn round(packet: Packet, body: &[u8]) -> Written {
        let written = Written {
            toward: 1,
            back: true,
            connection: 77_000,
            bytes: 1 << 40,
            packet,
        };
        let again = read(&write(&written, body)).unwrap();
        assert_eq!(
            (again.toward, again.back, again.connection, again.bytes),
            (1, true, 77_000, 1 << 40)
        );
        again
    }

    #[test]
    fn a_packet_read_is_the_packet_written() {
        assert!(matches!(round(Packet::Syn, b"x").packet, Packet::Syn));
        assert!(matches!(round(Packet::SynAck, b"").packet, Packet::SynAck));
        assert!(matches!(round(Packet::Fin, b"").packet, Packet::Fin));
        assert!(matches!(round(Packet::Reset("why".into()), b"").packet, Packet::Reset(why) if why == "why"));
        for payload in [
            None,
            Some(Blob::default()),
            Some(Blob::modelled(vec![1, 2, 3], u64::MAX)),
        ] {
            let frame = Frame {
                body: Body::ManagementDown(management::Down::HeartbeatSeen),
                payload: payload.clone(),
            };
            let Packet::Encoded(body, again) = round(Packet::Data(Box::new(frame)), b"body").packet else {
                panic!()
            };
            assert_eq!((&body[..], &again), (&b"body"[..], &payload));
            // And a relay passes it on as it is.
            let Packet::Encoded(body, again) = round(Packet::Encoded(body, again), b"").packet else {
                panic!()
            };
            assert_eq!((&body[..], again), (&b"body"[..], payload));
        }
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        assert!(read(&Bytes::from_static(&[0; 27])).is_err());
        let mut claims_too_much = vec![0u8; 28];
        claims_too_much[24] = 1;
        assert!(read(&claims_too_much.into()).is_err());
        let mut no_kind = vec![0u8; 28];
        no_kind[0] = 9;
        assert!(read(&no_kind.into()).is_err());
    }
}
